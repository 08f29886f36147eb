"""Many boxes at once, as arrays, and which of them a camera can see.

All corners of a box on the outer side of one plane of the frustum: it is out of sight. Nothing that may appear is
called unseen; a box near an edge of the frustum may be called seen and still miss it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..protocol.api import Camera
from .boxes import LEAST_SIDE, SHEAR_TOLERANCE

if TYPE_CHECKING:
    from .posed import PosedBox

_CORNER = np.arange(8)
_IS_HIGH = np.stack([_CORNER & 1, _CORNER >> 1 & 1, _CORNER >> 2 & 1], -1).astype(bool)  # index bits x, y, z = 1, 2, 4


@dataclass(frozen=True)
class Frames:
    """Many boxes as arrays: matrices [n, 4, 4] local to world, low and high [n, 3] local bounds; Blender units."""

    matrices: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(boxes: Sequence[PosedBox]) -> Frames:
        rows = [row[:] for box in boxes for row in box.matrix.copy()]  # the rows of a frozen matrix are not readable
        bounds = np.array([(box.low, box.high) for box in boxes]).reshape(-1, 2, 3)
        return Frames(np.array(rows).reshape(-1, 4, 4), bounds[:, 0], bounds[:, 1])

    @property
    def corners(self) -> np.ndarray:
        """In the world [n, 8, 3]; index bits (x, y, z) = (1, 2, 4)."""
        local = np.where(_IS_HIGH, self.high[:, None], self.low[:, None])
        return local @ self.matrices[:, :3, :3].transpose(0, 2, 1) + self.matrices[:, None, :3, 3]

    @property
    def are_boxes(self) -> np.ndarray:
        """bool [n]: whether `boxes.box_of` takes each (it also says why not, one by one)."""
        axes = self.matrices[:, :3, :3].transpose(0, 2, 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            lengths = np.linalg.norm(axes, axis=-1)
            unit = axes / lengths[..., None]
            shear = np.abs(unit @ unit.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
            sizes = (lengths * (self.high - self.low)).min(-1)
            finite = np.isfinite(self.matrices).all((1, 2))
            return finite & (sizes > LEAST_SIDE) & (shear <= SHEAR_TOLERANCE) & (_determinants(unit) > 0)


def _determinants(m: np.ndarray) -> np.ndarray:
    """Of [n, 3, 3]; numpy's own factorises, which takes longer for so many small ones."""
    return (
        m[:, 0, 0] * (m[:, 1, 1] * m[:, 2, 2] - m[:, 1, 2] * m[:, 2, 1])
        - m[:, 0, 1] * (m[:, 1, 0] * m[:, 2, 2] - m[:, 1, 2] * m[:, 2, 0])
        + m[:, 0, 2] * (m[:, 1, 0] * m[:, 2, 1] - m[:, 1, 1] * m[:, 2, 0])
    )


def in_view(frames: Frames, camera: Camera, metres: float) -> np.ndarray:
    """bool [n]: whether each box may appear in the camera's picture. metres: length of one Blender unit."""
    fx, fy, cx, cy = camera.intrinsics
    to_camera = np.reshape(camera.world_to_camera, (4, 4))
    x, y, z = np.moveaxis(frames.corners * metres @ to_camera[:3, :3].T + to_camera[:3, 3], -1, 0)
    # inside when positive: ahead, right of the left edge (u > 0), left of the right one (u < 1), and so for v
    planes = np.stack([z, fx * x + cx * z, (1 - cx) * z - fx * x, fy * y + cy * z, (1 - cy) * z - fy * y])
    return np.all((planes > 0).any(-1), axis=0)
