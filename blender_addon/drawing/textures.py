"""Pictures on the graphics card. Plain functions of a drawing context, so that they are tested without a window."""

from __future__ import annotations

import gpu
import numpy as np
from gpu_extras.presets import draw_texture_2d


def upload(rows: np.ndarray) -> gpu.types.GPUTexture:
    """A texture of float32 scene-linear RGBA [h, w, 4], bottom row first."""
    height, width = rows.shape[:2]
    data = gpu.types.Buffer("FLOAT", rows.size, np.ascontiguousarray(rows, np.float32).ravel())
    return gpu.types.GPUTexture((width, height), format="RGBA16F", data=data)


def draw(texture: gpu.types.GPUTexture, rectangle: tuple[float, float, float, float]) -> None:
    """Fill (left, bottom, right, top) of the region, in pixels, with the texture."""
    left, bottom, right, top = rectangle
    gpu.state.blend_set("ALPHA_PREMULT")
    draw_texture_2d(texture, (left, bottom), right - left, top - bottom)
    gpu.state.blend_set("NONE")
