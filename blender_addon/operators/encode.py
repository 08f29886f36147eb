"""Encode: the boxes drawn around the reference picture's objects become assets that the boxes then carry."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress

import bpy
from bpy.props import EnumProperty, StringProperty

from ..connection.session import bridge
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import AssetInfo, AssetList, Encoded, Event
from ..protocol.messages import DeleteAsset, MergeAssets, Request
from ..protocol.messages import Encode as EncodeRequest
from ..reference import images
from ..scene import reader
from ..scene.camera import Frame
from ..scene.posed import read_boxes
from .common import boxes
from .conversation import Conversation, Steps, expected
from .reference import require_shape


class Encode(Conversation, bpy.types.Operator):
    """Make an asset of every box from what the reference picture shows in it, and a background of the rest"""

    bl_idname = "neural_assets.encode"
    bl_label = "Encode Boxes"
    bl_options = {"REGISTER", "UNDO"}
    words = "Encoding the boxes"

    which: EnumProperty(
        name="Boxes",
        description="Which boxes are encoded",
        default="ALL",
        items=(("ALL", "All", "All visible boxes"), ("SELECTED", "Selected", "The selected boxes, without background")),
    )
    box: StringProperty(
        name="Box", description="Name of the only box to encode, without background", options={"SKIP_SAVE"}
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.box:
            return "Make a new asset of this box from what the reference picture shows in it now"
        if properties.which == "SELECTED":
            return "Make assets of the selected boxes and leave the background as it is"
        return cls.__doc__ or ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Load a reference picture first")
        return context.scene.neural_assets.reference is not None

    def steps(self, context: bpy.types.Context) -> Steps:
        if self.box:
            things = [_the_box(context, self.box)]
        else:
            things = boxes(context, self.which == "SELECTED")
        if not things:
            raise ProtocolError(ErrorCode.SCENE, "There are no boxes to encode.", "Draw a box over an object.")
        everything = self.which == "ALL" and not self.box
        known, picture = [thing.session_uid for thing in things], context.scene.neural_assets.reference.name
        encoded = expected((yield encode_request(context, things)), Encoded)
        for uid, asset in zip(known, encoded.assets, strict=True):
            _carry(uid, asset, picture)
        if encoded.background is not None and everything:
            settings = context.scene.neural_assets
            settings.background, settings.background_name = encoded.background.id, encoded.background.name
        count = len(encoded.assets)
        return f"Made {count} assets" if count > 1 else f"Made the asset '{encoded.assets[0].name}'"


class AddView(Conversation, bpy.types.Operator):
    """The box shows the same object as this asset, from another side: the asset learns this view, too"""

    bl_idname = "neural_assets.add_view"
    bl_label = "Add View"
    bl_options = {"REGISTER", "UNDO"}
    words = "Adding the view"

    box: StringProperty(name="Box", description="Name of the box; empty for the active one", options={"SKIP_SAVE"})
    asset: StringProperty(
        name="Asset", description="Id of the asset that shows the same object; empty for the box's own",
        options={"SKIP_SAVE"},
    )  # fmt: skip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Load another picture of the object first")
        return context.scene.neural_assets.reference is not None

    def steps(self, context: bpy.types.Context) -> Steps:
        thing = _the_box(context, self.box)
        uid, first = thing.session_uid, self.asset or thing.neural_assets.asset
        if not first:
            raise ProtocolError(
                ErrorCode.ASSET_MISSING, f"The box '{thing.name}' has no asset yet.", "Say which asset it shows."
            )
        picture = context.scene.neural_assets.reference.name
        encoded = expected((yield encode_request(context, [thing])), Encoded)
        second = encoded.assets[0]
        if second.id == first:
            raise ProtocolError(
                ErrorCode.ASSET_MISSING, "This is the view that the asset has already.", "Load another picture of it."
            )
        was_there = second.id in bridge.assets
        try:
            merged = expected((yield MergeAssets(first=first, second=second.id)), AssetList).assets[0]
        except ProtocolError:
            yield from _forget(second.id, was_there)
            raise
        yield from _forget(second.id, was_there)
        _carry(uid, merged, picture)
        for other in bpy.data.objects:
            if other.neural_assets.asset == first:
                other.neural_assets.asset, other.neural_assets.asset_name = merged.id, merged.name
        return f"'{merged.name}' has {merged.views} views"


def encode_request(context: bpy.types.Context, things: Sequence[bpy.types.Object]) -> EncodeRequest:
    """The reference picture, these boxes and the camera as they are now; raises ProtocolError."""
    scene, depsgraph = context.scene, context.evaluated_depsgraph_get()
    image = scene.neural_assets.reference
    picture = images.pixels(image)
    require_shape(scene)
    metres = scene.unit_settings.scale_length
    posed = {box.owner: box for box in read_boxes(depsgraph)}
    for thing in things:
        if thing.name not in posed:
            raise ProtocolError(
                ErrorCode.BOX, f"The box '{thing.name}' cannot be seen by the camera.", "Show it, or leave it out."
            )
    return EncodeRequest(
        image=picture,
        boxes=tuple(posed[thing.name].box(metres) for thing in things),
        camera=reader.read_camera(depsgraph, scene.camera, Frame(picture.shape[1], picture.shape[0])),
        names=tuple(reader.plain_name(thing.name) for thing in things),
        ground=scene.neural_assets.ground * metres,
        background_name=reader.plain_name(f"Background of {image.name}"),
        provenance={"file": image.name[:200]},
    )


def _the_box(context: bpy.types.Context, name: str) -> bpy.types.Object:
    """A box by its name, or the active one; raises ProtocolError."""
    thing = context.scene.objects.get(name) if name else context.active_object
    if thing is None or not thing.neural_assets.is_box:
        raise ProtocolError(ErrorCode.BOX, f"There is no box '{name}'." if name else "No box is active.", "Select one.")
    return thing


def _carry(uid: int, asset: AssetInfo, picture: str) -> None:
    """The object with this session id carries the asset, which saw it last in this picture; it may be gone."""
    for thing in bpy.data.objects:
        if thing.session_uid == uid:
            carried = thing.neural_assets
            carried.asset, carried.asset_name = asset.id, asset.name
            carried.seen_as, carried.seen_in = asset.id, picture


def _forget(asset: str, was_there: bool) -> Generator[Request, Event, None]:
    """Delete an asset that was made for a merge only; one that stays does no harm."""
    if not was_there:
        with suppress(ProtocolError):
            yield DeleteAsset(asset=asset)


CLASSES = (Encode, AddView)
