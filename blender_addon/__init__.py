"""Neural Assets in Blender: pose boxes, get pictures.

What is where: `reader` turns the evaluated scene into the contract's Scene, `bridge` carries it to the server and the
answers back, `engine` and `viewport` show them, `operators` and `panels` are what the artist touches, `properties` is
what the file keeps. `protocol` is a copy of the server's contract and client, made when the extension is built.
"""

from __future__ import annotations

import atexit

from . import (
    changes,
    colour,
    drops,
    engine,
    guides,
    keeping,
    keymap,
    library,
    masks,
    missing,
    new_scene,
    operators,
    overlays,
    panels,
    preferences,
    properties,
    sequences,
    session,
    thumbnails,
    translations,
    written,
)

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
