"""Shading of the visible samples: textures, sky light, key lights with soft shadows, reflections, film."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from .library import MeshLibrary
from .lighting import (
    Lights,
    fan_directions,
    irradiance,
    key_highlights,
    sample_glossy,
    sample_maps,
    turn_about_z,
)
from .reading import LEVELS
from .scene import SceneBatch
from .shadows import ShadowMaps
from .surfaces import ENVIRONMENT, FLOOR, TABLE, WALL, Hits


@dataclass(frozen=True)
class Samples:
    """S samples of F frames, K of them on objects.

    eye [F, 3]; rays [F, S, 3] world, camera z = 1; hits behind the objects; place [K, 2] (frame, sample);
    slot [K] = frame * N + slot; face [K] in the library; depth [K]; weights [K, 3] perspective-correct;
    corners [K, 3, 2] pixels; pixels: edge of the picture; vertices [K, 3] in the library.
    """

    eye: Tensor
    rays: Tensor
    hits: Hits
    place: Tensor
    slot: Tensor
    face: Tensor
    depth: Tensor
    weights: Tensor
    corners: Tensor
    pixels: int
    vertices: Tensor
    found_normals: list[Tensor] = field(default_factory=list)

    def normal(self, scene: SceneBatch) -> Tensor:
        """World normals of the object samples, [K, 3] (made by `shade`)."""
        return self.found_normals[0]


def fetch(library: MeshLibrary, material: Tensor, uv: Tensor, level: Tensor) -> Tensor:
    """Texture look-up: material [S] int64, uv [S, 2] (repeating), level [S] mip level -> linear RGB [S, 3]."""
    nearest = torch.round(level).clamp(0, LEVELS - 1).long()
    entry = material * LEVELS + nearest
    offset = library.texture_offset.flatten()[entry]
    size = library.texture_size.flatten(0, 1)[entry]
    position = (uv - torch.floor(uv)) * size - 0.5
    corner = torch.floor(position)
    part = position - corner
    corner = corner.long()
    x0, y0 = corner[:, 0].remainder(size[:, 0]), corner[:, 1].remainder(size[:, 1])
    x1, y1 = (corner[:, 0] + 1).remainder(size[:, 0]), (corner[:, 1] + 1).remainder(size[:, 1])
    row0, row1 = offset + y0 * size[:, 0], offset + y1 * size[:, 0]
    index = torch.stack([row0 + x0, row0 + x1, row1 + x0, row1 + x1])
    texels = library.texels[index].view(torch.uint8).view(4, -1, 4)[..., :3].float()
    across, down = part[:, :1], part[:, 1:]
    top, bottom = torch.lerp(texels[0], texels[1], across), torch.lerp(texels[2], texels[3], across)
    return (torch.lerp(top, bottom, down) / 255) ** 2.2


@dataclass(frozen=True)
class _Looks:
    """Per sample [F, S]: albedo [F, S, 3] linear, roughness, metallic, normal and point [F, S, 3] world."""

    albedo: Tensor
    roughness: Tensor
    metallic: Tensor
    normal: Tensor
    point: Tensor


def shade(
    library: MeshLibrary, lights: Lights, scene: SceneBatch, samples: Samples, shadows: tuple[ShadowMaps, ShadowMaps]
) -> Tensor:
    """sRGB colours [F, S, 3] of all samples."""
    looks = _looks(library, scene, samples)
    around, light = scene.around, lights[scene.around.environment]
    turn = turn_about_z(around.turn)  # environment to world; row vectors times it go back
    view = functional.normalize(samples.rays, dim=-1)
    keys = light.key_direction @ turn.transpose(1, 2)
    seen = shadows[0].visibility(looks.point).transpose(1, 2)
    facing = (looks.normal @ keys.transpose(1, 2)).clamp_min(0) * seen
    fan = fan_directions(view.device)
    weight = (looks.normal @ fan.T).clamp_min(0) * _fan_weights(light, turn, fan)[:, None]
    open_sky = (weight * shadows[1].visibility(looks.point).transpose(1, 2)).sum(-1) / weight.sum(-1).clamp_min(1e-6)
    open_sky = torch.where(weight.sum(-1) > 1e-4, open_sky, 0.6) * _under_table(scene, samples, looks)
    received = irradiance(light.harmonics, looks.normal @ turn) * (0.06 + 0.94 * open_sky)[..., None]
    received = received + facing @ light.key_colour
    mirrored = view - 2 * (view * looks.normal).sum(-1, keepdim=True) * looks.normal
    reflected = sample_glossy(light.glossy, mirrored @ turn, looks.roughness) * open_sky[..., None]
    reflected = reflected + key_highlights(light, mirrored, keys, looks.roughness, seen * (facing > 0))
    reflected = reflected.clamp_max(12)
    base = torch.lerp(torch.full_like(looks.albedo, 0.04), looks.albedo, looks.metallic[..., None])
    grazing = (1 + (view * looks.normal).sum(-1).clamp(-1, 0)) ** 5 * (1 - looks.roughness) ** 2
    fresnel = base + (1 - base) * grazing[..., None]
    colour = looks.albedo / torch.pi * received * (1 - looks.metallic[..., None]) + reflected * fresnel
    colour = _environment_behind(light, scene, samples, looks, view, turn, colour)
    return film(colour * around.exposure[:, None, None])


def film(radiance: Tensor) -> Tensor:
    """Linear radiance to sRGB 0..1 with a film-like shoulder and a slight toe."""
    exposed = 1 - torch.exp(-1.35 * radiance.clamp_min(0))
    exposed = exposed * (1 - 0.12 * (1 - exposed) ** 3)
    low = exposed * 12.92
    return torch.where(exposed < 0.0031308, low, 1.055 * exposed.clamp_min(1e-6) ** (1 / 2.4) - 0.055).clamp(0, 1)


def _fan_weights(light: Lights, turn: Tensor, fan: Tensor) -> Tensor:
    directions = fan.expand(len(turn), -1, -1) @ turn
    sky = sample_maps(light.glossy[:, -1], directions)
    return (sky @ torch.tensor([0.2126, 0.7152, 0.0722], device=sky.device)).clamp_min(1e-3)


def _looks(library: MeshLibrary, scene: SceneBatch, samples: Samples) -> _Looks:
    """Surface properties of everything seen: the surroundings, then objects over them."""
    hits, around = samples.hits, scene.around
    kind = hits.kind.clamp_min(0)
    material = torch.gather(around.material, 1, kind)
    tile = torch.gather(around.tile, 1, kind)
    cosine = (functional.normalize(samples.rays, dim=-1) * hits.normal).sum(-1).abs().clamp_min(0.02)
    footprint = hits.distance / (scene.camera.intrinsics[:, None, 0] * samples.pixels) / cosine.sqrt()
    width = library.texture_size[material, 0, 0]
    level = torch.log2((width / tile * footprint).clamp_min(1e-6))
    albedo = fetch(library, material.flatten(), hits.uv.flatten(0, 1), level.flatten()).view_as(samples.rays)
    albedo = albedo * torch.gather(around.tint, 1, kind[..., None].expand(-1, -1, 3))
    roughness, metallic = library.roughness[material], torch.zeros_like(cosine)
    normal, point = hits.normal.clone(), hits.point.clone()
    frame, sample = samples.place.unbind(-1)
    object_albedo, object_material = _object_albedo(library, samples)
    albedo[frame, sample] = object_albedo
    gloss = scene.gloss.flatten()[samples.slot]
    roughness[frame, sample] = (library.roughness[object_material] + gloss).clamp(0.12, 1)
    metallic[frame, sample] = library.metallic[object_material]
    normal[frame, sample] = _object_normals(library, scene, samples)
    point[frame, sample] = samples.eye[frame] + samples.rays[frame, sample] * samples.depth[:, None]
    return _Looks(albedo, roughness, metallic, normal, point)


def _object_albedo(library: MeshLibrary, samples: Samples) -> tuple[Tensor, Tensor]:
    """Linear albedo [K, 3] and material [K] of object samples; the mip level from the triangle's areas."""
    material = library.face_material[samples.face]
    uv = library.uv[samples.vertices]  # [K, 3, 2]
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    c, d = samples.corners[:, 1] - samples.corners[:, 0], samples.corners[:, 2] - samples.corners[:, 0]
    size = library.texture_size[material, 0]
    texels = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).abs() * size[:, 0] * size[:, 1]
    pixels = (c[:, 0] * d[:, 1] - c[:, 1] * d[:, 0]).abs().clamp_min(1e-6)
    level = 0.5 * torch.log2((texels / pixels).clamp(1e-6, 1e6)) - 0.25
    place = (uv * samples.weights[..., None]).sum(1)
    return fetch(library, material, place, level), material


