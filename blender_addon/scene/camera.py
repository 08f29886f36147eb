"""Blender's camera as a pinhole: sensor fit, shift, pixel aspect, resolution; and the views that are none.

Out comes (fx, fy, cx, cy) in widths and heights of the picture, v downwards, and the 4x4 world-to-camera matrix with
OpenCV axes (x right, y down, z forward) in metres. Proven against `bpy_extras.object_utils.world_to_camera_view`.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..protocol.errors import ErrorCode, ProtocolError

SENSOR = 36.0  # mm: focal lengths without a sensor are for this width, as Blender's default camera has it
OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])  # Blender's camera looks along -z with y up
_RIGID_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Lens:
    """Blender's camera data: focal length and sensor in mm, shift in units of the longer fitted side."""

    focal: float
    sensor_width: float
    sensor_height: float
    fit: str = "AUTO"
    shift: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Frame:
    """The picture: pixels after the resolution percentage, and the shape of one pixel (height / width)."""

    width: int
    height: int
    pixel_aspect: float = 1.0


def intrinsics(lens: Lens, frame: Frame) -> tuple[float, float, float, float]:
    """(fx, fy, cx, cy) in widths and heights of the picture."""
    width, height = float(frame.width), frame.height * frame.pixel_aspect
    horizontal = lens.fit == "HORIZONTAL" or (lens.fit == "AUTO" and width >= height)
    fitted = width if horizontal else height
    sensor = lens.sensor_height if lens.fit == "VERTICAL" else lens.sensor_width
    focal = lens.focal / sensor * fitted
    return (
        focal / width,
        focal / height,
        0.5 - lens.shift[0] * fitted / width,
        0.5 + lens.shift[1] * fitted / height,
    )


def lens_from(
    pinhole: tuple[float, ...], frame: Frame, sensor_width: float, sensor_height: float, fit: str = "AUTO"
) -> Lens:
    """The lens that has these intrinsics (fx, fy, cx, cy) in a picture of this shape: the inverse of `intrinsics`."""
    fx, fy, cx, cy = pinhole
    width, height = float(frame.width), frame.height * frame.pixel_aspect
    horizontal = fit == "HORIZONTAL" or (fit == "AUTO" and width >= height)
    fitted = width if horizontal else height
    sensor = sensor_height if fit == "VERTICAL" else sensor_width
    focal = (fx * width if horizontal else fy * height) / fitted * sensor
    shift = (0.5 - cx) * width / fitted, (cy - 0.5) * height / fitted
    return Lens(focal, sensor_width, sensor_height, fit, shift)


def frame_of(render: bpy.types.RenderSettings) -> Frame:
    """The picture that these render settings ask for, without border."""
    share = render.resolution_percentage / 100
    return Frame(
        max(1, int(render.resolution_x * share)),
        max(1, int(render.resolution_y * share)),
        render.pixel_aspect_y / render.pixel_aspect_x,
    )


def lens_of(camera: bpy.types.Object) -> Lens:
    """The lens of a camera object (evaluated or not); raises ProtocolError for other projections."""
    data = camera.data
    if not isinstance(data, bpy.types.Camera):
        raise _refusal(f"'{camera.name}' is the scene's camera but no camera object.", "Choose a perspective camera.")
    if data.type != "PERSP":
        kind = {"ORTHO": "orthographic", "PANO": "panoramic"}.get(data.type, "custom")
        raise _refusal(
            f"The camera '{camera.name}' is {kind}, and only perspective cameras are supported.",
            "Set its lens type to Perspective.",
        )
    return Lens(data.lens, data.sensor_width, data.sensor_height, data.sensor_fit, (data.shift_x, data.shift_y))


def world_to_camera(matrix_world: np.ndarray, metres: float = 1.0, name: str = "The camera") -> np.ndarray:
    """OpenCV world-to-camera [4, 4] in metres from Blender's camera-to-world; scale is ignored as Blender does.

    metres: length of one Blender unit. Raises ProtocolError for NaN, shear and mirrored axes.
    """
    if not np.isfinite(matrix_world).all():
        raise _refusal(f"{name} has a position or rotation that is not a number.", "Reset its transform.")
    axes = matrix_world[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if (lengths < 1e-8).any():
        raise _refusal(f"{name} is scaled to zero.", "Reset its scale (Alt-S).")
    rotation = axes / lengths
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > _RIGID_TOLERANCE or np.linalg.det(rotation) < 0:
        raise _refusal(f"{name} is sheared or mirrored by its scale or its parents.", "Reset its scale (Alt-S).")
    inverse = np.eye(4)
    inverse[:3, :3] = rotation.T
    inverse[:3, 3] = -rotation.T @ (matrix_world[:3, 3] * metres)
    return OPENCV @ inverse


def view_intrinsics(window_matrix: np.ndarray) -> tuple[float, float, float, float]:
    """(fx, fy, cx, cy) of a free perspective view, in widths and heights of its region, from its projection [4, 4]."""
    return (
        window_matrix[0, 0] / 2,
        window_matrix[1, 1] / 2,
        (1 - window_matrix[0, 2]) / 2,
        (1 + window_matrix[1, 2]) / 2,
    )


def frame_rectangle(
    window_matrix: np.ndarray, camera: tuple[float, float, float, float], region: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Where the camera's picture lies in a region that looks through it: (left, bottom, right, top) in pixels.

    window_matrix [4, 4]: the region's projection, which is the camera's one, zoomed and moved; camera: intrinsics;
    region: (width, height) in pixels.
    """
    fx, fy, cx, cy = camera
    corners = np.array([[(0 - cx) / fx, -(1 - cy) / fy, -1.0, 1.0], [(1 - cx) / fx, cy / fy, -1.0, 1.0]])
    clip = corners @ window_matrix.T
    pixels = (clip[:, :2] / clip[:, 3:] * 0.5 + 0.5) * np.asarray(region)
    (left, bottom), (right, top) = pixels.tolist()
    return left, bottom, right, top


def on_screen(points: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """World points [n, 3] -> pixels of the region [n, 2], and depths [n] that are positive in front of the eye.

    matrix [4, 4]: world to clip space; size: the region's (width, height) in pixels.
    """
    clip = points @ matrix[:, :3].T + matrix[:, 3]
    depths = clip[:, 3]
    unit = clip[:, :2] / np.where(depths > 0, depths, 1.0)[:, None]
    return (unit * 0.5 + 0.5) * size, depths


def _refusal(sentence: str, cure: str) -> ProtocolError:
    return ProtocolError(ErrorCode.CAMERA, sentence, cure)
