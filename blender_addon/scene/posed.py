"""Which boxes stand in the evaluated scene, and the bounds of each.

Whatever moves an object (keyframes, parents, constraints, drivers, physics, instances) is in the depsgraph already,
and what is hidden is not: the viewport's depsgraph follows the eye and "Disable in Viewports", a render's one
"Disable in Renders". Plain values come out; nothing of Blender is kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..protocol.api import Box
from .boxes import box_of
from .sight import Frames

_NO_INDEX = 0x7FFFFFFF  # fills the rest of an instance's persistent id
_SOLID_EMPTIES = ("CUBE", "SPHERE")  # those whose symbol encloses a volume

Point = tuple[float, float, float]
_Place = tuple[str, tuple[int, ...]]  # top object, and the place in its tree of instances
_NOTHING: tuple[Point, Point] = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)


class PosedBox(NamedTuple):
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


class Boxes(tuple[PosedBox, ...]):
    """The boxes of one moment. frames: the same as arrays."""

    frames: Frames

    def __new__(cls, posed: Iterable[PosedBox], matrices: np.ndarray) -> Boxes:
        """matrices [n, 4, 4]: of the boxes, column by column."""
        boxes = super().__new__(cls, posed)
        bounds = np.array([posed.low + posed.high for posed in boxes]).reshape(-1, 6)
        boxes.frames = Frames.of(matrices, bounds[:, :3], bounds[:, 3:])
        return boxes


def read_boxes(depsgraph: bpy.types.Depsgraph, space: bpy.types.SpaceView3D | None = None) -> Boxes:
    """Every visible box. space: the 3D view that looks, which may hide more (local view, excluded types).

    What a box instances and is no box itself belongs to it: the parts of a text or of geometry nodes, the objects of
    a collection instance. The box is then the joint bounding box.
    """
    found: dict[_Place, PosedBox] = {}
    rows: dict[_Place, int] = {}  # of what was found, among all instances
    is_shown, own_bounds = _eye(depsgraph, space), _all_bounds(depsgraph)
    tops: set[str] = set()
    last, is_whole = None, False  # the last instancer of no boxes, which may have thousands, and whether it is one
    row = -1
    for row, instance in enumerate(depsgraph.object_instances):  # Blender's attributes cost: read as few as can be
        thing = instance.object
        settings = thing.neural_assets
        is_box = settings.is_box
        if not instance.is_instance:
            low, high = next(own_bounds)
            if is_box and is_shown(instance, thing, thing):
                name, full_name = thing.name, thing.name_full
                bounds = (low, high) if low != high else bounds_of(thing)
                place = full_name, ()
                found[place], rows[place] = _posed(instance, name, name, settings, bounds), row
                tops.add(full_name)
            continue
        top = instance.parent
        if not is_box:
            if top != last:
                last, is_whole = top, top.name_full in tops
            if not is_whole:
                continue
        path = tuple(i for i in instance.persistent_id if i != _NO_INDEX)
        whole = next((place for place in _wholes(top.name_full, path) if place in found), None)
        if (whole is None and not is_box) or not is_shown(instance, thing, top):
            continue
        if whole is not None and (not is_box or found[whole].name == thing.name):
            found[whole] = _joined(found[whole], instance.matrix_world, thing)
        else:
            place = top.name_full, path
            found[place], rows[place] = _posed(instance, thing.name, top.name, settings, bounds_of(thing)), row
            tops.add(top.name_full)
            last = None
    matrices = np.empty((row + 1, 4, 4), np.float32)
    depsgraph.object_instances.foreach_get("matrix_world", matrices.ravel())
    return Boxes(found.values(), matrices[list(rows.values())].astype(float))


def _eye(
    depsgraph: bpy.types.Depsgraph, space: bpy.types.SpaceView3D | None
) -> Callable[[bpy.types.DepsgraphObjectInstance, bpy.types.Object, bpy.types.Object], bool]:
    """What tells whether an instance, its object and the scene's object that shows it are to be seen."""
    layer, looks = depsgraph.view_layer, depsgraph.mode == "VIEWPORT"
    some_cut = _cuts_holes(layer.layer_collection)

    def is_shown(instance: bpy.types.DepsgraphObjectInstance, thing: bpy.types.Object, top: bpy.types.Object) -> bool:
        if not instance.show_self or not thing.visible_camera or thing.is_holdout:
            return False
        if some_cut and thing.original.holdout_get(view_layer=layer):
            return False
        if not looks:
            return True
        # a collection's eye: the depsgraph still has its objects, since each 3D view may differ
        return top.visible_in_viewport_get(space) if space else top.original.visible_get(view_layer=layer)

    return is_shown


def _cuts_holes(collection: bpy.types.LayerCollection) -> bool:
    """Whether it or one in it is a holdout."""
    return collection.holdout or any(map(_cuts_holes, collection.children))


def _all_bounds(depsgraph: bpy.types.Depsgraph) -> Iterator[tuple[Point, Point]]:
    """The local bounds of every object that is no instance, in the depsgraph's order; equal ones where Blender knows no
    extent. All at once, since asking each object takes ten times longer."""
    corners = np.empty((len(depsgraph.objects), 8, 3), np.float32)
    depsgraph.objects.foreach_get("bound_box", corners.ravel())
    low, high = (zip(*corners[:, corner].T.tolist(), strict=True) for corner in (0, 6))
    return zip(low, high, strict=True)


def bounds_of(thing: bpy.types.Object) -> tuple[Point, Point] | None:
    """The local bounds of an evaluated object without its instances; None when it has no extent."""
    if thing.type == "EMPTY":
        side = thing.empty_display_size
        solid = thing.empty_display_type in _SOLID_EMPTIES and thing.instance_type == "NONE"
        return ((-side, -side, -side), (side, side, side)) if solid and side > 0 else None
    corners = thing.bound_box
    low, high = corners[0][:], corners[6][:]
    return None if low == high else (low, high)


def _posed(
    instance: bpy.types.DepsgraphObjectInstance,
    name: str,
    owner: str,
    settings: bpy.types.PropertyGroup,
    bounds: tuple[Point, Point] | None,
) -> PosedBox:
    low, high = bounds or _NOTHING
    return PosedBox(
        name,
        owner,
        settings.asset,
        settings.asset_name,
        settings.guidance,
        settings.seed,
        instance.matrix_world.copy().freeze(),
        low,
        high,
    )


def _joined(whole: PosedBox, matrix_world: Matrix, part: bpy.types.Object) -> PosedBox:
    """The box, grown around a part."""
    bounds = bounds_of(part)
    if bounds is None:
        return whole
    to_local = whole.matrix.inverted_safe() @ matrix_world
    points = [to_local @ Vector(corner) for corner in itertools.product(*zip(*bounds, strict=True))]
    if whole.low != whole.high:
        points += [Vector(whole.low), Vector(whole.high)]
    low, high = (tuple(pick(axis) for axis in zip(*points, strict=True)) for pick in (min, max))
    return whole._replace(low=low, high=high)


def _wholes(top: str, path: tuple[int, ...]) -> Iterator[_Place]:
    """Where the wholes stand that an instance at `path` may be a part of, the innermost first."""
    return ((top, path[k:]) for k in range(1, len(path) + 1))
