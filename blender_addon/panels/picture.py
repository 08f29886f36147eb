"""How pictures are made: in the sidebar and in the render properties."""

from __future__ import annotations

import bpy

from .. import colour
from .choice import BackgroundsPopover, draw_choice
from .common import Sidebar, sentence


class PicturePanel(Sidebar):
    """How pictures are made."""

    bl_idname = "NEURAL_ASSETS_PT_picture"
    bl_label = "Picture"

    def draw(self, context: bpy.types.Context) -> None:
        draw_settings(self.layout, context)


class RenderPanel(bpy.types.Panel):
    """The same settings where render engines have them."""

    bl_idname = "NEURAL_ASSETS_PT_render"
    bl_label = "Neural Assets"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.render.engine == colour.ENGINE_ID

    def draw(self, context: bpy.types.Context) -> None:
        draw_settings(self.layout, context)


def draw_settings(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Background, sampler, viewport and colours."""
    scene, settings = context.scene, context.scene.neural_assets
    draw_choice(layout, settings.background, settings.background_name, "No background", BackgroundsPopover)
    column = layout.column()
    column.use_property_split = True
    for name in ("steps", "seed", "guidance"):
        column.prop(settings, name)
    column.use_property_decorate = False
    column.separator()
    column.label(text="Viewport")
    column.prop(settings, "view_side", text="At rest")
    column.prop(settings, "draft_side", text="Moving")
    column.prop(settings, "draft_steps", text="Steps, moving")
    column.separator()
    column.row().prop(settings, "colours", expand=True)
    if scene.render.engine == colour.ENGINE_ID and settings.colours == "EXACT" and not colour.is_exact(scene):
        sentence(layout, context, "The scene's colour management was changed: colours are not exact.")


CLASSES = (PicturePanel, RenderPanel)
