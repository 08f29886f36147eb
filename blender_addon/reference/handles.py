"""Points that are drawn on a picture and moved by their handles. Plain values: what mouse and keys do to them.

A stroke is one point (a corner) or two (a line). A line is drawn by dragging, or by a click at either end.
"""

from __future__ import annotations

import numpy as np

GRAB = 9.0  # pixels from a handle within which it is taken
_DRAG = 4.0  # pixels from which on a press is a drag


class Handles:
    """points: (u, v) [n, 2] in the picture, `per_stroke` for each stroke; held: the index of the one in the hand."""

    def __init__(self, per_stroke: int, most: int) -> None:
        self.points = np.empty((0, 2))
        self.held: int | None = None
        self.hot: int | None = None
        self._per_stroke, self._most = per_stroke, most
        self._pressed_at = np.zeros(2)
        self._new = False  # the held one ends a stroke that was begun by this press

    @property
    def strokes(self) -> np.ndarray:
        """[n, per_stroke, 2]"""
        return self.points.reshape(-1, self._per_stroke, 2)

    @property
    def is_full(self) -> bool:
        return len(self.points) >= self._most * self._per_stroke

    def press(self, point: np.ndarray, pixel: np.ndarray, pixels: np.ndarray) -> None:
        """The mouse goes down at a picture point [2] and pixel [2]; pixels [n, 2]: where the handles are."""
        if self.held is not None:  # the second click of a line
            self._set_down()
            return
        self._pressed_at, self._new = pixel, False
        self.held = self._nearest(pixel, pixels)
        if self.held is None and not self.is_full:
            self.points = np.concatenate([self.points, np.repeat(point[None], self._per_stroke, axis=0)])
            self.held, self._new = len(self.points) - 1, self._per_stroke == 2

    def move(self, point: np.ndarray, pixel: np.ndarray, pixels: np.ndarray) -> None:
        if self.held is None:
            self.hot = self._nearest(pixel, pixels)
        else:
            self.points[self.held] = np.clip(point, 0.0, 1.0)

    def release(self, pixel: np.ndarray) -> None:
        """The mouse goes up: a click on free ground begins a line that follows until the next click."""
        if self.held is not None and not (self._new and np.linalg.norm(pixel - self._pressed_at) < _DRAG):
            self._set_down()

    def remove_last(self) -> None:
        """The newest stroke goes."""
        self.points = self.points[: -self._per_stroke] if len(self.points) else self.points
        self.held = self.hot = None

    def _set_down(self) -> None:
        self.hot, self.held, self._new = self.held, None, False

    def _nearest(self, pixel: np.ndarray, pixels: np.ndarray) -> int | None:
        if not len(pixels):
            return None
        distances = np.linalg.norm(pixels - pixel, axis=-1)
        nearest = int(distances.argmin())
        return nearest if distances[nearest] <= GRAB else None
