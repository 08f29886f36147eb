"""The sidebar's panel of the reference picture."""

from __future__ import annotations

import bpy

from .common import Sidebar


class ReferencePanel(Sidebar):
    """From picture to assets."""

    bl_idname = "NEURAL_ASSETS_PT_reference"
    bl_label = "Reference picture"

    def draw(self, context: bpy.types.Context) -> None:
        layout, scene = self.layout, context.scene
        reference = scene.neural_assets.reference
        layout.operator("neural_assets.load_reference", icon="IMAGE_DATA")
        if reference is None:
            return
        layout.label(text=reference.name, icon="IMAGE_REFERENCE")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        if scene.camera is not None and scene.camera.type == "CAMERA":
            column.prop(scene.camera.data, "lens", text="Focal length")
        column.prop(scene.neural_assets, "ground")
        if (
            _shape(scene.render)
            and abs(_shape(scene.render) * reference.size[1] / max(1, reference.size[0]) - 1) > 0.01
        ):
            layout.operator("neural_assets.match_reference", icon="FULLSCREEN_ENTER")
        row = layout.row(align=True)
        row.scale_y = 1.3
        row.operator("neural_assets.encode", icon="SHADERFX")
        row.operator("neural_assets.encode", text="Selected").which = "SELECTED"


def _shape(render: bpy.types.RenderSettings) -> float:
    return render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)


CLASSES = (ReferencePanel,)
