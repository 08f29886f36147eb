"""Rays against scenes of analytic parts: nearest hits and occlusion, in torch, without a loop over pixels or frames.

All frames of a batch are traced at once: rays lie flat behind one another and know their frame. The loops run over
object slots and parts only. Arithmetic is element by element, so a ray's result does not depend on its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry import rotate_each, transform_each
from .families import BOX, CYLINDER, ELLIPSOID

_EPSILON = 1e-3
_MISS = torch.inf


@dataclass(frozen=True)
class Solids:
    """Placed objects of F frames in N slots of at most K parts.

    pose [F, N, 4, 4] box-to-world, size [F, N, 3] metres, present [F, N]; to_part [F, N, K, 4, 4] world-to-part,
    kind [F, N, K] (-1: no part), top [F, N, K], colour [F, N, K, 3], texture [F, N, K]; of the material [F, N]:
    roughness, sheen, texture_scale.
    """

    pose: Tensor
    size: Tensor
    present: Tensor
    to_part: Tensor
    kind: Tensor
    top: Tensor
    colour: Tensor
    texture: Tensor
    roughness: Tensor
    sheen: Tensor
    texture_scale: Tensor

    def part_kinds(self) -> list[list[tuple[int, ...]]]:
        """For every slot and part the kinds that occur in any frame (read once, on the host)."""
        table = self.kind.cpu()
        return [[tuple(k for k in (BOX, ELLIPSOID, CYLINDER) if bool((part == k).any())) for part in slot.unbind(-1)]
                for slot in table.unbind(1)]  # fmt: skip


@dataclass
class Hits:
    """distance [R] along unnormalised directions (inf: none), object slot [R] (-1), part [R], normal [R, 3] world."""

    distance: Tensor
    object: Tensor
    part: Tensor
    normal: Tensor


def inside_bounds(solids: Solids, slot: int, frame: Tensor, origin: Tensor, direction: Tensor) -> Tensor:
    """Numbers of the rays [R, 3] of frames [R] that may hit the object in `slot`: its sphere, then its box."""
    radius = solids.size[:, slot].norm(dim=-1) / 2 * solids.present[:, slot]
    away = solids.pose[:, slot, :3, 3][frame] - origin
    along, length = (away * direction).sum(-1), (direction * direction).sum(-1)
    reach = radius[frame] ** 2
    near_ray = (away * away).sum(-1) - along.clamp_min(0) ** 2 / length < reach
    rays = near_ray.nonzero()[:, 0]
    pose, size = solids.pose[frame[rays], slot], solids.size[frame[rays], slot]
    turn = pose.transpose(-1, -2)  # world -> box, for directions
    o = rotate_each(turn, -away[rays]) / size
    d = rotate_each(turn, direction[rays]) / size
    d = torch.where(d.abs() < 1e-9, 1e-9, d)
    first, second = (-0.502 - o) / d, (0.502 - o) / d
    leave = torch.maximum(first, second).amin(-1)
    enter = torch.minimum(first, second).amax(-1)
    return rays[(enter < leave) & (leave > _EPSILON)]


def hit_part(kind: int, top: Tensor, o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest hit of rays with a unit primitive: distance [R], normal [R, 3] in the part's coordinates."""
    if kind == BOX:
        return _hit_box(o, d)
    if kind == ELLIPSOID:
        a, b, c = (d * d).sum(-1), (o * d).sum(-1), (o * o).sum(-1) - 0.25
        root = (b * b - a * c).clamp_min(0).sqrt()
        near, far = (-b - root) / a, (-b + root) / a
        t = torch.where(near > _EPSILON, near, far)
        t = torch.where((b * b > a * c) & (t > _EPSILON), t, _MISS)
        return t, o + d * torch.where(torch.isfinite(t), t, 0.0)[:, None]
    return _hit_cylinder(top, o, d)


