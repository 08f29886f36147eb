"""Lines, handles and words over a 3D view, in pixels of its region; readable over light and dark pictures.

For POST_PIXEL draw handlers, whose colours reach the screen unchanged. Colours are (r, g, b) in sRGB.
"""

from __future__ import annotations

import math

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

Colour = tuple[float, float, float]
WHITE, X_AXIS, Y_AXIS, Z_AXIS = (1.0, 1.0, 1.0), (1.0, 0.35, 0.4), (0.55, 0.85, 0.2), (0.35, 0.62, 1.0)
_SHADE = 0.65  # opacity of the dark rim
_ROUND = np.linspace(0, 2 * math.pi, 17)
_CIRCLE = np.stack([np.cos(_ROUND), np.sin(_ROUND)], -1)


def scale() -> float:
    """Pixels of the screen for one of the interface (which Blender does not know without a window)."""
    return bpy.context.preferences.system.ui_scale or 1.0


def lines(
    segments: np.ndarray, colour: Colour, width: float = 1.5, strength: np.ndarray | float = 1.0, rim: bool = True
) -> None:
    """Straight lines [n, 2 ends, 2]; strength: opacity, of all or [n, 2]; rim: a dark one around them."""
    if not len(segments):
        return
    points = np.asarray(segments, np.float32).reshape(-1, 2)
    alpha = np.broadcast_to(np.asarray(strength, np.float32), np.shape(segments)[:2]).reshape(-1, 1)
    gpu.state.blend_set("ALPHA")
    shader = gpu.shader.from_builtin("POLYLINE_SMOOTH_COLOR")
    viewport = gpu.state.viewport_get()[2:]
    passes = [((0.0, 0.0, 0.0), width + 2.0, _SHADE)] if rim else []
    for rgb, thick, share in [*passes, (colour, width, 1.0)]:
        rgba = np.concatenate([np.tile(np.float32(rgb), (len(points), 1)), alpha * np.float32(share)], -1)
        batch = batch_for_shader(shader, "LINES", {"pos": _in_space(points), "color": rgba})
        shader.uniform_float("viewportSize", viewport)
        shader.uniform_float("lineWidth", thick * scale())
        batch.draw(shader)
    gpu.state.blend_set("NONE")


def ring(centre: np.ndarray, radius: float, colour: Colour, width: float = 1.5) -> None:
    """A circle around a point [2], through which the picture is seen."""
    points = np.asarray(centre) + _CIRCLE * radius * scale()
    lines(np.stack([points[:-1], points[1:]], 1), colour, width)


def fill(polygons: np.ndarray, colour: Colour, strength: float) -> None:
    """Convex polygons [n, corners, 2]."""
    polygons = np.asarray(polygons, np.float32)
    fans = [polygons[:, [0, i, i + 1]] for i in range(1, polygons.shape[1] - 1)]
    points = np.concatenate(fans).reshape(-1, 2)
    gpu.state.blend_set("ALPHA")
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", (*colour, strength))
    batch_for_shader(shader, "TRIS", {"pos": _in_space(points)}).draw(shader)
    gpu.state.blend_set("NONE")


def words(text: str, at: np.ndarray, colour: Colour = WHITE, size: float = 12.0) -> None:
    """One line of text whose lower left corner is at a point [2]."""
    blf.size(0, size * scale())
    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 5, 0.0, 0.0, 0.0, 0.9)
    blf.shadow_offset(0, 1, -1)
    blf.color(0, *colour, 1.0)
    blf.position(0, float(at[0]), float(at[1]), 0)
    blf.draw(0, text)
    blf.disable(0, blf.SHADOW)


def words_width(text: str, size: float = 12.0) -> float:
    """Of a line of text, in pixels."""
    blf.size(0, size * scale())
    return blf.dimensions(0, text)[0]


def _in_space(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points, np.zeros_like(points[:, :1])], -1)
