"""Instances of the object families: their parts, colours and materials, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .families import CYLINDER, ELLIPSOID, FAMILIES, Part

FAMILY_NAMES = tuple(FAMILIES)


@dataclass(frozen=True)
class Placed:
    """An instance in a scene: family, instance number, longest side in metres, place (x, y, z of its base), yaw."""

    family: str
    instance: int
    longest: float
    place: tuple[float, float, float]
    yaw: float


def rotation(part: Part) -> np.ndarray:
    c, s, cr, sr = np.cos(part.tilt), np.sin(part.tilt), np.cos(part.roll), np.sin(part.roll)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.array([[cr, 0, sr], [0, 1, 0], [-sr, 0, cr]]) @ about_x


def bounds(parts: list[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Exact low and high corners [3] of a set of parts."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for part in parts:
        matrix = rotation(part) * np.array(part.size)  # columns are the axes' full extents
        centre = np.array(part.centre)
        if part.kind == CYLINDER:
            disc = np.sqrt((matrix[:, :2] ** 2).sum(1)) / 2
            ends = [-matrix[:, 2] / 2 + s * disc for s in (-1, 1)] + [
                matrix[:, 2] / 2 + s * part.top * disc for s in (-1, 1)
            ]
            reach_high, reach_low = np.max(ends, 0), np.min(ends, 0)
        else:
            reach_high = np.sqrt((matrix**2).sum(1)) / 2 if part.kind == ELLIPSOID else np.abs(matrix).sum(1) / 2
            reach_low = -reach_high
        low, high = np.minimum(low, centre + reach_low), np.maximum(high, centre + reach_high)
    return low, high


@dataclass(frozen=True)
class Instance:
    """A family's instance in its own metres: low and high corners [3], part-to-object matrices [K, 4, 4], and per part
    kind, top and texture [K] and colour [K, 3]; roughness, sheen, and texture scale at a longest side of 1."""

    low: np.ndarray
    high: np.ndarray
    matrices: np.ndarray
    kinds: np.ndarray
    tops: np.ndarray
    textures: np.ndarray
    colours: np.ndarray
    material: tuple[float, float, float]


@lru_cache(maxsize=4096)
def instance_of(family: str, number: int) -> Instance:
    """Everything random about an instance."""
    generator = np.random.default_rng((FAMILY_NAMES.index(family), number))
    parts = FAMILIES[family](generator)
    matrices = np.tile(np.eye(4), (len(parts), 1, 1))
    for matrix, part in zip(matrices, parts, strict=True):
        matrix[:3, :3] = rotation(part) * np.array(part.size)
        matrix[:3, 3] = part.centre
    palette = _palette(generator)
    roughness, sheen = float(generator.uniform(0.1, 0.9)), float(generator.choice([0.2, 0.5, 1.0]))
    return Instance(
        *bounds(parts),
        matrices,
        np.array([p.kind for p in parts]),
        np.array([p.top for p in parts]),
        np.array([p.texture for p in parts]),
        palette[[p.colour for p in parts]],
        (roughness, sheen, float(generator.uniform(4, 14))),
    )


def extents(placed: Placed) -> np.ndarray:
    """Size [3] in metres of the placed instance's box."""
    one = instance_of(placed.family, placed.instance)
    return (one.high - one.low) * (placed.longest / (one.high - one.low).max())


@dataclass(frozen=True)
class Built:
    """A placed instance: box-to-world pose [4, 4], size [3] metres, part-to-world matrices [K, 4, 4], texture scale."""

    instance: Instance
    pose: np.ndarray
    size: np.ndarray
    from_part: np.ndarray
    texture_scale: float


def build_parts(placed: Placed) -> Built:
    """The placed instance, ready to render."""
    one, size = instance_of(placed.family, placed.instance), extents(placed)
    c, s = np.cos(placed.yaw), np.sin(placed.yaw)
    pose = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    pose[:3, 3] = np.array(placed.place) + (0, 0, size[2] / 2)
    to_box = np.eye(4) * np.append(size / (one.high - one.low), 1)
    to_box[:3, 3] = -(one.low + one.high) / 2 * np.diag(to_box)[:3]
    return Built(one, pose, size, pose @ to_box @ one.matrices, one.material[2] / placed.longest)


def _palette(g: np.random.Generator) -> np.ndarray:
    """Eight colours: main, second, third, dark, metal, lamp, accent, grille; linear light."""
    hue = g.random()
    main = hsv(hue, g.uniform(0.2, 0.9), g.uniform(0.35, 0.9))
    second = hsv((hue + g.choice([0.05, 0.3, 0.5])) % 1, g.uniform(0.1, 0.8), g.uniform(0.3, 0.9))
    third = hsv(g.random(), g.uniform(0.0, 0.6), g.uniform(0.2, 0.8))
    accent = hsv((hue + 0.45) % 1, 0.9, 0.9)
    fixed = [np.full(3, 0.04), np.full(3, 0.6), np.array([0.95, 0.9, 0.7])]
    return np.array([main, second, third, *fixed, accent, np.full(3, 0.15)]) ** 1.6


def hsv(h: float, s: float, v: float) -> np.ndarray:
    """Colour [3] of hue, saturation and value, each in 0..1."""
    k = (np.array([5, 3, 1]) + h * 6) % 6
    return v - v * s * np.clip(np.minimum(k, 4 - k), 0, 1)
