"""Where a picture's light comes from: the direction whose shadows of the objects are where the floor is darker.

Directions are tried one after the other. In each, the objects' points are moved along the light to the floor, and what
they cover there is compared with where the picture's floor is darker than the floor around (normalised correlation,
Lewis 1995, "Fast normalized cross-correlation"). A direction counts only when it explains the floor well and better
than light from other sides would; under an overcast sky, or with several lamps, none does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from .filters import box_max, box_mean
from .geometry import FAR, NEAR, Camera, camera_rays, floor_points, pixel_centres, project_world, rigid_inverse

GRID = 112  # cells along the longer side of the picture in which shadows are drawn
_SEARCH_GRID = 80  # the same while directions are tried
_AROUND, _ELEVATIONS = 24, (14, 22, 32, 43, 55, 68)  # directions round about; degrees above the floor
_POINTS = 3000  # at most, while directions are tried
_WINDOW = 0.2  # of the picture's longer side: half of what is "around"
_CLIPPED = (-1.2, 0.6)  # logarithms of light beyond these say no more
_EXPLAINED = 0.35  # correlation that a direction must reach
_OTHERS = 1.2  # times the best correlation of directions from other sides
_MORE = 0.12  # or so much more of the floor's variance than they explain
_OTHER_SIDE = 50  # degrees round about
_LEAST, _MOST = 0.12, 0.85  # share of light that may be left in a shadow
_TINT = 1.8  # ratio of the channels' ratios: shadows are darker, and at most somewhat bluer


@dataclass(frozen=True)
class Sun:
    """direction [3]: unit vector towards the light (world); left [3]: share of light (r, g, b) left in its shadow."""

    direction: Tensor
    left: Tensor


def floor_shadow(points: Tensor, directions: Tensor, ground: Tensor, camera: Camera, rows: int, columns: int) -> Tensor:
    """What of the floor at height `ground` [1] world points [Q, 3] shade from light in directions [C, 3], as the camera
    [1] sees it: [C, 1, rows, columns], 0 or 1, gaps between points closed."""
    height = (points[:, 2] - ground).clamp_min(0)
    along = directions[:, None, :2] / directions[:, None, 2:]  # [C, 1, 2]
    across = points[None, :, :2] - along * height[None, :, None]
    shaded = torch.cat([across, ground.expand(*across.shape[:2], 1)], -1)  # [C, Q, 3]
    u, v, depth = project_world(shaded.flatten(0, 1)[None], camera)[0].unflatten(0, across.shape[:2]).unbind(-1)
    column, row = (u * columns).floor().long(), (v * rows).floor().long()
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows) & (depth > NEAR)
    number = torch.arange(len(directions), device=points.device)[:, None] * rows * columns
    index = (number + row * columns + column)[inside]
    shade = torch.zeros(len(directions) * rows * columns, device=points.device)
    shade = shade.index_fill_(0, index, 1.0).view(-1, 1, rows, columns)
    reach = max(1, round(max(rows, columns) / 56))
    return -box_max(-box_max(shade, reach), reach)


def grid_of(height: int, width: int, longest: int = GRID) -> tuple[int, int]:
    """(rows, columns) of a picture's shape with at most `longest` cells along its longer side."""
    scale = min(1.0, longest / max(height, width))
    return max(8, round(height * scale)), max(8, round(width * scale))


