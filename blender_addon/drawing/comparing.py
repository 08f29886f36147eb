"""Two pictures over each other with a divider that is dragged: geometry and drawing."""

from __future__ import annotations

import blf
import gpu
import numpy as np

from .. import colour, compat
from . import strokes, textures

Rectangle = tuple[float, float, float, float]  # left, bottom, right, top in pixels of the region

MARGIN, _GRIP = 24, 9.0  # pixels at a scale of 1
_BACKDROP = (0.07, 0.07, 0.07)


class Comparison:
    """The left picture is shown left of the divider, the right one right of it. pictures: uint8 [h, w, 3 or 4]."""

    def __init__(self, left: np.ndarray, right: np.ndarray, words: tuple[str, str]) -> None:
        self.divider = 0.5  # of the pictures' width
        self._pictures, self._words = (left, right), words
        self._textures: list[gpu.types.GPUTexture] = []  # made when there is something to draw on

    def move(self, x: float, inside: Rectangle) -> None:
        """Put the divider at a pixel of the region."""
        left, _, right, _ = self.rectangle(inside)
        self.divider = min(1.0, max(0.0, (x - left) / (right - left)))

    def rectangle(self, inside: Rectangle) -> Rectangle:
        """Where the pictures lie: as large as the left one fits, in the middle."""
        height, width = self._pictures[0].shape[:2]
        return fitted(width / height, inside, MARGIN * strokes.scale())

    def draw(self, region: tuple[int, int], inside: Rectangle) -> None:
        """Over a whole region of (width, height) pixels; inside: its part that no other region covers."""
        if not self._textures:
            self._textures = [textures.upload(_over_backdrop(picture)) for picture in self._pictures]
        width, height = region
        strokes.fill(np.array([[(0, 0), (width, 0), (width, height), (0, height)]]), _BACKDROP, 1.0)
        left, bottom, right, top = rectangle = self.rectangle(inside)
        middle = left + self.divider * (right - left)
        before = gpu.state.scissor_get()
        gpu.state.scissor_test_set(True)
        try:
            for texture, (start, end) in zip(self._textures, ((left, middle), (middle, right)), strict=True):
                if round(end) > round(start):
                    gpu.state.scissor_set(round(start), round(bottom), round(end) - round(start), round(top - bottom))
                    compat.draw_over(texture, rectangle)
        finally:
            gpu.state.scissor_test_set(False)
            gpu.state.scissor_set(*before)
        self._draw_divider(middle, rectangle)

    def _draw_divider(self, x: float, rectangle: Rectangle) -> None:
        left, bottom, right, top = rectangle
        strokes.lines(np.array([[(x, bottom), (x, top)]]), strokes.WHITE, width=2.0)
        grip, middle = _GRIP * strokes.scale(), (bottom + top) / 2
        ends = [x - 4, x + 4]
        tips = [x - 4 - grip, x + 4 + grip]
        arrows = [[(e, middle - grip), (e, middle + grip), (t, middle)] for e, t in zip(ends, tips, strict=True)]
        strokes.fill(np.array(arrows), strokes.WHITE, 1.0)
        below = bottom - 16 * strokes.scale()
        strokes.words(self._words[0], np.array([left, below]))
        blf.size(0, 12.0 * strokes.scale())
        strokes.words(self._words[1], np.array([right - blf.dimensions(0, self._words[1])[0], below]))


def fitted(aspect: float, inside: Rectangle, margin: float) -> Rectangle:
    """The largest rectangle of this aspect (width / height) in the middle of another one without its margin."""
    left, bottom, right, top = inside
    width, height = max(1.0, right - left - 2 * margin), max(1.0, top - bottom - 2 * margin)
    width, height = (width, width / aspect) if width / height < aspect else (height * aspect, height)
    x, y = (left + right - width) / 2, (bottom + top - height) / 2
    return x, y, x + width, y + height


def _over_backdrop(picture: np.ndarray) -> np.ndarray:
    """Scene-linear RGBA [h, w, 4], bottom row first; what is transparent lies on grey."""
    rows = colour.linear_rows(picture[..., :3])
    if picture.shape[2] == 4:
        alpha = picture[::-1, :, 3:] / np.float32(255)
        rows[..., :3] = rows[..., :3] * alpha + 0.05 * (1 - alpha)
    return rows
