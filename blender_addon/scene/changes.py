"""How often the scene has changed, so that what is made of it is made once for each change."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

count = 0
_EVENTS = ("depsgraph_update_post", "frame_change_post", "load_post", "undo_post", "redo_post")


@persistent
def another(*_: object) -> None:
    global count
    count += 1


def register() -> None:
    for name in _EVENTS:
        getattr(bpy.app.handlers, name).append(another)


def unregister() -> None:
    for name in _EVENTS:
        getattr(bpy.app.handlers, name).remove(another)
