"""Encode: the boxes drawn around the reference picture's objects become assets that the boxes then carry."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty

from .. import pictures, reader
from ..boxes import box_of
from ..camera import Frame
from ..protocol.background_client import Pending
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import Encoded, Event
from ..protocol.messages import Encode as EncodeRequest
from ..session import bridge
from .common import Result, answer, boxes, sentences
from .reference import require_shape


class Encode(bpy.types.Operator):
    """Make an asset of every box from what the reference picture shows in it, and a background of the rest"""

    bl_idname = "neural_assets.encode"
    bl_label = "Encode boxes"
    bl_options = {"REGISTER", "UNDO"}

    which: EnumProperty(
        name="Boxes",
        default="ALL",
        items=(("ALL", "All", "All visible boxes"), ("SELECTED", "Selected", "The selected boxes, without background")),
    )

    _pending: Pending | None = None
    _timer: bpy.types.Timer | None = None
    _boxes: list[int]  # session ids, which outlive undo and renaming

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.neural_assets.reference is not None

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        request = self._request(context)
        bridge.require(lambda: False)
        return self._take(context, answer(bridge.submit(request)))

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        request = self._request(context)
        if not bridge.is_ready:
            raise ProtocolError(ErrorCode.UNREACHABLE, "There is no connection to a server.", "Start it in the panel.")
        self._pending = bridge.submit(request)
        self._timer = context.window_manager.event_timer_add(0.1, window=context.window)
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(f"Encoding {len(self._boxes)} boxes ... Escape stops")
        return {"RUNNING_MODAL"}

    @sentences
    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        assert self._pending is not None
        if event.type == "ESC":
            self._leave(context)
            self._pending.cancel()
            return {"CANCELLED"}
        found = self._pending.wait(0) if event.type == "TIMER" else None
        if found is None or not found.final:
            return {"PASS_THROUGH"}
        self._leave(context)
        return self._take(context, found)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, for instance because another file is opened."""
        if self._pending is not None:
            self._pending.cancel()

    def _leave(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)

    def _request(self, context: bpy.types.Context) -> EncodeRequest:
        """Picture, boxes and camera as they are now; raises ProtocolError."""
        things = boxes(context, self.which == "SELECTED")
        if not things:
            raise ProtocolError(ErrorCode.SCENE, "There are no boxes to encode.", "Add a box around an object.")
        scene, depsgraph = context.scene, context.evaluated_depsgraph_get()
        image = scene.neural_assets.reference
        if image is None:
            raise ProtocolError(ErrorCode.IMAGE, "The scene has no reference picture.", "Load one.")
        picture = pictures.pixels(image)
        frame = Frame(picture.shape[1], picture.shape[0])
        require_shape(scene)
        metres = scene.unit_settings.scale_length
        self._boxes = [thing.session_uid for thing in things]
        evaluated = [thing.evaluated_get(depsgraph) for thing in things]
        return EncodeRequest(
            image=picture,
            boxes=tuple(box_of(t.name, t.matrix_world, t.bound_box[0], t.bound_box[6], metres) for t in evaluated),
            camera=reader.read_camera(depsgraph, scene.camera, frame),
            names=tuple(reader.plain_name(thing.name) for thing in things),
            ground=scene.neural_assets.ground * metres,
            background_name=reader.plain_name(f"Background of {image.name}"),
            provenance={"picture": image.name[:200]},
        )

    def _take(self, context: bpy.types.Context, event: Event) -> Result:
        """The boxes carry what was made of them; boxes that are gone meanwhile are left out."""
        if not isinstance(event, Encoded):
            raise (
                event.error()
                if hasattr(event, "error")
                else ProtocolError(ErrorCode.MALFORMED, "The server answered something else than assets.", "Update it.")
            )
        known = {thing.session_uid: thing for thing in context.scene.objects}
        for uid, asset in zip(self._boxes, event.assets, strict=True):
            if uid in known:
                carried = known[uid].neural_assets
                carried.asset, carried.asset_name = asset.id, asset.name
        if event.background is not None and self.which == "ALL":
            settings = context.scene.neural_assets
            settings.background, settings.background_name = event.background.id, event.background.name
        bridge.refresh()
        self.report({"INFO"}, f"Made {len(event.assets)} assets")
        return {"FINISHED"}


CLASSES = (Encode,)
