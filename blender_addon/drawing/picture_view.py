"""A 3D view that looks through the scene's camera: where the picture lies in it, and what the camera is."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..protocol.errors import ProtocolError
from ..scene import camera as cameras


@dataclass(frozen=True, eq=False)
class PictureView:
    """rectangle: (left, bottom, right, top) of the camera's frame in pixels of the region; intrinsics: (fx, fy, cx, cy)
    in widths and heights; world_to_camera [4, 4], OpenCV axes, in Blender units."""

    rectangle: tuple[float, float, float, float]
    intrinsics: tuple[float, float, float, float]
    world_to_camera: np.ndarray

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """(u, v) [..., 2] from the picture's upper left -> pixels [..., 2] from the region's lower left."""
        left, bottom, right, top = self.rectangle
        points = np.asarray(points, float)
        return points * (right - left, bottom - top) + (left, top)

    def to_picture(self, pixels: np.ndarray) -> np.ndarray:
        """The other way round."""
        left, bottom, right, top = self.rectangle
        return (np.asarray(pixels, float) - (left, top)) / (right - left, bottom - top)


def picture_view(context: bpy.types.Context, region: bpy.types.Region | None = None) -> PictureView | None:
    """The view of a region (default: the context's) of the context's 3D view; None when it does not look through the
    scene's camera or that is no perspective one."""
    space, region = context.space_data, region or context.region
    if space is None or space.type != "VIEW_3D" or space.region_3d.view_perspective != "CAMERA":
        return None
    camera, depsgraph = context.scene.camera, context.view_layer.depsgraph
    if camera is None or space.camera != camera or depsgraph is None:
        return None
    evaluated = camera.evaluated_get(depsgraph)  # as it is: nothing may be evaluated while Blender draws
    try:
        intrinsics = cameras.intrinsics(cameras.lens_of(evaluated), cameras.frame_of(context.scene.render))
        world_to_camera = cameras.world_to_camera(np.array(evaluated.matrix_world))
    except ProtocolError:
        return None
    window = np.array(space.region_3d.window_matrix)
    return PictureView(
        cameras.frame_rectangle(window, intrinsics, (region.width, region.height)), intrinsics, world_to_camera
    )


def window_region(area: bpy.types.Area) -> bpy.types.Region:
    """The region of a 3D view that shows the scene."""
    return next(region for region in area.regions if region.type == "WINDOW")
