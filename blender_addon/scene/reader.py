"""The one reader of Blender's scene: the evaluated depsgraph becomes the contract's Scene.

`posed` finds the boxes; this module makes placements, cameras and settings of what it finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import bpy
import numpy as np
from mathutils import Matrix

from ..protocol.api import Camera, Placement, RenderSettings, Scene
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.limits import MAX_BOXES, MAX_NAME, MIN_SIDE
from . import camera as cameras
from .posed import Boxes, PosedBox, read_boxes


@dataclass(frozen=True)
class Contents:
    """What a picture shows, apart from the camera: the boxes that carry an asset, and the background; equal values give
    equal pictures. metres: of one Blender unit; boxes: all that stand in the scene."""

    carrying: tuple[PosedBox, ...]
    background: str | None
    metres: float
    boxes: Boxes = field(compare=False)

    @property
    def placements(self) -> tuple[Placement, ...]:
        """All of them; raises ProtocolError naming the box at fault."""
        return tuple(placement_of(posed, self.metres) for posed in self.carrying)

    def through(self, camera: Camera) -> Scene:
        """The contract's scene; raises ProtocolError when there is nothing in it, or a box that is none.

        When there are more boxes than the contract takes, those that lie wholly outside the view are left out, as if
        they were hidden.
        """
        if len(self.carrying) <= MAX_BOXES:
            return Scene(camera, self.placements, self.background)
        seen = self.boxes.frames.seen_by(camera, self.metres).tolist()
        boxes = [posed for posed, is_seen in zip(self.boxes, seen, strict=True) if is_seen and posed.asset]
        if len(boxes) > MAX_BOXES:
            raise ProtocolError(
                ErrorCode.SCENE,
                f"{len(boxes)} boxes with assets are in view, and {MAX_BOXES} are the most.",
                "Hide some, or clear their assets.",
            )
        return Scene(camera, tuple(placement_of(posed, self.metres) for posed in boxes), self.background)


@dataclass(frozen=True)
class Seen:
    """Contents through a camera. Most of what a hand passes by is never asked for: `scene` is made when it is."""

    contents: Contents
    camera: Camera

    @cached_property
    def scene(self) -> Scene:
        """Raises ProtocolError, see `Contents.through`."""
        return self.contents.through(self.camera)


def read_contents(depsgraph: bpy.types.Depsgraph, space: bpy.types.SpaceView3D | None = None) -> Contents:
    """Every visible box, and the background. space: the 3D view that looks, if one does."""
    scene, boxes = depsgraph.scene_eval, read_boxes(depsgraph, space)
    carrying = tuple(posed for posed in boxes if posed.asset)
    return Contents(carrying, scene.neural_assets.background or None, scene.unit_settings.scale_length, boxes)


def read_camera(depsgraph: bpy.types.Depsgraph, camera: bpy.types.Object | None, frame: cameras.Frame) -> Camera:
    """A camera object as it is now, for a picture of this shape; raises ProtocolError."""
    if camera is None:
        raise ProtocolError(ErrorCode.CAMERA, "The scene has no camera.", "Add one (Shift-A) or load a reference.")
    evaluated = camera.evaluated_get(depsgraph)
    metres = depsgraph.scene_eval.unit_settings.scale_length
    matrix = _to_camera(evaluated.matrix_world.copy().freeze(), metres, f"The camera '{camera.name}'")
    return Camera(cameras.intrinsics(cameras.lens_of(evaluated), frame), matrix)


@lru_cache(maxsize=8)
def _to_camera(matrix_world: Matrix, metres: float, name: str) -> tuple[float, ...]:
    """Row-major world-to-camera [16]; raises ProtocolError. Cached: boxes move more often than the camera."""
    return tuple(cameras.world_to_camera(np.array(matrix_world.copy()), metres, name).ravel().tolist())


def read_view(depsgraph: bpy.types.Depsgraph, view: bpy.types.RegionView3D) -> Camera:
    """The camera of a free perspective view, for a picture as large as its region; raises ProtocolError."""
    if view.view_perspective != "PERSP":
        raise ProtocolError(
            ErrorCode.CAMERA,
            "This view is orthographic, and only perspective ones are supported.",
            "Press Numpad 5, or Numpad 0 for the camera.",
        )
    metres = depsgraph.scene_eval.unit_settings.scale_length
    matrix = _to_camera(view.view_matrix.inverted().freeze(), metres, "The view")
    return Camera(cameras.view_intrinsics(np.array(view.window_matrix)), matrix)


def read_render(depsgraph: bpy.types.Depsgraph) -> tuple[Scene, RenderSettings]:
    """What a render of this depsgraph asks for, in full size (a border is cut out of it); raises ProtocolError."""
    scene = depsgraph.scene_eval
    frame = cameras.frame_of(scene.render)
    picture = read_contents(depsgraph).through(read_camera(depsgraph, scene.camera, frame))
    return picture, render_settings(scene, frame, scene.neural_assets.steps)


def render_settings(scene: bpy.types.Scene, frame: cameras.Frame, steps: int) -> RenderSettings:
    """The scene's settings for a picture of this size."""
    settings = scene.neural_assets
    seed = settings.seed if settings.noise == "SHOT" else max(0, settings.seed + scene.frame_current)
    return RenderSettings(frame.width, frame.height, steps, seed, settings.guidance)


def fitted(frame: cameras.Frame, side: int) -> cameras.Frame:
    """A picture of the same shape whose longer side is at most `side` pixels (no side below the contract's least)."""
    height = frame.height * frame.pixel_aspect  # in square pixels
    share = min(1.0, side / max(frame.width, height))
    return cameras.Frame(max(MIN_SIDE, round(frame.width * share)), max(MIN_SIDE, round(height * share)))


@lru_cache(maxsize=512)
def placement_of(posed: PosedBox, metres: float) -> Placement:
    """As the contract has it; raises ProtocolError. Cached: while one box is dragged, all others stay as they are."""
    return Placement(plain_name(posed.name), posed.asset, posed.box(metres), posed.guidance, posed.seed)


def plain_name(name: str) -> str:
    """An object's name as the contract takes it: one printable line."""
    return "".join(letter if letter.isprintable() else " " for letter in name)[:MAX_NAME]