def _hit_box(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    safe = torch.where(d.abs() < 1e-9, 1e-9, d)
    first, second = (-0.5 - o) / safe, (0.5 - o) / safe
    entry, axis = torch.minimum(first, second).max(-1)
    leave = torch.maximum(first, second).amin(-1)
    t = torch.where((leave > entry) & (entry > _EPSILON), entry, _MISS)
    normal = torch.zeros_like(o).scatter_(1, axis[:, None], -safe.gather(1, axis[:, None]).sign())
    return t, normal


def _hit_cylinder(top: Tensor, o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    slope = -0.5 * (1 - top)
    r0 = 0.5 + 0.5 * slope
    at, dt = r0 + slope * o[:, 2], slope * d[:, 2]
    a = d[:, 0] ** 2 + d[:, 1] ** 2 - dt**2
    b = o[:, 0] * d[:, 0] + o[:, 1] * d[:, 1] - at * dt
    c = o[:, 0] ** 2 + o[:, 1] ** 2 - at**2
    square = b * b - a * c
    root = square.clamp_min(0).sqrt()
    a = torch.where(a.abs() < 1e-9, 1e-9, a)
    best = torch.full_like(b, _MISS)
    for t in ((-b - root) / a, (-b + root) / a):
        z = o[:, 2] + t * d[:, 2]
        ok = (square > 0) & (t > _EPSILON) & (z.abs() <= 0.5) & (r0 + slope * z >= 0)
        best = torch.where(ok & (t < best), t, best)
    point = o + d * torch.where(torch.isfinite(best), best, 0.0)[:, None]
    radius = r0 + slope * point[:, 2]
    normal = torch.stack([point[:, 0], point[:, 1], -slope * radius], -1)
    dz = torch.where(d[:, 2].abs() < 1e-9, 1e-9, d[:, 2])
    for level in (-0.5, 0.5):
        t = (level - o[:, 2]) / dz
        x, y = o[:, 0] + t * d[:, 0], o[:, 1] + t * d[:, 1]
        ok = (x * x + y * y <= (r0 + slope * level) ** 2) & (t > _EPSILON) & (t < best)
        best = torch.where(ok, t, best)
        cap = torch.tensor([0.0, 0.0, 2 * level], device=o.device)
        normal = torch.where(ok[:, None], cap, normal)
    return best, normal


def trace(solids: Solids, frame: Tensor, origin: Tensor, direction: Tensor) -> Hits:
    """Nearest hits of rays [R, 3] of frames [R] with all objects of their frames."""
    count = origin.shape[0]
    none = torch.full((count,), -1, device=origin.device)
    hits = Hits(torch.full((count,), _MISS, device=origin.device), none, none.clone(), torch.zeros_like(origin))
    for slot, parts in enumerate(solids.part_kinds()):
        if not any(parts):
            continue
        rays = inside_bounds(solids, slot, frame, origin, direction)
        for part, kinds in enumerate(parts):
            for kind in kinds:
                _nearest(solids, hits, slot, part, kind, rays, frame, origin, direction)
    hits.normal = torch.nn.functional.normalize(hits.normal, dim=-1)
    facing = (hits.normal * direction).sum(-1, keepdim=True)
    hits.normal = torch.where(facing > 0, -hits.normal, hits.normal)
    return hits


def _rays_of(solids: Solids, slot: int, part: int, kind: int, rays: Tensor, frame: Tensor) -> Tensor:
    """Those of `rays` whose frame has a part of this kind there."""
    return rays[solids.kind[frame[rays], slot, part] == kind]


def _hit(solids: Solids, slot: int, part: int, kind: int, rays: Tensor, frame, origin, direction):
    where = frame[rays]
    matrix = solids.to_part[where, slot, part]
    o, d = transform_each(matrix, origin[rays]), rotate_each(matrix, direction[rays])
    return (*hit_part(kind, solids.top[where, slot, part], o, d), matrix)


def _nearest(solids, hits: Hits, slot: int, part: int, kind: int, rays, frame, origin, direction) -> None:
    """Enter the hits of one part into `hits` where they are nearer."""
    rays = _rays_of(solids, slot, part, kind, rays, frame)
    distance, normal, matrix = _hit(solids, slot, part, kind, rays, frame, origin, direction)
    nearer = distance < hits.distance[rays]
    rays = rays[nearer]
    hits.distance[rays], hits.object[rays], hits.part[rays] = distance[nearer], slot, part
    hits.normal[rays] = rotate_each(matrix[nearer].transpose(-1, -2), normal[nearer])  # inverse transpose


def occluded(solids: Solids, frame: Tensor, origin: Tensor, direction: Tensor) -> Tensor:
    """Whether anything stands between `origin` and `origin + direction` (shadow rays), [R] bool."""
    blocked = torch.zeros(origin.shape[0], dtype=torch.bool, device=origin.device)
    for slot, parts in enumerate(solids.part_kinds()):
        if not any(parts):
            continue
        rays = inside_bounds(solids, slot, frame, origin, direction)
        rays = rays[~blocked[rays]]
        for part, kinds in enumerate(parts):
            for kind in kinds:
                mine = _rays_of(solids, slot, part, kind, rays, frame)
                distance, _, _ = _hit(solids, slot, part, kind, mine, frame, origin, direction)
                blocked[mine] |= distance < 1
    return blocked
