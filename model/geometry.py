"""Cameras, boxes, rays: the geometry that Neural Assets are posed with.

Pure functions of tensors, batched over any leading dimensions, on CPU and GPU alike.

Conventions
- Camera: OpenCV axes (x right, y down, z forward). `intrinsics` = (fx, fy, cx, cy) in units of the
  image's width and height: u = fx * x / z + cx runs 0..1 from the left to the right edge, v likewise
  from top to bottom, so that they survive a resize. `world_to_camera` is 4x4.
- Box: `pose` is 4x4 box-to-world (rotation and translation), `size` the full extents (x, y, z) in
  metres. In the box +x is right, -y the front, +z up. *Box coordinates* run from -0.5 to 0.5 on each axis.
- Corners: bit 1 of the index is x, bit 2 is y, bit 4 is z; corners 0, 1, 2, 4 are the pose's four
  (Neural Assets, Wu et al. 2024, section 3.2).
- Distances along a ray are depths (camera z), because rays are given with direction z = 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

NEAR = 0.05  # metres: nothing nearer to the camera than this is drawn
FAR = 1e4  # metres: what does not meet the floor counts as this far away
POSE_CORNERS = (0, 1, 2, 4)


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Geometry stays in float32 where networks around it run in autocast's half precision."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            return function(*args, **kwargs)

    return wrapped


@dataclass(frozen=True)
class Camera:
    """Pinhole cameras. intrinsics [..., 4] (fx, fy, cx, cy), world_to_camera [..., 4, 4] (metres)."""

    intrinsics: Tensor
    world_to_camera: Tensor

    def to(self, device: torch.device | str) -> Camera:
        return Camera(self.intrinsics.to(device), self.world_to_camera.to(device))

    def __getitem__(self, index) -> Camera:
        return Camera(self.intrinsics[index], self.world_to_camera[index])


@dataclass(frozen=True)
class Boxes:
    """Padded sets of boxes. pose [..., N, 4, 4] box-to-world, size [..., N, 3] metres, present [..., N] bool."""

    pose: Tensor
    size: Tensor
    present: Tensor

    def to(self, device: torch.device | str) -> Boxes:
        return Boxes(self.pose.to(device), self.size.to(device), self.present.to(device))

    def __getitem__(self, index) -> Boxes:
        return Boxes(self.pose[index], self.size[index], self.present[index])


@full_precision
def transform_points(matrix: Tensor, points: Tensor) -> Tensor:
    """Apply rigid or affine 4x4 `matrix` [..., 4, 4] to `points` [..., P, 3]."""
    return points @ matrix[..., :3, :3].transpose(-1, -2) + matrix[..., None, :3, 3]


def moved_boxes(before: Boxes, after: Boxes) -> Tensor:
    """[B, N] bool: moved, resized, appeared or vanished; `before` and `after` [B, N] share their slots."""
    far = after.pose[..., :3, 3].abs().amax(-1)  # rounding grows with the distance from the world's origin
    moved = (before.pose - after.pose).abs().amax((-2, -1)) > 2e-5 + 4e-6 * far
    return moved | ((before.size - after.size).abs().amax(-1) > 1e-5) | (before.present != after.present)


def transform_each(matrix: Tensor, points: Tensor) -> Tensor:
    """Apply a 4x4 matrix of its own to every point: matrix [..., 4, 4], points [..., 3]."""
    return rotate_each(matrix, points) + matrix[..., :3, 3]


def rotate_each(matrix: Tensor, vectors: Tensor) -> Tensor:
    """Apply the rotation of a 4x4 matrix of its own to every vector: matrix [..., 4, 4], vectors [..., 3]."""
    first, second, third = (matrix[..., :3, k] * vectors[..., k : k + 1] for k in range(3))
    return first + second + third


def floor_points(ground: Tensor, to_world: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
    """World points [..., 3] where rays [..., 3] (camera z = 1) meet the floor at height `ground` [...], and their depth
    [...] in metres; `FAR` away where they do not meet it. to_world [..., 4, 4]: camera to world."""
    direction, origin = rotate_each(to_world, rays), to_world[..., :3, 3]
    drop = (ground - origin[..., 2]) / torch.where(direction[..., 2].abs() < 1e-6, -1e-6, direction[..., 2])
    depth = torch.where((drop > NEAR) & (drop < FAR), drop, FAR)
    return origin + direction * depth[..., None], depth


@full_precision
def rigid_inverse(matrix: Tensor) -> Tensor:
    """Inverse of rotation + translation matrices [..., 4, 4]."""
    rotation = matrix[..., :3, :3].transpose(-1, -2)
    translation = -rotate_each(matrix.transpose(-1, -2), matrix[..., :3, 3])[..., None]
    return torch.cat([torch.cat([rotation, translation], -1), matrix[..., 3:, :]], -2)


def unit_corners(device: torch.device | str = "cpu") -> Tensor:
    """The eight corners in box coordinates, [8, 3]; index bits (x, y, z) = (1, 2, 4)."""
    index = torch.arange(8, device=device)
    return torch.stack([index & 1, (index >> 1) & 1, (index >> 2) & 1], -1).float() - 0.5


def box_corners(pose: Tensor, size: Tensor) -> Tensor:
    """World positions of the corners: pose [..., 4, 4], size [..., 3] -> [..., 8, 3] metres."""
    return transform_points(pose, unit_corners(pose.device).to(pose.dtype) * size[..., None, :])


def corners_to_box(corners: Tensor) -> tuple[Tensor, Tensor]:
    """The box with these corners [..., 8, 3]: (pose [..., 4, 4], size [..., 3]). Inverse of `box_corners`."""
    axes = corners[..., [1, 2, 4], :] - corners[..., :1, :]  # [..., 3, 3], one axis a row
    size = axes.norm(dim=-1)
    pose = torch.zeros(*corners.shape[:-2], 4, 4, dtype=corners.dtype, device=corners.device)
    pose[..., :3, :3] = (axes / size[..., None]).transpose(-1, -2)
    pose[..., :3, 3] = corners.mean(-2)
    pose[..., 3, 3] = 1
    return pose, size


def project(points: Tensor, intrinsics: Tensor) -> Tensor:
    """Pinhole projection of camera-space `points` [..., P, 3] -> (u, v, depth) [..., P, 3].

    Depth below `NEAR` is clamped for the division only, so nothing becomes NaN behind the camera.
    """
    depth = points[..., 2:]
    scaled = points[..., :2] / depth.clamp_min(NEAR)
    uv = scaled * intrinsics[..., None, :2] + intrinsics[..., None, 2:]
    return torch.cat([uv, depth], -1)


def project_world(points: Tensor, camera: Camera) -> Tensor:
    """World `points` [..., P, 3] -> (u, v, depth) [..., P, 3] of cameras [...]."""
    return project(transform_points(camera.world_to_camera, points), camera.intrinsics)


def pixel_centres(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """(u, v) of every pixel's centre, [H, W, 2], in units of the image's size."""
    v = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) / height
    u = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) / width
    return torch.stack(torch.meshgrid(v, u, indexing="ij")[::-1], -1)


def camera_rays(uv: Tensor, intrinsics: Tensor) -> Tensor:
    """Directions with z = 1 in camera space: uv [..., P, 2], intrinsics [..., 4] -> [..., P, 3]."""
    xy = (uv - intrinsics[..., None, 2:]) / intrinsics[..., None, :2]
    return torch.cat([xy, torch.ones_like(xy[..., :1])], -1)


@full_precision
def crop_intrinsics(intrinsics: Tensor, corner: Tensor, extent: Tensor) -> Tensor:
    """Intrinsics [..., 4] of a window of the picture: its left top `corner` and its `extent` [..., 2], in units of the
    picture's width and height."""
    return torch.cat([intrinsics[..., :2] / extent, (intrinsics[..., 2:] - corner) / extent], -1)


