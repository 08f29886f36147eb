"""Colour of what rays hit: textures, materials, surroundings, sun and sky with soft shadows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from .families import CHECKS, DOTS, MARBLE, STRIPES
from .tracer import Hits, Solid, inside_bounds, occluded, trace

OPEN, ROOM, TABLE = range(3)
FAR = 400.0
_BACKGROUND_SURFACES = 6  # floor or table top, lower floor, three walls, ceiling


@dataclass(frozen=True)
class Surroundings:
    """kind; light [3] unit towards the sun or lamp, its softness (radians) and colour [3]; sky [2, 3] low, high;
    ground [2, 3] two colours of the floor, its texture and scale; walls [3, 3] colours; room (x, y, height) metres;
    exposure; phase [8] random numbers of textures and hills."""

    kind: int
    light: Tensor
    softness: float
    light_colour: Tensor
    sky: Tensor
    ground: Tensor
    ground_texture: int
    ground_scale: float
    walls: Tensor
    room: tuple[float, float, float]
    exposure: float
    phase: Tensor


def pattern(kind: int, p: Tensor, scale: float) -> Tensor:
    """A procedural texture at points [R, 3]: share of the second colour [R]."""
    q = p * scale
    if kind == STRIPES:
        return (torch.sin(q[:, 2] * 6.3 + q[:, 0] * 0.5) > 0).float()
    if kind == CHECKS:
        return (((q + 100.03).floor().sum(-1)) % 2).float()
    if kind == DOTS:
        return (((q % 1) - 0.5).square().sum(-1) < 0.1).float()
    if kind == MARBLE:
        wave = q[:, 0] * 3 + 1.5 * torch.sin(q[:, 1] * 4 + torch.sin(q[:, 2] * 5)) + torch.sin(q[:, 2] * 3)
        return torch.sin(wave) * 0.5 + 0.5
    return torch.zeros_like(q[:, 0])


def grain(p: Tensor, phase: Tensor) -> Tensor:
    """Soft noise in 0..1 at points [R, 3]: a few incommensurable waves."""
    total = torch.zeros_like(p[:, 0])
    for k in range(5):
        f = 1.9**k
        total = total + torch.sin(p[:, 0] * f * (2.1 + k) + phase[k] * 6) * torch.sin(
            p[:, 1] * f * 2.7 + phase[k + 1] * 9 + p[:, 2] * f
        ) / (k + 1)
    return total * 0.25 + 0.5


def sky_colour(s: Surroundings, direction: Tensor) -> Tensor:
    """Sky with haze, sun glow and hills in `direction` [R, 3] (unit); indoors a plain ceiling light."""
    up = direction[:, 2:].clamp(-1, 1)
    low, high = s.sky
    colour = low + (high - low) * up.clamp(0, 1).sqrt()
    glow = (direction @ s.light).clamp_min(0)[:, None]
    colour = colour + s.light_colour * (0.25 * glow**8 + 2.0 * glow**400)
    angle = torch.atan2(direction[:, 0], direction[:, 1])
    hills = 0.04 + 0.03 * torch.sin(angle * 3 + s.phase[0] * 6) + 0.02 * torch.sin(angle * 11 + s.phase[1] * 6)
    hill = torch.sigmoid((hills[:, None] - up) * 300) * (up > -0.02)
    return colour * (1 - hill) + hill * (0.6 * s.ground[0] + 0.3 * low)


def background_hit(s: Surroundings, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Distance [R] (FAR: the sky) and surface number [R] (-1: the sky) of floor, table, walls."""
    x, y, height = s.room
    safe = torch.where(direction.abs() < 1e-7, 1e-7, direction)
    best, surface = (
        torch.full_like(origin[:, 0], FAR),
        torch.full_like(origin[:, 0], -1, dtype=torch.int64),
    )
    planes = [(2, 0.0, 0)]
    if s.kind == TABLE:
        planes.append((2, -0.8, 1))
    if s.kind != OPEN:
        planes += [(0, -x, 2), (0, x, 3), (1, y, 4), (2, height, 5)]
    for axis, level, number in planes:
        t = (level - origin[:, axis]) / safe[:, axis]
        ok = (t > 1e-3) & (t < best)
        if s.kind == TABLE and number == 0:
            point = origin + direction * t[:, None]
            ok = ok & (point[:, 0].abs() < 0.62 * x) & (point[:, 1].abs() < 0.55 * y)
        best, surface = torch.where(ok, t, best), torch.where(ok, number, surface)
    return best, surface


def _background_albedo(s: Surroundings, point: Tensor, surface: Tensor) -> tuple[Tensor, Tensor]:
    """Albedo and normal [R, 3] of background surfaces."""
    mix = pattern(s.ground_texture, point + 50, s.ground_scale)[:, None]
    noise = grain(point * 3, s.phase)[:, None]
    near = torch.exp(-point[:, :2].norm(dim=-1, keepdim=True) / 25)  # far textures fade: no aliasing
    floor = s.ground[0] + (s.ground[1] - s.ground[0]) * (0.5 + (mix - 0.5) * near)
    floor = floor * (0.75 + 0.5 * (0.5 + (noise - 0.5) * near))
    normal = torch.zeros_like(point)
    normal[:, 2] = 1
    albedo = floor
    for number, axis, sign in ((2, 0, 1.0), (3, 0, -1.0), (4, 1, -1.0), (5, 2, -1.0)):
        here = (surface == number)[:, None]
        paint = s.walls[min(number - 2, 2)] * (0.93 + 0.14 * noise)
        skirting = (point[:, 2:] < (0.12 if s.kind == ROOM else -0.68)) & here
        albedo = torch.where(here, torch.where(skirting, paint * 0.45, paint), albedo)
        towards = torch.zeros(3, device=point.device)
        towards[axis] = sign
        normal = torch.where(here, towards, normal)
    lower = (surface == 1)[:, None]
    return torch.where(lower, s.walls[1] * 0.5 * (0.7 + 0.6 * noise), albedo), normal


