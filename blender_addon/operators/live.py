"""Live: the 3D view shows the model's picture of the scene, and follows."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from ..colour import settle
from ..connection.session import hurry, views
from ..identity import ENGINE_ID
from ..protocol.errors import ErrorCode, ProtocolError
from ..rendering.viewport import Viewport
from .common import Result, sentences

_shading_before: dict[int, str] = {}  # by the 3D view's address, in this file


class ToggleLive(bpy.types.Operator):
    """Show the model's picture of the scene in this 3D view, and let it follow every change; again to stop"""

    bl_idname = "neural_assets.live"
    bl_label = "Live"
    bl_options = {"REGISTER", "UNDO"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        space = _space(context)
        if is_live(space, context.scene):
            space.shading.type = _shading_before.pop(space.as_pointer(), "SOLID")
            return {"FINISHED"}
        if space.shading.type != "RENDERED":
            _shading_before[space.as_pointer()] = space.shading.type
        context.scene.render.engine = ENGINE_ID
        settle(context.scene)
        space.shading.type = "RENDERED"
        return {"FINISHED"}


class PauseLive(bpy.types.Operator):
    """Keep the picture as it is and ask for no other; again to go on, also after an error"""

    bl_idname = "neural_assets.pause_live"
    bl_label = "Pause"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return viewport_of(context) is not None

    def execute(self, context: bpy.types.Context) -> Result:
        viewport = viewport_of(context)
        assert viewport is not None
        if viewport.live.is_waiting:
            viewport.live.go_on()
        else:
            viewport.live.pause()
        hurry()
        return {"FINISHED"}


def is_live(space: bpy.types.SpaceView3D, scene: bpy.types.Scene) -> bool:
    return space.shading.type == "RENDERED" and scene.render.engine == ENGINE_ID


def viewport_of(context: bpy.types.Context) -> Viewport | None:
    """What draws the 3D view of this context, while it is live."""
    space = context.space_data
    if space is None or space.type != "VIEW_3D" or not is_live(space, context.scene):
        return None
    address = space.as_pointer()
    return next((view for view in views if isinstance(view, Viewport) and view.space == address), None)


def draw_in_header(self: bpy.types.Header, context: bpy.types.Context) -> None:
    """In the 3D view's header, while the scene is rendered with this engine."""
    if context.scene.render.engine == ENGINE_ID:
        draw_toggle(self.layout.row(align=True), context)


def draw_toggle(row: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Live, and Pause beside it."""
    on = is_live(context.space_data, context.scene)
    row.operator(ToggleLive.bl_idname, icon="SNAP_FACE" if on else "PLAY", depress=on)
    viewport = viewport_of(context)
    if viewport is not None:
        waiting = viewport.live.is_waiting
        row.operator(PauseLive.bl_idname, text="", icon="PLAY" if waiting else "PAUSE", depress=waiting)


def _space(context: bpy.types.Context) -> bpy.types.SpaceView3D:
    """The 3D view that is meant: the one under the mouse, else the first of the screen; raises ProtocolError."""
    space = context.space_data
    if space is not None and space.type == "VIEW_3D":
        return space
    for area in context.screen.areas if context.screen else ():
        if area.type == "VIEW_3D":
            return area.spaces.active
    raise ProtocolError(ErrorCode.SCENE, "There is no 3D view here.", "Open one, and start Live there.")


@persistent
def _forget(*_: object) -> None:
    """Another file has other 3D views."""
    _shading_before.clear()


def register() -> None:
    bpy.app.handlers.load_pre.append(_forget)
    bpy.types.VIEW3D_HT_header.append(draw_in_header)


def unregister() -> None:
    bpy.types.VIEW3D_HT_header.remove(draw_in_header)
    bpy.app.handlers.load_pre.remove(_forget)


CLASSES = (ToggleLive, PauseLive)
