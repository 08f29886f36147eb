"""What made a picture comes back into Blender's scene: boxes, camera and settings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
from mathutils import Matrix, Vector

from ..protocol.api import Camera, Placement
from ..scene import camera as cameras
from ..scene.new_box import make_box
from ..scene.posed import bounds_of, read_boxes
from ..scene.reader import plain_name
from .stamp import Stamp

_FLAT = 1e-6  # a side of this length cannot be scaled to another
_NO_BOUNDS = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Restored:
    """What changed, for a sentence. Names of objects."""

    made: tuple[str, ...] = ()
    keyed: tuple[str, ...] = ()  # animated: their keyframes win at the next frame
    others: tuple[str, ...] = ()  # boxes of the scene that the picture does not show

    @property
    def words(self) -> str:
        parts = []
        if self.made:
            parts.append(f"Added: {_listed(self.made)}.")
        if self.keyed:
            parts.append(f"Animated, so that the next frame moves them again: {_listed(self.keyed)}.")
        if self.others:
            parts.append(f"Not in the picture and left as they are: {_listed(self.others)}.")
        return " ".join(["Restored.", *parts]) if parts else "Restored"


def restore(context: bpy.types.Context, stamp: Stamp, boxes: bool, camera: bool, settings: bool) -> Restored:
    """Give the scene the picture's boxes (by name; missing ones are made), camera and settings; nothing else."""
    if settings:
        _restore_settings(context.scene, stamp)
    if camera:
        made = stamp.settings
        place_camera(context, stamp.scene.camera, cameras.Frame(made.width, made.height, stamp.pixel_aspect))
    restored = _restore_boxes(context, stamp) if boxes else Restored()
    if camera and _is_animated(context.scene.camera):
        restored = replace(restored, keyed=(*restored.keyed, context.scene.camera.name))
    return restored


def _restore_settings(scene: bpy.types.Scene, stamp: Stamp) -> None:
    own, made = scene.neural_assets, stamp.settings
    own.steps, own.guidance = made.steps, made.guidance
    own.seed, own.noise = min(made.seed, (1 << 31) - 1), "SHOT"  # the picture's own seed, at whatever frame
    own.background = stamp.scene.background or ""
    own.background_name = stamp.names.get(own.background, "")
    if not stamp.view:
        render = scene.render
        render.resolution_x, render.resolution_y, render.resolution_percentage = made.width, made.height, 100
        wide = stamp.pixel_aspect < 1
        render.pixel_aspect_x = 1 / stamp.pixel_aspect if wide else 1.0
        render.pixel_aspect_y = 1.0 if wide else stamp.pixel_aspect


def place_camera(context: bpy.types.Context, pinhole: Camera, frame: cameras.Frame) -> None:
    """The scene's camera as a pinhole for pictures of this shape; one is made where there is none."""
    scene = context.scene
    if scene.camera is None or scene.camera.type != "CAMERA":
        scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        context.collection.objects.link(scene.camera)
    data = scene.camera.data
    lens = cameras.lens_from(pinhole.intrinsics, frame, data.sensor_width, data.sensor_height, data.sensor_fit)
    data.type, data.lens, (data.shift_x, data.shift_y) = "PERSP", lens.focal, lens.shift
    scene.camera.matrix_world = _camera_to_world(pinhole, scene.unit_settings.scale_length)


def _camera_to_world(camera: Camera, metres: float) -> Matrix:
    """Blender's axes and units."""
    matrix = Matrix([camera.world_to_camera[row : row + 4] for row in (0, 4, 8, 12)]).inverted()
    matrix.translation /= metres
    return matrix @ Matrix.Diagonal((1, -1, -1, 1))


def _restore_boxes(context: bpy.types.Context, stamp: Stamp) -> Restored:
    scene, metres = context.scene, context.scene.unit_settings.scale_length
    known = {plain_name(thing.name): thing for thing in scene.objects if thing.neural_assets.is_box}
    # one of each name: what stands more often are instances, which follow
    wanted = {placement.name: placement for placement in stamp.scene.placements}
    made = []
    for name in sorted(wanted, key=lambda name: len(_ancestors(known.get(name)))):  # parents first
        placement = wanted[name]
        thing = known.get(name)
        if thing is None:
            thing = make_box(name, tuple(side / metres for side in placement.box.size))
            context.collection.objects.link(thing)
            made.append(thing.name)
        context.view_layer.update()
        _pose(thing, placement, _bounds(thing, context.evaluated_depsgraph_get()), metres)
        carried = thing.neural_assets
        carried.asset, carried.asset_name = placement.asset, stamp.names.get(placement.asset, "")
        carried.guidance, carried.seed = placement.guidance, placement.seed
    keyed = [thing.name for name, thing in known.items() if name in wanted and _is_animated(thing)]
    others = [thing.name for name, thing in known.items() if name not in wanted and thing.neural_assets.asset]
    return Restored(tuple(made), tuple(keyed), tuple(others))


def _bounds(thing: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> tuple[Vector, Vector]:
    """The object's local bounds, with what it instances if it is shown."""
    shown = (posed for posed in read_boxes(depsgraph) if posed.name == posed.owner == thing.name)
    low, high = (
        next(((posed.low, posed.high) for posed in shown), None)
        or bounds_of(thing.evaluated_get(depsgraph))
        or _NO_BOUNDS
    )
    return Vector(low), Vector(high)


def _pose(thing: bpy.types.Object, placement: Placement, bounds: tuple[Vector, Vector], metres: float) -> None:
    """Move, turn and scale the object so that its bounding box is the placement's box."""
    low, high = bounds
    pose = Matrix([placement.box.pose[row : row + 4] for row in (0, 4, 8, 12)])
    pose.translation /= metres
    sides = zip(placement.box.size, high - low, strict=True)
    scale = [side / metres / length if length > _FLAT else 1.0 for side, length in sides]
    thing.matrix_world = pose @ Matrix.Diagonal((*scale, 1.0)) @ Matrix.Translation(-(low + high) / 2)


def _ancestors(thing: bpy.types.Object | None) -> list[bpy.types.Object]:
    found = []
    while thing is not None and thing.parent is not None:
        found.append(thing := thing.parent)
    return found


def _is_animated(thing: bpy.types.Object) -> bool:
    return thing.animation_data is not None and thing.animation_data.action is not None


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
