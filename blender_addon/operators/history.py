"""The history's pictures: keep, pin, restore, open, delete."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, StringProperty

from ..pictures import keeping, stamp_files
from ..pictures.history import Entry
from ..reference import images
from .common import Result, sentences
from .settings import Restores


class KeepView(bpy.types.Operator):
    """Pin the 3D view's refined picture in the history, so that it is never deleted by itself"""

    bl_idname = "neural_assets.keep_view"
    bl_label = "Keep This Picture"
    bl_options = {"INTERNAL"}

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        keeping.keep_view()
        return {"FINISHED"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        keeping.keep_view()
        keeping.flush()
        keeping.sync()
        return {"FINISHED"}


class _OnEntry(bpy.types.Operator):
    """Operators of one picture: the named one, or the list's active one."""

    name: StringProperty(name="Picture", description="Its id; empty for the active one", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(context.window_manager.neural_assets_history)

    def entry(self, context: bpy.types.Context) -> Entry:
        """Raises ProtocolError when it is gone."""
        return keeping.history().get(self.name or keeping.selected(context))


class PinPicture(_OnEntry):
    """Pin: a pinned picture is never deleted by itself"""

    bl_idname = "neural_assets.history_pin"
    bl_label = "Pin"
    bl_options = {"INTERNAL"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        entry = self.entry(context)
        keeping.history().pin(entry.id, not entry.pinned)
        keeping.changed()
        return {"FINISHED"}


class DeletePicture(_OnEntry):
    """Delete the picture from the history, and its file"""

    bl_idname = "neural_assets.history_delete"
    bl_label = "Delete Picture"
    bl_options = {"INTERNAL"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        keeping.history().delete(self.entry(context).id)
        keeping.changed()
        return {"FINISHED"}


class DeleteUnpinned(bpy.types.Operator):
    """Delete every picture of the history that is not pinned"""

    bl_idname = "neural_assets.history_clear"
    bl_label = "Delete All Unpinned"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return context.window_manager.invoke_confirm(self, event)

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        keeping.history().delete_unpinned()
        keeping.changed()
        return {"FINISHED"}


class RestorePicture(Restores, _OnEntry):
    """Restore the boxes, the camera and the settings that made the picture"""

    bl_idname = "neural_assets.history_restore"
    bl_label = "Restore"
    bl_options = {"REGISTER", "UNDO"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        return self.restore(context, stamp_files.of_file(self.entry(context).path))


class OpenPicture(_OnEntry):
    """Open the picture as an image of this file, in the Image editor"""

    bl_idname = "neural_assets.history_open"
    bl_label = "Open as Image"
    bl_options = {"REGISTER", "UNDO"}

    new_window: BoolProperty(
        name="New Window", description="Open a window when no Image editor is there", default=True, options={"HIDDEN"}
    )

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        image = images.load(str(self.entry(context).path))
        image.pack()  # the history may delete the file
        windows = context.window_manager.windows
        area = next((a for w in windows for a in w.screen.areas if a.type == "IMAGE_EDITOR"), None)
        if area is None and self.new_window and not bpy.app.background:
            bpy.ops.wm.window_new()
            area = windows[-1].screen.areas[0]
            area.type = "IMAGE_EDITOR"
        if area is not None:
            area.spaces.active.image = image
        return {"FINISHED"}


CLASSES = (KeepView, PinPicture, DeletePicture, DeleteUnpinned, RestorePicture, OpenPicture)
