"""Two keys in the 3D view, free in Blender's own keymap and in the industry compatible one.

The user changes them in the add-on's preferences.
"""

from __future__ import annotations

import bpy
import rna_keymap_ui

# keymap, its space, operator, key and modifiers
KEYS = (
    ("3D View", "VIEW_3D", "neural_assets.live", "L", {"ctrl": True, "shift": True}),
    ("Object Mode", "EMPTY", "neural_assets.draw_box", "B", {"alt": True, "shift": True}),
)

_added: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The keys as the user has them, for the preferences."""
    config = context.window_manager.keyconfigs.user
    for name, _, operator, _, _ in KEYS:
        keymap = config.keymaps.get(name)
        item = next((found for found in keymap.keymap_items if found.idname == operator), None) if keymap else None
        if item is not None:
            layout.context_pointer_set("keymap", keymap)
            rna_keymap_ui.draw_kmi([], config, keymap, item, layout, 0)


def register() -> None:
    config = bpy.context.window_manager.keyconfigs.addon
    if config is None:  # without a window there are no keys
        return
    for name, space, operator, key, modifiers in KEYS:
        keymap = config.keymaps.new(name=name, space_type=space)
        _added.append((keymap, keymap.keymap_items.new(operator, key, "PRESS", **modifiers)))


def unregister() -> None:
    for keymap, item in _added:
        keymap.keymap_items.remove(item)
    _added.clear()
