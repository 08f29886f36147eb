"""What becomes of an asset that was dragged out of the Asset Browser into a 3D view.

Blender itself appends the asset and puts it on the surface under the mouse: a box then stands there, and nothing is
left to do. A box that was dropped on another one replaces that one's asset instead, a background's World becomes the
scene's background, and in a scene whose unit is not the metre a box gets its true size. Then Blender's own step is
undone and one of ours is made instead, so that one Ctrl-Z takes the drop back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import bpy
from bpy.app.handlers import persistent
from bpy_extras.view3d_utils import location_3d_to_region_2d, region_2d_to_origin_3d
from mathutils import Vector

from ..scene.posed import PosedBox, read_boxes

_OBJECT, _WORLD = "OBJECT_OT_transform_to_mouse", "VIEW3D_OT_drop_world"  # Blender's operators that end a drop
_AIM = 60.0  # pixels between the mouse and the place of what it dropped, at most (snapping moves it)
_REACH = 1.001  # a solid box's own surface is where the drop lies

_done = 0  # session uid of the newest thing whose drop was looked at


@dataclass(frozen=True)
class Sight:
    """How a place is seen: from where, and which way to it (not normalised: the place is at 1)."""

    origin: Vector
    direction: Vector


def first_hit(boxes: Iterable[PosedBox], sight: Sight) -> PosedBox | None:
    """The nearest box on the way to the place, whose surface is looked at from outside."""
    hits = [(distance, index, box) for index, box in enumerate(boxes) if (distance := _entry(box, sight)) is not None]
    return min(hits)[2] if hits else None


def _entry(box: PosedBox, sight: Sight) -> float | None:
    """Where the line of sight enters a box, 0..1 of the way; None when it does not, or begins inside."""
    if abs(box.matrix.determinant()) < 1e-12:
        return None
    inverse = box.matrix.inverted()
    origin, direction = inverse @ sight.origin, inverse.to_3x3() @ sight.direction
    enters, leaves = 0.0, _REACH
    for start, step, low, high in zip(origin, direction, box.low, box.high, strict=True):
        if abs(step) < 1e-12:
            if not low <= start <= high:
                return None
            continue
        near, far = sorted(((low - start) / step, (high - start) / step))
        enters, leaves = max(enters, near), min(leaves, far)
    return enters if 0 < enters <= leaves else None


def sight_of(place: Vector, mouse: Vector, context: bpy.types.Context) -> Sight | None:
    """How the 3D view under the mouse sees a place that was dropped there; None when the mouse is not at it.

    mouse: pixels in the window of the context.
    """
    for area in context.window.screen.areas:
        if area.type != "VIEW_3D":
            continue
        region = next(found for found in area.regions if found.type == "WINDOW")
        view = area.spaces.active.region_3d
        seen = location_3d_to_region_2d(region, view, place)
        corner = Vector((region.x, region.y))
        inside = 0 <= mouse.x - region.x < region.width and 0 <= mouse.y - region.y < region.height
        if seen is not None and inside and (seen + corner - mouse).length <= _AIM:
            origin = region_2d_to_origin_3d(region, view, seen)
            return Sight(origin, place - origin)
    return None


@persistent
def _after_update(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Blender's drop has ended when this is called: see whether it was one of ours, and look at it from a timer, for
    nothing may be changed in here."""
    global _done
    operators = bpy.context.window_manager.operators
    name = operators[-1].bl_idname if operators else ""
    if name == _OBJECT:
        dropped = depsgraph.view_layer.objects.active
        is_ours = dropped is not None and dropped.neural_assets.is_box and bool(dropped.neural_assets.asset)
    elif name == _WORLD:
        dropped = scene.world
        is_ours = dropped is not None and bool(dropped.neural_assets.background)
    else:
        return
    if is_ours and dropped.session_uid != _done:
        _done = dropped.session_uid
        bpy.app.timers.register(_settle, first_interval=0.0)


def _settle() -> None:
    """In the main thread, right after the drop: what the window where it happened plans is done."""
    for window in bpy.context.window_manager.windows:
        with bpy.context.temp_override(window=window):
            if "FINISHED" in bpy.ops.neural_assets.settle_drop("INVOKE_DEFAULT"):
                plan = planned.pop()
                if plan is not None:
                    _take_back(window)
                    plan()
                return


planned: list[Callable[[], object] | None] = []  # by `settle_drop`: what is to be done instead of the drop, if anything


def plan(context: bpy.types.Context, mouse: Vector) -> bool:
    """Whether the newest drop happened in the context's window; then `planned` has what to do about it.

    mouse: where it is, in pixels of the window; only that tells which of several 3D views the drop was in.
    """
    scene, thing = context.scene, context.view_layer.objects.active
    if scene.world is not None and scene.world.session_uid == _done:
        carried = scene.world.neural_assets
        planned.append(partial(_call, "take_background", carried.background, carried.background_name))
        return True
    if thing is None or thing.session_uid != _done:
        return False
    matrix, metres = thing.matrix_world, scene.unit_settings.scale_length
    sight = sight_of(matrix.translation, mouse, context)
    if sight is None:
        return False
    others = [box for box in read_boxes(context.evaluated_depsgraph_get()) if box.owner != thing.name]
    target = first_hit(others, sight)
    asset, name = thing.neural_assets.asset, thing.neural_assets.asset_name
    if target is not None and scene.objects[target.owner].is_editable:
        planned.append(partial(_call, "replace_asset", asset, name, box=target.owner))
    elif target is None and abs(metres - 1) > 1e-6:
        place = {"location": matrix.translation[:], "rotation": matrix.to_euler()[:], "size": thing.dimensions[:]}
        planned.append(partial(_call, "add_asset", asset, name, **place))
    else:
        planned.append(None)
    return True


def _call(operator: str, asset: str, name: str, **properties: object) -> None:
    """One of our operators, with an undo step."""
    getattr(bpy.ops.neural_assets, operator)("EXEC_DEFAULT", True, asset=asset, asset_name=name, **properties)


def _take_back(window: bpy.types.Window) -> None:
    """Undo Blender's drop; where undo is off, remove what was dropped."""
    if bpy.context.preferences.edit.use_global_undo:
        bpy.ops.ed.undo()
    for thing in window.view_layer.objects:
        if thing.session_uid == _done:
            bpy.data.objects.remove(thing)
            break


def register() -> None:
    if not bpy.app.background:
        bpy.app.handlers.depsgraph_update_post.append(_after_update)


def unregister() -> None:
    if _after_update in bpy.app.handlers.depsgraph_update_post:
        bpy.app.handlers.depsgraph_update_post.remove(_after_update)
