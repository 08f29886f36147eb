"""Which part each ray sees: parts are tested only in the rectangles of pixels they can be seen in.

All frames of a batch go at once, as one list of (ray, part) pairs: no loop over pixels, objects or frames.
Arithmetic is element by element and exactly rounded, so a ray's result does not depend on its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..frames import MAX_OBJECTS
from .families import BOX, ELLIPSOID
from .solids import Solids
from .vectors import dot, unit

_EPSILON = 1e-3
_SIDE, _PART_BITS = 32, 0xFFFFFFFF


@dataclass(frozen=True)
class Rays:
    """Rays [R] of frames [R] through places x, y [R] in pixels: origin [3, R] or [3, 1] and direction [3, R] in the
    world, with camera depth 1; pixel [F]: metres a pixel spans at that depth."""

    frame: Tensor
    x: Tensor
    y: Tensor
    origin: Tensor
    direction: Tensor
    pixel: Tensor


@dataclass(frozen=True)
class Candidates:
    """Pairs [Q] of a ray and a part of one kind that it may hit, with the ray's place (x, y) in pixels."""

    ray: Tensor
    part: Tensor
    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class Hits:
    """The rays [H] that hit an object (ascending), with part [H], distance [H] along directions of camera depth 1,
    and world normal [3, H] towards the camera."""

    ray: Tensor
    part: Tensor
    distance: Tensor
    normal: Tensor


