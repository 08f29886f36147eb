"""A file's assets on another computer: saved beside the file, found in a folder, or replaced by others."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..assets import asset_file, missing, thumbnails
from ..connection.session import bridge
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import AssetFile, AssetInfo, AssetList
from ..protocol.messages import ExportAsset, ImportAsset, ListAssets
from .assets import known
from .common import Result, sentences
from .conversation import Conversation, Steps, expected

_items: list[tuple[str, str, str, int, int]] = []  # Blender needs the strings of an enumeration to stay


def _choices(operator: RelinkAsset, context: bpy.types.Context | None) -> list[tuple[str, str, str, int, int]]:
    infos = sorted((info for info in bridge.assets.values() if info.kind == operator.kind), key=lambda info: info.name)
    _items[:] = [(info.id, info.name, info.id, thumbnails.icon(info.id), i) for i, info in enumerate(infos)]
    return _items


class SaveAssets(Conversation, bpy.types.Operator):
    """Copy the files of all assets that this file uses into a folder beside it, for other computers"""

    bl_idname = "neural_assets.save_assets"
    bl_label = "Save Assets Beside the File"
    words = "Saving the assets"

    def steps(self, context: bpy.types.Context) -> Steps:
        folder = missing.folder_beside()
        if folder is None:
            raise ProtocolError(ErrorCode.DISK, "This file was never saved.", "Save it first (Ctrl-S).")
        there = {asset.id for asset in expected((yield ListAssets()), AssetList).assets}
        uses = missing.used()
        have = missing.files_for(uses, folder)
        wanted = [use.asset for use in uses if use.asset in there and use.asset not in have]
        for asset in wanted:
            file = expected((yield ExportAsset(asset=asset)), AssetFile)
            asset_file.write(folder / f"{asset}{asset_file.SUFFIX}", file.data)
        lacking = [use.name or use.asset for use in uses if use.asset not in there and use.asset not in have]
        if lacking:
            self.report({"WARNING"}, f"Neither the server nor the folder has {', '.join(lacking)}")
        return f"{len(uses) - len(lacking)} assets lie beside the file, {len(wanted)} of them new"


class FindMissing(Conversation, bpy.types.Operator):
    """Search a folder for the files of the missing assets, by id and then by name, and take them into the store"""

    bl_idname = "neural_assets.find_missing"
    bl_label = "Find in Folder"
    bl_options = {"REGISTER", "UNDO"}
    words = "Taking the assets into the store"

    directory: StringProperty(name="Folder", description="Where to search", subtype="DIR_PATH", options={"SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})
    filter_glob: StringProperty(default=f"*{asset_file.SUFFIX}", options={"HIDDEN"})
    hide_props_region: BoolProperty(default=True, options={"HIDDEN"})  # beside the files

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def steps(self, context: bpy.types.Context) -> Steps:
        there = {asset.id for asset in expected((yield ListAssets()), AssetList).assets}
        uses = [use for use in missing.used() if use.asset not in there]
        if not uses:
            return "No asset is missing"
        files = _matches(uses, Path(bpy.path.abspath(self.directory)))
        if not files:
            names = ", ".join(use.name or use.asset for use in uses)
            raise ProtocolError(ErrorCode.ASSET_MISSING, f"The folder has no file of {names}.", "Choose another one.")
        for asset, path in files.items():
            (info,) = expected((yield ImportAsset(data=asset_file.read(path))), AssetList).assets
            if info.id != asset:
                missing.relink(asset, info)
        return f"Found {len(files)} of {len(uses)} missing assets"


class RelinkAsset(bpy.types.Operator):
    """Let everything in this file that carries the missing asset carry another one of the store"""

    bl_idname = "neural_assets.relink_asset"
    bl_label = "Relink"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "choice"

    missing: StringProperty(name="Missing", description="Id of the asset that is missing", options={"SKIP_SAVE"})
    kind: StringProperty(options={"HIDDEN"}, default="object")
    asset: StringProperty(name="Asset", description="Id of an asset in the server's store", options={"SKIP_SAVE"})
    choice: EnumProperty(name="Asset", items=_choices, options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        info: AssetInfo = known(self.asset or self.choice, self.kind)
        changed, locked = missing.relink(self.missing, info)
        if not changed:
            raise ProtocolError(
                ErrorCode.ASSET_MISSING,
                f"Nothing that can be changed carries the asset '{self.missing}'.",
                "Make a library override of what is linked." if locked else "Choose one from the list.",
            )
        if locked:
            self.report({"WARNING"}, f"{locked} are linked from another file and stay as they are")
        self.report({"INFO"}, f"Relinked to '{info.name}'")
        return {"FINISHED"}


def _matches(uses: list[missing.Use], folder: Path) -> dict[str, Path]:
    """By missing asset: its file by id, else one of its kind and name."""
    found = missing.files_for(uses, folder)
    left = {(use.kind, use.name): use.asset for use in uses if use.asset not in found and use.name}
    for path in sorted(folder.glob(f"*{asset_file.SUFFIX}")) if left else ():
        try:
            heading = asset_file.heading(path)
        except ProtocolError:
            continue  # some other file
        asset = left.pop((heading.kind, heading.name), None)
        if asset is not None:
            found[asset] = path
    return found


CLASSES = (SaveAssets, FindMissing, RelinkAsset)
