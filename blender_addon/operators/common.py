"""What operators share: refusals as reports, waiting in `execute`, and which boxes are meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from ..protocol.background_client import Pending
from ..protocol.errors import ProtocolError
from ..protocol.events import Event, Failed

Result = set[str]


def sentences(method: Callable[..., Result]) -> Callable[..., Result]:
    """A refusal inside this operator method becomes the operator's error, and nothing has changed."""

    def guarded(self: bpy.types.Operator, *arguments: Any) -> Result:
        try:
            return method(self, *arguments)
        except ProtocolError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    # Blender counts the parameters of these methods, so that each kind needs its own
    def on_execute(self: bpy.types.Operator, context: bpy.types.Context) -> Result:
        return guarded(self, context)

    def on_event(self: bpy.types.Operator, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return guarded(self, context, event)

    return on_execute if method.__name__ == "execute" else on_event


def answer(pending: Pending) -> Event:
    """Wait for the final event (scripts and background mode only); raises ProtocolError when it is a refusal."""
    while True:
        event = pending.wait(0.1)
        if isinstance(event, Failed):
            raise event.error()
        if event is not None and event.final:
            return event


def boxes(context: bpy.types.Context, selected: bool) -> list[bpy.types.Object]:
    """The visible boxes of the view layer, or the selected ones, by name."""
    return sorted(
        (
            thing
            for thing in context.view_layer.objects
            if thing.neural_assets.is_box and thing.visible_get() and (thing.select_get() or not selected)
        ),
        key=lambda thing: thing.name,
    )
