"""What lies over the reference picture in camera view: horizon, the floor's grid, and what the model took for objects.

A draw handler that only reads; nothing is drawn without a reference picture, outside camera view, or with the 3D
view's overlays switched off.
"""

from __future__ import annotations

import bpy
import numpy as np

from ..drawing import strokes
from ..drawing.picture_view import PictureView, picture_view
from . import floor, masks

_HORIZON: strokes.Colour = (1.0, 0.8, 0.25)
_handler: object = None
solving: set[int] = set()  # areas where a camera is being drawn, which shows guides of its own


def draw() -> None:
    """Called by Blender at every redraw of every 3D view."""
    context = bpy.context
    scene, settings = context.scene, context.scene.neural_assets
    if settings.reference is None or not (settings.show_floor or settings.show_masks):
        return
    if not context.space_data.overlay.show_overlays or context.area.as_pointer() in solving:
        return
    view = picture_view(context)
    if view is None:
        return
    if settings.show_masks and context.space_data.shading.type != "RENDERED":
        masks.draw_masks(scene, view)
    if settings.show_floor:
        draw_floor(view, settings.ground, floor_label(scene, view, settings.ground))


def draw_floor(view: PictureView, ground: float, label: str = "") -> None:
    """Horizon and grid of the floor at this height (Blender units), as the view's camera sees them."""
    ends, strength = floor.grid(view.intrinsics, view.world_to_camera, ground)
    strokes.lines(view.to_pixels(ends), strokes.WHITE, 1.0, 0.75 * strength)
    line = floor.horizon(view.intrinsics, view.world_to_camera)
    if line is not None:
        strokes.lines(view.to_pixels(line[None]), _HORIZON, 1.5)
        strokes.words("Horizon", _label_place(view.to_pixels(line)), _HORIZON, 11)
    if label:
        left, bottom, _, _ = view.rectangle
        strokes.words(label, np.array([max(left, 0.0), max(bottom, 0.0)]) + 8 * strokes.scale(), size=11)


def _label_place(line: np.ndarray) -> np.ndarray:
    """Just above the left end of a line [2, 2] in pixels, or where it enters the region."""
    (left, low), (right, high) = line[line[:, 0].argsort()]
    enters = max(left, 0.0)
    slope = (high - low) / max(right - left, 1e-6)
    return np.array([enters, low + (enters - left) * slope]) + np.array([8.0, 7.0]) * strokes.scale()


def floor_label(scene: bpy.types.Scene, view: PictureView, ground: float) -> str:
    """How wide a cell of the grid is."""
    cell = floor.cell(view.intrinsics, view.world_to_camera, ground)
    return "The camera is below the floor" if cell is None else f"Cells of {length(scene, cell)}"


def length(scene: bpy.types.Scene, value: float) -> str:
    """A length in Blender units as this scene shows lengths."""
    units = scene.unit_settings
    return bpy.utils.units.to_string(units.system, "LENGTH", value * units.scale_length, precision=3)


def register() -> None:
    global _handler
    _handler = bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    bpy.types.SpaceView3D.draw_handler_remove(_handler, "WINDOW")
