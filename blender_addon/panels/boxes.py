"""The sidebar's panel of the boxes."""

from __future__ import annotations

import bpy

from .. import thumbnails
from ..operators.common import boxes
from .choice import AssetsPopover, draw_choice
from .common import Sidebar, sentence


class BoxesPanel(Sidebar):
    """What the boxes carry."""

    bl_idname = "NEURAL_ASSETS_PT_boxes"
    bl_label = "Boxes"

    def draw(self, context: bpy.types.Context) -> None:
        thumbnails.fetch_all()
        layout = self.layout
        row = layout.row(align=True)
        row.operator("neural_assets.add_box", text="Add box", icon="CUBE")
        row.operator("neural_assets.use_as_box", text="Use selected")
        active = context.active_object
        if active is not None and active.select_get() and active.neural_assets.is_box:
            self._draw_active(layout.box(), active)
        row = layout.row(align=True)
        row.operator("neural_assets.swap_assets", text="Swap", icon="ARROW_LEFTRIGHT")
        row.operator("neural_assets.clear_asset", text="Clear", icon="X")
        empty = [thing.name for thing in boxes(context, selected=False) if not thing.neural_assets.asset]
        if empty:
            more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
            sentence(layout, context, f"Without an asset: {', '.join(empty[:3])}{more}.", "INFO")

    def _draw_active(self, layout: bpy.types.UILayout, thing: bpy.types.Object) -> None:
        carried = thing.neural_assets
        layout.label(text=thing.name, icon="CUBE")
        draw_choice(layout, carried.asset, carried.asset_name, "Choose an asset", AssetsPopover)
        column = layout.column()
        column.use_property_split = True
        column.prop(carried, "guidance")


CLASSES = (BoxesPanel,)
