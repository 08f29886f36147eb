"""Operators, one module for each thing an artist does. All work through `execute`, from scripts and with `blender -b`.

`execute` waits for the server where it has to; `invoke`, which buttons use, never does.
"""

from __future__ import annotations

import bpy

from . import (
    assets,
    box,
    compare,
    draw_box,
    encode,
    frames,
    history,
    library,
    live,
    missing,
    new_scene,
    place,
    reference,
    save,
    sequences,
    server,
    settings,
    solve,
    view,
)

MODULES = (
    server,
    box,
    draw_box,
    reference,
    solve,
    encode,
    assets,
    view,
    place,
    library,
    missing,
    settings,
    save,
    history,
    compare,
    frames,
    sequences,
    live,
    new_scene,
)


def register() -> None:
    for module in MODULES:
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)
    bpy.types.VIEW3D_MT_add.append(box.draw_in_menu)
    bpy.types.IMAGE_MT_image.append(save.draw_in_menu)
    live.register()


def unregister() -> None:
    live.unregister()
    bpy.types.IMAGE_MT_image.remove(save.draw_in_menu)
    bpy.types.VIEW3D_MT_add.remove(box.draw_in_menu)
    for module in reversed(MODULES):
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)
