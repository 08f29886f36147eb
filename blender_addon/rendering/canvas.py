"""A render's pixels: the picture so far and the finished passes, cut to the render border, as Blender takes them."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..protocol.events import Picture
from .passes import Film, premultiplied


@dataclass(frozen=True)
class Window:
    """The part of the whole picture that is rendered, in pixels from the left and the bottom."""

    left: int
    bottom: int
    width: int
    height: int
    whole: tuple[int, int]  # width, height

    @staticmethod
    def of(render: bpy.types.RenderSettings, width: int, height: int) -> Window:
        """The render border, or everything; width, height: the whole picture. Rounded as Blender does."""
        if not render.use_border:
            return Window(0, 0, width, height, (width, height))
        left, bottom = int(render.border_min_x * width), int(render.border_min_y * height)
        right, top = int(render.border_max_x * width), int(render.border_max_y * height)
        return Window(left, bottom, right - left, top - bottom, (width, height))

    def cut(self, image: np.ndarray) -> np.ndarray:
        """[h, w, ...], top row first, of the whole picture at any size -> this part, at full size."""
        width, height = self.whole
        if image.shape[:2] != (height, width):  # a step of the sampler may be smaller than the picture
            down, across = np.arange(height) * image.shape[0] // height, np.arange(width) * image.shape[1] // width
            image = image[down[:, None], across]
        top = height - self.bottom - self.height
        return image[top : top + self.height, self.left : self.left + self.width]


class Canvas:
    """The result of one view layer's render. Use `close` however it ends, so that Blender frees the result."""

    def __init__(self, engine: bpy.types.RenderEngine, window: Window, layer: str, film: Film) -> None:
        self._engine, self._window, self._film = engine, window, film
        self._result: bpy.types.RenderResult | None = engine.begin_result(
            0, 0, window.width, window.height, layer=layer
        )

    def show(self, image: np.ndarray) -> None:
        """The picture so far, uint8 sRGB [h, w, 3]."""
        self._fill("Combined", premultiplied(self._window.cut(image)))
        self._engine.update_result(self._result)

    def finish(self, picture: Picture) -> None:
        """The finished picture, in every pass that Blender asks for."""
        assert self._result is not None
        passes = self._film.passes(picture, self._window.cut)
        for wanted in self._result.layers[0].passes:
            if wanted.name in passes:
                self._fill(wanted.name, passes[wanted.name])
        result, self._result = self._result, None
        self._engine.end_result(result)

    def close(self) -> None:
        """Drops what was not finished."""
        result, self._result = self._result, None
        if result is not None:
            self._engine.end_result(result, cancel=True)

    def _fill(self, name: str, values: np.ndarray) -> None:
        assert self._result is not None
        self._result.layers[0].passes[name].rect.foreach_set(np.ascontiguousarray(values, np.float32).ravel())
