"""Colour of what rays hit: materials, sun or lamp with soft shadows, sky or room light; all frames at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..frames import MAX_OBJECTS
from .shadows import contact, sunlight
from .solids import Solids
from .surroundings import (
    OPEN,
    SKY,
    TABLE,
    Surroundings,
    background_albedo,
    background_hit,
    background_normal,
    floor_finish,
    mirrored,
    sky_colour,
    table_shade,
)
from .textures import pattern
from .vectors import dot, pick, place, unit
from .visibility import Hits, Rays


@dataclass(frozen=True)
class Seen:
    """Of R rays: linear colour [3, R], distance [R] (FAR: sky), object slot [R] (-1: none), world normal [3, R]."""

    colour: Tensor
    distance: Tensor
    object: Tensor
    normal: Tensor


@dataclass(frozen=True)
class Points:
    """Points [3, R] in frames [R], the background's first, with world normals and unit ways there [3, R]; pixel [R]:
    metres of the surface that a pixel sees; surface [B] number of each background point, part [H] of the others."""

    frame: Tensor
    place: Tensor
    normal: Tensor
    way: Tensor
    pixel: Tensor
    surface: Tensor
    part: Tensor


def look(solids: Solids, around: Surroundings, rays: Rays, hits: Hits) -> Seen:
    """What rays see, in linear light."""
    plane, surface = background_hit(around.of(rays.frame), rays.origin, rays.direction)
    slot = torch.full_like(surface, -1)
    slot[hits.ray] = solids.object.index_select(0, hits.part) % MAX_OBJECTS
    ground = ((slot < 0) & (surface != SKY)).nonzero()[:, 0]
    sky = ((slot < 0) & (surface == SKY)).nonzero()[:, 0]
    index = torch.cat([ground, hits.ray])
    distance = torch.cat([plane.index_select(0, ground), hits.distance])
    points = _points(rays, index, distance, surface.index_select(0, ground), hits)
    s = around.of(points.frame)
    colour = _lit(solids, around, points)
    haze = (1 - torch.exp(distance * (-1 / 120))) * (s.kind == OPEN)
    colour = colour + (s.sky_low - colour) * haze
    away = unit(rays.direction.index_select(1, sky))
    far = sky_colour(around.of(rays.frame.index_select(0, sky)), away)
    index = torch.cat([index, sky])
    return Seen(
        torch.empty_like(rays.direction).index_copy_(1, index, torch.cat([colour, far], 1)),
        plane.index_copy(0, hits.ray, hits.distance),
        slot,
        torch.empty_like(rays.direction).index_copy_(1, index, torch.cat([points.normal, -away], 1)),
    )


def _points(rays: Rays, index: Tensor, distance: Tensor, surface: Tensor, hits: Hits) -> Points:
    """Where the rays `index` end: on the background's `surface` first, then in the hits."""
    frame, direction = rays.frame.index_select(0, index), rays.direction.index_select(1, index)
    normal = torch.cat([background_normal(surface), hits.normal], 1)
    start = rays.origin if rays.origin.shape[1] == 1 else rays.origin.index_select(1, index)
    way = unit(direction)
    pixel = pick(rays.pixel, frame) * distance / dot(way, normal).abs().clamp_min(0.05)
    return Points(frame, start + direction * distance, normal, way, pixel, surface, hits.part)


def _lit(solids: Solids, around: Surroundings, p: Points) -> Tensor:
    """Light [3, R] that points send back."""
    count, s = len(p.surface), around.of(p.frame)
    ground = around.of(p.frame[:count])
    painted, finish = _object_albedo(solids, p.part, p.place[:, count:], p.pixel[count:])
    finish = torch.cat([floor_finish(ground, p.surface), finish], 1)
    flat = background_albedo(ground, p.place[:, :count], p.surface, p.pixel[:count])
    lit = _direct(solids, around, p)
    if bool((around.kind == TABLE).any()):
        lit[:count] *= table_shade(ground, p.place[:, :count], p.surface)
    left = contact(solids, p.frame, p.place, p.normal)
    left[count:] = 0.35 * left[count:] + 0.65
    ambient = s.sky_low + (s.sky_high - s.sky_low) * (0.5 + 0.5 * p.normal[2])
    colour = torch.cat([flat, painted], 1) * (lit * s.light_colour + ambient * (0.55 * left))
    return colour + _reflection(s, p.way, p.normal, finish, lit, left)


def _direct(solids: Solids, around: Surroundings, p: Points) -> Tensor:
    """Light that arrives straight from sun or lamp, [R]."""
    part = torch.cat([torch.full_like(p.surface, -1), p.part])
    facing = dot(p.normal, pick(around.light, p.frame)).clamp_min(0)
    bright = (facing > 0).nonzero()[:, 0]
    frame, point = p.frame.index_select(0, bright), p.place.index_select(1, bright)
    clear = sunlight(solids, around, frame, point, part.index_select(0, bright))
    return facing.index_copy(0, bright, facing.index_select(0, bright) * clear)


def _object_albedo(solids: Solids, part: Tensor, point: Tensor, blur: Tensor) -> tuple[Tensor, Tensor]:
    """Albedo [3, H], and roughness and sheen [2, H], on parts; textures live in the objects' own metres."""
    slot = solids.object.index_select(0, part)
    local = place(solids.to_box.index_select(1, slot).view(3, 4, -1), point) * solids.size.index_select(1, slot)
    base = solids.colour.index_select(1, part)
    material = solids.material.index_select(1, slot)
    mix = pattern(solids.texture.index_select(0, part), local + 7, material[2], blur)
    other = base.flip(0) * 0.55 + 0.2
    return base + (other - base) * (0.8 * mix), material[:2]


def _reflection(s: Surroundings, way: Tensor, normal: Tensor, finish: Tensor, lit: Tensor, left: Tensor) -> Tensor:
    """Mirrored surroundings by Fresnel (Schlick 1994, eq. 15) and the light's highlight, [3, R]."""
    roughness, sheen = finish
    along = dot(way, normal).clamp(-1, 0)
    mirror = way - 2 * along * normal
    fresnel = sheen * (0.06 + 0.94 * (1 + along) ** 5)
    toward = dot(mirror, s.light).clamp_min(1e-6)
    gloss = torch.exp(toward.log() * (2 + 120 * (1 - roughness) ** 2))
    gloss = gloss * (1 - roughness) * sheen * (lit * 4).clamp_max(1)
    return mirrored(s, mirror) * (fresnel * left * 0.7) + s.light_colour * (gloss * 0.8)


def tone(colour: Tensor, exposure: Tensor) -> Tensor:
    """Linear light [3, R] with exposures [R] or [1] -> sRGB 0..1 with a soft shoulder."""
    x = colour.clamp_min(0) * exposure
    x = (x * (1 + x * (1 / 9)) / (1 + x * 0.55)).clamp(0, 1)
    return torch.maximum((x * 12.92).clamp_max(0.04045), 1.055 * x.clamp_min(1e-6) ** (1 / 2.4) - 0.055)
