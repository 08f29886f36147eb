"""What is drawn on the reference picture to find its camera, and the camera that it gives so far.

Plain objects that a modal operator feeds with mouse and keys; nothing of the file changes.
"""

from __future__ import annotations

import bpy
import numpy as np

from ..drawing import strokes
from ..drawing.picture_view import PictureView, picture_view
from ..protocol.errors import ErrorCode, ProtocolError
from ..scene import camera as cameras
from . import guides, vanishing
from .handles import Handles
from .typing_in import Typed

EYE_HEIGHT = 1.6  # metres
Keys = tuple[tuple[str, str], ...]  # icon and what it does
_AXES = (strokes.X_AXIS, strokes.Y_AXIS)


class CameraSketch:
    """The drawing while it grows, and the camera that it gives so far. Picture points are (u, v)."""

    per_stroke, most = 1, 4
    what = "Draw, Move Ends"

    def __init__(self, scene: bpy.types.Scene, keep_lens: bool) -> None:
        width, height = scene.neural_assets.reference.size
        self.shape = height / width
        self.handles = Handles(self.per_stroke, self.most)
        self.keep_lens, self.typed = keep_lens, Typed()
        self.solution: vanishing.Solution | None = None
        self.problem: vanishing.Unsolvable | None = None

    def solve(self, scene: bpy.types.Scene) -> None:
        """After every change."""
        self.solution = self.problem = None
        if self.is_complete:
            try:
                focal = known_focal(scene) if self.keep_lens else None
                self.solution = self.solved(focal)
            except vanishing.Unsolvable as error:
                self.problem = error

    @property
    def is_complete(self) -> bool:
        raise NotImplementedError

    def solved(self, focal: float | None) -> vanishing.Solution:
        raise NotImplementedError

    def anchor(self) -> np.ndarray | None:
        """The picture point that becomes the world's origin; None for the middle of the floor."""
        return None

    def height(self, scene: bpy.types.Scene) -> float:
        """Of the camera above the floor, in Blender units."""
        return self.typed.length(scene) or EYE_HEIGHT / scene.unit_settings.scale_length

    def draw(self, context: bpy.types.Context) -> None:
        view = picture_view(context)
        if view is None:
            return
        if self.solution is not None:
            position = vanishing.placed(self.solution, self.height(context.scene), self.anchor())
            seen = PictureView(view.rectangle, self.intrinsics(self.solution), _matrix(self.solution, position))
            guides.draw_floor(seen, 0.0, guides.floor_label(context.scene, seen, 0.0))
        self.draw_strokes(view)
        for i, point in enumerate(view.to_pixels(self.handles.points)):
            strokes.ring(point, 7.0 if i in (self.handles.hot, self.handles.held) else 4.5, strokes.WHITE)

    def draw_strokes(self, view: PictureView) -> None:
        raise NotImplementedError

    def intrinsics(self, solution: vanishing.Solution) -> tuple[float, float, float, float]:
        return solution.focal, solution.focal / self.shape, 0.5, 0.5

    def words(self, context: bpy.types.Context) -> str:
        """What the drawing gives so far."""
        if self.problem is not None:
            return str(self.problem)
        if self.solution is None:
            return ""
        lens = self.solution.focal / max(1.0, self.shape) * cameras.SENSOR
        skew = f", {self.solution.skew:.1f}° off a right angle" if self.keep_lens else ""
        height = guides.length(context.scene, self.height(context.scene))
        return f"Lens {lens:.1f} mm{' (kept)' if self.keep_lens else ''}{skew}, camera {height} above the floor"

    def keys(self) -> Keys:
        lens = "Solve the Lens" if self.keep_lens else "Keep the Lens"
        ready: Keys = (("EVENT_RETURN", "Apply"),) if self.solution is not None else ()
        return (*ready, ("MOUSE_LMB_DRAG", self.what), ("EVENT_L", lens), ("EVENT_BACKSPACE", "Remove Last"),
                ("MOUSE_MMB", "Zoom and Pan"), ("EVENT_ESC", "Cancel"))  # fmt: skip


