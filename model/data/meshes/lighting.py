"""Light from environment maps: irradiance harmonics, key lights, blurred reflections, soft shadow maps.

Diffuse light follows Ramamoorthi & Hanrahan 2001 (nine spherical harmonics); the brightest regions become key
lights with their own shadow maps; the rest is dimmed by shadow maps from a fan of directions. Shadow maps are
exponential (Annen et al. 2008): blurring them makes shadows soft.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .hdri import map_coordinates, map_directions, solid_angles

KEYS = 3
FAN = 8  # directions of the ambient shadow maps
GLOSS = (4000.0, 120.0, 22.0, 6.0)  # sharpness of the blurred reflection maps, mirror-like first
_BANDS = (math.pi,) + (2 * math.pi / 3,) * 3 + (math.pi / 4,) * 5  # cosine lobe, per harmonic


@dataclass(frozen=True)
class Lights:
    """Light of E environments, radiance scaled so that a white floor reflects about 1.

    maps [E, 3, 256, 512] (half precision); glossy [E, L, 3, 32, 64] blurred, without the keys; harmonics
    [E, 9, 3] irradiance coefficients without the keys; key_direction [E, KEYS, 3] towards the light;
    key_colour [E, KEYS, 3] irradiance facing it; key_spread [E, KEYS] radians.
    """

    maps: Tensor
    glossy: Tensor
    harmonics: Tensor
    key_direction: Tensor
    key_colour: Tensor
    key_spread: Tensor

    def to(self, device: torch.device | str) -> Lights:
        return Lights(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def __getitem__(self, index) -> Lights:
        return Lights(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


def prepare_lights(maps: list[np.ndarray]) -> Lights:
    """Analyse environment maps [256, 512, 3] (linear radiance)."""
    columns: dict[str, list[Tensor]] = {f.name: [] for f in fields(Lights)}
    kernels = _blur_kernels(32, 64)
    for picture in maps:
        sky = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
        small = functional.interpolate(sky, (64, 128), mode="area")[0].permute(1, 2, 0)
        rest, direction, colour, spread = _extract_keys(small)
        harmonics = _harmonics(rest)
        up = torch.tensor([0.0, 0.0, 1.0])
        floor = irradiance(harmonics[None], up[None, None])[0, 0] + (colour * direction[:, 2:].clamp_min(0)).sum(0)
        scale = math.pi / (floor @ torch.tensor([0.2126, 0.7152, 0.0722])).clamp_min(1e-6)
        tiny = functional.interpolate(rest.permute(2, 0, 1)[None], (32, 64), mode="area")[0].reshape(3, -1) * scale
        glossy = (kernels @ tiny.T).permute(0, 2, 1).reshape(len(GLOSS), 3, 32, 64)
        for name, value in (
            ("maps", (sky[0] * scale).clamp_max(6e4).half()),
            ("glossy", glossy),
            ("harmonics", harmonics * scale),
            ("key_direction", direction),
            ("key_colour", colour * scale),
            ("key_spread", spread),
        ):
            columns[name].append(value)
    return Lights(**{name: torch.stack(values) for name, values in columns.items()})


def _blur_kernels(height: int, width: int) -> Tensor:
    """Row-normalised blurs on the sphere, [len(GLOSS), H*W, H*W]."""
    directions = map_directions(height, width).reshape(-1, 3)
    weight = solid_angles(height, width).expand(-1, width).reshape(1, -1)
    cosine = directions @ directions.T
    kernels = torch.stack([torch.exp((cosine - 1) * sharpness) * weight for sharpness in GLOSS])
    return kernels / kernels.sum(-1, keepdim=True)


def _extract_keys(small: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Take the `KEYS` brightest regions above the horizon out of a map [H, W, 3].

    Returns (the rest [H, W, 3], directions [K, 3], irradiance [K, 3], spread [K] radians).
    """
    height, width = small.shape[:2]
    directions = map_directions(height, width)
    area = solid_angles(height, width).expand(-1, width)
    rest = small.clone()
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    weights = torch.tensor([0.2126, 0.7152, 0.0722])
    for _ in range(KEYS):
        light = rest @ weights
        blurred = functional.avg_pool2d(functional.pad(light[None, None], (2, 2, 0, 0), mode="circular"), 5, 1, (2, 0))
        blurred = blurred[0, 0] * (directions[..., 2] > 0.08)
        peak = directions.reshape(-1, 3)[blurred.flatten().argmax()]
        near = (directions @ peak > math.cos(0.35)) & (directions[..., 2] > 0.03)
        base = (light * area).sum() / area.sum() * 1.2
        share = torch.where(near, (1 - base / light.clamp_min(1e-9)).clamp(0, 1), 0.0)
        power = light * share * area
        total = power.sum().clamp_min(1e-9)
        centre = functional.normalize((directions * power[..., None]).sum((0, 1)) / total + peak * 1e-4, dim=0)
        spread = ((torch.acos((directions @ centre).clamp(-1, 1)) ** 2 * power).sum() / total).sqrt()
        found.append((centre, (rest * (share * area)[..., None]).sum((0, 1)), spread))
        rest = rest * (1 - share)[..., None]
    direction, colour, spread = (torch.stack(column) for column in zip(*found, strict=True))
    return rest, direction, colour, spread


