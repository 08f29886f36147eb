"""The server's store: its assets are renamed, deleted, exported and imported."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, StringProperty

from ..assets import asset_file, choice, library, missing
from ..connection.session import bridge
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import AssetFile, AssetInfo, AssetList
from ..protocol.messages import DeleteAsset as DeleteRequest
from ..protocol.messages import ExportAsset as ExportRequest
from ..protocol.messages import ImportAsset as ImportRequest
from ..protocol.messages import RenameAsset as RenameRequest
from .common import Result, sentences
from .conversation import Conversation, Steps, expected


class _OnAsset(Conversation):
    asset: StringProperty(name="Asset", description="Its id in the server's store", options={"SKIP_SAVE"})

    @property
    def info(self) -> AssetInfo:
        """What is known of it; only the id when the list was not read."""
        return bridge.assets.get(self.asset) or AssetInfo(self.asset, "object", self.asset)


class RenameAsset(_OnAsset, bpy.types.Operator):
    """Give this asset another name, in the store and in the boxes of this file"""

    bl_idname = "neural_assets.rename_asset"
    bl_label = "Rename Asset"
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(name="Name", description="What the asset is to be called", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        self.name = self.info.name
        return context.window_manager.invoke_props_dialog(self, confirm_text="Rename")

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.activate_init = True  # so that the name can be typed at once
        self.layout.prop(self, "name", text="")

    def steps(self, context: bpy.types.Context) -> Steps:
        if not self.name.strip():
            raise ProtocolError(ErrorCode.SETTINGS, "An asset needs a name.", "Type one.")
        answer = yield RenameRequest(asset=self.asset, name=self.name.strip())
        (info,) = expected(answer, AssetList).assets
        missing.relink(info.id, info)
        return f"The asset is called '{info.name}'"


class DeleteAsset(_OnAsset, bpy.types.Operator):
    """Delete this asset from the store, for all files. This cannot be undone"""

    bl_idname = "neural_assets.delete_asset"
    bl_label = "Delete Asset"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        use = next((use for use in missing.used() if use.asset == self.asset), None)
        here = f"Used by {use.words.rpartition(', ')[2]} of this file," if use else "Not used by this file,"
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Delete '{self.info.name}' from the store?",
            message=f"{here} perhaps by others. This cannot be undone.",
            confirm_text="Delete",
        )

    def steps(self, context: bpy.types.Context) -> Steps:
        name = self.info.name
        yield DeleteRequest(asset=self.asset)
        return f"Deleted '{name}'"


class ExportAsset(_OnAsset, bpy.types.Operator):
    """Write this asset to a file, for another computer"""

    bl_idname = "neural_assets.export_asset"
    bl_label = "Export Asset"

    filepath: StringProperty(
        name="File", description="Where the asset is written", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: StringProperty(default=f"*{asset_file.SUFFIX}", options={"HIDDEN"})
    hide_props_region: BoolProperty(default=True, options={"HIDDEN"})  # beside the files

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        self.filepath = bpy.path.clean_name(self.info.name, replace=" ") + asset_file.SUFFIX
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def steps(self, context: bpy.types.Context) -> Steps:
        if not self.filepath:
            raise ProtocolError(ErrorCode.DISK, "The file has no name.", "Give filepath.")
        path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), asset_file.SUFFIX))
        file = expected((yield ExportRequest(asset=self.asset)), AssetFile)
        asset_file.write(path, file.data)
        return f"Exported '{path.name}'"


class ImportAssets(Conversation, bpy.types.Operator):
    """Take asset files into the store"""

    bl_idname = "neural_assets.import_assets"
    bl_label = "Import Assets"
    words = "Importing"

    filepath: StringProperty(name="File", description="An asset file", subtype="FILE_PATH", options={"SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    filter_glob: StringProperty(default=f"*{asset_file.SUFFIX}", options={"HIDDEN"})
    hide_props_region: BoolProperty(default=True, options={"HIDDEN"})  # beside the files

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if self.files or self.filepath:  # dropped
            return super().invoke(context, event)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def steps(self, context: bpy.types.Context) -> Steps:
        paths = [Path(self.directory, file.name) for file in self.files if file.name]
        paths = paths or ([Path(bpy.path.abspath(self.filepath))] if self.filepath else [])
        if not paths:
            raise ProtocolError(ErrorCode.ASSET_MISSING, "No file was chosen.", "Choose asset files.")
        infos, problems = [], []
        for path in paths:
            try:
                answer = yield ImportRequest(data=asset_file.read(path))
                infos += expected(answer, AssetList).assets
            except ProtocolError as error:
                problems.append(error)
        if not infos:
            raise problems[0]
        if problems:
            self.report({"WARNING"}, f"{len(problems)} of {len(paths)} files were left out. {problems[0]}")
        choice.choose_new(infos[-1].id)
        return "Imported " + ", ".join(f"'{info.name}'" for info in infos)


class OpenBrowser(bpy.types.Operator):
    """Show the assets in an Asset Browser below this view; drag them into the view, or onto a box"""

    bl_idname = "neural_assets.open_browser"
    bl_label = "Open Asset Browser"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"

    def execute(self, context: bpy.types.Context) -> Result:
        found = next((area for area in context.screen.areas if area.ui_type == "ASSETS"), None)
        if found is None:
            before = {area.as_pointer() for area in context.screen.areas}
            bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.35)
            new = [area for area in context.screen.areas if area.as_pointer() not in before]
            found = min((*new, context.area), key=lambda area: area.y)
            found.ui_type = "ASSETS"
        library.show_in_browsers()
        return {"FINISHED"}


class AssetFiles(bpy.types.FileHandler):
    """Asset files that are dropped onto the 3D view"""

    bl_idname = "NEURAL_ASSETS_FH_assets"
    bl_label = "Neural Assets"
    bl_import_operator = ImportAssets.bl_idname
    bl_file_extensions = asset_file.SUFFIX

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (RenameAsset, DeleteAsset, ExportAsset, ImportAssets, OpenBrowser, AssetFiles)
