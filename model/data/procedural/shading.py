"""Colour of what rays hit: textures, materials, surroundings, sun and sky with soft shadows; all frames at once."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ...geometry import rotate_each
from .families import CHECKS, DOTS, MARBLE, STRIPES
from .tracer import Hits, Solids, occluded

OPEN, ROOM, TABLE = range(3)
FAR = 400.0
_NORMALS = ((0, 0, 1.0), (0, 0, 1.0), (1.0, 0, 0), (-1.0, 0, 0), (0, -1.0, 0), (0, 0, -1.0))  # see background_hit


@dataclass(frozen=True)
class Surroundings:
    """Of F frames: kind [F]; light [F, 3] unit towards the sun or lamp, its softness [F] (radians) and colour [F, 3];
    sky_low, sky_high [F, 3]; ground_one, ground_two [F, 3] colours of the floor, its texture [F] and scale [F];
    walls [F, 3, 3] colours; room [F, 3] (x, y, height) metres; exposure [F]; phase [F, 8] numbers of textures and
    hills."""

    kind: Tensor
    light: Tensor
    softness: Tensor
    light_colour: Tensor
    sky_low: Tensor
    sky_high: Tensor
    ground_one: Tensor
    ground_two: Tensor
    ground_texture: Tensor
    ground_scale: Tensor
    walls: Tensor
    room: Tensor
    exposure: Tensor
    phase: Tensor

    def __getitem__(self, index: Tensor) -> Surroundings:
        return Surroundings(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def to(self, device: torch.device) -> Surroundings:
        return Surroundings(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def pattern(kind: Tensor, p: Tensor, scale: Tensor) -> Tensor:
    """A procedural texture of each point's own kind [R] at points [R, 3]: share of the second colour [R]."""
    q = p * scale[:, None]
    x, y, z = q.unbind(-1)
    stripes = (torch.sin(z * 6.3 + x * 0.5) > 0).float()
    checks = ((q + 100.03).floor().sum(-1)) % 2
    dots = (((q % 1) - 0.5).square().sum(-1) < 0.1).float()
    marble = torch.sin(x * 3 + 1.5 * torch.sin(y * 4 + torch.sin(z * 5)) + torch.sin(z * 3)) * 0.5 + 0.5
    mixed = torch.zeros_like(x)
    for number, values in ((STRIPES, stripes), (CHECKS, checks), (DOTS, dots), (MARBLE, marble)):
        mixed = torch.where(kind == number, values, mixed)
    return mixed


def grain(p: Tensor, phase: Tensor) -> Tensor:
    """Soft noise in 0..1 at points [R, 3] with phases [R, 8]: a few incommensurable waves."""
    x, y, z = p.unbind(-1)
    total = torch.zeros_like(x)
    for k in range(5):
        f = 1.9**k
        across = torch.sin(x * (f * (2.1 + k)) + phase[:, k] * 6)
        total = total + across * torch.sin(y * (f * 2.7) + phase[:, k + 1] * 9 + z * f) / (k + 1)
    return total * 0.25 + 0.5


def sky_colour(s: Surroundings, direction: Tensor) -> Tensor:
    """Sky with haze, sun glow and hills in `direction` [R, 3] (unit), each ray with its own surroundings."""
    up = direction[:, 2:].clamp(-1, 1)
    colour = s.sky_low + (s.sky_high - s.sky_low) * up.clamp(0, 1).sqrt()
    glow = (direction * s.light).sum(-1, keepdim=True).clamp_min(0)
    colour = colour + s.light_colour * (0.25 * glow**8 + 2.0 * glow**400)
    angle = torch.atan2(direction[:, 0], direction[:, 1])
    hills = 0.04 + 0.03 * torch.sin(angle * 3 + s.phase[:, 0] * 6) + 0.02 * torch.sin(angle * 11 + s.phase[:, 1] * 6)
    hill = torch.sigmoid((hills[:, None] - up) * 300) * (up > -0.02)
    return colour * (1 - hill) + hill * (0.6 * s.ground_one + 0.3 * s.sky_low)


