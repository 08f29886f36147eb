"""Boxes as an artist sees them in every 3D view: front, name, and by colour whether they are in the picture.

Drawn over the engine's picture as well, where Blender itself shows nothing of a proxy that is no wire object. Follows
the 3D view's own overlay switch. What the graphics card needs is made anew only when the scene changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..connection import session
from ..protocol.errors import ProtocolError
from ..scene import camera as cameras
from ..scene import changes, reader
from ..scene.posed import Boxes, read_boxes
from .marks import Marks, Standing, chosen_names, marks_of

Colour = tuple[float, float, float, float]
_Name = tuple[str, int, int, list[float]]  # text, left and bottom in pixels, colour
_COLOURS: dict[Standing, Colour] = {
    Standing.SHOWN: (0.93, 0.93, 0.93, 0.9),
    Standing.EMPTY: (0.65, 0.65, 0.65, 0.8),
    Standing.OUT_OF_VIEW: (0.45, 0.62, 0.95, 0.8),
    Standing.REFUSED: (1.0, 0.33, 0.28, 1.0),
}
_RIM: Colour = (0.0, 0.0, 0.0, 0.45)
_LINE, _RIM_LINE, _TEXT = 1.3, 3.0, 11.0  # pixels at a scale of 1
_NAME_ROOM = (60.0, 12.0)
_SPACES = 8  # 3D views whose marks are kept
_handlers: list[object] = []
_kept: dict[int, tuple[tuple[object, ...], _Drawable | None]] = {}  # by the 3D view's address


@dataclass(frozen=True)
class _Drawable:
    marks: Marks
    important: np.ndarray  # bool [names], selected or refused
    lines: gpu.types.GPUBatch
    fronts: gpu.types.GPUBatch
    names: dict[tuple[object, ...], list[_Name]] = field(default_factory=dict)  # by the view


def draw_shapes() -> None:
    """Edges, arrows and front faces: in the 3D view's own coordinates."""
    drawable = _drawable(bpy.context)
    if drawable is None:
        return
    scale = bpy.context.preferences.system.ui_scale
    gpu.state.blend_set("ALPHA")
    plain = gpu.shader.from_builtin("SMOOTH_COLOR")
    drawable.fronts.draw(plain)
    rim, coloured = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR"), gpu.shader.from_builtin("POLYLINE_SMOOTH_COLOR")
    for shader, width in ((rim, _RIM_LINE), (coloured, _LINE)):
        shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
        shader.uniform_float("lineWidth", width * scale)
        if shader is rim:
            shader.uniform_float("color", _RIM)
        drawable.lines.draw(shader)
    gpu.state.blend_set("NONE")


def draw_names() -> None:
    """In pixels of the region."""
    context = bpy.context
    drawable = _drawable(context)
    if drawable is None or not context.scene.neural_assets.show_box_names:
        return
    scale = context.preferences.system.ui_scale
    blf.size(0, _TEXT * scale)
    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 3, 0.0, 0.0, 0.0, 0.9)
    blf.shadow_offset(0, 1, -1)
    for name, x, y, colour in _names(drawable, context, scale):
        blf.color(0, *colour)
        blf.position(0, x, y, 0)
        blf.draw(0, name)
    blf.disable(0, blf.SHADOW)


def _names(drawable: _Drawable, context: bpy.types.Context, scale: float) -> list[_Name]:
    """What is written where in this region; kept as long as boxes and view stay as they are."""
    region, matrix = context.region, context.region_data.perspective_matrix
    size = region.width, region.height
    view = (matrix.copy().freeze(), size, scale)
    if view in drawable.names:
        return drawable.names[view]
    marks = drawable.marks
    places, depths = cameras.on_screen(marks.name_places, np.array(matrix), size)
    shown = np.flatnonzero((depths > 0) & (places >= 0).all(1) & (places < size).all(1))
    gap = (_NAME_ROOM[0] * scale, _NAME_ROOM[1] * scale)
    shown = shown[chosen_names(places[shown], depths[shown], drawable.important[shown], gap)]
    names = []
    for index, (x, y), colour in zip(
        shown.tolist(), places[shown].tolist(), marks.name_colours[shown].tolist(), strict=True
    ):
        name = marks.names[index]
        names.append((name, round(x - _width(name, scale) / 2), round(y + 4 * scale), colour))
    if len(drawable.names) >= _SPACES:
        drawable.names.clear()
    drawable.names[view] = names
    return names


