"""Which boxes stand in the evaluated scene, and the bounds of each.

Whatever moves an object (keyframes, parents, constraints, drivers, physics, instances) is in the depsgraph already,
and what is hidden is not: the viewport's depsgraph follows the eye and "Disable in Viewports", a render's one
"Disable in Renders". Plain values come out; nothing of Blender is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
from mathutils import Matrix, Vector

from .boxes import box_of
from .protocol.api import Box

_NO_INDEX = 0x7FFFFFFF  # fills the rest of an instance's persistent id
_SOLID_EMPTIES = ("CUBE", "SPHERE")  # those whose symbol encloses a volume

Point = tuple[float, float, float]


@dataclass(frozen=True)
class PosedBox:
    """A box as the evaluated scene has it. owner: the object of the scene that shows it (itself, or who instances it);
    matrix: local to world, frozen; low, high [3]: its local bounds; both in Blender units."""

    name: str
    owner: str
    asset: str
    asset_name: str
    guidance: float
    seed: int
    matrix: Matrix
    low: Point
    high: Point

    def box(self, metres: float) -> Box:
        """metres: length of one Blender unit. Raises ProtocolError naming the box, when it is none."""
        return box_of(self.name, self.matrix, self.low, self.high, metres)


def read_boxes(depsgraph: bpy.types.Depsgraph, space: bpy.types.SpaceView3D | None = None) -> tuple[PosedBox, ...]:
    """Every visible box. space: the 3D view that looks, which may hide more (local view, excluded types).

    What a box instances and is no box itself belongs to it: the parts of a text or of geometry nodes, the objects of
    a collection instance. The box is then the joint bounding box.
    """
    found: dict[tuple[str, tuple[int, ...]], _Bounds] = {}  # by top object and place in its tree of instances
    parents: set[str] = set()
    layer, looks = depsgraph.view_layer, depsgraph.mode == "VIEWPORT"
    for instance in depsgraph.object_instances:
        thing, settings = instance.object, instance.object.neural_assets
        top = instance.parent if instance.is_instance else thing
        if not (settings.is_box or parents and top.name_full in parents):
            continue
        if not (instance.show_self and thing.visible_camera) or thing.original.holdout_get(view_layer=layer):
            continue
        if looks and not (top.visible_in_viewport_get(space) if space else top.original.visible_get(view_layer=layer)):
            continue  # a collection's eye: the depsgraph still has its objects, since each 3D view may differ
        path = tuple(i for i in instance.persistent_id if i != _NO_INDEX) if instance.is_instance else ()
        whole = next((found[key] for key in _wholes(top.name_full, path) if key in found), None)
        if whole is not None and (not settings.is_box or whole.name == thing.name):
            whole.join(instance.matrix_world, thing)
        elif settings.is_box:
            found[top.name_full, path] = _Bounds(instance, thing, top)
            parents.add(top.name_full)
    return tuple(bounds.posed() for bounds in found.values())


def bounds_of(thing: bpy.types.Object) -> tuple[Point, Point] | None:
    """The local bounds of an evaluated object without its instances; None when it has no extent."""
    if thing.type == "EMPTY":
        side = thing.empty_display_size
        solid = thing.empty_display_type in _SOLID_EMPTIES and thing.instance_type == "NONE"
        return ((-side, -side, -side), (side, side, side)) if solid and side > 0 else None
    corners = thing.bound_box
    low, high = tuple(corners[0]), tuple(corners[6])
    return None if low == high else (low, high)


class _Bounds:
    """A box that is being read."""

    def __init__(self, instance: bpy.types.DepsgraphObjectInstance, thing: bpy.types.Object, top: bpy.types.Object):
        settings = thing.neural_assets
        self.name = thing.name
        self._values = (thing.name, top.name, settings.asset, settings.asset_name, settings.guidance, settings.seed)
        self._matrix = instance.matrix_world.copy().freeze()
        self._bounds = bounds_of(thing)

    def join(self, matrix_world: Matrix, part: bpy.types.Object) -> None:
        """Grow around a part."""
        bounds = bounds_of(part)
        if bounds is None:
            return
        to_local = self._matrix.inverted_safe() @ matrix_world
        points = [to_local @ Vector(corner) for corner in part.bound_box] if part.type != "EMPTY" else []
        points += [Vector(corner) for corner in self._bounds or ()]
        if points:
            low, high = (tuple(pick(axis) for axis in zip(*points, strict=True)) for pick in (min, max))
            self._bounds = low, high

    def posed(self) -> PosedBox:
        low, high = self._bounds or ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        return PosedBox(*self._values, self._matrix, low, high)


def _wholes(top: str, path: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Where the wholes stand that an instance at `path` may be a part of, the innermost first."""
    return ((top, path[k:]) for k in range(1, len(path) + 1))