def _object_albedo(solids: list[Solid], hits: Hits, point: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Albedo [R, 3], roughness [R], sheen [R] of hit objects; textures live in the objects' own metres."""
    albedo = torch.zeros_like(point)
    roughness, sheen = torch.ones_like(point[:, 0]), torch.zeros_like(point[:, 0])
    for number, solid in enumerate(solids):
        index = (hits.object == number).nonzero()[:, 0]
        if not len(index):
            continue
        local = (point[index] - solid.pose[:3, 3]) @ solid.pose[:3, :3]
        part = hits.part[index]
        base = solid.colours[part]
        mix = torch.zeros_like(local[:, 0])
        for kind in set(solid.textures) - {0}:
            mine = torch.tensor([t == kind for t in solid.textures], device=part.device)[part]
            mix = torch.where(mine, pattern(kind, local + 7, solid.texture_scale), mix)
        other = base.flip(-1) * 0.55 + 0.2
        albedo[index] = base + (other - base) * 0.8 * mix[:, None]
        roughness[index], sheen[index] = solid.roughness, solid.sheen
    return albedo, roughness, sheen


def _contact(solids: list[Solid], point: Tensor, normal: Tensor) -> Tensor:
    """Ambient light that is left [R] near objects: darker under and beside them."""
    left = torch.ones_like(point[:, 0])
    for solid in solids:
        local = (point - solid.pose[:3, 3]) @ solid.pose[:3, :3]
        gap = (local.abs() - solid.size * 0.42).clamp_min(0).norm(dim=-1)
        left = left * (1 - 0.55 * torch.exp(-gap / (0.22 * solid.size[2] + 0.03)) * normal[:, 2].clamp_min(0.15))
    return left


def shade(
    solids: list[Solid],
    s: Surroundings,
    origin: Tensor,
    direction: Tensor,
    hits: Hits,
    jitter: Tensor,
) -> Tensor:
    """Linear colour [R, 3]; jitter [R, 4] uniform numbers for the soft shadows' rays."""
    on_object = hits.object >= 0
    plane, surface = background_hit(s, origin, direction)
    distance = torch.where(on_object, hits.distance, plane)
    point = origin + direction * distance[:, None]
    unit = normalize(direction, dim=-1)
    albedo, normal = _background_albedo(s, point, surface)
    own, roughness, sheen = _object_albedo(solids, hits, point)
    albedo = torch.where(on_object[:, None], own, albedo)
    normal = torch.where(on_object[:, None], hits.normal, normal)
    solid_hit = on_object | (surface >= 0)
    lit = torch.zeros_like(distance)
    start = point + normal * 4e-3
    towards = normalize(s.light + _light_offsets(jitter) * s.softness, dim=-1)  # [2, R, 3]
    facing = (normal * towards).sum(-1)
    ray, index = (solid_hit & (facing > 0)).nonzero(as_tuple=True)
    clear = ~occluded(solids, start[index], towards[ray, index] * 30)
    lit.index_add_(0, index, 0.5 * facing[ray, index] * clear)
    ambient_low, ambient_high = s.sky
    ambient = ambient_low + (ambient_high - ambient_low) * (0.5 + 0.5 * normal[:, 2:])
    others = torch.where(on_object, 0.35 * _contact(solids, point, normal) + 0.65, _contact(solids, point, normal))
    colour = albedo * (lit[:, None] * s.light_colour + 0.55 * ambient * others[:, None])
    mirror = unit - 2 * (unit * normal).sum(-1, keepdim=True) * normal
    fresnel = sheen * (0.06 + 0.94 * (1 - (-(unit * normal).sum(-1)).clamp(0, 1)) ** 5)
    gloss = (mirror @ s.light).clamp_min(0) ** (2 + 120 * (1 - roughness) ** 2) * (1 - roughness) * (lit > 0) * sheen
    colour = colour + fresnel[:, None] * sky_colour(s, mirror) * 0.7 + gloss[:, None] * s.light_colour * 0.8
    haze = (1 - torch.exp(-distance / 120))[:, None] * (s.kind == OPEN)
    colour = colour * (1 - haze) + haze * ambient_low
    return torch.where(solid_hit[:, None], colour, sky_colour(s, unit))


def _light_offsets(jitter: Tensor) -> Tensor:
    """Two points on the light [2, R, 3] from uniform numbers [R, 4]."""
    a, b = jitter.view(-1, 2, 2).permute(2, 1, 0)  # [2, R] each
    return torch.stack([a - 0.5, b - 0.5, a - b], -1)


def tone(colour: Tensor, exposure: float) -> Tensor:
    """Linear light -> sRGB 0..1 with a soft shoulder."""
    x = colour.clamp_min(0) * exposure
    x = x * (1 + x / 9) / (1 + x * 0.55)
    x = x.clamp(0, 1)
    return torch.where(x < 0.0031308, 12.92 * x, 1.055 * x.clamp_min(1e-6) ** (1 / 2.4) - 0.055)


__all__ = ["FAR", "Surroundings", "background_hit", "inside_bounds", "shade", "tone", "trace"]
