"""What the tools share that draw in a 3D view while they run: the drawing over the view, and words on what to do.

Such an operator keeps a plain object with everything that was drawn; nothing of the file changes until it is applied.
"""

from __future__ import annotations

import traceback
from typing import Any, Protocol

import bpy
import numpy as np

from ..drawing.picture_view import window_region
from .common import Result, sentences

_NAVIGATION = {
    "MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "WHEELINMOUSE", "WHEELOUTMOUSE", "TRACKPADPAN", "TRACKPADZOOM",
    "MOUSEROTATE", "MOUSESMARTZOOM", "NDOF_MOTION", "HOME",
}  # fmt: skip
_WIDE = ("EVENT_ESC", "EVENT_TAB", "EVENT_CTRL", "EVENT_RETURN", "EVENT_BACKSPACE")  # their icons reach into the text
Keys = tuple[tuple[str, str], ...]  # icon and what it does


class Sketch(Protocol):
    """What is being drawn."""

    def draw(self, context: bpy.types.Context) -> None: ...
    def header(self, context: bpy.types.Context) -> str: ...
    def keys(self) -> Keys: ...


class OnPicture:
    """A modal operator's life, apart from what it draws. `sketch` is set by `begin`."""

    sketch: Any
    _handler: object = None
    _area = 0

    def begin(self, context: bpy.types.Context, sketch: Sketch) -> Result:
        """Show the sketch and listen."""
        self.sketch, self._area = sketch, context.area.as_pointer()
        self._handler = bpy.types.SpaceView3D.draw_handler_add(_draw, (sketch, self._area), "WINDOW", "POST_PIXEL")
        context.window_manager.modal_handler_add(self)
        self.say(context)
        return {"RUNNING_MODAL"}

    @sentences
    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        leaves = event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS"
        if leaves or context.area is None or context.area.type != "VIEW_3D":
            self.end(context)
            return {"CANCELLED"}
        if self.is_elsewhere(context, event):
            return {"PASS_THROUGH"}
        try:
            return self.on_event(context, event)
        except Exception:
            self.end(context)
            raise

    def on_event(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """The sketch's own mouse and keys."""
        raise NotImplementedError

    def end(self, context: bpy.types.Context) -> None:
        """Take everything back that `begin` and `say` put up."""
        if self._handler is None:
            return
        bpy.types.SpaceView3D.draw_handler_remove(self._handler, "WINDOW")
        self._handler = None
        if context.workspace is not None:
            context.workspace.status_text_set(None)
        if context.area is not None:
            context.area.header_text_set(None)
            context.area.tag_redraw()

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, for instance because another file is opened."""
        self.end(context)

    def say(self, context: bpy.types.Context) -> None:
        """Header and status bar tell what to do now; the view is drawn again."""
        keys = self.sketch.keys()

        def status(header: bpy.types.Header, context: bpy.types.Context) -> None:
            for icon, text in keys:
                header.layout.label(text=f"  {text}" if icon in _WIDE else text, icon=icon)

        context.area.header_text_set(self.sketch.header(context))
        context.workspace.status_text_set(status)
        context.area.tag_redraw()

    def is_elsewhere(self, context: bpy.types.Context, event: bpy.types.Event, wheel: bool = True) -> bool:
        """Whether the event is for somebody else: clocks, moving the view about, or a panel beside it."""
        if (
            event.type.startswith(("TIMER", "WINDOW", "NONE"))
            or event.type in _NAVIGATION
            and (wheel or not event.type.startswith("WHEEL"))
        ):
            return True
        clicked = event.type in ("LEFTMOUSE", *_NAVIGATION) and event.value in ("PRESS", "DOUBLE_CLICK", "CLICK_DRAG")
        return clicked and any(
            region.type != "WINDOW" and region.width > 1 and _is_inside(region, event)
            for region in context.area.regions
        )


def pixel_of(context: bpy.types.Context, event: bpy.types.Event) -> np.ndarray:
    """The mouse [2] in the region that shows the scene, wherever the operator was started."""
    region = window_region(context.area)
    return np.array([event.mouse_x - region.x, event.mouse_y - region.y], float)


def _is_inside(region: bpy.types.Region, event: bpy.types.Event) -> bool:
    return 0 <= event.mouse_x - region.x < region.width and 0 <= event.mouse_y - region.y < region.height


def _draw(sketch: Sketch, area: int) -> None:
    context = bpy.context
    if context.area is None or context.area.as_pointer() != area:
        return
    try:
        sketch.draw(context)
    except Exception:  # else Blender repeats it at every redraw
        traceback.print_exc()
