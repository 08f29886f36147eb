"""Load settings from a picture, from the file beside it or from the history: what made it comes back into the scene."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ..pictures import keeping, recognising, stamp_files
from ..pictures.restoring import restore
from ..pictures.stamp import Stamp
from ..protocol.errors import ProtocolError
from .common import Result, sentences

_ENDINGS = (  # of what Blender writes
    ".png", ".jpg", ".jpeg", ".exr", ".tif", ".tiff", ".webp", ".avif", ".bmp", ".tga", ".jp2", ".hdr", ".dpx", ".cin",
    ".rgb", ".mp4", ".mkv", ".mov", ".avi", ".webm", ".ogv", ".mpg", ".json",
)  # fmt: skip


class Restores:
    """What may come back from a picture; a mix-in of operators."""

    boxes: BoolProperty(name="Boxes", description="Poses, sizes and assets, by the boxes' names", default=True)
    camera: BoolProperty(name="Camera", description="Position, focal length and shift", default=True)
    settings: BoolProperty(
        name="Settings", description="Size, steps, seed, guidance and background of the picture", default=True
    )

    def restore(self, context: bpy.types.Context, stamp: Stamp, source: str = "") -> Result:
        """Into the scene, with a word about where it is from and what could not come back as it was."""
        restored = restore(context, stamp, boxes=self.boxes, camera=self.camera, settings=self.settings)
        self.report({"INFO"}, f"{source} {restored.words}".strip())
        return {"FINISHED"}


class LoadSettings(Restores, bpy.types.Operator):
    """Restore boxes, camera and settings from a picture that was rendered with Neural Assets"""

    bl_idname = "neural_assets.load_settings"
    bl_label = "Load Settings from Picture"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="Picture",
        description="The picture's file, or the one beside it; of a video the current frame's settings are taken",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_image: BoolProperty(default=True, options={"HIDDEN"})
    filter_movie: BoolProperty(default=True, options={"HIDDEN"})
    filter_glob: StringProperty(default=f"*{stamp_files.SUFFIX}", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if self.filepath:  # dropped onto a view
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        path = Path(bpy.path.abspath(self.filepath))
        try:
            stamp, source = stamp_files.of_file(path, context.scene.frame_current), ""
        except ProtocolError:
            entry = recognising.entry_of(path)
            if entry is None:
                raise
            stamp = stamp_files.of_file(entry.path)
            source = f"Recognised as the history's picture of {keeping.words(entry)}."
        return self.restore(context, stamp, source)


class DroppedSettings(bpy.types.FileHandler):
    """A picture dropped onto a 3D view; Blender lets the artist choose between this and other uses of pictures."""

    bl_idname = "NEURAL_ASSETS_FH_settings"
    bl_label = LoadSettings.bl_label
    bl_import_operator = LoadSettings.bl_idname
    bl_file_extensions = ";".join(_ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D" and context.mode == "OBJECT"


CLASSES = (LoadSettings, DroppedSettings)
