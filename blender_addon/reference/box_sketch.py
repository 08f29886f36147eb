"""A box while it is drawn into a 3D view: its base on the floor, then its height. Plain values: what rays do to it.

World points are in Blender units, z up; a ray is its origin [3] and direction [3]; angles are radians about z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from . import floor

_DRAG = 5.0  # pixels from which on a press is a drag
_QUARTER = math.pi / 2
_SNAP_EDGE, _SNAP_TURN = math.radians(3.0), math.radians(2.5)
LEAST = 1e-3  # of a side


class Stage(IntEnum):
    """What the mouse does next."""

    CORNER = 0
    EDGE = 1  # only when an edge is drawn first
    BASE = 2
    HEIGHT = 3
    DONE = 4


@dataclass(frozen=True)
class Drawn:
    """corner (x, y): where the base's left front corner stands; size: width, depth, height; yaw of its +x."""

    corner: tuple[float, float]
    size: tuple[float, float, float]
    yaw: float


class BoxSketch:
    """One box. eye [3]: where the artist looks from, at which the front will look; step: that sizes snap to; yaws:
    directions to snap to."""

    def __init__(
        self, eye: np.ndarray, ground: float, step: float, yaws: tuple[float, ...] = (), by_edge: bool = False
    ) -> None:
        self.eye, self.ground, self.by_edge = np.asarray(eye, float), ground, by_edge
        self.stage = Stage.CORNER
        self.yaw = 0.0
        self.typed: list[float | None] = [None, None, None]  # width, depth, height
        self.hover: np.ndarray | None = None  # where the mouse is on the floor [2]
        self.step = step
        self._yaws = sorted({round(yaw % _QUARTER, 6) for yaw in (0.0, *yaws)})
        self._near = self._far = np.zeros(2)  # opposite corners of the base
        self._height = 0.0
        self._pressed_at = np.zeros(2)

    # --- mouse and keys ---

    def move(self, origin: np.ndarray, direction: np.ndarray, snap: bool = False) -> None:
        """The mouse points along a ray; snap: to whole steps."""
        if self.stage is Stage.HEIGHT:
            foot = np.array([*self._far_corner(), self.ground])
            height = floor.height_over(foot, np.asarray(origin, float), np.asarray(direction, float))
            if height is not None:
                self._height = max(0.0, round(height / self.step) * self.step if snap else height)
            return
        point = floor.floor_point(np.asarray(origin, float), np.asarray(direction, float), self.ground)
        self.hover = None if point is None else point[:2]
        if self.hover is None:
            return
        if self.stage is Stage.CORNER:
            self._near = self._far = np.round(self.hover / self.step) * self.step if snap else self.hover
        elif self.stage is Stage.EDGE:
            self._point_edge(self.hover, snap)
        elif self.stage is Stage.BASE:
            self._point_base(self.hover, snap)

    def press(self, pixel: np.ndarray) -> None:
        """The mouse goes down; without a floor under it nothing happens."""
        self._pressed_at = np.asarray(pixel, float)
        if self.stage is Stage.CORNER and self.hover is not None:
            self._next()
        elif self.stage in (Stage.EDGE, Stage.BASE) and self._has_length():
            self._next()
        elif self.stage is Stage.HEIGHT and self.drawn().size[2] > LEAST:
            self._next()

    def release(self, pixel: np.ndarray) -> None:
        """The end of a drag counts as the next click."""
        dragged = np.linalg.norm(np.asarray(pixel, float) - self._pressed_at) > _DRAG
        if dragged and self.stage in (Stage.EDGE, Stage.BASE) and self._has_length():
            self._next()

    def enter(self) -> bool:
        """Go on with what is there; False when something is missing."""
        if self.stage is Stage.CORNER or not self._has_length():
            return False
        if self.stage is Stage.HEIGHT:
            if self.drawn().size[2] <= LEAST:
                return False
            self._next()
            return True
        self.stage = Stage.DONE if self.typed[2] else Stage.HEIGHT
        return True

    def back(self) -> None:
        """One step back."""
        if self.stage > Stage.CORNER:
            self.stage = Stage(self.stage - 1)
            if self.stage is Stage.EDGE and not self.by_edge:
                self.stage = Stage.CORNER
            self._height = 0.0

    def turn(self, angle: float, snap: bool = True) -> None:
        """Turn the base about its first corner; snap: to the axes' and other boxes' directions when they are near."""
        self.yaw += angle
        if snap:
            self.yaw = self._snapped(self.yaw, min(_SNAP_TURN, abs(angle) * 0.5))

    def next_direction(self) -> None:
        """Turn on to the next of the axes' and other boxes' directions."""
        here, whole = self.yaw % _QUARTER, math.floor(self.yaw / _QUARTER) * _QUARTER
        ahead = [yaw for yaw in (*self._yaws, self._yaws[0] + _QUARTER) if yaw > here + 1e-4]
        self.yaw = whole + ahead[0] if ahead else whole + _QUARTER

    # --- what there is ---

    @property
    def has_corner(self) -> bool:
        return self.stage > Stage.CORNER

    @property
    def near(self) -> np.ndarray:
        """The first corner [2]."""
        return self._near

    def drawn(self) -> Drawn:
        """The box as it is now, its front towards the eye."""
        x, y = _axes(self._front_yaw())
        across, deep = self._extents()
        low = self._near + min(across, 0.0) * x + min(deep, 0.0) * y
        height = self._height if self.typed[2] is None else abs(self.typed[2])
        return Drawn((float(low[0]), float(low[1])), (abs(across), abs(deep), height), _wrapped(self._front_yaw()))

    def corners(self) -> np.ndarray:
        """World corners [8, 3] of the box; index bits are (x, y, z) = (1, 2, 4)."""
        drawn = self.drawn()
        x, y = _axes(drawn.yaw)
        index = np.arange(8)[:, None]
        flat = np.array(drawn.corner) + (index & 1) * drawn.size[0] * x + (index >> 1 & 1) * drawn.size[1] * y
        return np.concatenate([flat, self.ground + (index >> 2) * drawn.size[2]], axis=1)

    # --- inside ---

    def _next(self) -> None:
        if self.stage is Stage.CORNER:
            self.stage = Stage.EDGE if self.by_edge else Stage.BASE
        else:
            self.stage = Stage(self.stage + 1)
        if self.stage > Stage.CORNER and all(self.typed):
            self.stage = Stage.DONE
        elif self.stage in (Stage.EDGE, Stage.BASE) and self.typed[0] and self.typed[1]:
            self.stage = Stage.HEIGHT
        elif self.stage is Stage.HEIGHT and self.typed[2]:
            self.stage = Stage.DONE

    def _has_length(self) -> bool:
        across, deep = self._extents()
        if self.stage is Stage.EDGE and not all(self.typed[:2]):
            return float(np.linalg.norm(self._far - self._near)) > LEAST
        return min(abs(across), abs(deep)) > LEAST

    def _point_edge(self, point: np.ndarray, snap: bool) -> None:
        along = point - self._near
        length = float(np.linalg.norm(along))
        if length > LEAST:
            self.yaw = self._snapped(math.atan2(along[1], along[0]), _SNAP_EDGE)
            length = round(length / self.step) * self.step if snap else length
            self._far = self._near + length * _axes(self.yaw)[0]

    def _point_base(self, point: np.ndarray, snap: bool) -> None:
        """The opposite corner goes to a point; behind a drawn edge only sideways to it."""
        axes = _axes(self.yaw)
        parts = [float((point - self._near) @ axis) for axis in axes]
        if self.by_edge:
            parts[0] = float((self._far - self._near) @ axes[0])
        if snap:
            parts = [round(part / self.step) * self.step for part in parts]
        self._far = self._near + parts[0] * axes[0] + parts[1] * axes[1]

    def _front_yaw(self) -> float:
        """The drawn direction, turned by the quarters that bring the front (-y) towards the eye."""
        towards = self.eye[:2] - (self._near + self._far) / 2
        return max((self.yaw + i * _QUARTER for i in range(4)), key=lambda yaw: float(-_axes(yaw)[1] @ towards))

    def _extents(self) -> tuple[float, float]:
        """Signed width and depth from the first corner, typed ones in place of drawn ones."""
        drawn = [float((self._far - self._near) @ axis) for axis in _axes(self._front_yaw())]
        kept = [
            part if typed is None else math.copysign(abs(typed), part if abs(part) > 1e-9 else 1.0)
            for part, typed in zip(drawn, self.typed[:2], strict=True)
        ]
        return kept[0], kept[1]

    def _far_corner(self) -> np.ndarray:
        x, y = _axes(self._front_yaw())
        across, deep = self._extents()
        return self._near + across * x + deep * y

    def _snapped(self, yaw: float, within: float) -> float:
        for wanted in self._yaws:
            off = (wanted - yaw + _QUARTER / 2) % _QUARTER - _QUARTER / 2
            if abs(off) <= within + 1e-9:
                return yaw + off
        return yaw


def _axes(yaw: float) -> tuple[np.ndarray, np.ndarray]:
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([c, s]), np.array([-s, c])


def _wrapped(yaw: float) -> float:
    return (yaw + math.pi) % (2 * math.pi) - math.pi
