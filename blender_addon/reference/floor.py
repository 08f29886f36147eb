"""The floor as a camera sees it: horizon, grid, and which point of it lies under a ray. Plain numpy, no Blender.

A camera is (fx, fy, cx, cy) in widths and heights of its picture and the world-to-camera matrix [4, 4], OpenCV axes;
picture points are (u, v) in widths and heights from the top left. Lengths are in any one unit.
"""

from __future__ import annotations

import math

import numpy as np

Intrinsics = tuple[float, float, float, float]
_NEAR = 1e-3  # of the camera's height
_CELLS = 24  # of the grid to each side
_PIECES = 24  # that each line is cut into, so that it can fade


def horizon(intrinsics: Intrinsics, world_to_camera: np.ndarray) -> np.ndarray | None:
    """The horizon's part inside the picture [2 ends, 2]; None when it is outside."""
    fx, fy, cx, cy = intrinsics
    up = world_to_camera[:3, 2]  # rays (x, y, 1) along the floor have no part along it
    line = np.array([up[0] / fx, up[1] / fy, up[2] - up[0] * cx / fx - up[1] * cy / fy])
    normal = math.hypot(line[0], line[1])
    if normal < 1e-9:
        return None
    foot, along = -line[2] * line[:2] / normal**2, np.array([-line[1], line[0]]) / normal
    reach = 2.0 + float(np.linalg.norm(foot))
    ends, kept = clip(np.array([[foot - reach * along, foot + reach * along]]))
    return ends[0] if kept[0] else None


def rounded(length: float) -> float:
    """The nearest of 1, 2 and 5 times a power of ten."""
    wanted = math.log10(length)
    power = math.floor(wanted)
    step = min((1, 2, 5, 10), key=lambda digit: abs(math.log10(digit) - (wanted - power)))
    return step * 10.0**power


def cell(intrinsics: Intrinsics, world_to_camera: np.ndarray, ground: float) -> float | None:
    """A round width of the grid's cells: about eight of them lie side by side in the middle of the floor that is seen.

    None when the camera is not above the floor.
    """
    fx, fy, cx, cy = intrinsics
    height = camera_position(world_to_camera)[2] - ground
    if height <= 0:
        return None
    up = world_to_camera[:3, 2]
    at_middle = cy - (up[2] + up[0] * (0.5 - cx) / fx) / up[1] * fy if abs(up[1]) > 1e-9 else 0.0
    top = at_middle if 0.0 < at_middle < 0.9 else 0.0
    ray = np.array([(0.5 - cx) / fx, ((top + 1.0) / 2 - cy) / fy, 1.0])
    drop = -float(ray @ up)
    return rounded(height / (max(drop, 0.05) * fx * 8))


def camera_position(world_to_camera: np.ndarray) -> np.ndarray:
    """[3] in the world."""
    return -world_to_camera[:3, :3].T @ world_to_camera[:3, 3]