def grid_candidates(solids: Solids, size: int) -> list[Candidates]:
    """Of the rays through all pixels' centres, for boxes, ellipsoids and cylinders; ray = (frame, row, column)."""
    left, top, width, height = solids.rectangle
    found = []
    for kind in solids.kinds:
        counts = (width * height)[kind]
        number = torch.arange(kind.start, kind.stop, device=counts.device)
        part = number.repeat_interleave(counts)
        first = (counts.cumsum(0) - counts).repeat_interleave(counts)
        within = (torch.arange(len(part), device=part.device) - first).float()
        wide = width.float().index_select(0, part)
        row = ((within + 0.5) / wide).floor()
        x = within - row * wide + left.float().index_select(0, part)
        y = row + top.float().index_select(0, part)
        start = ((solids.object // MAX_OBJECTS) * (size * size)).index_select(0, part)
        found.append(Candidates(start + (y * size + x).long(), part, x + 0.5, y + 0.5))
    return found


def sub_candidates(
    candidates: list[Candidates], chosen: Tensor, rays: int, shifts: tuple[tuple[float, float], ...]
) -> list[Candidates]:
    """Of samples beside some pixels' centres: `chosen` rays [E] of `rays`, once for each shift [E * shifts]."""
    place = torch.full((rays,), -1, device=chosen.device)
    place[chosen] = torch.arange(len(chosen), device=chosen.device)
    found = []
    for c in candidates:
        mine = place.index_select(0, c.ray)
        kept = (mine >= 0).nonzero()[:, 0]
        mine, part, x, y = (v.index_select(0, kept) for v in (mine, c.part, c.x, c.y))
        ray = torch.cat([mine + k * len(chosen) for k in range(len(shifts))])
        x, y = (torch.cat([v + shift[axis] for shift in shifts]) for axis, v in ((0, x), (1, y)))
        found.append(Candidates(ray, part.repeat(len(shifts)), x, y))
    return found


def trace(solids: Solids, candidates: list[Candidates], rays: Rays) -> Hits:
    """Nearest hits of rays."""
    nearest = torch.full_like(rays.frame, torch.iinfo(torch.int64).max)
    for hit, c in zip((_hit_box, _hit_ellipsoid, _hit_cylinder), candidates, strict=True):
        distance = hit(*_part_ray(solids, c.part, c.x, c.y), solids.top.index_select(0, c.part))
        # Positive floats are ordered as their bits are: one number holds distance and, for equal ones, the part.
        key = (distance.view(torch.int32).long() << _SIDE) | c.part
        nearest.scatter_reduce_(0, c.ray, key, "amin")
    limit = int(torch.tensor(torch.inf).view(torch.int32)) << _SIDE
    ray = (nearest < limit).nonzero()[:, 0]
    key = nearest.index_select(0, ray)
    distance, part = (key >> _SIDE).int().view(torch.float32), key & _PART_BITS
    normal = _normals(solids, part, distance, rays.x.index_select(0, ray), rays.y.index_select(0, ray))
    facing = dot(normal, rays.direction.index_select(1, ray))
    return Hits(ray, part, distance, normal * torch.where(facing > 0, -1.0, 1.0))


def _part_ray(solids: Solids, part: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Origin and direction [3, Q] in the parts' coordinates."""
    table = solids.pixel_rays.index_select(1, part)
    return table[9:], table[:3] * x + table[3:6] * y + table[6:9]


def _hit_box(o: Tensor, d: Tensor, top: Tensor) -> Tensor:
    """Distances [Q] of rays to the unit box, infinite where they miss; likewise the two below."""
    inverse = 1 / (d + 1e-20)
    middle, half = o * -inverse, inverse.abs() * 0.5
    enter, leave = (middle - half).amax(0), (middle + half).amin(0)
    return torch.where((leave > enter) & (enter > _EPSILON), enter, torch.inf)


def _hit_ellipsoid(o: Tensor, d: Tensor, top: Tensor) -> Tensor:
    square = dot(d, d)
    near = -dot(o, d) / square  # where the ray passes the middle
    q = o + near * d
    inside = 0.25 - dot(q, q)
    distance = near - (inside.clamp_min(0) / square).sqrt()
    return torch.where((inside > 0) & (distance > _EPSILON), distance, torch.inf)


def _hit_cylinder(o: Tensor, d: Tensor, top: Tensor) -> Tensor:
    start = -dot(o, d) / dot(d, d)
    (ox, oy, oz), (dx, dy, dz) = o + start * d, d
    slope = -0.5 * (1 - top)
    radius = 0.5 + 0.5 * slope  # at half height
    at, dt = radius + slope * oz, slope * dz
    a, b, c = dx * dx + dy * dy - dt * dt, ox * dx + oy * dy - at * dt, ox * ox + oy * oy - at * at
    square = b * b - a * c
    root = square.clamp_min(0).sqrt()
    a = a + 1e-12
    best = torch.full_like(b, torch.inf)
    for t in ((-b - root) / a, (-b + root) / a):
        z = oz + t * dz
        ok = (square > 0) & (start + t > _EPSILON) & (z.abs() <= 0.5) & (radius + slope * z >= 0)
        best = torch.minimum(best, torch.where(ok, start + t, torch.inf))
    for level in (-0.5, 0.5):
        t = (level - oz) / (dz + 1e-20)
        px, py = ox + t * dx, oy + t * dy
        ok = (px * px + py * py <= (radius + slope * level) ** 2) & (start + t > _EPSILON)
        best = torch.minimum(best, torch.where(ok, start + t, torch.inf))
    return best


def _normals(solids: Solids, part: Tensor, distance: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Unit world normals [3, H] where rays meet parts."""
    origin, direction = _part_ray(solids, part, x, y)
    p = origin + distance * direction
    kind, top = solids.kind.index_select(0, part), solids.top.index_select(0, part)
    across = p.abs()
    box = torch.where(across == across.amax(0), p.sign(), 0.0)
    slope = -0.5 * (1 - top)
    flank = torch.stack([p[0], p[1], -slope * (0.5 + 0.5 * slope + slope * p[2])])
    lid = torch.stack([torch.zeros_like(top), torch.zeros_like(top), p[2].sign()])
    cylinder = torch.where(across[2] > 0.4999, lid, flank)
    local = torch.where(kind == BOX, box, torch.where(kind == ELLIPSOID, p, cylinder))
    m = solids.to_part.index_select(1, part)  # normals turn by the transpose of the way to the part
    return unit(m[0:3] * local[0] + m[4:7] * local[1] + m[8:11] * local[2])