def background_hit(s: Surroundings, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Distance [R] (FAR: the sky) and surface number [R]: -1 the sky, 0 floor or table top, 1 floor below the
    table, 2 to 4 walls, 5 ceiling."""
    x, y, height = s.room.unbind(-1)
    safe = torch.where(direction.abs() < 1e-7, 1e-7, direction)
    best, surface = torch.full_like(x, FAR), torch.full_like(s.kind, -1)
    table, indoors = s.kind == TABLE, s.kind != OPEN
    zero = torch.zeros_like(x)
    planes = ((2, zero, 0, None), (2, zero - 0.8, 1, table), (0, -x, 2, indoors), (0, x, 3, indoors),
              (1, y, 4, indoors), (2, height, 5, indoors))  # fmt: skip
    for axis, level, number, exists in planes:
        t = (level - origin[:, axis]) / safe[:, axis]
        ok = (t > 1e-3) & (t < best)
        if exists is not None:
            ok = ok & exists
        if number == 0:
            point = origin + direction * t[:, None]
            on_top = (point[:, 0].abs() < 0.62 * x) & (point[:, 1].abs() < 0.55 * y)
            ok = ok & (on_top | ~table)
        best, surface = torch.where(ok, t, best), torch.where(ok, number, surface)
    return best, surface


def background_normal(surface: Tensor, direction: Tensor) -> Tensor:
    """World normals [R, 3] of background surfaces by number; the sky faces the camera."""
    table = torch.tensor(_NORMALS, device=surface.device)
    return torch.where((surface >= 0)[:, None], table[surface.clamp_min(0)], -normalize(direction, dim=-1))


def _background_albedo(s: Surroundings, point: Tensor, surface: Tensor) -> Tensor:
    """Albedo [R, 3] of background surfaces."""
    mix = pattern(s.ground_texture, point + 50, s.ground_scale)[:, None]
    noise = grain(point * 3, s.phase)[:, None]
    near = torch.exp(-point[:, :2].norm(dim=-1, keepdim=True) / 25)  # far textures fade: no aliasing
    floor = s.ground_one + (s.ground_two - s.ground_one) * (0.5 + (mix - 0.5) * near)
    floor = floor * (0.75 + 0.5 * (0.5 + (noise - 0.5) * near))
    which = (surface - 2).clamp(0, 2)
    paint = s.walls.gather(1, which[:, None, None].expand(-1, 1, 3))[:, 0] * (0.93 + 0.14 * noise)
    skirting = point[:, 2] < torch.where(s.kind == ROOM, 0.12, -0.68)
    paint = torch.where(skirting[:, None], paint * 0.45, paint)
    lower = s.walls[:, 1] * 0.5 * (0.7 + 0.6 * noise)
    number = surface[:, None]
    return torch.where(number >= 2, paint, torch.where(number == 1, lower, floor))


def _object_albedo(solids: Solids, frame: Tensor, hits: Hits, point: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Albedo [R, 3], roughness [R], sheen [R] of hit objects; textures live in the objects' own metres."""
    slot, part = hits.object, hits.part
    pose = solids.pose[frame, slot]
    local = rotate_each(pose.transpose(-1, -2), point - pose[:, :3, 3])
    base = solids.colour[frame, slot, part]
    mix = pattern(solids.texture[frame, slot, part], local + 7, solids.texture_scale[frame, slot])
    other = base.flip(-1) * 0.55 + 0.2
    albedo = base + (other - base) * 0.8 * mix[:, None]
    return albedo, solids.roughness[frame, slot], solids.sheen[frame, slot]


def _contact(solids: Solids, frame: Tensor, point: Tensor, normal: Tensor) -> Tensor:
    """Ambient light that is left [R] near objects: darker under and beside them."""
    left = torch.ones_like(point[:, 0])
    upward = normal[:, 2].clamp_min(0.15)
    for slot in range(solids.pose.shape[1]):
        if not bool(solids.present[:, slot].any()):
            continue
        pose, size = solids.pose[frame, slot], solids.size[frame, slot]
        local = rotate_each(pose.transpose(-1, -2), point - pose[:, :3, 3])
        gap = (local.abs() - size * 0.42).clamp_min(0).norm(dim=-1)
        dark = 0.55 * torch.exp(-gap / (0.22 * size[:, 2] + 0.03)) * upward
        left = left * (1 - dark * solids.present[frame, slot])
    return left


def _direct(
    solids: Solids, s: Surroundings, frame, start: Tensor, normal: Tensor, solid: Tensor, jitter: Tensor
) -> Tensor:
    """Light that arrives straight from sun or lamp, [R]: two shadow rays each to points of its disc."""
    a, b = jitter.view(-1, 2, 2).permute(2, 1, 0)  # [2, R] each
    offset = torch.stack([a - 0.5, b - 0.5, a - b], -1)
    towards = normalize(s.light + offset * s.softness[:, None], dim=-1)  # [2, R, 3]
    facing = (normal * towards).sum(-1)
    ray, index = (solid & (facing > 0)).nonzero(as_tuple=True)
    clear = ~occluded(solids, frame[index], start[index], towards[ray, index] * 30)
    lit = torch.zeros(2, len(solid), device=solid.device)
    lit[ray, index] = 0.5 * facing[ray, index] * clear
    return lit.sum(0)


def shade(solids: Solids, around: Surroundings, frame, origin: Tensor, direction: Tensor, hits: Hits, jitter: Tensor):
    """Linear colour [R, 3] of rays of frames [R]; `around` [F]; jitter [R, 4] uniform numbers for soft shadows."""
    s = around[frame]
    on_object = hits.object >= 0
    plane, surface = background_hit(s, origin, direction)
    distance = torch.where(on_object, hits.distance, plane)
    point = origin + direction * distance[:, None]
    unit = normalize(direction, dim=-1)
    albedo = _background_albedo(s, point, surface)
    roughness, sheen = torch.ones_like(distance), torch.zeros_like(distance)
    mine = on_object.nonzero()[:, 0]
    own = Hits(*(getattr(hits, name)[mine] for name in ("distance", "object", "part", "normal")))
    albedo[mine], roughness[mine], sheen[mine] = _object_albedo(solids, frame[mine], own, point[mine])
    normal = torch.where(on_object[:, None], hits.normal, background_normal(surface, direction))
    solid = on_object | (surface >= 0)
    lit = _direct(solids, s, frame, point + normal * 4e-3, normal, solid, jitter)
    ambient = s.sky_low + (s.sky_high - s.sky_low) * (0.5 + 0.5 * normal[:, 2:])
    contact = _contact(solids, frame, point, normal)
    contact = torch.where(on_object, 0.35 * contact + 0.65, contact)
    colour = albedo * (lit[:, None] * s.light_colour + 0.55 * ambient * contact[:, None])
    shiny = (sheen > 0).nonzero()[:, 0]
    colour[shiny] += _reflection(s[shiny], unit[shiny], normal[shiny], roughness[shiny], sheen[shiny], lit[shiny])
    haze = ((1 - torch.exp(-distance / 120)) * (s.kind == OPEN))[:, None]
    colour = colour * (1 - haze) + haze * s.sky_low
    sky = (~solid).nonzero()[:, 0]
    colour[sky] = sky_colour(s[sky], unit[sky])
    return colour


def _reflection(s: Surroundings, unit: Tensor, normal: Tensor, roughness: Tensor, sheen: Tensor, lit: Tensor) -> Tensor:
    """Mirrored sky by Fresnel (Schlick 1994, eq. 15) and the light's highlight, [R, 3]."""
    along = (unit * normal).sum(-1)
    mirror = unit - 2 * along[:, None] * normal
    fresnel = sheen * (0.06 + 0.94 * (1 + along.clamp(-1, 0)) ** 5)
    gloss = (mirror * s.light).sum(-1).clamp_min(0) ** (2 + 120 * (1 - roughness) ** 2)
    gloss = gloss * (1 - roughness) * (lit > 0) * sheen
    return fresnel[:, None] * sky_colour(s, mirror) * 0.7 + gloss[:, None] * s.light_colour * 0.8


def tone(colour: Tensor, exposure: Tensor) -> Tensor:
    """Linear light [R, 3] with exposures [R] -> sRGB 0..1 with a soft shoulder."""
    x = colour.clamp_min(0) * exposure[:, None]
    x = x * (1 + x / 9) / (1 + x * 0.55)
    x = x.clamp(0, 1)
    return torch.where(x < 0.0031308, 12.92 * x, 1.055 * x.clamp_min(1e-6) ** (1 / 2.4) - 0.055)
