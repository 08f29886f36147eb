"""The camera of a picture, from lines or a rectangle that somebody drew on it. Plain numpy, no Blender.

Lines that are parallel in the world meet in one point of the picture, their vanishing point; two perpendicular
horizontal directions have two, and these give focal length, tilt and roll of the camera when the optical centre is the
picture's middle: Hartley & Zisserman, Multiple View Geometry (2nd edition), sections 8.6 and 8.8; Guillou, Meneveaux,
Maisel & Bouatouch, "Using vanishing points for camera calibration and coarse 3D reconstruction from a single image",
The Visual Computer 16 (2000).

Picture points are (u, v) in widths and heights from the top left. Inside, a point is (x, y) in picture widths from the
middle, y downwards; camera axes are OpenCV's (x right, y down, z forward), the world's z is up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PARALLEL = 0.01  # sine of the angle under which two lines count as parallel in the picture
_SHORTEST = 0.01  # of a line, in picture widths
_FOCAL_RANGE = (0.2, 30.0)  # of the longer side: 7 mm to 1080 mm on a sensor 36 mm wide
_MOST_SKEW = 30.0  # degrees off a right angle before the drawing, and not the hand, is wrong
_FLAT = 1e-6


class Unsolvable(ValueError):
    """The drawing gives no camera: one sentence, and what to draw instead."""

    def __init__(self, sentence: str, cure: str) -> None:
        super().__init__(f"{sentence} {cure}")
        self.sentence, self.cure = sentence, cure


@dataclass(frozen=True, eq=False)
class Solution:
    """focal in picture widths; rotation [3, 3] world to camera; shape: height / width of the picture; skew: degrees by
    which the two directions miss a right angle (zero when the focal length was solved, too)."""

    focal: float
    rotation: np.ndarray
    shape: float
    skew: float = 0.0

    def ray(self, point: np.ndarray) -> np.ndarray:
        """World direction [..., 3] of picture points [..., 2], as long as to one unit of depth."""
        plane = _centred(point, self.shape) / self.focal
        return np.concatenate([plane, np.ones_like(plane[..., :1])], -1) @ self.rotation

    def on_floor(self, point: np.ndarray) -> np.ndarray:
        """Where picture points [..., 2] lie on a floor one unit below the camera: (x, y) from below it.

        Raises Unsolvable for points on the horizon or above.
        """
        ray = self.ray(point)
        if not (ray[..., 2] < -_FLAT).all():
            raise Unsolvable("A point lies above the horizon.", "Draw on the floor, below the horizon.")
        return ray[..., :2] / -ray[..., 2:]

    def height(self, first: np.ndarray, second: np.ndarray, length: float) -> float:
        """The camera's height above the floor when two picture points [2] on the floor are `length` apart."""
        apart = float(np.linalg.norm(self.on_floor(first) - self.on_floor(second)))
        if apart < _FLAT:
            raise Unsolvable("The two points of the known length are one.", "Draw a longer line.")
        return length / apart

    def middle_of_floor(self) -> np.ndarray | None:
        """A picture point [2] on the floor, half way between horizon and lower edge; None when no floor is seen."""
        up = self.rotation[:, 2]  # the horizon is where rays have no part along it
        at_middle = math.inf if abs(up[1]) < _FLAT else 0.5 - up[2] / up[1] * self.focal / self.shape
        top = at_middle if 0.0 < at_middle < 1.0 else 0.0
        point = np.array([0.5, (top + 1.0) / 2])
        return point if self.ray(point)[2] < -_FLAT else None


def from_lines(first: np.ndarray, second: np.ndarray, shape: float, focal: float | None = None) -> Solution:
    """The camera from lines [n, 2 ends, 2] of one horizontal direction and [m, 2, 2] of another at a right angle to it.

    Two lines each are needed, more are averaged. shape: height / width of the picture; focal: in picture widths when
    it is known, so that a direction may also be parallel to the picture (its lines need not meet). Raises Unsolvable.
    """
    pairs = [_lines(lines, shape) for lines in (first, second)]
    points = [_vanishing_point(*pair) for pair in pairs]
    if focal is None:
        if min(_spread(normals) for normals, _ in pairs) < PARALLEL:
            raise Unsolvable(
                "Two lines of one direction are parallel in the picture and tell no lens.",
                "Draw edges that run into the depth, or keep the lens (L).",
            )
        focal = _focal_length(points[0], points[1], shape)
    directions = np.stack([_unit(point * (1.0, 1.0, focal)) for point in points])
    skew = math.degrees(math.asin(min(1.0, abs(float(directions[0] @ directions[1])))))
    if skew > _MOST_SKEW:
        raise Unsolvable(
            f"With this lens the two directions miss a right angle by {skew:.0f} degrees.",
            "Let the lens be solved, or draw the second pair at a right angle to the first.",
        )
    return Solution(focal, _rotation(*directions), shape, skew)


def nearer_direction(line: np.ndarray, first: np.ndarray, second: np.ndarray, shape: float) -> int:
    """0 or 1: with which of two sets of lines [n, 2, 2] a line [2, 2] meets better. Raises Unsolvable."""
    ends = _centred(line, shape)
    along, middle = ends[1] - ends[0], ends.mean(0)
    misses = []
    for lines in (first, second):
        point = _vanishing_point(*_lines(lines, shape))
        ahead = _unit(point[:2] - point[2] * middle)
        misses.append(abs(float(ahead[0] * along[1] - ahead[1] * along[0])))
    return int(misses[1] < misses[0])


