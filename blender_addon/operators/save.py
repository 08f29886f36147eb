"""Save the render result with what made it, whatever the format and whatever the compositor did to it."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import compat
from ..identity import ENGINE_ID
from ..protocol.errors import ErrorCode, ProtocolError
from ..rendering import written
from .common import Result, sentences


class SavePicture(bpy.types.Operator):
    """Save the rendered picture in the output's file format, its settings in the file or in a small one beside it"""

    bl_idname = "neural_assets.save_picture"
    bl_label = "Save with Settings"

    filepath: StringProperty(
        name="File", description="Where the picture is written", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    filter_image: BoolProperty(default=True, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Render a picture with Neural Assets first")
        return bool(written.stamp_of_result(context.scene))

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        _require_image(context.scene)
        self.filepath = (Path(bpy.data.filepath).stem or "untitled") + context.scene.render.file_extension
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """Blender asks whether it must show another name; so it notices that a file of this name exists."""
        typed, self.filepath = self.filepath, bpy.path.ensure_ext(self.filepath, context.scene.render.file_extension)
        return self.filepath != typed

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        scene = context.scene
        _require_image(scene)
        path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), scene.render.file_extension))
        try:
            bpy.data.images["Render Result"].save_render(str(path), scene=scene)
        except RuntimeError as error:
            reason = str(error).splitlines()[0].removeprefix("Error: ")
            raise ProtocolError(
                ErrorCode.DISK, f"'{path}' was not written ({reason}).", "Free space or choose another folder."
            ) from None
        if problem := written.looked_at(path, written.stamp_of_result(scene)):
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        self.report({"INFO"}, f"Saved '{path.name}'")
        return {"FINISHED"}


def _require_image(scene: bpy.types.Scene) -> None:
    """Raises ProtocolError."""
    if compat.is_video(scene.render.image_settings):
        raise ProtocolError(
            ErrorCode.IMAGE, "The output's file format is a video.", "Choose an image format in the panel Output."
        )


def draw_in_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """In the Image editor's menu Image."""
    image = context.space_data.image
    if image is not None and image.type == "RENDER_RESULT" and context.scene.render.engine == ENGINE_ID:
        menu.layout.separator()
        menu.layout.operator(SavePicture.bl_idname, text="Save with Settings...", icon="FILE_TICK")


CLASSES = (SavePicture,)
