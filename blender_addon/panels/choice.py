"""Choosing an asset or a background by its picture: two popovers, and how a choice is shown."""

from __future__ import annotations

import bpy

from ..assets import thumbnails
from ..connection.session import bridge

_COLUMNS = 4


class _Popover(bpy.types.Panel):
    bl_space_type = "TOPBAR"
    bl_region_type = "HEADER"
    bl_options = {"INSTANCED"}
    bl_ui_units_x = 20


class AssetsPopover(_Popover):
    """The objects in the server's store; one is given to the selected boxes."""

    bl_idname = "NEURAL_ASSETS_PT_assets"
    bl_label = "Assets"

    def draw(self, context: bpy.types.Context) -> None:
        _draw_store(
            self.layout, "object", "neural_assets.assign_asset", "Encode the boxes of a reference picture first"
        )


class BackgroundsPopover(_Popover):
    """The backgrounds in the server's store."""

    bl_idname = "NEURAL_ASSETS_PT_backgrounds"
    bl_label = "Backgrounds"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("neural_assets.set_background", text="No Background", icon="X").asset = ""
        _draw_store(self.layout, "background", "neural_assets.set_background", "Encode a reference picture first")


def draw_choice(layout: bpy.types.UILayout, asset: str, name: str, empty: str, popover: type[_Popover]) -> None:
    """What is chosen, with its picture; a click opens the popover."""
    icon = thumbnails.icon(asset)
    if icon:
        layout.template_icon(icon_value=icon, scale=4)
    layout.popover(popover.bl_idname, text=name or asset or empty)
    if asset and bridge.is_ready and bridge.assets and asset not in bridge.assets:
        layout.label(text="The server does not have it", icon="ERROR")


def _draw_store(layout: bpy.types.UILayout, kind: str, operator: str, hint: str) -> None:
    if not bridge.is_ready:
        layout.label(text=bridge.words, icon="UNLINKED")
        return
    found = sorted((a for a in bridge.assets.values() if a.kind == kind), key=lambda asset: (asset.name, asset.id))
    grid = layout.grid_flow(row_major=True, columns=_COLUMNS, even_columns=True, even_rows=True)
    for asset in found:
        cell = grid.column(align=True)
        icon = thumbnails.icon(asset.id)
        if icon:
            cell.template_icon(icon_value=icon, scale=4)
        row = cell.row(align=True)
        row.operator(operator, text=asset.name).asset = asset.id
        if kind == "object":
            row.operator("neural_assets.add_asset", text="", icon="ADD").asset = asset.id
    if not found:
        layout.label(text=hint)
    layout.operator("neural_assets.refresh_assets", icon="FILE_REFRESH")


CLASSES = (AssetsPopover, BackgroundsPopover)
