"""Rays against scenes of analytic parts: nearest hits and occlusion, in torch, without a loop over pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .families import BOX, ELLIPSOID

_EPSILON = 1e-3
_MISS = torch.inf


@dataclass(frozen=True)
class Solid:
    """One placed object: box-to-world pose [4, 4], size [3] metres, and its parts' world-to-part matrices
    [K, 4, 4], kinds and tops [K], colours [K, 3], textures [K], roughness and sheen of its material."""

    pose: Tensor
    size: Tensor
    to_part: Tensor
    kinds: list[int]
    tops: list[float]
    colours: Tensor
    textures: list[int]
    roughness: float
    sheen: float
    texture_scale: float


@dataclass
class Hits:
    """distance [R] along unnormalised directions (inf: none), object [R] (-1), part [R], normal [R, 3] world."""

    distance: Tensor
    object: Tensor
    part: Tensor
    normal: Tensor


def _affine(matrix: Tensor, points: Tensor) -> Tensor:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def inside_bounds(solid: Solid, origin: Tensor, direction: Tensor) -> Tensor:
    """Which rays [R, 3] may hit the object: a slab test with its box."""
    rotation = solid.pose[:3, :3]
    o = (origin - solid.pose[:3, 3]) @ rotation / solid.size
    d = direction @ rotation / solid.size
    d = torch.where(d.abs() < 1e-9, 1e-9, d)
    first, second = (-0.502 - o) / d, (0.502 - o) / d
    leave = torch.maximum(first, second).amin(-1)
    return (torch.minimum(first, second).amax(-1) < leave) & (leave > _EPSILON)


def hit_part(kind: int, top: float, o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
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


def _hit_cylinder(top: float, o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
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


def trace(solids: list[Solid], origin: Tensor, direction: Tensor) -> Hits:
    """Nearest hits of rays [R, 3] with all objects."""
    count = origin.shape[0]
    none = torch.full((count,), -1, device=origin.device)
    hits = Hits(
        torch.full((count,), _MISS, device=origin.device),
        none,
        none.clone(),
        torch.zeros_like(origin),
    )
    for number, solid in enumerate(solids):
        index = inside_bounds(solid, origin, direction).nonzero()[:, 0]
        if not len(index):
            continue
        o, d = origin[index], direction[index]
        best, part, normal = hits.distance[index], torch.full_like(index, -1), torch.zeros_like(o)
        for k, kind in enumerate(solid.kinds):
            matrix = solid.to_part[k]
            t, n = hit_part(kind, solid.tops[k], _affine(matrix, o), d @ matrix[:3, :3].T)
            nearer = t < best
            best = torch.where(nearer, t, best)
            part = torch.where(nearer, k, part)
            normal = torch.where(nearer[:, None], n @ matrix[:3, :3], normal)
        found = part >= 0
        where = index[found]
        hits.distance[where], hits.part[where], hits.normal[where] = (
            best[found],
            part[found],
            normal[found],
        )
        hits.object[where] = number
    hits.normal = torch.nn.functional.normalize(hits.normal, dim=-1)
    facing = (hits.normal * direction).sum(-1, keepdim=True)
    hits.normal = torch.where(facing > 0, -hits.normal, hits.normal)
    return hits


def occluded(solids: list[Solid], origin: Tensor, direction: Tensor) -> Tensor:
    """Whether anything stands between `origin` and `origin + direction` (shadow rays), [R] bool."""
    blocked = torch.zeros(origin.shape[0], dtype=torch.bool, device=origin.device)
    for solid in solids:
        index = (inside_bounds(solid, origin, direction) & ~blocked).nonzero()[:, 0]
        if not len(index):
            continue
        o, d = origin[index], direction[index]
        near = torch.zeros_like(index, dtype=torch.bool)
        for k, kind in enumerate(solid.kinds):
            matrix = solid.to_part[k]
            t, _ = hit_part(kind, solid.tops[k], _affine(matrix, o), d @ matrix[:3, :3].T)
            near |= t < 1
        blocked[index] = near
    return blocked
