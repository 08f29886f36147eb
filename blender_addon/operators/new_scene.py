"""New file: camera, floor and workspace to start from."""

from __future__ import annotations

import bpy

from .. import new_scene
from .common import Result


class NewScene(bpy.types.Operator):
    """Start a new file with a camera at eye height, a floor, and a workspace with the Asset Browser"""

    bl_idname = "neural_assets.new_scene"
    bl_label = "New Neural Assets File"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return new_scene.request(ask=True)

    def execute(self, context: bpy.types.Context) -> Result:
        return new_scene.request(ask=False)


CLASSES = (NewScene,)
