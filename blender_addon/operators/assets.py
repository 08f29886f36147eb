"""Which asset a box carries, and which background the scene has."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ..connection import waiting
from ..connection.session import bridge
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import AssetInfo
from .common import Result, boxes, sentences


class _OnSelectedBoxes(bpy.types.Operator):
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return any(thing.neural_assets.is_box for thing in context.selected_objects)

    @staticmethod
    def chosen(context: bpy.types.Context) -> list[bpy.types.Object]:
        """The selected boxes; raises ProtocolError for one that is linked, whose change no file would keep."""
        found = boxes(context, selected=True)
        for thing in found:
            if not thing.is_editable:
                raise ProtocolError(
                    ErrorCode.BOX,
                    f"The box '{thing.name}' is linked from another file.",
                    "Make a library override of it (Object, Library Override, Make).",
                )
        return found


class AssignAsset(_OnSelectedBoxes):
    """Let the selected boxes carry this asset"""

    bl_idname = "neural_assets.assign_asset"
    bl_label = "Assign Asset"

    asset: StringProperty(name="Asset", description="Id of an asset in the server's store")

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        info = known(self.asset, "object")
        for thing in self.chosen(context):
            thing.neural_assets.asset, thing.neural_assets.asset_name = info.id, info.name
        return {"FINISHED"}


class ClearAsset(_OnSelectedBoxes):
    """Let the selected boxes carry nothing: their objects leave the picture"""

    bl_idname = "neural_assets.clear_asset"
    bl_label = "Clear Asset"

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        for thing in self.chosen(context):
            thing.neural_assets.asset = thing.neural_assets.asset_name = ""
        return {"FINISHED"}


class SwapAssets(_OnSelectedBoxes):
    """Exchange the assets of two selected boxes"""

    bl_idname = "neural_assets.swap_assets"
    bl_label = "Swap Assets"

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        chosen = self.chosen(context)
        if len(chosen) != 2:
            raise ProtocolError(ErrorCode.BOX, f"{len(chosen)} boxes are selected.", "Select the two to exchange.")
        first, second = (thing.neural_assets for thing in chosen)
        first.asset, second.asset = second.asset, first.asset
        first.asset_name, second.asset_name = second.asset_name, first.asset_name
        return {"FINISHED"}


class SetBackground(bpy.types.Operator):
    """Put this background behind the objects; none lets the model invent one"""

    bl_idname = "neural_assets.set_background"
    bl_label = "Set Background"
    bl_options = {"REGISTER", "UNDO"}

    asset: StringProperty(name="Background", description="Id of a background in the server's store; empty for none")

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        settings = context.scene.neural_assets
        info = known(self.asset, "background") if self.asset else AssetInfo("", "background", "")
        settings.background, settings.background_name = info.id, info.name
        return {"FINISHED"}


class RefreshAssets(bpy.types.Operator):
    """Ask the server for its assets again"""

    bl_idname = "neural_assets.refresh_assets"
    bl_label = "Refresh"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bridge.is_ready

    def execute(self, context: bpy.types.Context) -> Result:
        bridge.refresh()
        return {"FINISHED"}


def known(asset: str, kind: str) -> AssetInfo:
    """The asset of the store; raises ProtocolError when it is not there or of another kind."""
    waiting.for_assets(bridge)
    info = bridge.assets.get(asset)
    if info is None or info.kind != kind:
        what = {"object": "asset", "background": "background"}[kind]
        raise ProtocolError(
            ErrorCode.ASSET_MISSING, f"The server has no {what} '{asset}'.", "Choose one from the list, or encode it."
        )
    return info


CLASSES = (AssignAsset, ClearAsset, SwapAssets, SetBackground, RefreshAssets)
