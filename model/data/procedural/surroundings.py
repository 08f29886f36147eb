"""What objects stand in: open ground under a sky, a room, a table in a room; with their light."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .textures import grain, pattern
from .vectors import pick

OPEN, ROOM, TABLE = range(3)
FAR = 400.0
SKY, FLOOR, LOWER = -1, 0, 1  # surface numbers; 2 to 4 walls, 5 ceiling
_NORMALS = ((0, 0, 1.0), (0, 0, 1.0), (1.0, 0, 0), (-1.0, 0, 0), (0, -1.0, 0), (0, 0, -1.0))  # of surfaces 0 to 5


@dataclass(frozen=True)
class Surroundings:
    """Of F frames: kind [F]; light [F, 3] unit towards the sun or lamp, its softness [F] (radians) and colour [F, 3];
    sky_low, sky_high [F, 3]; ground_one, ground_two [F, 3] colours of the floor, its texture [F] and scale [F];
    walls [F, 3, 3] colours; room [F, 3] (x, y, height) metres; exposure [F]; phase [F, 8] numbers of textures and
    hills. All functions below take them as `columns`, with the frames last."""

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

    def columns(self, device: torch.device) -> Surroundings:
        """Frames last, components first."""
        return Surroundings(
            **{f.name: getattr(self, f.name).movedim(0, -1).contiguous().to(device) for f in fields(self)}
        )

    def of(self, frame: Tensor) -> Surroundings:
        """Columns of the frames of rays [R]; those of a single frame stay one column, which broadcasts."""
        return Surroundings(**{f.name: pick(getattr(self, f.name), frame) for f in fields(self)})


def background_hit(s: Surroundings, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Distance [R] (FAR: the sky) and surface number [R] of rays [3, R]; `s` of the rays' frames."""
    safe = direction + 1e-12
    (x, y, height), indoors, table = s.room, s.kind != OPEN, s.kind == TABLE
    down = -origin[2] / safe[2]
    hit = (down > 1e-3) & (down < FAR)
    if not bool(indoors.any()):
        return torch.where(hit, down, FAR), hit.long() - 1
    px, py = origin[0] + direction[0] * down, origin[1] + direction[1] * down
    hit = hit & ((px.abs() < 0.62 * x) & (py.abs() < 0.55 * y) | ~table)
    best, surface = torch.where(hit, down, FAR), hit.long() - 1
    for axis, level, number, exists in ((2, -0.8, LOWER, table), (0, -x, 2, indoors), (0, x, 3, indoors),
                                        (1, y, 4, indoors), (2, height, 5, indoors)):  # fmt: skip
        t = (level - origin[axis]) / safe[axis]
        nearer = (t > 1e-3) & (t < best) & exists
        best, surface = torch.where(nearer, t, best), torch.where(nearer, number, surface)
    return best, surface


def table_shade(s: Surroundings, point: Tensor, surface: Tensor) -> Tensor:
    """Share [R] of the light that the table top lets through to points [3, R] below it."""
    way = -point[2] / s.light[2].clamp_min(0.1)
    over_x = 0.62 * s.room[0] - (point[0] + s.light[0] * way).abs()
    over_y = 0.55 * s.room[1] - (point[1] + s.light[1] * way).abs()
    radius = s.softness * way.clamp_min(0) * 0.6 + 0.004
    under = (torch.minimum(over_x, over_y) / radius * 0.5 + 0.5).clamp(0, 1)
    return 1 - under * ((surface > FLOOR) & (point[2] < -1e-3) & (s.kind == TABLE))


def background_normal(surface: Tensor) -> Tensor:
    """World normals [3, R] of surfaces by number (not the sky)."""
    return torch.tensor(_NORMALS, device=surface.device).T.contiguous().index_select(1, surface)


def background_albedo(s: Surroundings, point: Tensor, surface: Tensor, blur: Tensor) -> Tensor:
    """Albedo [3, R] of surfaces at points [3, R]; blur [R] as for `pattern`."""
    mix = pattern(s.ground_texture, point + 50, s.ground_scale, blur)
    near = torch.exp(blur * -12)  # what is finer than a pixel fades
    noise = (grain(point * 3, s.phase) - 0.5) * near
    albedo = s.ground_one + (s.ground_two - s.ground_one) * (0.5 + (mix - 0.5) * near)
    albedo = albedo * (1 + 0.5 * noise)
    if not bool((s.kind != OPEN).any()):
        return albedo
    paint = s.walls[0] * (surface == 2) + s.walls[1] * (surface == 3) + s.walls[2] * (surface >= 4)
    skirting = (point[2] < torch.where(s.kind == ROOM, 0.12, -0.68)) & (surface >= 2)
    paint = paint * ((1 + 0.14 * noise) * (1 - 0.55 * skirting.float()))
    lower = s.walls[1] * (0.5 + 0.3 * noise)
    return torch.where(surface >= 2, paint, torch.where(surface == LOWER, lower, albedo))


def floor_finish(s: Surroundings, surface: Tensor) -> Tensor:
    """Roughness and sheen [2, R] of surfaces: floors and tables indoors may be polished."""
    sheen = (s.phase[6] * s.phase[6] * (s.kind != OPEN)) * (surface == FLOOR)
    return torch.stack([(0.3 + 0.6 * s.phase[7]).expand_as(sheen), 0.6 * sheen])


def sky_gradient(s: Surroundings, up: Tensor) -> Tensor:
    """Colour [3, R] by the height [R] of a direction."""
    return s.sky_low + (s.sky_high - s.sky_low) * up.clamp(0, 1).sqrt()


def sky_colour(s: Surroundings, direction: Tensor) -> Tensor:
    """Sky with haze, sun glow and hills in `direction` [3, R] (unit)."""
    x, y, up = direction
    toward = (x * s.light[0] + y * s.light[1] + up * s.light[2]).clamp_min(0)
    glow = toward**8 * 0.25 + torch.exp((toward - 1) * 400) * 2
    colour = sky_gradient(s, up) + s.light_colour * glow
    angle = torch.atan2(x, y)
    hills = 0.04 + 0.03 * torch.sin(angle * 3 + s.phase[0] * 6) + 0.02 * torch.sin(angle * 11 + s.phase[1] * 6)
    hill = torch.sigmoid((hills - up) * 300) * (up > -0.02)
    return colour + (0.6 * s.ground_one + 0.3 * s.sky_low - colour) * hill


def mirrored(s: Surroundings, direction: Tensor) -> Tensor:
    """What a shiny surface mirrors in `direction` [3, R]: sky or ceiling above, ground below."""
    below = torch.sigmoid(direction[2] * -12)
    above = sky_gradient(s, direction[2])
    return above + (0.6 * s.ground_one * (s.sky_low + s.light_colour * 0.5) - above) * below
