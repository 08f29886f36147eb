"""The sidebar's panel of the boxes: a list of them, and what the active one carries."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty

from ..assets import thumbnails
from ..operators.box import size_of
from ..operators.common import boxes
from ..sentence import sentence
from .choice import AssetsPopover, draw_choice
from .common import Sidebar

_ACTIVE = "neural_assets_active_box"  # of the window manager: nothing is kept, the active object tells


class BoxList(bpy.types.UIList):
    """The view layer's boxes: asset, name, and whether they are in the viewport and in renders."""

    bl_idname = "NEURAL_ASSETS_UL_boxes"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.ViewLayer,
        item: bpy.types.Object,
        icon: int,
        active_data: bpy.types.WindowManager,
        active_property: str,
        index: int = 0,
    ) -> None:
        carried, row = item.neural_assets, layout.row(align=True)
        picture = thumbnails.icon(carried.asset)
        icons = {"icon_value": picture} if picture else {"icon": "CUBE" if carried.asset else "MESH_CUBE"}
        split = row.split(factor=0.55, align=True)
        split.prop(item, "name", text="", emboss=False, **icons)
        name = split.row()
        name.active = bool(carried.asset)
        name.label(text=carried.asset_name or carried.asset or "No Asset")
        row.prop(item, "hide_viewport", text="", emboss=False)
        row.prop(item, "hide_render", text="", emboss=False)

    def filter_items(
        self, context: bpy.types.Context, data: bpy.types.ViewLayer, name: str
    ) -> tuple[list[int], list[int]]:
        things, helper = getattr(data, name), bpy.types.UI_UL_list
        flags = helper.filter_items_by_name(self.filter_name, self.bitflag_filter_item, things, "name")
        flags = flags or [self.bitflag_filter_item] * len(things)
        shown = [flag if thing.neural_assets.is_box else 0 for flag, thing in zip(flags, things, strict=True)]
        return shown, helper.sort_items_by_name(things, "name")


class BoxesPanel(Sidebar):
    """What the boxes carry."""

    bl_idname = "NEURAL_ASSETS_PT_boxes"
    bl_label = "Boxes"

    def draw(self, context: bpy.types.Context) -> None:
        thumbnails.fetch_all()
        layout = self.layout
        row = layout.row(align=True)
        row.operator("neural_assets.add_box", text="Add Box", icon="CUBE")
        row.operator("neural_assets.use_as_box")
        if any(thing.neural_assets.is_box for thing in context.view_layer.objects):
            layout.template_list(
                BoxList.bl_idname, "", context.view_layer, "objects", context.window_manager, _ACTIVE, rows=3
            )
        active = context.active_object
        if active is not None and active.select_get() and active.neural_assets.is_box:
            self._draw_active(layout, active)
        row = layout.row(align=True)
        row.operator("neural_assets.swap_assets", text="Swap", icon="ARROW_LEFTRIGHT")
        row.operator("neural_assets.clear_asset", text="Clear", icon="X")
        empty = [thing.name for thing in boxes(context, selected=False) if not thing.neural_assets.asset]
        if empty:
            more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
            sentence(layout, context, f"Without an asset: {', '.join(empty[:3])}{more}.", "INFO")

    def _draw_active(self, layout: bpy.types.UILayout, thing: bpy.types.Object) -> None:
        carried = thing.neural_assets
        draw_choice(layout, carried.asset, carried.asset_name, "Choose an Asset", AssetsPopover)
        column = layout.column()
        column.use_property_split = True
        column.prop(carried, "guidance")
        column.prop(carried, "seed")
        size = size_of(thing)
        if size:
            text = " × ".join(bpy.utils.units.to_string("METRIC", "LENGTH", side, precision=3) for side in size)
            column.operator("neural_assets.true_size", text=f"True Size: {text}", icon="FULLSCREEN_EXIT")


def _active_box(manager: bpy.types.WindowManager) -> int:
    layer = bpy.context.view_layer
    active = layer.objects.active
    return layer.objects.find(active.name) if active is not None else -1


def _select_box(manager: bpy.types.WindowManager, index: int) -> None:
    """A click into the list selects the box, and nothing else."""
    layer = bpy.context.view_layer
    thing = layer.objects[index]
    for other in layer.objects.selected[:]:
        other.select_set(False)
    if thing.visible_get():
        thing.select_set(True)
    layer.objects.active = thing


def register() -> None:
    setattr(
        bpy.types.WindowManager,
        _ACTIVE,
        IntProperty(name="Box", description="Click to select a box", get=_active_box, set=_select_box),
    )


def unregister() -> None:
    delattr(bpy.types.WindowManager, _ACTIVE)


CLASSES = (BoxList, BoxesPanel)
