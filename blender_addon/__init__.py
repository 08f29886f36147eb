"""Neural Assets in Blender: pose boxes, get pictures.

What is where: `scene` turns the evaluated scene into the contract's Scene, `connection` carries it to the server and
the answers back, `rendering` shows them, `drawing` marks the boxes in 3D views; `reference` finds camera and boxes of a
reference picture, `assets` shows the server's store, `pictures` keeps what was made. `operators` and `panels` are what
the artist touches, `properties` is what the file keeps. `protocol` is a copy of the server's contract and client, made
when the extension is built.
"""

from __future__ import annotations

import atexit

from . import colour, keymap, new_scene, operators, panels, preferences, properties, translations
from .assets import drops, library, missing, thumbnails
from .connection import session
from .drawing import overlays
from .pictures import keeping
from .reference import guides, masks
from .rendering import engine, sequences, written
from .scene import changes

_PARTS = (
    translations,
    preferences,
    properties,
    session,
    changes,
    thumbnails,
    masks,
    keeping,
    sequences,
    written,
    operators,
    library,
    drops,
    missing,
    panels,
    engine,
    guides,
    overlays,
    colour,
    new_scene,
    keymap,
)


def register() -> None:
    for part in _PARTS:
        part.register()
    atexit.register(session.bridge.close)


def unregister() -> None:
    atexit.unregister(session.bridge.close)
    for part in reversed(_PARTS):
        part.unregister()
