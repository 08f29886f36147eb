"""Load settings from a picture: what made it comes back into the scene."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ..pictures.restoring import restore
from ..pictures.stamp import Stamp
from .common import Result, sentences


class Restores:
    """What may come back from a picture; a mix-in of operators."""

    boxes: BoolProperty(name="Boxes", description="Poses, sizes and assets, by the boxes' names", default=True)
    camera: BoolProperty(name="Camera", description="Position, focal length and shift", default=True)
    settings: BoolProperty(
        name="Settings", description="Size, steps, seed, guidance and background of the picture", default=True
    )

    def restore(self, context: bpy.types.Context, stamp: Stamp) -> Result:
        """Into the scene, with a word about what could not come back as it was."""
        restored = restore(context, stamp, boxes=self.boxes, camera=self.camera, settings=self.settings)
        self.report({"INFO"}, restored.words)
        return {"FINISHED"}


class LoadSettings(Restores, bpy.types.Operator):
    """Restore boxes, camera and settings from a picture that was rendered with Neural Assets"""

    bl_idname = "neural_assets.load_settings"
    bl_label = "Load settings from picture"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="Picture", description="The picture's file", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: StringProperty(default="*.png;*.jpg;*.jpeg;*.exr", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if self.filepath:  # dropped onto a view
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        return self.restore(context, Stamp.from_file(Path(bpy.path.abspath(self.filepath))))


class DroppedSettings(bpy.types.FileHandler):
    """A picture dropped onto a 3D view; Blender lets the artist choose between this and other uses of pictures."""

    bl_idname = "NEURAL_ASSETS_FH_settings"
    bl_label = LoadSettings.bl_label
    bl_import_operator = LoadSettings.bl_idname
    bl_file_extensions = ".png;.jpg;.jpeg;.exr"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D" and context.mode == "OBJECT"


CLASSES = (LoadSettings, DroppedSettings)
