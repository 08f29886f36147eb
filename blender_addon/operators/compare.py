"""Compare two pictures of the history over each other in the 3D view."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ..drawing.comparing import Comparison, Rectangle
from ..drawing.picture_view import window_region
from ..pictures import history, keeping
from ..protocol.errors import ErrorCode, ProtocolError
from .common import Result, sentences


class ComparePictures(bpy.types.Operator):
    """Show two pictures over each other with a divider to drag: the active one, and the newest or another"""

    bl_idname = "neural_assets.history_compare"
    bl_label = "Compare"
    bl_options = {"INTERNAL"}

    left: StringProperty(name="Left", description="Id of a picture; empty for the active one", options={"SKIP_SAVE"})
    right: StringProperty(name="Right", description="Id of a picture; empty for the newest", options={"SKIP_SAVE"})

    _comparison: Comparison
    _area: bpy.types.Area
    _handler: object
    _drags = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return len(context.window_manager.neural_assets_history) > 1

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        self._prepare(context)  # a script hears what is wrong; there is nothing else to do without a window
        return {"FINISHED"}

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        self._comparison = self._prepare(context)
        area = next((a for a in (context.area, *context.screen.areas) if a is not None and a.type == "VIEW_3D"), None)
        if area is None:
            raise ProtocolError(ErrorCode.IMAGE, "There is no 3D view to compare in.", "Open one in this window.")
        self._area = area
        self._handler = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set("Drag the divider. Escape ends the comparison")
        area.tag_redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if self._area not in context.screen.areas.values() or event.type in ("ESC", "RET", "NUMPAD_ENTER"):
            self._leave(context)
            return {"FINISHED"}
        region = window_region(self._area)
        x, y = event.mouse_x - region.x, event.mouse_y - region.y
        left, bottom, right, top = inside(self._area)
        if event.type == "LEFTMOUSE":
            self._drags = event.value == "PRESS" and left <= x <= right and bottom <= y <= top
        if self._drags and event.type in ("LEFTMOUSE", "MOUSEMOVE"):
            self._comparison.move(x, (left, bottom, right, top))
            self._area.tag_redraw()
            return {"RUNNING_MODAL"}
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, for instance because another file is opened."""
        self._leave(context)

    def _prepare(self, context: bpy.types.Context) -> Comparison:
        """Reads both pictures; raises ProtocolError."""
        entries = keeping.history().entries()
        left = self.left or keeping.selected(context)
        right = self.right or next((entry.id for entry in entries if entry.id != left), left)
        both = [keeping.history().get(name) for name in (left, right)]
        pixels = [history.pixels_of(entry.path) for entry in both]
        return Comparison(pixels[0], pixels[1], (keeping.words(both[0]), keeping.words(both[1])))

    def _draw(self) -> None:
        if bpy.context.area == self._area:
            region = bpy.context.region
            self._comparison.draw((region.width, region.height), inside(self._area))

    def _leave(self, context: bpy.types.Context) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self._handler, "WINDOW")
        context.workspace.status_text_set(None)
        for area in context.screen.areas:
            area.tag_redraw()


def inside(area: bpy.types.Area) -> Rectangle:
    """The part of a 3D view's region that toolbar and sidebar do not cover, in its pixels."""
    region = window_region(area)
    left, bottom, right, top = 0, 0, region.width, region.height
    if bpy.context.preferences.system.use_region_overlap:
        for other in area.regions:
            if other.type in ("TOOLS", "UI") and other.width > 1:
                if other.alignment == "LEFT":
                    left = max(left, other.x + other.width - region.x)
                else:
                    right = min(right, other.x - region.x)
            elif other.type in ("HEADER", "TOOL_HEADER") and other.height > 1:
                if other.y > region.y + region.height / 2:
                    top = min(top, other.y - region.y)
                else:
                    bottom = max(bottom, other.y + other.height - region.y)
    return float(left), float(bottom), float(right), float(top)


CLASSES = (ComparePictures,)