def floor_seen(camera: Camera, ground: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """World points [B, rows columns, 3] of the floor at heights `ground` [B] in each cell of cameras [B], and whether
    it is floor at all [B, 1, rows, columns] bool (not above the horizon)."""
    rays = camera_rays(pixel_centres(rows, columns, ground.device).view(1, -1, 2), camera.intrinsics)
    world, depth = floor_points(ground[:, None], rigid_inverse(camera.world_to_camera)[:, None], rays)
    return world, (depth < FAR).view(len(ground), 1, rows, columns)


def find_sun(image: Tensor, hidden: Tensor, points: Tensor, camera: Camera, ground: Tensor) -> Sun | None:
    """The light of picture [1, 3, H, W] 0..1 by the shadows of objects with world points [Q, 3], which hide
    [1, 1, H, W] bool of it. None where no light from one side explains the floor."""
    rows, columns = grid_of(image.shape[-2], image.shape[-1], _SEARCH_GRID)
    light = (interpolate(image, (rows, columns), mode="area") + 0.02).log()
    away = box_max((interpolate(hidden.float(), (rows, columns), mode="area") > 0.05).float(), 1) == 0
    _, floor = floor_seen(camera, ground, rows, columns)
    floor = (floor & away).float()
    if not len(points) or float(floor.sum()) < 64:
        return None
    points = points[:: -(-len(points) // _POINTS)]
    drawn = lambda these: box_mean(floor_shadow(points, these, ground, camera, rows, columns), 1)  # noqa: E731
    every = _directions(image.device)
    shades = drawn(every)
    where = (box_max((shades.amax(0, keepdim=True) > 0.3).float(), 3) > 0) * floor
    darker = _against_around(light, floor).clamp(*_CLIPPED) * where
    correlation = _explained(darker, _against_around(shades, floor) * where)
    first = every[correlation.argmax()]
    turned = torch.cosine_similarity(every[:, :2], first[None, :2])
    other = float(correlation[turned < math.cos(math.radians(_OTHER_SIDE))].max())
    most = float(correlation.max())
    if most < _EXPLAINED or (most < _OTHERS * other and most**2 - other**2 < _MORE):
        return None
    nearer = _nearer_directions(first)
    shades = _against_around(drawn(nearer), floor) * where
    correlation = _explained(darker, shades)
    best = int(correlation.argmax())
    left = ((darker * shades[best]).sum((0, 2, 3)) / shades[best].square().sum().clamp_min(1e-3)).exp()
    plausible = _LEAST < float(left.mean()) < _MOST and float(left.max()) < _TINT * float(left.min())
    return Sun(nearer[best], left.clamp(_LEAST, 1)) if plausible else None


def _explained(darker: Tensor, shades: Tensor) -> Tensor:
    """How well shades [C, 1, h, w] go with what is darker [1, 3, h, w] (logarithms): correlations [C]."""
    mean = darker.mean(1, keepdim=True)
    norm = shades.square().sum((1, 2, 3)).clamp_min(1e-3) * mean.square().sum().clamp_min(1e-6)
    return -(mean * shades).sum((1, 2, 3)) / norm.sqrt()


def _directions(device: torch.device) -> Tensor:
    """Unit vectors [C, 3] towards the lights that are tried."""
    around = torch.arange(_AROUND, device=device) * (2 * math.pi / _AROUND)
    return _towards(around, torch.tensor(_ELEVATIONS, device=device).deg2rad().tan())


def _nearer_directions(first: Tensor) -> Tensor:
    """Unit vectors [C, 3] between a direction [3] and its neighbours among those that are tried."""
    turn = torch.linspace(-0.5, 0.5, 5, device=first.device) * (2 * math.pi / _AROUND)
    stretch = torch.linspace(-1, 1, 7, device=first.device).mul(0.3).exp()
    return _towards(torch.atan2(first[1], first[0]) + turn, stretch * first[2] / first[:2].norm())


def _towards(around: Tensor, heights: Tensor) -> Tensor:
    """Unit vectors [A H, 3] to all sides (radians [A]) and heights (tangents [H])."""
    level = torch.stack([around.cos(), around.sin()], -1)
    every = [torch.cat([level, height.expand(len(level), 1)], -1) for height in heights]
    return normalize(torch.cat(every), dim=-1)


def _against_around(values: Tensor, floor: Tensor) -> Tensor:
    """values [C, D, h, w] less their mean over the floor [1, 1, h, w] around each cell."""
    reach = max(2, round(_WINDOW * max(floor.shape[-2:])))
    return values - box_mean(values * floor, reach) / box_mean(floor, reach).clamp_min(1e-4)
