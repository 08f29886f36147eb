"""Panels: the sidebar's tab "Neural Assets" and the engine's panel in the render properties.

Drawing only reads; every change is an operator or a property of Blender's own.
"""

from __future__ import annotations

import bpy

from .. import compat
from ..identity import ENGINE_ID
from . import boxes, choice, history, library, live, missing, picture, reference, server

MODULES = (choice, server, live, missing, reference, boxes, picture, library, history)


def register() -> None:
    for module in MODULES:
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)
    boxes.register()
    library.register()
    for panel in compat.panels_for_all_engines():
        panel.COMPAT_ENGINES.add(ENGINE_ID)


def unregister() -> None:
    for panel in compat.panels_for_all_engines():
        panel.COMPAT_ENGINES.discard(ENGINE_ID)
    library.unregister()
    boxes.unregister()
    for module in reversed(MODULES):
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)
