"""Frames of an animation that are missing: go on after a stop, a crash or a full disk."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import compat
from ..protocol.errors import ErrorCode, ProtocolError
from ..rendering.frame_files import is_whole
from .common import Result, sentences


class RenderMissing(bpy.types.Operator):
    """Render the frames of the animation whose files are missing, empty or cut off; all others stay as they are"""

    bl_idname = "neural_assets.render_missing"
    bl_label = "Render Missing Frames"
    bl_options = {"INTERNAL"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        return self._render(context, "EXEC_DEFAULT")

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return self._render(context, "INVOKE_DEFAULT")

    def _render(self, context: bpy.types.Context, how: str) -> Result:
        scene, render = context.scene, context.scene.render
        frames = list(range(scene.frame_start, scene.frame_end + 1, scene.frame_step))
        missing = _without_files(scene, frames)
        if not missing:
            self.report({"INFO"}, f"All {len(frames)} frames are there.")
            return {"FINISHED"}
        own, render.use_overwrite = render.use_overwrite, False  # Blender's own way to leave files alone
        _give_back_at_the_end(scene, own)
        return bpy.ops.render.render(how, animation=True)


def _without_files(scene: bpy.types.Scene, frames: list[int]) -> list[int]:
    """The frames without a whole file; what is left of a file is removed, since Blender would keep it."""
    render = scene.render
    if compat.is_video(render.image_settings):
        raise ProtocolError(
            ErrorCode.SETTINGS,
            "A video is one file, whose missing frames cannot be put in.",
            "Choose an image format in the output properties, and make the video of the images.",
        )
    missing = []
    for frame in frames:
        path = Path(bpy.path.abspath(render.frame_path(frame=frame)))
        if not is_whole(path):
            path.unlink(missing_ok=True)
            missing.append(frame)
    return missing


def _give_back_at_the_end(scene: bpy.types.Scene, use_overwrite: bool) -> None:
    """Set the scene's own "Overwrite" again when its render has ended, however it did."""
    name, handlers = scene.name, bpy.app.handlers

    def give_back(*_: object) -> None:
        for ends in (handlers.render_complete, handlers.render_cancel):
            ends.remove(give_back)
        if name in bpy.data.scenes:
            bpy.data.scenes[name].render.use_overwrite = use_overwrite

    handlers.render_complete.append(give_back)
    handlers.render_cancel.append(give_back)


CLASSES = (RenderMissing,)