def box_to_camera(camera: Camera, boxes: Boxes) -> Tensor:
    """Box-to-camera matrices [..., N, 4, 4] of boxes [..., N] in cameras [...]."""
    return camera.world_to_camera[..., None, :, :] @ boxes.pose


@full_precision
def into_box(to_camera: Tensor, size: Tensor) -> Tensor:
    """Affine maps [..., 3, 4] from camera space to box coordinates: to_camera [..., 4, 4] box-to-camera, size [..., 3]
    metres."""
    return rigid_inverse(to_camera)[..., :3, :] / size[..., None]


@full_precision
def intersect_box(directions: Tensor, to_camera: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slab test of camera rays from the origin with boxes.

    directions [..., P, 3] (z = 1), to_camera [..., 4, 4] box-to-camera, size [..., 3] metres.
    Returns entry depth, exit depth [..., P] (metres; entry is at least `NEAR`) and hit [..., P] bool.
    """
    inside = into_box(to_camera, size)
    return between_slabs(inside[..., 3:], inside[..., :3] @ directions.transpose(-1, -2))


def between_slabs(origin: Tensor, ray: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As `intersect_box`, of rays [..., 3, P] from an origin [..., 3, P] in box coordinates."""
    inverse = 1 / torch.where(ray.abs() < 1e-9, 1e-9, ray)
    middle, half = -origin * inverse, 0.5 * inverse.abs()
    entry = (middle - half).amax(-2).clamp_min(NEAR)
    leave = (middle + half).amin(-2)
    return entry, leave, leave > entry


def maps_of(maps: Tensor, index: Tensor) -> Tensor:
    """Of affine maps [..., 3, 4] the one at every index [...] of them all, coordinates first: [3, 4, ...]."""
    return maps.reshape(-1, 12).T.index_select(1, index.flatten()).view(3, 4, *index.shape)


def turned(maps: Tensor, vectors: Tensor) -> Tensor:
    """Vectors [..., 3] by the linear part of a map each, maps [3, 4, ...], coordinates first: [3, ...]."""
    x, y, z = vectors.unbind(-1)
    return maps[:, 0] * x + maps[:, 1] * y + maps[:, 2] * z


def projection(to_camera: Tensor, size: Tensor, intrinsics: Tensor) -> Tensor:
    """Affine maps [..., 3, 4] from box coordinates to (u depth, v depth, depth) in a camera."""
    into_camera = to_camera[..., :3, :] * torch.cat([size, torch.ones_like(size[..., :1])], -1)[..., None, :]
    depth = into_camera[..., 2:, :]
    uv = into_camera[..., :2, :] * intrinsics[..., :2, None] + depth * intrinsics[..., 2:, None]
    return torch.cat([uv, depth], -2)


def projected(maps: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """(u, v) [Q, 2] and depth [Q] of points [Q, 3] by a `projection` of their own each, maps [3, 4, Q]; depth below
    `NEAR` is clamped for the division only."""
    u, v, depth = maps[:, 3] + turned(maps, points)
    return torch.stack([u, v], -1) / depth.clamp_min(NEAR)[:, None], depth


def to_box_coordinates(points: Tensor, to_camera: Tensor, size: Tensor) -> Tensor:
    """Camera-space `points` [..., 3], each with its own box -> box coordinates [..., 3] (inside: -0.5..0.5).

    to_camera [..., 4, 4] and size [..., 3] broadcast against the points.
    """
    return rotate_each(to_camera.transpose(-1, -2), points - to_camera[..., :3, 3]) / size


def from_box_coordinates(coordinates: Tensor, to_camera: Tensor, size: Tensor) -> Tensor:
    """Box coordinates [..., 3], each with its own box -> camera-space points [..., 3] in metres."""
    return transform_each(to_camera, coordinates * size)


def project_each(points: Tensor, intrinsics: Tensor) -> Tensor:
    """As `project`, each point [..., 3] with intrinsics of its own [..., 4] -> (u, v, depth) [..., 3]."""
    depth = points[..., 2:]
    uv = points[..., :2] / depth.clamp_min(NEAR) * intrinsics[..., :2] + intrinsics[..., 2:]
    return torch.cat([uv, depth], -1)


def boxes_2d(camera: Camera, boxes: Boxes) -> Tensor:
    """2D bounds (u0, v0, u1, v1) [..., N, 4] of projected boxes, clipped to the image 0..1.

    A box with corners behind the camera is bounded by its part in front of `NEAR` through its
    edges; a box wholly behind, or absent, gets an empty rectangle (zeros).
    """
    corners = transform_points(
        box_to_camera(camera, boxes),
        unit_corners(boxes.pose.device)[None] * boxes.size[..., None, :],
    )
    start, end = _edges(corners.device)
    a, b = corners[..., start, :], corners[..., end, :]  # [..., N, 12, 3]
    fraction = ((NEAR - a[..., 2:]) / (b[..., 2:] - a[..., 2:] + 1e-12)).clamp(0, 1)
    crossing = a + fraction * (b - a)
    points = torch.cat([corners, crossing], -2)  # [..., N, 20, 3]
    front = (points[..., 2] >= NEAR * 0.999) & boxes.present[..., None]
    uv = project(points, camera.intrinsics[..., None, :])[..., :2]
    low = torch.where(front[..., None], uv, torch.full_like(uv, 2.0)).amin(-2).clamp(0, 1)
    high = torch.where(front[..., None], uv, torch.full_like(uv, -1.0)).amax(-2).clamp(0, 1)
    rectangle = torch.cat([low, high], -1)
    return torch.where(front.any(-1, keepdim=True), rectangle, torch.zeros_like(rectangle))


def _edges(device: torch.device) -> tuple[Tensor, Tensor]:
    start = [i for i in range(8) for bit in (1, 2, 4) if not i & bit]
    end = [i | bit for i in range(8) for bit in (1, 2, 4) if not i & bit]
    return torch.tensor(start, device=device), torch.tensor(end, device=device)


def pose_tokens_input(camera: Camera, boxes: Boxes) -> Tensor:
    """The paper's pose of an object (section 3.2): corners 0, 1, 2, 4 as (u, v, depth), [..., N, 12].

    Depth is in metres divided by 10, (u, v) in image units, clamped to +-4 for corners near the camera plane.
    """
    corners = box_corners(boxes.pose, boxes.size)[..., POSE_CORNERS, :]  # [..., N, 4, 3]
    uvd = project_world(corners, Camera(camera.intrinsics[..., None, :], camera.world_to_camera[..., None, :, :]))
    return torch.cat([uvd[..., :2].clamp(-4, 5), uvd[..., 2:] / 10], -1).flatten(-2)


@full_precision
def relative_pose(source: Camera, target: Camera) -> Tensor:
    """Source-to-target camera change as rotation (9) and translation in metres (3): [..., 12]."""
    relative = target.world_to_camera @ rigid_inverse(source.world_to_camera)
    return torch.cat([relative[..., :3, :3].flatten(-2), relative[..., :3, 3]], -1)


def roi_align(features: Tensor, rectangles: Tensor, output: int = 2, samples: int = 2) -> Tensor:
    """RoIAlign (He et al. 2017, section 3) by `grid_sample`, aligned to half-pixel centres.

    features [B, C, h, w], rectangles [B, N, 4] (u0, v0, u1, v1 in 0..1) -> [B, N, output*output, C];
    every cell averages `samples` x `samples` bilinear reads.
    """
    batch, count = rectangles.shape[:2]
    steps = output * samples
    offset = (torch.arange(steps, device=features.device, dtype=features.dtype) + 0.5) / steps
    u = rectangles[..., 0:1] + (rectangles[..., 2:3] - rectangles[..., 0:1]) * offset  # [B, N, S]
    v = rectangles[..., 1:2] + (rectangles[..., 3:4] - rectangles[..., 1:2]) * offset
    grid = torch.stack([u[:, :, None, :].expand(-1, -1, steps, -1), v[:, :, :, None].expand(-1, -1, -1, steps)], -1)
    grid = grid.reshape(batch, count * steps, steps, 2) * 2 - 1
    read = torch.nn.functional.grid_sample(features, grid, align_corners=False, padding_mode="border")
    channels = features.shape[1]
    read = read.view(batch, channels, count, output, samples, output, samples).mean((4, 6))  # [B, C, N, o, o]
    return read.flatten(-2).permute(0, 2, 3, 1)


@full_precision
def look_at(eye: Tensor, aim: Tensor) -> Tensor:
    """World-to-camera [..., 4, 4] of cameras at `eye` looking at `aim` [..., 3], world up +z."""
    forward = torch.nn.functional.normalize(aim - eye, dim=-1)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=eye.dtype, device=eye.device).expand_as(forward)
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, up), dim=-1)
    down = torch.linalg.cross(forward, right)
    rotation = torch.stack([right, down, forward], -2)
    matrix = torch.zeros(*eye.shape[:-1], 4, 4, dtype=eye.dtype, device=eye.device)
    matrix[..., :3, :3] = rotation
    matrix[..., :3, 3] = -(rotation @ eye[..., None])[..., 0]
    matrix[..., 3, 3] = 1
    return matrix
