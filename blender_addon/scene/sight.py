"""Many boxes at once, as arrays, and which of them a camera can see.

All corners of a box on the outer side of one plane of the frustum: it is out of sight. Nothing that may appear is
called unseen; a box near an edge of the frustum may be called seen and still miss it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..protocol.api import Camera
from .boxes import LEAST_SIDE, SHEAR_TOLERANCE


@dataclass(frozen=True)
class Frames:
    """Many boxes as arrays: centres [n, 3], and edges [n, 3, 3]: the vectors along x, y and z from side to side.

    In the world, in Blender units. What is asked for twice is worked out once.
    """

    centres: np.ndarray
    edges: np.ndarray
    _seen: dict[tuple[Camera, float], np.ndarray] = field(default_factory=dict)

    @staticmethod
    def of(columns: np.ndarray, low: np.ndarray, high: np.ndarray) -> Frames:
        """columns [n, 4, 4]: matrices local to world, column by column; low, high [n, 3]: local bounds."""
        axes, size = columns[:, :3, :3], high - low
        middle = (((low + high) / 2)[:, None] @ axes)[:, 0]
        return Frames(middle + columns[:, 3, :3], axes * size[..., None])

    @cached_property
    def are_boxes(self) -> np.ndarray:
        """bool [n]: whether `boxes.box_of` takes each (it also says why not, one by one)."""
        edges = np.ascontiguousarray(self.edges.transpose(1, 2, 0))  # [3 edges, 3, n]: sums of long rows are quick
        with np.errstate(invalid="ignore", divide="ignore"):
            sizes = np.sqrt((edges * edges).sum(1))
            x, y, z = edges / sizes[:, None]
            shear = np.abs([(x * y).sum(0), (x * z).sum(0), (y * z).sum(0)]).max(0)
            handed = (x[[1, 2, 0]] * y[[2, 0, 1]] - x[[2, 0, 1]] * y[[1, 2, 0]]) * z
        finite = np.isfinite(self.centres).all(-1)  # edges that are not have no size
        return finite & (sizes.min(0) > LEAST_SIDE) & (shear <= SHEAR_TOLERANCE) & (handed.sum(0) > 0)

    def seen_by(self, camera: Camera, metres: float) -> np.ndarray:
        """bool [n]: whether each may appear in the camera's picture. metres: length of one Blender unit."""
        if (camera, metres) not in self._seen:
            self._seen[camera, metres] = self._reach_into(camera, metres)
        return self._seen[camera, metres]

    def _reach_into(self, camera: Camera, metres: float) -> np.ndarray:
        fx, fy, cx, cy = camera.intrinsics
        to_camera = np.array(camera.world_to_camera).reshape(4, 4)[:3]
        # inside where positive: ahead, right of the left edge (u > 0), left of the right one (u < 1), and so for v
        planes = np.array([(0, 0, 1), (fx, 0, cx), (-fx, 0, 1 - cx), (0, fy, cy), (0, -fy, 1 - cy)]) @ to_camera
        normals = planes[:, :3].T * metres
        middles = self.centres @ normals + planes[:, 3]
        furthest = middles + np.abs(self.edges @ normals).sum(1) / 2  # of the eight corners
        return (furthest > 0).all(-1)
