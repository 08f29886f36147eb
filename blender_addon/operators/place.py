"""Assets into the scene: a new box of an asset's true size, and what follows a drop from the Asset Browser."""

from __future__ import annotations

import bpy
from bpy.props import FloatVectorProperty, StringProperty
from mathutils import Euler, Vector

from ..assets import drops
from ..protocol.errors import ErrorCode, ProtocolError
from ..scene.new_box import add_to_scene, make_box
from .assets import known
from .common import Result, sentences


class _Carries(bpy.types.Operator):
    asset: StringProperty(name="Asset", description="Its id in the server's store")
    asset_name: StringProperty(name="Name", description="Empty for the store's name", options={"SKIP_SAVE"})


class AddAsset(_Carries):
    """Add a box of this asset's true size that carries it, standing on the 3D cursor"""

    bl_idname = "neural_assets.add_asset"
    bl_label = "Add to Scene"
    bl_options = {"REGISTER", "UNDO"}

    location: FloatVectorProperty(
        name="Location", subtype="TRANSLATION", options={"SKIP_SAVE"}, description="Where it stands"
    )
    rotation: FloatVectorProperty(
        name="Rotation", description="How it is turned", subtype="EULER", options={"SKIP_SAVE"}
    )
    size: FloatVectorProperty(
        name="Size",
        min=0.0,
        unit="LENGTH",
        options={"SKIP_SAVE", "HIDDEN"},
        description="Full extents in metres; zero for the store's size",
    )

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        if context.mode != "OBJECT":
            raise ProtocolError(ErrorCode.SCENE, "Boxes are added in Object Mode.", "Press Tab first.")
        name, size = self.asset_name, tuple(self.size)
        if not (name and all(size)):
            info = known(self.asset, "object")
            name, size = info.name, info.size
        metres = context.scene.unit_settings.scale_length
        thing = make_box(name, tuple(side / metres for side in size))
        thing.neural_assets.asset, thing.neural_assets.asset_name = self.asset, name
        is_placed = self.properties.is_property_set("location")
        thing.location = self.location if is_placed else context.scene.cursor.location
        thing.rotation_euler = Euler(self.rotation)
        add_to_scene(context, thing)
        return {"FINISHED"}


class ReplaceAsset(_Carries):
    """Let the box that something was dropped on carry it"""

    bl_idname = "neural_assets.replace_asset"
    bl_label = "Replace Asset"
    bl_options = {"UNDO", "INTERNAL"}

    box: StringProperty(name="Box", description="Name of the box's object")

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        thing = context.scene.objects.get(self.box)
        if thing is None or not thing.is_editable:
            raise ProtocolError(ErrorCode.BOX, f"The box '{self.box}' cannot be changed.", "Choose another one.")
        thing.neural_assets.asset, thing.neural_assets.asset_name = self.asset, self.asset_name
        return {"FINISHED"}


class TakeBackground(_Carries):
    """Put the background that was dropped behind the objects"""

    bl_idname = "neural_assets.take_background"
    bl_label = "Set Background"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        settings = context.scene.neural_assets
        settings.background, settings.background_name = self.asset, self.asset_name
        return {"FINISHED"}


class SettleDrop(bpy.types.Operator):
    """See what the asset that was just dropped was dropped on"""

    bl_idname = "neural_assets.settle_drop"
    bl_label = "Settle Drop"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        mouse = Vector((event.mouse_x, event.mouse_y))
        return {"FINISHED"} if drops.plan(context, mouse) else {"CANCELLED"}


CLASSES = (AddAsset, ReplaceAsset, TakeBackground, SettleDrop)
