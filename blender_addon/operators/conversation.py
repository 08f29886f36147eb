"""Operators that ask the server several things in a row: scripts wait for each answer, a window never does."""

from __future__ import annotations

from collections.abc import Generator

import bpy

from ..connection import waiting
from ..connection.session import bridge
from ..protocol.background_client import Pending
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import Event, Failed
from ..protocol.messages import Request
from .common import Result, answer, sentences

Steps = Generator[Request, Event, str]  # yields requests, is sent their final events, returns what was done


class Conversation:
    """Such an operator without its steps. A refusal is thrown into them as ProtocolError."""

    words = "Asking the server"

    _steps: Steps | None = None
    _pending: Pending | None = None
    _timer: bpy.types.Timer | None = None

    def steps(self, context: bpy.types.Context) -> Steps:
        """Keep no object of Blender's over a `yield`: undo makes it invalid."""
        raise NotImplementedError

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        steps = self.steps(context)
        request = next(steps)  # what is refused without a server comes first
        waiting.for_server(bridge)
        try:
            while True:
                try:
                    event = answer(bridge.submit(request))
                except ProtocolError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(event)
        except StopIteration as end:
            return self._finished(end)

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        self._steps = self.steps(context)
        request = next(self._steps)
        if not bridge.is_ready:
            raise ProtocolError(ErrorCode.UNREACHABLE, "There is no connection to a server.", "Start it in the panel.")
        self._pending = bridge.submit(request)
        self._timer = context.window_manager.event_timer_add(0.1, window=context.window)
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(f"{self.words} ... Escape stops")
        return {"RUNNING_MODAL"}

    @sentences
    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        assert self._pending is not None and self._steps is not None
        if event.type == "ESC":
            self._leave(context)
            self._pending.cancel()
            return {"CANCELLED"}
        found = self._pending.wait(0) if event.type == "TIMER" else None
        if found is None or not found.final:
            return {"PASS_THROUGH"}
        try:
            failed = isinstance(found, Failed)
            request = self._steps.throw(found.error()) if failed else self._steps.send(found)
            self._pending = bridge.submit(request)
        except StopIteration as end:
            self._leave(context)
            return self._finished(end)
        except Exception:
            self._leave(context)
            raise
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, for instance because another file is opened."""
        if self._pending is not None:
            self._pending.cancel()

    def _finished(self, end: StopIteration) -> Result:
        bridge.refresh()
        self.report({"INFO"}, end.value)
        return {"FINISHED"}

    def _leave(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)


def expected(event: Event, kind: type[Event]) -> Event:
    """The event, which must be of this kind; raises ProtocolError for an answer that nobody asked for."""
    if not isinstance(event, kind):
        raise ProtocolError(ErrorCode.MALFORMED, "The server answered something else than assets.", "Update it.")
    return event