@lru_cache(maxsize=512)
def _width(name: str, scale: float) -> float:
    """Pixels of a name in the size that `draw_names` has set for this scale."""
    return blf.dimensions(0, name)[0]


def standings(boxes: Boxes, depsgraph: bpy.types.Depsgraph) -> list[Standing]:
    """How each box stands to the scene's camera and the model; selection is not known here."""
    scene = depsgraph.scene_eval
    try:
        camera = reader.read_camera(depsgraph, scene.camera, cameras.frame_of(scene.render))
        seen = boxes.frames.seen_by(camera, scene.unit_settings.scale_length).tolist()
    except ProtocolError:  # there is no camera to be out of view of
        seen = [True] * len(boxes)
    found = []
    for box, good, is_seen in zip(boxes, boxes.frames.are_boxes.tolist(), seen, strict=True):
        shown = Standing.SHOWN if is_seen else Standing.OUT_OF_VIEW
        found.append(Standing.REFUSED if not good else shown if box.asset else Standing.EMPTY)
    return found


def _drawable(context: bpy.types.Context) -> _Drawable | None:
    """What to draw in this 3D view, made when something changed; None when there is nothing to draw."""
    space, scene = context.space_data, context.scene
    if not (space.overlay.show_overlays and scene.neural_assets.show_boxes):
        return None
    address = space.as_pointer()
    state = (changes.count, scene.name, context.view_layer.name, space.local_view is not None, _theme(context))
    if address not in _kept or _kept[address][0] != state:
        if len(_kept) >= _SPACES:
            _kept.clear()
        _kept[address] = state, _make(context, space)
    return _kept[address][1]


def _make(context: bpy.types.Context, space: bpy.types.SpaceView3D) -> _Drawable | None:
    depsgraph = context.view_layer.depsgraph  # as it is: nothing may be evaluated while Blender draws
    boxes = _boxes(depsgraph, space) if depsgraph is not None else None
    if not boxes:
        return None
    chosen = {thing.name for thing in context.view_layer.objects.selected}
    active = context.view_layer.objects.active
    colours = {**_COLOURS, **_theme(context)}
    found = standings(boxes, depsgraph)
    for index, box in enumerate(boxes):
        if box.owner in chosen:
            found[index] = Standing.ACTIVE if active is not None and box.owner == active.name else Standing.SELECTED
    marks = marks_of(boxes, [colours[standing] for standing in found])
    important = np.array([s in (Standing.SELECTED, Standing.ACTIVE, Standing.REFUSED) for s in found], bool)
    line, flat = gpu.shader.from_builtin("POLYLINE_SMOOTH_COLOR"), gpu.shader.from_builtin("SMOOTH_COLOR")
    return _Drawable(
        marks,
        important,
        batch_for_shader(line, "LINES", {"pos": marks.lines, "color": marks.line_colours}),
        batch_for_shader(flat, "TRIS", {"pos": marks.fronts, "color": marks.front_colours}),
    )


def _boxes(depsgraph: bpy.types.Depsgraph, space: bpy.types.SpaceView3D) -> Boxes:
    """As the live view has read them for this change, where it is on."""
    address = space.as_pointer()
    for view in session.views:
        if getattr(view, "space", None) == address and view.read_at == changes.count:
            return view.contents.boxes
    return read_boxes(depsgraph, space)


def _theme(context: bpy.types.Context) -> dict[Standing, Colour]:
    """Blender's own colours of selected objects."""
    theme = context.preferences.themes[0].view_3d
    return {
        Standing.SELECTED: (*theme.object_selected, 1.0),
        Standing.ACTIVE: (*theme.object_active, 1.0),
    }


def _draw_in_popover(self: bpy.types.Panel, context: bpy.types.Context) -> None:
    """In the 3D view's own overlays."""
    settings = context.scene.neural_assets
    column = self.layout.column()
    column.active = context.space_data.overlay.show_overlays
    column.label(text="Neural Assets")
    row = column.row()
    row.prop(settings, "show_boxes")
    names = row.row()
    names.active = settings.show_boxes
    names.prop(settings, "show_box_names")


def register() -> None:
    bpy.types.VIEW3D_PT_overlay.append(_draw_in_popover)
    if not bpy.app.background:
        for callback, when in ((draw_shapes, "POST_VIEW"), (draw_names, "POST_PIXEL")):
            _handlers.append(bpy.types.SpaceView3D.draw_handler_add(callback, (), "WINDOW", when))


def unregister() -> None:
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), "WINDOW")
    bpy.types.VIEW3D_PT_overlay.remove(_draw_in_popover)
    _kept.clear()
