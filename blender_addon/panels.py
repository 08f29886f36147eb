"""The N-panel "Neural Assets" and the engine's panel in the render properties.

Drawing only reads; every change is an operator or a property of Blender's own.
"""

from __future__ import annotations

import textwrap

import bpy

from . import asset_panels, colour, compat, thumbnails
from .asset_panels import AssetsPopover, BackgroundsPopover, draw_choice
from .operators.common import boxes
from .protocol.events import ModelState
from .session import bridge

_LETTER = 6.6  # pixels of an average letter at a scale of 1


def sentence(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "ERROR") -> None:
    """A sentence over as many lines as the panel's width needs."""
    width = context.region.width / context.preferences.system.ui_scale
    column = layout.column(align=True)
    column.scale_y = 0.85
    for number, line in enumerate(textwrap.wrap(text, max(20, int((width - 60) / _LETTER)))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


class _Sidebar(bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Neural Assets"


class ServerPanel(_Sidebar):
    """Where the server stands, in words."""

    bl_idname = "NEURAL_ASSETS_PT_server"
    bl_label = "Server"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.label(text=bridge.words, icon="CHECKMARK" if bridge.is_ready else "UNLINKED")
        if bridge.problem:
            sentence(layout, context, bridge.problem)
        if bridge.is_ready:
            device = f"{bridge.status.device}, " if bridge.status is not None and bridge.status.device else ""
            layout.label(text=f"{device}{bridge.address.removeprefix('tcp://')}", icon="BLANK1")
            if bridge.status is not None and bridge.status.model is ModelState.FAILED:
                sentence(layout, context, bridge.status.sentence)
        row = layout.row(align=True)
        if bridge.has_server:
            row.operator("neural_assets.stop_server", icon="CANCEL")
        elif bridge.is_ready:
            row.operator("neural_assets.disconnect", icon="UNLINKED")
        else:
            row.operator("neural_assets.start_server", icon="PLAY")
            row.operator("neural_assets.connect", icon="LINKED")
        if bridge.log is not None:
            row.operator("neural_assets.show_log", text="", icon="TEXT")
        if context.scene.render.engine != colour.ENGINE_ID:
            layout.operator("neural_assets.use_engine", icon="RENDER_STILL")


class ReferencePanel(_Sidebar):
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


class BoxesPanel(_Sidebar):
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


class PicturePanel(_Sidebar):
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


def _shape(render: bpy.types.RenderSettings) -> float:
    return render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)


CLASSES = (*asset_panels.CLASSES, ServerPanel, ReferencePanel, BoxesPanel, PicturePanel, RenderPanel)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    for panel in compat.panels_for_all_engines():
        panel.COMPAT_ENGINES.add(colour.ENGINE_ID)


def unregister() -> None:
    for panel in compat.panels_for_all_engines():
        panel.COMPAT_ENGINES.discard(colour.ENGINE_ID)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
