"""Draw a box into a 3D view: its base on the floor, then its height, with numbers where they are known."""

from __future__ import annotations

import math

import bpy
import numpy as np
from bpy.props import FloatProperty, FloatVectorProperty
from bpy_extras import view3d_utils
from mathutils import Vector

from ..drawing import strokes
from ..drawing.picture_view import window_region
from ..protocol.errors import ErrorCode, ProtocolError
from ..reference import floor, guides
from ..reference.box_sketch import BoxSketch, Stage
from ..reference.typing_in import Typed
from ..scene.camera import on_screen
from ..scene.new_box import add_to_scene, make_box
from .common import Result, boxes, sentences
from .on_picture import Keys, OnPicture, pixel_of

_WHEEL = {"WHEELUPMOUSE": 1, "WHEELDOWNMOUSE": -1}
_SIDES = ("Width", "Depth", "Height")
_EDGES = [(0, 1), (1, 3), (3, 2), (2, 0), (4, 5), (5, 7), (7, 6), (6, 4), (0, 4), (1, 5), (2, 6), (3, 7)]
_TO_DO = {
    Stage.CORNER: "Click where a lower corner of the object stands, or drag over its base",
    Stage.EDGE: "Click the end of its lower edge",
    Stage.BASE: "Click the opposite corner of its base",
    Stage.HEIGHT: "Move up to the object's top and click",
}


class _Sketch:
    """The box, and the numbers that are typed for it."""

    def __init__(self, box: BoxSketch) -> None:
        self.box = box
        self.typed = [Typed() for _ in _SIDES]
        self.field = 0
        self.pixel = np.zeros(2)

    def type(self, scene: bpy.types.Scene) -> None:
        """Hand the numbers on."""
        self.box.typed = [abs(length) if (length := typed.length(scene)) else None for typed in self.typed]

    def header(self, context: bpy.types.Context) -> str:
        if self.box.stage < Stage.HEIGHT and self.box.hover is None:
            return "There is no floor under the mouse: point below the horizon"
        return f"Draw Box: {_TO_DO.get(self.box.stage, '')}"

    def keys(self) -> Keys:
        return (
            ("MOUSE_LMB", "Next"),
            *((("MOUSE_MMB", "Wheel Turns"),) if self.box.has_corner else ()),
            ("EVENT_R", "Next Direction"),
            *(
                ()
                if self.box.has_corner
                else (("EVENT_E", "Base by Two Corners" if self.box.by_edge else "Base by an Edge"),)
            ),
            ("EVENT_CTRL", f"Steps of {guides.length(bpy.context.scene, self.box.step)}"),
            ("EVENT_TAB", f"Type the {_SIDES[self.field]}"),
            ("EVENT_BACKSPACE", "Back"),
            ("EVENT_ESC", "Cancel"),
        )

    def draw(self, context: bpy.types.Context) -> None:
        box = self.box
        if not box.has_corner:
            if box.hover is not None:
                self._draw_cross(context)
            return
        points, before = _pixels(context, box.corners())
        seen = np.array([edge for edge in _EDGES if before[edge[0]] and before[edge[1]]])
        if len(seen) < len(_EDGES):
            return
        strokes.fill(points[[0, 1, 3, 2]][None], strokes.Z_AXIS, 0.2)
        tall = box.drawn().size[2] > 0
        strokes.lines(points[seen] if tall else points[seen[:4]], strokes.WHITE, 1.5)
        strokes.lines(points[[[0, 1]]], strokes.Y_AXIS, 3.0)  # the front
        strokes.words("Front", points[[0, 1]].mean(0) - np.array([14, 16]) * strokes.scale(), strokes.Y_AXIS, 11)
        sizes = self._sizes(context.scene)
        at = self.pixel + np.array([18.0, 14.0]) * strokes.scale()
        at[0] = min(at[0], context.region.width - strokes.words_width(sizes, 13) - 8)
        strokes.words(sizes, at, size=13)
        yaw = f"{math.degrees(box.drawn().yaw):.1f}°".replace("-0.0°", "0.0°")
        strokes.words(yaw, at - np.array([0.0, 18.0]) * strokes.scale(), size=12)

    def _draw_cross(self, context: bpy.types.Context) -> None:
        """Where the first corner would stand, along the directions of the base."""
        box = self.box
        x, y = np.array([math.cos(box.yaw), math.sin(box.yaw)]), np.array([-math.sin(box.yaw), math.cos(box.yaw)])
        ends = np.array([box.near + side * 5 * box.step * axis for axis in (x, y) for side in (-1, 1)])
        points, before = _pixels(context, np.concatenate([ends, np.full((4, 1), box.ground)], axis=1))
        if before.all():
            strokes.lines(points.reshape(2, 2, 2), strokes.WHITE, 1.5)

    def _sizes(self, scene: bpy.types.Scene) -> str:
        texts = []
        for i, side in enumerate(self.box.drawn().size):
            text = f"{self.typed[i].text}|" if i == self.field and self.typed[i].text else guides.length(scene, side)
            texts.append(text)
        return " × ".join(texts)