class LinesSketch(CameraSketch):
    """Lines of two directions; the further ones join the direction that they fit."""

    per_stroke, most = 2, 16

    @property
    def directions(self) -> np.ndarray:
        """0 or 1 for each line: the first two and the next two are given, further ones join what they fit."""
        lines = self.handles.strokes
        found = [0, 0, 1, 1][: len(lines)]
        for line in lines[4:]:
            try:
                found.append(vanishing.nearer_direction(line, lines[:2], lines[2:4], self.shape))
            except vanishing.Unsolvable:
                found.append(0)
        return np.array(found, int)

    @property
    def is_complete(self) -> bool:
        return len(self.handles.strokes) >= 4

    def solved(self, focal: float | None) -> vanishing.Solution:
        lines, directions = self.handles.strokes, self.directions
        return vanishing.from_lines(lines[directions == 0], lines[directions == 1], self.shape, focal)

    def draw_strokes(self, view: PictureView) -> None:
        lines, directions = view.to_pixels(self.handles.strokes), self.directions
        for direction, colour in enumerate(_AXES):
            strokes.lines(lines[directions == direction], colour, 2.0)

    def header(self, context: bpy.types.Context) -> str:
        count = len(self.handles.strokes)
        if count < 4:
            which = "one direction" if count < 2 else "the direction at a right angle to it"
            return f"Drag along two edges that lie level in {which} ({count % 2 + 1} of 2)"
        more = "" if self.handles.is_full else ". More lines make it more precise"
        return f"{self.words(context)}{more}" if self.problem is None else str(self.problem)


class RectangleSketch(CameraSketch):
    """A rectangle on the floor; the length of its first side may be typed."""

    what = "Place, Move Corners"

    @property
    def is_complete(self) -> bool:
        return len(self.handles.points) == 4

    def solved(self, focal: float | None) -> vanishing.Solution:
        return vanishing.from_rectangle(self.handles.points, self.shape, focal)

    def anchor(self) -> np.ndarray | None:
        return crossing(self.handles.points)

    def height(self, scene: bpy.types.Scene) -> float:
        length = self.typed.length(scene)
        if length is None or length <= 0 or self.solution is None:
            return EYE_HEIGHT / scene.unit_settings.scale_length
        first, second = self.handles.points[:2]
        return self.solution.height(first, second, length)

    def draw_strokes(self, view: PictureView) -> None:
        corners = view.to_pixels(self.handles.points)
        sides = np.stack([corners, np.roll(corners, -1, axis=0)], 1)
        if len(corners) < 2:
            return
        closed = sides if len(corners) == 4 else sides[:-1]
        strokes.lines(closed[0::2], strokes.X_AXIS, 2.0)
        strokes.lines(closed[1::2], strokes.Y_AXIS, 2.0)
        strokes.lines(closed[:1], strokes.X_AXIS, 4.0)  # the side whose length may be typed

    def header(self, context: bpy.types.Context) -> str:
        count = len(self.handles.points)
        if count < 4:
            return (
                f"Click the corners of a rectangle on the floor or a table, in their order round it ({count + 1} of 4)"
            )
        if self.problem is not None:
            return str(self.problem)
        length = self.typed.text or "type its length"
        return f"{self.words(context)}. Thick side: {length}"


def known_focal(scene: bpy.types.Scene) -> float:
    """The focal length in widths of the reference picture; raises ProtocolError when there is none or it is shifted."""
    camera = scene.camera
    if camera is None or camera.type != "CAMERA":
        raise ProtocolError(ErrorCode.CAMERA, "The scene has no camera.", "Load the reference picture again.")
    lens = cameras.lens_of(camera)
    if max(map(abs, lens.shift)) > 1e-6:
        raise ProtocolError(
            ErrorCode.CAMERA, "The camera's lens is shifted, as that of no uncropped picture.", "Set its shift to 0."
        )
    return cameras.intrinsics(lens, cameras.Frame(*scene.neural_assets.reference.size))[0]


def crossing(corners: np.ndarray) -> np.ndarray:
    """Where the diagonals of four corners [4, 2] meet: the picture of the rectangle's middle."""
    a, b, c, d = np.concatenate([corners, np.ones((4, 1))], -1)
    middle = np.cross(np.cross(a, c), np.cross(b, d))
    return middle[:2] / middle[2]


def _matrix(solution: vanishing.Solution, position: np.ndarray) -> np.ndarray:
    """World-to-camera [4, 4]."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = solution.rotation, -solution.rotation @ position
    return matrix
