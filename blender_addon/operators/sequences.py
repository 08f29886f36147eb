"""The animation as one job of the server, which goes on without Blender."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ..connection import waiting
from ..connection.session import bridge
from ..identity import ENGINE_ID
from ..protocol.api import RenderSettings, Scene
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import Event, ModelState, SequenceAccepted
from ..protocol.messages import DeleteSequence, ListSequences
from ..rendering import sequences
from .common import Result, answer, sentences


class RenderOnServer(bpy.types.Operator):
    """Hand the animation over to the server, which renders it even when Blender is closed. Ctrl-F12 then writes the finished frames at once"""  # noqa: E501 - a tooltip is one line

    bl_idname = "neural_assets.render_on_server"
    bl_label = "Render on Server"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.render.engine == ENGINE_ID

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        """Returns when the server has the job; scripts may end then."""
        frames = _frames(context)
        request = sequences.request_of(frames, context.scene.name)
        waiting.for_server(bridge)
        waiting.for_model(bridge)
        pending = bridge.submit(request)
        while not pending.done:
            event = pending.wait(0.1)
            if event is not None:
                sequences.follow(frames, event)
            if isinstance(event, SequenceAccepted):
                self.report({"INFO"}, f"The server has the {event.frames} frames; {event.finished} are finished.")
                return {"FINISHED"}
        raise ProtocolError(ErrorCode.LOST, sequences.problem or "The server did not take the frames.", "")

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if not bridge.is_ready:
            raise ProtocolError(ErrorCode.UNREACHABLE, "There is no connection to a server.", "Start it in the panel.")
        if bridge.status is None or bridge.status.model is ModelState.STARTING:
            raise ProtocolError(ErrorCode.BUSY, "The server is loading its model.", "Wait until it is ready.")
        frames = _frames(context)
        bridge.ask(sequences.request_of(frames, context.scene.name), lambda event: sequences.follow(frames, event))
        return {"FINISHED"}


class DeleteSequenceFrames(bpy.types.Operator):
    """Delete the frames from the server's store, and stop what is left of the job. Files that were written stay"""

    bl_idname = "neural_assets.delete_sequence"
    bl_label = "Delete Frames"
    bl_options = {"INTERNAL"}

    job: StringProperty(name="Job", description="Its id at the server")

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        waiting.for_server(bridge)
        answer(bridge.submit(DeleteSequence(job=self.job)))
        sequences.notes.forget(self.job)
        sequences.take(answer(bridge.submit(ListSequences())))
        return {"FINISHED"}

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        job = self.job  # the operator is gone when the answer comes

        def deleted(event: Event) -> None:
            sequences.notes.forget(job)
            bridge.ask(ListSequences(), sequences.take)

        bridge.ask(DeleteSequence(job=job), deleted)
        return {"FINISHED"}


def _frames(context: bpy.types.Context) -> list[tuple[Scene, RenderSettings]]:
    """What every frame of the animation asks for, as a render sees it; raises ProtocolError.

    Only a render has the depsgraph of a render (with what is hidden in views alone), so each frame is rendered as far
    as its question to the server.
    """
    scene = context.scene
    if bpy.app.is_job_running("RENDER"):
        raise ProtocolError(ErrorCode.BUSY, "A render is running.", "Wait for its end, or stop it with Escape.")
    current, sequences.collected = scene.frame_current, []
    try:
        for frame in range(scene.frame_start, scene.frame_end + 1, scene.frame_step):
            scene.frame_set(frame)
            bpy.ops.render.render(scene=scene.name)
        return sequences.collected
    except RuntimeError as error:  # a report of the engine
        sentence = str(error).strip().removeprefix("Error: ")
        raise ProtocolError(ErrorCode.SCENE, f"Frame {scene.frame_current}: {sentence}", "") from None
    finally:
        sequences.collected = None
        scene.frame_set(current)


CLASSES = (RenderOnServer, DeleteSequenceFrames)