class DrawBox(OnPicture, bpy.types.Operator):
    """Draw a box over an object: its base on the floor, then its height. Its front looks towards you"""

    bl_idname = "neural_assets.draw_box"
    bl_label = "Draw Box"
    bl_options = {"REGISTER", "UNDO"}

    corner: FloatVectorProperty(
        name="Corner", description="Where the left front corner of the base stands", size=2, unit="LENGTH",
        options={"SKIP_SAVE"},
    )  # fmt: skip
    size: FloatVectorProperty(
        name="Size",
        description="Full extents: width, depth and height",
        default=(0.5, 0.5, 0.5),
        min=1e-3,
        soft_max=10.0,
        subtype="XYZ_LENGTH",
        unit="LENGTH",
    )
    yaw: FloatProperty(name="Turn", description="About the vertical axis", unit="ROTATION", options={"SKIP_SAVE"})

    _by_edge = False  # how the last base was drawn

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Boxes are drawn in Object Mode")
        return context.mode == "OBJECT"

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if context.area is None or context.area.type != "VIEW_3D":
            raise ProtocolError(ErrorCode.BOX, "A box is drawn in a 3D view.", "Start it from one, or use Add Box.")
        yaws = tuple(float(thing.matrix_world.to_euler().z) for thing in boxes(context, selected=False))
        eye = np.array(context.space_data.region_3d.view_matrix.inverted().translation)
        ground = context.scene.neural_assets.ground
        box = BoxSketch(eye, ground, _step(context, eye, ground), yaws, DrawBox._by_edge)
        return self.begin(context, _Sketch(box))

    def on_event(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        sketch, box, pressed = self.sketch, self.sketch.box, event.value == "PRESS"
        if event.type in ("MOUSEMOVE", "LEFTMOUSE", "LEFT_CTRL", "RIGHT_CTRL"):
            self._point(context, event)
        elif pressed and event.type in _WHEEL:
            angle = math.radians(1.0 if event.shift else 5.0) * _WHEEL[event.type]
            box.turn(angle, snap=not event.shift)
            self._point(context, event)
        elif pressed and event.type == "R":
            box.next_direction()
            self._point(context, event)
        elif pressed and event.type == "E" and box.stage is Stage.CORNER:
            DrawBox._by_edge = box.by_edge = not box.by_edge
        elif pressed and event.type == "TAB":
            sketch.field = (sketch.field + (2 if event.shift else 1)) % 3
        elif pressed and event.type in ("RET", "NUMPAD_ENTER"):
            if not box.enter():
                self.report({"WARNING"}, sketch.header(context))
        elif sketch.typed[sketch.field].take(event):
            sketch.type(context.scene)
        elif pressed and (event.type == "BACK_SPACE" or event.type == "Z" and event.ctrl):
            box.back()
        if box.stage is Stage.DONE:
            drawn = box.drawn()
            self.corner, self.size, self.yaw = drawn.corner, drawn.size, drawn.yaw
            self.end(context)
            return self.execute(context)
        self.say(context)
        return {"RUNNING_MODAL"}

    def is_elsewhere(self, context: bpy.types.Context, event: bpy.types.Event, wheel: bool = True) -> bool:
        return super().is_elsewhere(context, event, wheel=not self.sketch.box.has_corner)

    def execute(self, context: bpy.types.Context) -> Result:
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        x, y = self.size[0] / 2, self.size[1] / 2
        thing = make_box("Box", tuple(self.size))
        ground = context.scene.neural_assets.ground
        thing.location = self.corner[0] + c * x - s * y, self.corner[1] + s * x + c * y, ground
        thing.rotation_euler = 0.0, 0.0, self.yaw
        add_to_scene(context, thing)
        return {"FINISHED"}

    def _point(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        sketch, region, view = self.sketch, window_region(context.area), context.space_data.region_3d
        sketch.pixel = pixel_of(context, event)
        coordinates = Vector(sketch.pixel)
        origin = view3d_utils.region_2d_to_origin_3d(region, view, coordinates)
        direction = view3d_utils.region_2d_to_vector_3d(region, view, coordinates)
        sketch.box.move(np.array(origin), np.array(direction), event.ctrl)
        if event.type == "LEFTMOUSE" and event.value in ("PRESS", "DOUBLE_CLICK"):
            sketch.box.press(sketch.pixel)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            sketch.box.release(sketch.pixel)


def _step(context: bpy.types.Context, eye: np.ndarray, ground: float) -> float:
    """A round length (Blender units) that is small in this view: some eightieth of what is seen across."""
    region, view = window_region(context.area), context.space_data.region_3d
    middle = Vector((region.width / 2, region.height / 2))
    origin = np.array(view3d_utils.region_2d_to_origin_3d(region, view, middle))
    point = floor.floor_point(origin, np.array(view3d_utils.region_2d_to_vector_3d(region, view, middle)), ground)
    far = abs(eye[2] - ground) * 4 if point is None else float(np.linalg.norm(point - eye))
    across = 2 / abs(view.window_matrix[0][0]) * (far if view.is_perspective else 1.0)
    return floor.rounded(max(across, 1e-6) / 80)


def _pixels(context: bpy.types.Context, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World points [n, 3] -> pixels of the region [n, 2], and which lie before the view [n]."""
    region, matrix = context.region, np.array(context.space_data.region_3d.perspective_matrix)
    pixels, depths = on_screen(points, matrix, (region.width, region.height))
    return pixels, depths > 1e-6


CLASSES = (DrawBox,)