def grid(intrinsics: Intrinsics, world_to_camera: np.ndarray, ground: float) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of grid lines on the floor z = ground inside the picture [n, 2 ends, 2], and how strong [n, 2]: 1 is near.

    Empty when the camera is not above the floor.
    """
    step, position = cell(intrinsics, world_to_camera, ground), camera_position(world_to_camera)
    if step is None:
        return np.empty((0, 2, 2)), np.empty((0, 2))
    ahead, height = world_to_camera[2, :2], position[2] - ground
    length = float(np.linalg.norm(ahead))
    # the grid reaches from the camera, or from where a steep camera looks, into the depth
    look = min(height * length / max(-world_to_camera[2, 2], 1e-6), _CELLS * step * 0.8)
    middle = position[:2] + (ahead / length * look if length > 1e-6 else 0.0)
    middle = np.round(middle / step) * step
    across = np.arange(-_CELLS, _CELLS + 1) * step
    along = np.linspace(-_CELLS, _CELLS, _PIECES + 1) * step
    first, second = (np.broadcast_to(part, (len(across), _PIECES)) for part in (along[:-1], along[1:]))
    fixed = np.broadcast_to(across[:, None], first.shape)
    x_lines = np.stack([np.stack([first, fixed], -1), np.stack([second, fixed], -1)], -2).reshape(-1, 2, 2)
    flat = np.concatenate([x_lines, x_lines[..., ::-1]]) + middle
    points = np.concatenate([flat, np.full_like(flat[..., :1], ground)], -1)
    reach = np.linalg.norm(flat - middle, axis=-1) / (_CELLS * step)
    strength = np.clip(1.0 - reach, 0.0, 1.0) ** 2
    ends, kept = project_lines(points, intrinsics, world_to_camera, _NEAR * height)
    return ends, strength[kept]


def project(points: np.ndarray, intrinsics: Intrinsics, world_to_camera: np.ndarray) -> np.ndarray:
    """World points [..., 3], all before the camera -> (u, v) [..., 2]."""
    fx, fy, cx, cy = intrinsics
    inside = points @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    return inside[..., :2] / inside[..., 2:] * (fx, fy) + (cx, cy)


def project_lines(
    lines: np.ndarray, intrinsics: Intrinsics, world_to_camera: np.ndarray, near: float
) -> tuple[np.ndarray, np.ndarray]:
    """World lines [n, 2 ends, 3] -> their visible parts [m, 2, 2] in the picture, and which of the n these are."""
    depth = lines @ world_to_camera[2, :3] + world_to_camera[2, 3] - near
    order = np.argsort(-depth, axis=1)  # the nearer end last
    lines, depth = np.take_along_axis(lines, order[..., None], 1), np.take_along_axis(depth, order, 1)
    before = depth[:, 0] > 0
    share = np.where(depth[:, 1] < 0, depth[:, 0] / np.maximum(depth[:, 0] - depth[:, 1], 1e-30), 1.0)
    cut = lines[:, 0] + share[:, None] * (lines[:, 1] - lines[:, 0])
    swapped = order[:, 0] == 1
    ends = np.where(swapped[:, None, None], np.stack([cut, lines[:, 0]], 1), np.stack([lines[:, 0], cut], 1))
    ends, kept = clip(project(ends[before], intrinsics, world_to_camera))
    return ends[kept], np.flatnonzero(before)[kept]


def clip(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The parts of picture lines [n, 2 ends, 2] inside 0..1 and which have one [n] (Liang & Barsky 1984)."""
    start, along = lines[:, 0], lines[:, 1] - lines[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = np.stack([(0.0 - start) / along, (1.0 - start) / along])  # [2 borders, n, 2]
    outside = (along == 0) & ((start < 0) | (start > 1))
    crossings[:, along == 0] = np.array([[-np.inf], [np.inf]])
    enter = np.maximum(crossings.min(0).max(-1), 0.0)
    leave = np.minimum(crossings.max(0).min(-1), 1.0)
    kept = (enter < leave) & ~outside.any(-1)
    parts = np.stack([start + enter[:, None] * along, start + leave[:, None] * along], 1)
    return np.where(kept[:, None, None], parts, lines), kept


def floor_point(origin: np.ndarray, direction: np.ndarray, ground: float) -> np.ndarray | None:
    """Where a ray meets the floor z = ground [3]; None when it does not, or only behind a far horizon."""
    drop = origin[2] - ground
    if abs(direction[2]) < 1e-9 or -drop / direction[2] <= 0:
        return None
    share = -drop / direction[2]
    point = origin + share * direction
    return None if share * np.linalg.norm(direction) > 1e4 * max(abs(drop), 1e-3) else point


def height_over(point: np.ndarray, origin: np.ndarray, direction: np.ndarray) -> float | None:
    """How far above a point [3] its vertical line passes nearest to a ray; None for a ray that is vertical, too."""
    direction = direction / np.linalg.norm(direction)
    away = 1.0 - direction[2] ** 2
    if away < 1e-6:
        return None
    offset = origin - point
    return float((offset[2] - (offset @ direction) * direction[2]) / away)
