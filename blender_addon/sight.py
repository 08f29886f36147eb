"""Which boxes a camera can see: all corners of a box on the outer side of one plane of its frustum are out of sight.

Nothing that may appear is called unseen; a box near an edge of the frustum may be called seen and still miss it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .protocol.api import Camera

if TYPE_CHECKING:
    from .posed import PosedBox

_CORNER = np.arange(8)
_UNIT = np.stack([_CORNER & 1, _CORNER >> 1 & 1, _CORNER >> 2 & 1], -1).astype(bool)  # index bits (x, y, z) = (1, 2, 4)


def corners_of(boxes: Sequence[PosedBox]) -> np.ndarray:
    """World corners [n, 8, 3] in Blender units; index bits (x, y, z) = (1, 2, 4)."""
    if not boxes:
        return np.empty((0, 8, 3))
    rows = [[*row] for posed in boxes for row in posed.matrix.copy()]  # the rows of a frozen matrix are not readable
    matrices = np.array(rows).reshape(-1, 4, 4)
    bounds = np.array([(posed.low, posed.high) for posed in boxes])  # [n, 2, 3]
    local = np.where(_UNIT, bounds[:, 1:], bounds[:, :1])
    return local @ matrices[:, :3, :3].transpose(0, 2, 1) + matrices[:, None, :3, 3]


def in_view(boxes: Sequence[PosedBox], camera: Camera, metres: float) -> list[bool]:
    """Whether each box may appear in the camera's picture. metres: length of one Blender unit."""
    return seen_corners(corners_of(boxes) * metres, camera).tolist()


def seen_corners(corners: np.ndarray, camera: Camera) -> np.ndarray:
    """bool [n] of boxes with world corners [n, 8, 3] in metres."""
    fx, fy, cx, cy = camera.intrinsics
    to_camera = np.reshape(camera.world_to_camera, (4, 4))
    x, y, z = np.moveaxis(corners @ to_camera[:3, :3].T + to_camera[:3, 3], -1, 0)
    # inside when positive: ahead, right of the left edge (u > 0), left of the right one (u < 1), and so for v
    planes = np.stack([z, fx * x + cx * z, (1 - cx) * z - fx * x, fy * y + cy * z, (1 - cy) * z - fy * y])
    return (planes > 0).any(-1).all(0)
