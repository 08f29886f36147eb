"""The camera that a background was seen by: from there it fills the picture, and its floor lies where it should."""

from __future__ import annotations

import bpy

from ..pictures.restoring import place_camera
from ..protocol.api import Camera
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.limits import MAX_SIDE, MIN_SIDE
from ..scene.camera import Frame
from .assets import known
from .common import Result, sentences


class ViewBackground(bpy.types.Operator):
    """Put the camera where this scene's background was seen from, with its lens and shape. Boxes stay"""

    bl_idname = "neural_assets.view_background"
    bl_label = "Camera of the Background"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(context.scene.neural_assets.background)

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        scene = context.scene
        info = known(scene.neural_assets.background, "background")
        if len(info.camera) != 20 or len(info.size) != 2:
            raise ProtocolError(
                ErrorCode.CAMERA, "The server does not tell this background's camera.", "Update the server."
            )
        scale = min(1.0, MAX_SIDE / max(info.size))
        width, height = (max(MIN_SIDE, round(side * scale)) for side in info.size)
        place_camera(context, Camera(info.camera[:4], info.camera[4:]), Frame(width, height))
        render = scene.render
        render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
        render.pixel_aspect_x = render.pixel_aspect_y = 1.0
        scene.neural_assets.ground = info.ground / scene.unit_settings.scale_length
        return {"FINISHED"}


CLASSES = (ViewBackground,)
