"""What a ray meets where no object is: floor, walls, a table top, or the environment; all analytic."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .scene import Surroundings

ENVIRONMENT, FLOOR, WALL, TABLE = -1, 0, 1, 2
FAR = 1000.0
_ROOMY = 1e5


@dataclass(frozen=True)
class Hits:
    """First surface on every ray [F, S]: kind int64 (`ENVIRONMENT`, `FLOOR`, ...), distance (times the given ray;
    at most FAR), point and normal [F, S, 3] world, uv [F, S, 2] in texture tiles."""

    kind: Tensor
    distance: Tensor
    point: Tensor
    normal: Tensor
    uv: Tensor

    def __add__(self, more: Hits) -> Hits:
        """These rays and then those."""
        return Hits(**{f.name: torch.cat([getattr(self, f.name), getattr(more, f.name)], 1) for f in fields(self)})


def hit_surfaces(around: Surroundings, origin: Tensor, rays: Tensor) -> Hits:
    """Intersect rays [F, S, 3] (camera z = 1 per unit) from origin [F, 3] with the surroundings of F frames."""
    infinite = torch.full_like(rays[..., 0], _ROOMY)
    fall = rays[..., 2]
    down = fall < -1e-6
    drop = (around.floor_height - origin[:, 2])[:, None]
    floor = torch.where(down, drop / torch.where(down, fall, -1.0), infinite)
    missing = (infinite, torch.zeros_like(rays))  # most scenes have no walls or no table: skip the work
    wall, wall_normal = _walls(around, origin, rays) if (around.wall_plane[..., 2] > -_ROOMY).any() else missing
    table, table_normal = _table(around, origin, rays) if (around.table[:, 2] > 0).any() else missing
    stacked = torch.stack([floor, wall, table], -1)
    distance, kind = stacked.min(-1)
    nothing = distance >= FAR
    up = torch.zeros_like(rays)
    up[..., 2] = 1
    normal = torch.where(
        (kind == WALL)[..., None], wall_normal, torch.where((kind == TABLE)[..., None], table_normal, up)
    )
    distance = distance.clamp_max(FAR)
    point = origin[:, None] + rays * distance[..., None]
    uv = _planar(around, kind, point, normal)
    return Hits(torch.where(nothing, ENVIRONMENT, kind), distance, point, normal, uv)


def _walls(around: Surroundings, origin: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
    """Distance and inward normal of the nearest wall that faces each ray."""
    flat, offset = around.wall_plane[..., :2], around.wall_plane[..., 2]
    speed = rays[..., :2] @ flat.transpose(1, 2)  # [F, S, WALLS]
    room = (origin[:, None, :2] * flat).sum(-1) - offset  # distance of the camera inside each wall
    facing = (speed < -1e-6) & (room > 0)[:, None]
    distance = torch.where(facing, -room[:, None] / torch.where(facing, speed, 1.0), _ROOMY)
    nearest, index = distance.min(-1)
    normal = torch.gather(flat, 1, index[..., None].expand(-1, -1, 2))
    return nearest, torch.cat([normal, torch.zeros_like(normal[..., :1])], -1)


def _table(around: Surroundings, origin: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
    """Slab test with the table top (its upper face at z = 0)."""
    centre, half = around.table[:, :2], around.table[:, 2:4]
    cosine, sine = around.table[:, 4].cos(), around.table[:, 4].sin()
    turn = torch.stack([torch.stack([cosine, sine], -1), torch.stack([-sine, cosine], -1)], -2)  # world to table
    local_ray = torch.cat([rays[..., :2] @ turn.transpose(1, 2), rays[..., 2:]], -1)
    local_origin = torch.cat([(turn @ (origin[:, :2] - centre)[..., None])[..., 0], origin[:, 2:]], -1)
    thickness = around.table[:, 5]
    low = torch.cat([-half, -thickness[:, None]], -1)
    high = torch.cat([half, torch.zeros_like(thickness)[:, None]], -1)
    safe = torch.where(local_ray.abs() < 1e-7, 1e-7, local_ray)
    first = (low - local_origin)[:, None] / safe
    second = (high - local_origin)[:, None] / safe
    near, far = torch.minimum(first, second), torch.maximum(first, second)
    entry, axis = near.max(-1)
    hit = (entry < far.amin(-1)) & (entry > 0) & (half[:, :1] > 0)
    side = -torch.gather(safe.sign(), -1, axis[..., None])
    local = torch.zeros_like(rays).scatter_(-1, axis[..., None], side)
    normal = torch.cat([local[..., :2] @ turn, local[..., 2:]], -1)
    return torch.where(hit, entry, _ROOMY), normal


def _planar(around: Surroundings, kind: Tensor, point: Tensor, normal: Tensor) -> Tensor:
    """Texture coordinates in tiles: (x, y) on level faces, (along, -z) on upright ones; [F, S, 2]."""
    upright = normal[..., 2].abs() < 0.5
    along = point[..., 1] * normal[..., 0] - point[..., 0] * normal[..., 1]
    flat = torch.where(upright[..., None], torch.stack([along, -point[..., 2]], -1), point[..., :2])
    tile, angle = torch.gather(around.tile, 1, kind), torch.gather(around.angle, 1, kind)
    angle = torch.where(upright, 0.0, angle)
    cosine, sine = angle.cos(), angle.sin()
    u = flat[..., 0] * cosine - flat[..., 1] * sine
    v = flat[..., 0] * sine + flat[..., 1] * cosine
    return torch.stack([u, v], -1) / tile[..., None]
