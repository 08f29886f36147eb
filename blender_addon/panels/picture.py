"""How pictures are made: in the sidebar, and in the render, output and view layer properties as with other engines."""

from __future__ import annotations

import bpy

from .. import colour, compat
from ..connection.session import bridge
from ..identity import ENGINE_ID
from ..pictures import picture_text
from ..rendering import sequences, written
from ..sentence import sentence
from .choice import BackgroundsPopover, draw_choice
from .common import Sidebar


class PicturePanel(Sidebar):
    """How pictures are made."""

    bl_idname = "NEURAL_ASSETS_PT_picture"
    bl_label = "Picture"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.neural_assets
        draw_choice(self.layout, settings.background, settings.background_name, "No Background", BackgroundsPopover)
        if settings.background:
            self.layout.operator("neural_assets.view_background", icon="VIEW_CAMERA")
        row = self.layout.row(align=True)
        row.scale_y = 1.3
        row.operator("render.render", text="Render Image", icon="RENDER_STILL").use_viewport = True
        animation = row.operator("render.render", text="Animation", icon="RENDER_ANIMATION")
        animation.animation = animation.use_viewport = True


class _Sampling:
    bl_label = "Sampling"

    def draw(self, context: bpy.types.Context) -> None:
        settings, column = context.scene.neural_assets, _column(self.layout)
        column.prop(settings, "steps")
        column.prop(settings, "guidance")
        column.separator()
        column.prop(settings, "seed")
        column.prop(settings, "noise")


class _Viewport:
    bl_label = "Viewport"

    def draw(self, context: bpy.types.Context) -> None:
        settings, column = context.scene.neural_assets, _column(self.layout, keyed=False)
        column.prop(settings, "view_side", text="Size at Rest")
        column.separator()
        column.prop(settings, "draft_side", text="While Moving")
        column.prop(settings, "draft_steps", text="Steps")


class _Film:
    bl_label = "Film"

    def draw(self, context: bpy.types.Context) -> None:
        scene, column = context.scene, _column(self.layout, keyed=False)
        column.prop(scene.render, "film_transparent", text="Transparent")
        column.row().prop(scene.neural_assets, "colours", expand=True)
        is_ours = scene.render.engine == ENGINE_ID
        if is_ours and scene.neural_assets.colours == "EXACT" and not colour.is_exact(scene):
            sentence(column, context, "The scene's colour management was changed: colours are not exact.")


class _Missing:
    """Animations whose files are there in part."""

    bl_label = "Missing Frames"

    def draw(self, context: bpy.types.Context) -> None:
        column = _column(self.layout, keyed=False)
        column.operator("neural_assets.render_missing", icon="RENDER_ANIMATION")
        if compat.is_video(context.scene.render.image_settings):
            sentence(column, context, "A video is one file: choose an image format to go on after a stop.", "INFO")


class _Sub(Sidebar):
    bl_parent_id = PicturePanel.bl_idname
    bl_options = {"DEFAULT_CLOSED"}


class SamplingInSidebar(_Sampling, _Sub):
    bl_idname = "NEURAL_ASSETS_PT_picture_sampling"
    bl_options = set()


class ViewportInSidebar(_Viewport, _Sub):
    bl_idname = "NEURAL_ASSETS_PT_picture_viewport"


class FilmInSidebar(_Film, _Sub):
    bl_idname = "NEURAL_ASSETS_PT_picture_film"


class OutputInSidebar(_Sub):
    """Where files go; Blender's own settings, beside the rest."""

    bl_idname = "NEURAL_ASSETS_PT_picture_output"
    bl_label = "Output"

    def draw(self, context: bpy.types.Context) -> None:
        render, column = context.scene.render, _column(self.layout, keyed=False)
        if written.problem:
            sentence(column, context, written.problem)
        column.prop(render, "filepath", text="")
        column.prop(render.image_settings, "file_format")
        column.prop(render, "resolution_percentage", text="Resolution")
        if not compat.is_video(render.image_settings):
            files = column.column(heading="Files")
            files.prop(render, "use_overwrite")
            files.prop(render, "use_placeholder")
            column.operator("neural_assets.render_missing", icon="RENDER_ANIMATION")
        if render.image_settings.file_format not in picture_text.FORMATS:
            sentence(column, context, "The settings go into a small file beside it.", "INFO")
        column.operator("neural_assets.load_settings", text="Load Settings from Picture...", icon="FILE_IMAGE")


class ServerFramesInSidebar(_Sub):
    """Animations that the server renders by itself, and what is left of them in its store."""

    bl_idname = "NEURAL_ASSETS_PT_picture_sequences"
    bl_label = "Frames on the Server"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        sequences.look()
        layout.operator("neural_assets.render_on_server", icon="SORTTIME")
        if sequences.problem:
            sentence(layout, context, sequences.problem)
        if not bridge.is_ready:
            layout.label(text=bridge.words, icon="UNLINKED")
            return
        for info in sequences.infos:
            row = layout.row(align=True)
            done = info.finished == info.frames
            row.label(text=info.name, icon="CHECKMARK" if done else "TIME" if info.running else "PAUSE")
            row.label(text=f"{info.finished} of {info.frames}")
            row.operator("neural_assets.delete_sequence", text="", icon="X").job = info.job


class _Properties(bpy.types.Panel):
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.render.engine == ENGINE_ID


class SamplingInProperties(_Sampling, _Properties):
    bl_idname = "NEURAL_ASSETS_PT_sampling"


class ViewportInProperties(_Viewport, _Properties):
    bl_idname = "NEURAL_ASSETS_PT_viewport"
    bl_parent_id = SamplingInProperties.bl_idname


class FilmInProperties(_Film, _Properties):
    bl_idname = "NEURAL_ASSETS_PT_film"


class MissingInProperties(_Missing, _Properties):
    bl_idname = "NEURAL_ASSETS_PT_missing_frames"
    bl_context = "output"
    bl_parent_id = "RENDER_PT_output"
    bl_options = {"DEFAULT_CLOSED"}


class PassesPanel(_Properties):
    """The passes of a view layer."""

    bl_idname = "NEURAL_ASSETS_PT_passes"
    bl_label = "Passes"
    bl_context = "view_layer"

    def draw(self, context: bpy.types.Context) -> None:
        layer, column = context.view_layer, _column(self.layout, keyed=False)
        data = column.column(heading="Include")
        data.prop(layer, "use_pass_z", text="Depth")
        data.prop(layer, "use_pass_object_index", text="Object Index")


def _column(layout: bpy.types.UILayout, keyed: bool = True) -> bpy.types.UILayout:
    """A column as Blender's render properties have it. keyed: with the dots for keyframes."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = keyed
    return column


CLASSES = (
    PicturePanel, SamplingInSidebar, ViewportInSidebar, FilmInSidebar, OutputInSidebar, ServerFramesInSidebar,
    SamplingInProperties, ViewportInProperties, FilmInProperties, MissingInProperties, PassesPanel,
)  # fmt: skip
