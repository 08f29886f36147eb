"""The camera of the reference picture from what the artist draws on it: lines of two directions, or a rectangle.

Location, rotation and lens of the scene's camera are then set as anybody would set them by hand.
"""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import BoolProperty, CollectionProperty, FloatProperty, FloatVectorProperty, IntProperty
from mathutils import Matrix

from ..drawing.picture_view import picture_view, window_region
from ..protocol.errors import ErrorCode, ProtocolError
from ..reference import guides, vanishing
from ..reference.camera_sketch import EYE_HEIGHT, CameraSketch, LinesSketch, RectangleSketch, crossing, known_focal
from ..scene import camera as cameras
from .common import Result, sentences
from .on_picture import OnPicture, pixel_of
from .reference import camera_of, require_shape, set_lens

_OLD_FLOOR = ("show_floor", "show_axis_x", "show_axis_y", "show_cursor", "show_object_origins")


class DrawnLine(bpy.types.PropertyGroup):
    """A line on the picture, in widths and heights from its upper left."""

    start: FloatVectorProperty(name="Start", description="Where the line begins", size=2)
    end: FloatVectorProperty(name="End", description="Where the line ends", size=2)
    direction: IntProperty(name="Direction", description="Lines of one number are parallel in the world", max=1, min=0)


class _FromPicture(OnPicture):
    """What both operators share."""

    _shown: dict[str, bool] | None = None  # Blender's own floor and axes, which are the old camera's

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Load a reference picture first")
        return context.scene.neural_assets.reference is not None

    def begin(self, context: bpy.types.Context, sketch: CameraSketch) -> Result:
        overlay = context.space_data.overlay
        self._shown = {name: getattr(overlay, name) for name in _OLD_FLOOR}
        for name in _OLD_FLOOR:
            setattr(overlay, name, False)
        guides.solving.add(context.area.as_pointer())
        return super().begin(context, sketch)

    def end(self, context: bpy.types.Context) -> None:
        guides.solving.discard(self._area)
        if self._shown is not None and context.area is not None and context.area.type == "VIEW_3D":
            for name, shown in self._shown.items():
                setattr(context.space_data.overlay, name, shown)
        self._shown = None
        super().end(context)

    def look_through_camera(self, context: bpy.types.Context) -> None:
        """Raises ProtocolError when nothing can be drawn on the picture here."""
        if context.area is None or context.area.type != "VIEW_3D":
            raise ProtocolError(ErrorCode.CAMERA, "This is drawn in a 3D view.", "Start it from one.")
        if context.space_data.camera != context.scene.camera:
            raise ProtocolError(
                ErrorCode.CAMERA, "This view looks through another camera.", "Switch Local Camera off in the tab View."
            )
        require_shape(context.scene)
        known_focal(context.scene)
        context.space_data.region_3d.view_perspective = "CAMERA"

    def on_event(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        sketch, handles = self.sketch, self.sketch.handles
        if event.type in ("RET", "NUMPAD_ENTER") and event.value == "PRESS":
            if sketch.solution is None:
                self.report({"WARNING"}, str(sketch.problem or sketch.header(context)))
                return {"RUNNING_MODAL"}
            self.take(context, sketch)
            self.end(context)
            return self.execute(context)
        if sketch.typed.take(event):
            pass
        elif event.value == "PRESS" and (event.type in ("BACK_SPACE", "DEL") or event.type == "Z" and event.ctrl):
            handles.remove_last()
        elif event.value == "PRESS" and event.type == "L":
            sketch.keep_lens = not sketch.keep_lens
        elif event.type in ("LEFTMOUSE", "MOUSEMOVE"):
            self._point(context, event)
        else:
            return {"RUNNING_MODAL"}
        sketch.solve(context.scene)
        self.say(context)
        return {"RUNNING_MODAL"}

    def _point(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        view = picture_view(context, window_region(context.area))
        if view is None:
            return
        handles, pixel = self.sketch.handles, pixel_of(context, event)
        point, pixels = view.to_picture(pixel), view.to_pixels(handles.points)
        if event.type == "MOUSEMOVE":
            handles.move(point, pixel, pixels)
        elif event.value in ("PRESS", "DOUBLE_CLICK"):
            handles.press(np.clip(point, 0.0, 1.0), pixel, pixels)
        elif event.value == "RELEASE":
            handles.release(pixel)


class SetCameraFromLines(_FromPicture, bpy.types.Operator):
    """Draw two level edges of one direction on the picture and two at a right angle to them: they tell lens and tilt"""

    bl_idname = "neural_assets.set_camera_from_lines"
    bl_label = "Set Camera from Lines"
    bl_options = {"REGISTER", "UNDO"}

    lines: CollectionProperty(type=DrawnLine, options={"SKIP_SAVE", "HIDDEN"})
    keep_lens: BoolProperty(name="Keep the Lens", description="Take the camera's focal length as known")
    height: FloatProperty(
        name="Camera's Height", description="Above the floor; it scales the scene", default=EYE_HEIGHT, min=1e-3,
        soft_max=10.0, unit="LENGTH",
    )  # fmt: skip

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        self.look_through_camera(context)
        return self.begin(context, LinesSketch(context.scene, self.keep_lens))

    def take(self, context: bpy.types.Context, sketch: LinesSketch) -> None:
        """What was drawn, as properties."""
        self.lines.clear()
        for (start, end), direction in zip(sketch.handles.strokes, sketch.directions, strict=True):
            line = self.lines.add()
            line.start, line.end, line.direction = start, end, int(direction)
        self.keep_lens, self.height = sketch.keep_lens, sketch.height(context.scene)

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        lines = np.array([[tuple(line.start), tuple(line.end)] for line in self.lines]).reshape(-1, 2, 2)
        directions = np.array([line.direction for line in self.lines], int)
        scene = context.scene
        shape = require_shape(scene)
        focal = known_focal(scene) if self.keep_lens else None
        try:
            solution = vanishing.from_lines(lines[directions == 0], lines[directions == 1], shape, focal)
        except vanishing.Unsolvable as error:
            raise ProtocolError(ErrorCode.CAMERA, error.sentence, error.cure) from None
        self.report({"INFO"}, _apply(context, solution, vanishing.placed(solution, self.height), self.keep_lens))
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        _draw_properties(self, ("keep_lens", "height"))


class SetCameraFromRectangle(_FromPicture, bpy.types.Operator):
    """Click the four corners of a rectangle that lies on the floor: they tell lens, tilt and, with one length, scale"""

    bl_idname = "neural_assets.set_camera_from_rectangle"
    bl_label = "Set Camera from Rectangle"
    bl_options = {"REGISTER", "UNDO"}

    corners: FloatVectorProperty(
        name="Corners", size=8, options={"SKIP_SAVE", "HIDDEN"},
        description="Four points in their order round it, in widths and heights from the picture's upper left",
    )  # fmt: skip
    keep_lens: BoolProperty(name="Keep the Lens", description="Take the camera's focal length as known")
    length: FloatProperty(
        name="First Side's Length", description="Between the first two corners; 0 takes the camera's height instead",
        min=0.0, soft_max=10.0, unit="LENGTH",
    )  # fmt: skip
    height: FloatProperty(
        name="Camera's Height", description="Above the floor, when no length is known", default=EYE_HEIGHT, min=1e-3,
        soft_max=10.0, unit="LENGTH",
    )  # fmt: skip

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        self.look_through_camera(context)
        return self.begin(context, RectangleSketch(context.scene, self.keep_lens))

    def take(self, context: bpy.types.Context, sketch: RectangleSketch) -> None:
        """What was drawn, as properties."""
        self.corners = sketch.handles.points.ravel()
        self.keep_lens, self.length = sketch.keep_lens, max(0.0, sketch.typed.length(context.scene) or 0.0)
        self.height = EYE_HEIGHT / context.scene.unit_settings.scale_length

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        corners = np.array(tuple(self.corners)).reshape(4, 2)
        shape = require_shape(context.scene)
        focal = known_focal(context.scene) if self.keep_lens else None
        try:
            solution = vanishing.from_rectangle(corners, shape, focal)
            height = solution.height(corners[0], corners[1], self.length) if self.length else self.height
            position = vanishing.placed(solution, height, crossing(corners))
        except vanishing.Unsolvable as error:
            raise ProtocolError(ErrorCode.CAMERA, error.sentence, error.cure) from None
        self.report({"INFO"}, _apply(context, solution, position, self.keep_lens))
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        _draw_properties(self, ("keep_lens", "length", *(() if self.length else ("height",))))


def _apply(context: bpy.types.Context, solution: vanishing.Solution, position: np.ndarray, keep_lens: bool) -> str:
    """Set the scene's camera, and say what it is now. position [3]: above a floor at zero."""
    scene, camera = context.scene, camera_of(context)
    if not keep_lens:
        set_lens(camera.data, solution.focal / max(1.0, solution.shape) * cameras.SENSOR)
    matrix = np.eye(4)
    matrix[:3, :3] = solution.rotation.T @ cameras.OPENCV[:3, :3]
    matrix[:3, 3] = position + (0.0, 0.0, scene.neural_assets.ground)
    camera.matrix_world = Matrix(matrix)
    height = guides.length(scene, float(position[2]))
    return f"Lens {camera.data.lens:.1f} mm, camera {height} above the floor"


def _draw_properties(operator: bpy.types.Operator, names: tuple[str, ...]) -> None:
    column = operator.layout.column()
    column.use_property_split = True
    for name in names:
        column.prop(operator, name)


CLASSES = (DrawnLine, SetCameraFromLines, SetCameraFromRectangle)
