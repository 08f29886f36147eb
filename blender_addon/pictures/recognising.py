"""Pictures whose files hold no settings and have none beside them, as many of those that Image > Save As writes.

Blender tells nobody that it saves one. But the history has every still, and a copy has its pixels.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from ..protocol.errors import ProtocolError
from ..reference import images
from . import keeping
from .history import Entry


def entry_of(path: Path) -> Entry | None:
    """The picture of the history that a file shows; None when there is none, or when the file is no picture."""
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError:
        return None
    try:
        pixels = images.pixels(image)
    except ProtocolError:
        return None
    finally:
        bpy.data.images.remove(image)
    keeping.flush()  # it may have been rendered just now
    return keeping.history().find(pixels)