def from_rectangle(corners: np.ndarray, shape: float, focal: float | None = None) -> Solution:
    """The camera from the four corners [4, 2] of a rectangle on the floor, in their order round it.

    Its sides are two pairs of lines (Guillou et al. 2000, section 3). Raises Unsolvable.
    """
    corners = np.asarray(corners, float)
    _require_convex(_centred(corners, shape))
    a, b, c, d = corners
    solution = from_lines(np.array([[a, b], [d, c]]), np.array([[b, c], [a, d]]), shape, focal)
    if not (solution.ray(corners)[:, 2] < -_FLAT).all():
        raise Unsolvable("The rectangle is not below the horizon.", "Draw one that lies on the floor or a table.")
    return solution


def placed(solution: Solution, height: float, anchor: np.ndarray | None = None) -> np.ndarray:
    """The camera's position [3], `height` above the floor z = 0, with the world's origin at a picture point [2] on the
    floor (default: the middle of the floor seen; below the camera when none is)."""
    anchor = solution.middle_of_floor() if anchor is None else anchor
    across = np.zeros(2) if anchor is None else -height * solution.on_floor(anchor)
    return np.array([*across, height])


def _centred(points: np.ndarray, shape: float) -> np.ndarray:
    """(u, v) [..., 2] -> (x, y) in picture widths from the middle."""
    return (np.asarray(points, float) - 0.5) * (1.0, shape)


def _lines(lines: np.ndarray, shape: float) -> tuple[np.ndarray, np.ndarray]:
    """Drawn lines [n, 2, 2] as homogeneous lines [n, 3] with normals of length 1, and their lengths [n] in widths."""
    ends = _centred(lines, shape)
    if len(ends) < 2:
        raise Unsolvable("One line tells no direction.", "Draw two for each direction.")
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=-1)
    if not np.isfinite(ends).all() or (lengths < _SHORTEST).any():
        raise Unsolvable("A line is too short to tell a direction.", "Draw it along the whole edge.")
    ends = np.concatenate([ends, np.ones_like(ends[..., :1])], -1)
    normals = np.cross(ends[:, 0], ends[:, 1]) / lengths[:, None]
    if np.abs(ends @ normals[0]).max() < _SHORTEST / 2:
        raise Unsolvable("The lines of one direction lie on each other.", "Draw them along different edges.")
    return normals, lengths


def _spread(normals: np.ndarray) -> float:
    """The sine of the largest angle between two of the lines [n, 3]."""
    x, y = normals[:, 0], normals[:, 1]
    return float(np.abs(x[:, None] * y - y[:, None] * x).max())


def _vanishing_point(normals: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Where lines [n, 3] meet, homogeneous [3] of length 1: the point with the least squared distances to them, longer
    lines counting more (Hartley & Zisserman, section 8.6.1, without its last iterations)."""
    return np.linalg.svd(normals * lengths[:, None])[2][2]


def _focal_length(first: np.ndarray, second: np.ndarray, shape: float) -> float:
    """From two perpendicular directions' vanishing points: f^2 = -x1 x2 - y1 y2 (Guillou et al. 2000, section 3.1;
    Hartley & Zisserman 8.8 with a known optical centre and square pixels)."""
    square = -float(first[:2] @ second[:2]) / float(first[2] * second[2])
    if square <= 0:
        raise Unsolvable(
            "Both directions vanish on the same side of the picture, which a right angle never does.",
            "Draw the first pair along one side of something rectangular, the second along its other side.",
        )
    focal = math.sqrt(square)
    low, high = (limit * max(1.0, shape) for limit in _FOCAL_RANGE)
    if not low <= focal <= high:
        raise Unsolvable(
            f"The lines give a focal length of {focal / max(1.0, shape) * 36:.0f} mm, which no such picture has.",
            "Draw longer lines that run into the depth, or keep the lens (L).",
        )
    return focal


def _rotation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """World-to-camera [3, 3] of two horizontal directions [3], made exactly perpendicular (nearest rotation, by SVD).

    The one that lies more to the right becomes +x, so that +y leads away from the camera.
    """
    up = _unit(np.cross(first, second))
    if up[1] > _FLAT or (abs(up[1]) <= _FLAT and up[2] > 0):  # up in the picture is -y; seen from above it is -z
        up = -up
    x, other = (first, second) if abs(first[0]) >= abs(second[0]) else (second, first)
    x = x if x[0] >= 0 else -x
    y = other if float(np.cross(up, x) @ other) >= 0 else -other
    left, _, right = np.linalg.svd(np.stack([x, y, up], axis=1))
    return left @ right


def _require_convex(corners: np.ndarray) -> None:
    """Four points [4, 2] that go round something with four real corners; raises Unsolvable."""
    sides = np.roll(corners, -1, axis=0) - corners
    if not np.isfinite(corners).all() or (np.linalg.norm(sides, axis=-1) < _SHORTEST).any():
        raise Unsolvable("Two corners are almost one point.", "Draw a larger rectangle.")
    ahead = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * ahead[:, 1] - sides[:, 1] * ahead[:, 0]
    turns /= np.linalg.norm(sides, axis=-1) * np.linalg.norm(ahead, axis=-1)
    if (np.abs(turns) < PARALLEL).any():
        raise Unsolvable("Three corners lie in a row.", "Draw the four corners of a rectangle on the floor.")
    if abs(np.sign(turns).sum()) != 4:
        raise Unsolvable("The four points are no rectangle's corners.", "Click them in their order round it.")


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