def _object_normals(library: MeshLibrary, scene: SceneBatch, samples: Samples) -> Tensor:
    """Smooth world normals [K, 3], turned towards the camera."""
    frame, sample = samples.place.unbind(-1)
    local = (library.normals[samples.vertices] * samples.weights[..., None]).sum(1)
    rotation = scene.boxes.pose.flatten(0, 1)[samples.slot, :3, :3]
    normal = functional.normalize((rotation @ local[..., None])[..., 0], dim=-1)
    away = (normal * samples.rays[frame, sample]).sum(-1, keepdim=True) > 0
    normal = torch.where(away, -normal, normal)
    samples.found_normals.append(normal)
    return normal


def _under_table(scene: SceneBatch, samples: Samples, looks: _Looks) -> Tensor:
    """Darkening [F, S] of the floor below a table."""
    table = scene.around.table
    offset = looks.point[..., :2] - table[:, None, :2]
    cosine, sine = table[:, 4].cos()[:, None], table[:, 4].sin()[:, None]
    x = (offset[..., 0] * cosine + offset[..., 1] * sine).abs() - table[:, None, 2]
    y = (offset[..., 1] * cosine - offset[..., 0] * sine).abs() - table[:, None, 3]
    beyond = torch.maximum(x, y) / -scene.around.floor_height.clamp_max(-1e-3)[:, None]
    shade_ = 0.35 + 0.65 * torch.sigmoid(beyond * 5)
    below = (looks.point[..., 2] < -1e-3) & (table[:, None, 2] > 0) & (samples.hits.kind == FLOOR)
    return torch.where(below, shade_, 1.0)


def _environment_behind(
    light: Lights, scene: SceneBatch, samples: Samples, looks: _Looks, view: Tensor, turn: Tensor, colour: Tensor
) -> Tensor:
    """Put the environment where no surface is, and let an open floor fade into it."""
    around, kind = scene.around, samples.hits.kind
    behind = sample_maps(light.maps, view @ turn)
    away = (samples.hits.point[..., :2] - around.centre[:, None, :2]).norm(dim=-1) / around.reach[:, None]
    fade = ((away - 2.2) / 7.0).clamp(0, 1)
    fade = fade * fade * (3 - 2 * fade) * around.open[:, None]
    fade = torch.where(kind == ENVIRONMENT, 1.0, torch.where((kind == WALL) | (kind == TABLE), 0.0, fade))
    fade[samples.place[:, 0], samples.place[:, 1]] = 0.0
    return torch.lerp(colour, behind, fade[..., None])