def _basis(d: Tensor) -> Tensor:
    """The nine real spherical harmonics of directions [..., 3]."""
    x, y, z = d.unbind(-1)
    return torch.stack(
        [
            torch.full_like(x, 0.282095),
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        -1,
    )


def _harmonics(radiance: Tensor) -> Tensor:
    """Irradiance coefficients [9, 3] of a map [H, W, 3]."""
    height, width = radiance.shape[:2]
    basis = _basis(map_directions(height, width)) * solid_angles(height, width)[..., None]
    return torch.einsum("hwk,hwc->kc", basis, radiance) * torch.tensor(_BANDS)[:, None]


def irradiance(harmonics: Tensor, normals: Tensor) -> Tensor:
    """harmonics [F, 9, 3], normals [F, S, 3] -> irradiance [F, S, 3]."""
    return (_basis(normals) @ harmonics).clamp_min(0.01)


def sample_maps(maps: Tensor, directions: Tensor) -> Tensor:
    """Look up maps [F, C, h, w] in directions [F, S, 3] -> [F, S, C], seamless at the wrap."""
    width = maps.shape[-1]
    padded = functional.pad(maps, (1, 1, 0, 0), mode="circular").float()
    grid = map_coordinates(directions)
    grid = torch.stack([grid[..., 0] * width / (width + 2), grid[..., 1]], -1)
    found = functional.grid_sample(padded, grid[:, None], padding_mode="border", align_corners=False)
    return found[:, :, 0].transpose(1, 2)


def sample_glossy(glossy: Tensor, directions: Tensor, roughness: Tensor) -> Tensor:
    """Blurred reflections: glossy [F, L, 3, h, w], directions [F, S, 3], roughness [F, S] -> [F, S, 3]."""
    frames, levels, channels = glossy.shape[:3]
    stacked = sample_maps(glossy.flatten(1, 2), directions).unflatten(-1, (levels, channels))
    sharpness = lobe_sharpness(roughness).log()
    marks = torch.tensor(GLOSS, device=glossy.device).log()
    level = torch.zeros_like(sharpness)
    for i in range(levels - 1):
        level = level + ((marks[i] - sharpness) / (marks[i] - marks[i + 1])).clamp(0, 1)
    weights = (1 - (level[..., None] - torch.arange(levels, device=level.device)).abs()).clamp_min(0)
    return (stacked * weights[..., None]).sum(-2)


def lobe_sharpness(roughness: Tensor) -> Tensor:
    """Sharpness k of the reflection lobe exp(k (cos - 1)) for a roughness 0..1."""
    return (2 / roughness.clamp(0.05, 1) ** 4).clamp(GLOSS[-1], GLOSS[0])


def key_highlights(light: Lights, mirrored: Tensor, keys: Tensor, roughness: Tensor, seen: Tensor) -> Tensor:
    """Reflections of the key lights: mirrored [F, S, 3], keys [F, KEYS, 3], seen [F, S, KEYS] -> radiance [F, S, 3]."""
    blunt = 1 / lobe_sharpness(roughness)[..., None] + light.key_spread[:, None] ** 2 / 2
    lobe = torch.exp(((mirrored @ keys.transpose(1, 2)) - 1) / blunt) / (2 * math.pi * blunt)
    return (lobe * seen) @ light.key_colour


def fan_directions(device: torch.device | str = "cpu") -> Tensor:
    """Directions spread evenly over the upper hemisphere, [FAN, 3]: low ones around, the last high up."""
    index = torch.arange(FAN, device=device, dtype=torch.float32)
    height = 0.12 + 0.88 * (index + 0.5) / FAN
    turn = index * 2.399963
    flat = torch.sqrt(1 - height**2)
    return torch.stack([flat * turn.cos(), flat * turn.sin(), height], -1)


def turn_about_z(angle: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] about +z by `angle` [...] radians."""
    c, s, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return torch.stack(
        [torch.stack([c, -s, zero], -1), torch.stack([s, c, zero], -1), torch.stack([zero, zero, zero + 1], -1)], -2
    )
