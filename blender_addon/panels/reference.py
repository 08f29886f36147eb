"""The sidebar's panels from a picture to assets, in the order of the work: picture, camera, boxes, encode."""

from __future__ import annotations

import bpy

from ..assets import thumbnails
from ..connection.session import bridge
from ..operators.common import boxes
from ..operators.reference import has_its_shape
from ..protocol.limits import MIN_SIDE
from ..reference.masks import shown_boxes
from ..sentence import sentence
from .common import Sidebar

_MOST = 12  # boxes in the list


class ReferencePanel(Sidebar):
    """The picture, and from it to assets."""

    bl_idname = "NEURAL_ASSETS_PT_reference"
    bl_label = "Reference Picture"

    def draw(self, context: bpy.types.Context) -> None:
        layout, scene = self.layout, context.scene
        reference = scene.neural_assets.reference
        if reference is None:
            layout.operator("neural_assets.load_reference", text="Load Reference Picture...", icon="IMAGE_DATA")
            return
        row = layout.row(align=True)
        row.label(text=reference.name, icon="IMAGE_REFERENCE")
        row.operator("neural_assets.load_reference", text="", icon="FILEBROWSER")
        width, height = reference.size
        if min(width, height) == 0:
            sentence(layout, context, "The picture's file is gone: load it again.")
            return
        if max(width, height) < 2 * MIN_SIDE:
            sentence(layout, context, f"{width} x {height} pixels show little of an object.", "INFO")
        if not has_its_shape(scene):
            sentence(layout, context, "The render has another shape than the picture.")
            layout.operator("neural_assets.match_reference", icon="FULLSCREEN_ENTER")


class _Step(Sidebar):
    """A part of the panel, there as soon as there is a picture."""

    bl_parent_id = "NEURAL_ASSETS_PT_reference"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.neural_assets.reference is not None


class CameraPanel(_Step):
    """Where the picture was taken from."""

    bl_idname = "NEURAL_ASSETS_PT_reference_camera"
    bl_label = "Camera"

    def draw(self, context: bpy.types.Context) -> None:
        layout, scene = self.layout, context.scene
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column(align=True)
        column.operator("neural_assets.set_camera_from_lines", text="From Lines", icon="EMPTY_ARROWS")
        column.operator("neural_assets.set_camera_from_rectangle", text="From Rectangle", icon="MESH_PLANE")
        column = layout.column()
        if scene.camera is not None and scene.camera.type == "CAMERA":
            column.prop(scene.camera.data, "lens", text="Focal Length")
        column.prop(scene.neural_assets, "ground")
        column.prop(scene.neural_assets, "show_floor")


class ObjectsPanel(_Step):
    """Boxes over the picture's objects, and what became of them."""

    bl_idname = "NEURAL_ASSETS_PT_reference_objects"
    bl_label = "Objects"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("neural_assets.draw_box", icon="CUBE")
        row = layout.row(align=True)
        row.scale_y = 1.3
        row.operator("neural_assets.encode", icon="SHADERFX")
        row.operator("neural_assets.encode", text="Selected").which = "SELECTED"
        found = boxes(context, selected=False)
        seen = {thing.name for thing in shown_boxes(context.scene)}
        column = layout.column(align=True)
        for thing in found[:_MOST]:
            _draw_box(column, thing, thing.name in seen)
        if len(found) > _MOST:
            layout.label(text=f"and {len(found) - _MOST} more boxes")
        if seen:
            layout.prop(context.scene.neural_assets, "show_masks")


class ViewsPanel(_Step):
    """Another picture of the same object."""

    bl_idname = "NEURAL_ASSETS_PT_reference_views"
    bl_label = "Another View of an Object"
    bl_parent_id = "NEURAL_ASSETS_PT_reference"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, thing = self.layout, context.active_object
        if thing is None or not thing.neural_assets.is_box:
            sentence(layout, context, "Select a box that fits the object in this picture.", "INFO")
            return
        layout.label(text=f"{thing.name} shows the same object as", icon="CUBE")
        carried = thing.neural_assets
        if carried.asset:
            row = layout.row(align=True)
            icon = thumbnails.icon(carried.asset)
            if icon:
                row.template_icon(icon_value=icon, scale=1.6)
            own = row.row()
            own.scale_y = 1.6 if icon else 1.0
            own.operator(
                "neural_assets.add_view", text=f"Its Asset '{carried.asset_name or carried.asset}'"
            ).box = thing.name
        layout.popover(SameObjectPopover.bl_idname, text="Another Asset")


class SameObjectPopover(bpy.types.Panel):
    """The store's objects; the active box becomes another view of one."""

    bl_idname = "NEURAL_ASSETS_PT_same_object"
    bl_label = "The Same Object As"
    bl_space_type = "TOPBAR"
    bl_region_type = "HEADER"
    bl_options = {"INSTANCED"}
    bl_ui_units_x = 20

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        if not bridge.is_ready:
            layout.label(text=bridge.words, icon="UNLINKED")
            return
        found = [asset for asset in bridge.assets.values() if asset.kind == "object"]
        grid = layout.grid_flow(row_major=True, columns=4, even_columns=True, even_rows=True)
        for asset in sorted(found, key=lambda asset: (asset.name, asset.id)):
            cell = grid.column(align=True)
            icon = thumbnails.icon(asset.id)
            if icon:
                cell.template_icon(icon_value=icon, scale=4)
            cell.operator("neural_assets.add_view", text=asset.name).asset = asset.id


def _draw_box(layout: bpy.types.UILayout, thing: bpy.types.Object, seen: bool) -> None:
    """One line of the list: the asset's picture, the box's name, encode (again)."""
    carried = thing.neural_assets
    row = layout.row(align=True)
    icon = thumbnails.icon(carried.asset)
    if icon:
        row.template_icon(icon_value=icon, scale=1.6)
    names = row.row()
    names.scale_y = 1.6 if icon else 1.0
    names.label(text=thing.name, icon="NONE" if icon else "CUBE")
    again = row.row()
    again.scale_y = 1.6 if icon else 1.0
    again.operator(
        "neural_assets.encode", text="" if carried.asset else "Encode", icon="FILE_REFRESH" if seen else "SHADERFX"
    ).box = thing.name


CLASSES = (ReferencePanel, CameraPanel, ObjectsPanel, ViewsPanel, SameObjectPopover)
