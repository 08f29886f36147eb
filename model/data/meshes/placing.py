"""Standing objects on a plane without interpenetration: oriented footprints in numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

LAYS = (
    np.eye(3),
    np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
)  # upright, then lying on a side


@dataclass(frozen=True)
class Stand:
    """One standing object: mesh index, size [3] metres (in its box), place (x, y), base height z, yaw (radians),
    lay (index into LAYS), on: slot that it stands on (-1: the ground)."""

    mesh: int
    size: np.ndarray
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw: float = 0.0
    lay: int = 0
    on: int = -1

    def extent(self) -> np.ndarray:
        """Extents [3] metres along its own turned axes after laying it down."""
        return np.abs(LAYS[self.lay]) @ self.size

    def pose(self) -> np.ndarray:
        """Box-to-world [4, 4]."""
        cosine, sine = math.cos(self.yaw), math.sin(self.yaw)
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
        pose = np.eye(4)
        pose[:3, :3] = turn @ LAYS[self.lay]
        pose[:3, 3] = self.x, self.y, self.z + self.extent()[2] / 2
        return pose

    def corners(self) -> np.ndarray:
        """World corners [8, 3]."""
        signs = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)]) - 0.5
        pose = self.pose()
        return (signs * self.size) @ pose[:3, :3].T + pose[:3, 3]

    def at(self, x: float, y: float) -> Stand:
        return replace(self, x=float(x), y=float(y))


def overlap(a: Stand, b: Stand, margin: float = 0.0) -> bool:
    """Whether two footprints meet and the heights do too (separating axes)."""
    height_a, height_b = a.extent()[2], b.extent()[2]
    if a.z >= b.z + height_b - 1e-6 or b.z >= a.z + height_a - 1e-6:
        return False
    half_a, half_b = a.extent()[:2] / 2 + margin / 2, b.extent()[:2] / 2 + margin / 2
    dx, dy = b.x - a.x, b.y - a.y
    turn = b.yaw - a.yaw
    cosine, sine = abs(math.cos(turn)), abs(math.sin(turn))
    for own, other, yaw in ((half_a, half_b, a.yaw), (half_b, half_a, b.yaw)):
        along = abs(dx * math.cos(yaw) + dy * math.sin(yaw))
        across = abs(dy * math.cos(yaw) - dx * math.sin(yaw))
        if along > own[0] + other[0] * cosine + other[1] * sine:
            return False
        if across > own[1] + other[0] * sine + other[1] * cosine:
            return False
    return True


def free(stand: Stand, others: list[Stand], margin: float = 0.0) -> bool:
    return not any(overlap(stand, other, margin) for other in others)


def beside(rng: np.random.Generator, stand: Stand, neighbour: Stand) -> Stand:
    """`stand` moved until it touches `neighbour` from a random side."""
    angle = rng.uniform(0, 2 * math.pi)
    direction = np.array([math.cos(angle), math.sin(angle)])
    far = 0.5 * (np.hypot(*stand.extent()[:2]) + np.hypot(*neighbour.extent()[:2]))
    near = 0.0
    for _ in range(10):
        middle = (near + far) / 2
        if overlap(stand.at(neighbour.x + direction[0] * middle, neighbour.y + direction[1] * middle), neighbour):
            near = middle
        else:
            far = middle
    return stand.at(neighbour.x + direction[0] * far * 1.002, neighbour.y + direction[1] * far * 1.002)


def on_top(rng: np.random.Generator, stand: Stand, base: Stand, slot: int) -> Stand | None:
    """`stand` put on `base` (slot `slot`) if its footprint fits there."""
    room = base.extent()[:2] - np.hypot(*stand.extent()[:2]) * 0.8
    if room.min() <= 0:
        return None
    local = rng.uniform(-0.5, 0.5, 2) * room
    cosine, sine = math.cos(base.yaw), math.sin(base.yaw)
    return replace(
        stand,
        x=float(base.x + local[0] * cosine - local[1] * sine),
        y=float(base.y + local[0] * sine + local[1] * cosine),
        z=float(base.z + base.extent()[2]),
        on=slot,
    )
