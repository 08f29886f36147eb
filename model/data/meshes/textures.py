"""Procedural, tileable textures of floors, tables and walls, made once from filtered noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIZE = 256


@dataclass(frozen=True)
class Surface:
    """A texture: uint8 [SIZE, SIZE, 3] sRGB; `repeat`: edge length of one tile in units of a scene's object
    size (about); `floor`, `wall`, `table`: where it may be used; roughness 0..1."""

    picture: np.ndarray
    repeat: float
    roughness: float
    floor: bool = True
    table: bool = False
    wall: bool = False
    outdoor: bool = False


def make_surfaces(seed: int = 7, variants: int = 5) -> list[Surface]:
    """A fixed collection of surfaces, `variants` of each kind."""
    rng = np.random.default_rng(seed)
    kinds = (_planks, _parquet, _tiles, _marble, _concrete, _carpet, _grass, _gravel, _brick, _plaster, _cloth)
    return [kind(rng) for kind in kinds for _ in range(variants)]


def noise(rng: np.random.Generator, slope: float, stretch: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Tileable noise [SIZE, SIZE], mean 0, deviation 1, power falling as frequency to -2 `slope`."""
    fy = np.fft.fftfreq(SIZE)[:, None] * SIZE * stretch[1]
    fx = np.fft.rfftfreq(SIZE)[None] * SIZE * stretch[0]
    radius = np.sqrt(fx**2 + fy**2)
    radius[0, 0] = 1
    shape = radius.shape
    spectrum = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / radius**slope
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, (SIZE, SIZE))
    return field / field.std()


def _grid() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
    return (x + 0.5) / SIZE, (y + 0.5) / SIZE


def _picture(colour: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(colour * 255), 0, 255).astype(np.uint8)


def _wood_colour(rng: np.random.Generator) -> np.ndarray:
    tones = np.array([[0.62, 0.45, 0.29], [0.42, 0.27, 0.17], [0.75, 0.6, 0.43], [0.55, 0.5, 0.44], [0.3, 0.2, 0.15]])
    return tones[rng.integers(len(tones))] * rng.uniform(0.85, 1.15)


def _cells(rng: np.random.Generator, rows: int, columns: int, shift: float) -> tuple[np.ndarray, ...]:
    """Bricklike cells: (cell value [S, S] -1..1, distance to the nearest joint in cell heights [S, S])."""
    x, y = _grid()
    row = np.floor(y * rows).astype(int)
    across = (x + row * shift / columns) % 1 * columns
    column = np.floor(across).astype(int) % columns
    value = rng.uniform(-1, 1, (rows, columns))[row, column]
    fx, fy = across % 1, y * rows % 1
    aspect = rows / columns
    edge = np.minimum(np.minimum(fx, 1 - fx) * aspect, np.minimum(fy, 1 - fy))
    return value, edge


def _planks(rng: np.random.Generator) -> Surface:
    value, edge = _cells(rng, int(rng.integers(4, 8)), 1, rng.uniform(0.3, 0.6))
    grain = noise(rng, 1.1, (0.12, 1.0)) * 0.07 + noise(rng, 0.6, (0.05, 1.0)) * 0.04
    light = 1 + value * 0.16 + grain - 0.5 * (edge < 0.025)
    return Surface(_picture(_wood_colour(rng) * light[..., None]), rng.uniform(2.0, 3.5), 0.45, table=True)


def _parquet(rng: np.random.Generator) -> Surface:
    x, y = _grid()
    count = 4
    checker = (np.floor(x * count) + np.floor(y * count)) % 2 > 0
    strip = np.where(checker, np.floor(x * count * 4), np.floor(y * count * 4)).astype(int)
    block = (np.floor(x * count) * count + np.floor(y * count)).astype(int)
    value = rng.uniform(-1, 1, (64, 64))[strip % 64, block % 64]
    within = np.where(checker, x * count * 4 % 1, y * count * 4 % 1)
    grain = np.where(checker, noise(rng, 1.0, (1.0, 0.15)), noise(rng, 1.0, (0.15, 1.0))) * 0.06
    light = 1 + value * 0.13 + grain - 0.3 * ((within < 0.06) | (within > 0.94))
    return Surface(_picture(_wood_colour(rng) * light[..., None]), rng.uniform(2.5, 4.0), 0.4, table=True)


def _tiles(rng: np.random.Generator) -> Surface:
    count = int(rng.integers(2, 5))
    value, edge = _cells(rng, count, count, float(rng.integers(0, 2)) * 0.5)
    colour = np.array([rng.uniform(0.35, 0.9)] * 3) + rng.uniform(-0.12, 0.12, 3)
    joint = np.clip(1 - edge / 0.035, 0, 1)[..., None]
    light = 1 + value * rng.uniform(0.02, 0.12) + noise(rng, 1.5) * 0.04
    body = colour * light[..., None]
    return Surface(
        _picture(body * (1 - joint) + joint * rng.uniform(0.25, 0.7)),
        rng.uniform(1.6, 3.2),
        0.3,
        wall=True,
        table=rng.random() < 0.3,
    )


def _marble(rng: np.random.Generator) -> Surface:
    veins = np.abs(noise(rng, 1.7)) ** 0.6 + 0.15 * noise(rng, 1.2)
    first, second = np.array([0.88, 0.86, 0.83]), np.array([0.5, 0.5, 0.53])
    if rng.random() < 0.35:
        first, second = np.array([0.2, 0.2, 0.22]), np.array([0.75, 0.72, 0.68])
    mix = np.clip(1.1 - veins, 0, 1)[..., None] ** 2
    return Surface(_picture(first * (1 - mix) + second * mix), rng.uniform(2.0, 4.0), 0.25, table=True)


def _concrete(rng: np.random.Generator) -> Surface:
    grey = rng.uniform(0.35, 0.72) * (1 + rng.uniform(-0.05, 0.05, 3))
    light = 1 + noise(rng, 1.6) * 0.09 + noise(rng, 0.5) * 0.035
    return Surface(_picture(grey * light[..., None]), rng.uniform(3.0, 5.0), 0.75, wall=True, outdoor=True, table=True)


def _carpet(rng: np.random.Generator) -> Surface:
    colour = rng.uniform(0.2, 0.75, 3) * 0.6 + rng.uniform(0.1, 0.3)
    light = 1 + noise(rng, 0.2) * 0.13 + noise(rng, 1.5) * 0.05
    picture = colour * light[..., None]
    if rng.random() < 0.4:
        x, y = _grid()
        stripe = np.sin(2 * np.pi * (x if rng.random() < 0.5 else x + y) * rng.integers(2, 7)) > 0.3
        picture = np.where(stripe[..., None], picture * rng.uniform(0.6, 1.4, 3), picture)
    return Surface(_picture(picture), rng.uniform(1.2, 2.5), 0.95)


def _grass(rng: np.random.Generator) -> Surface:
    tone = np.clip(0.5 + noise(rng, 1.3)[..., None] * 0.22, 0, 1)
    colour = tone * np.array([0.36, 0.46, 0.18]) + (1 - tone) * np.array([0.24, 0.33, 0.12])
    light = 1 + noise(rng, 0.35, (1.0, 0.45)) * 0.24
    return Surface(_picture(colour * light[..., None]), rng.uniform(1.5, 3.0), 0.95, outdoor=True)


def _gravel(rng: np.random.Generator) -> Surface:
    stones = noise(rng, 0.5)
    smooth = (stones + np.roll(stones, 1, 0) + np.roll(stones, 1, 1)) / 2.2
    colour = np.array([0.5, 0.47, 0.42]) * rng.uniform(0.7, 1.3) * (1 + rng.uniform(-0.08, 0.08, 3))
    light = 1 + smooth * 0.2 + noise(rng, 1.6) * 0.08
    return Surface(_picture(colour * light[..., None]), rng.uniform(1.5, 3.0), 0.95, outdoor=True)


def _brick(rng: np.random.Generator) -> Surface:
    value, edge = _cells(rng, 8, 4, 0.5)
    colour = np.array([0.58, 0.3, 0.22]) if rng.random() < 0.6 else np.array([0.75, 0.72, 0.68])
    joint = np.clip(1 - edge / 0.08, 0, 1)[..., None]
    light = 1 + value * 0.18 + noise(rng, 0.8) * 0.1
    body = colour * light[..., None]
    return Surface(
        _picture(body * (1 - joint) + 0.62 * joint),
        rng.uniform(2.0, 3.0),
        0.9,
        floor=rng.random() < 0.4,
        wall=True,
        outdoor=True,
    )


def _plaster(rng: np.random.Generator) -> Surface:
    colour = np.array([rng.uniform(0.6, 0.95)] * 3) * (1 + rng.uniform(-0.18, 0.1, 3))
    light = 1 + noise(rng, 1.4) * 0.02 + noise(rng, 0.6) * 0.012
    return Surface(_picture(colour * light[..., None]), rng.uniform(3.0, 5.0), 0.9, floor=False, wall=True, table=True)


def _cloth(rng: np.random.Generator) -> Surface:
    x, y = _grid()
    count = int(rng.integers(3, 9))
    base = rng.uniform(0.45, 0.9) * (1 + rng.uniform(-0.2, 0.2, 3))
    other = rng.uniform(0.15, 0.7) * (1 + rng.uniform(-0.45, 0.45, 3))
    warp, weft = np.sin(2 * np.pi * x * count) > 0.2, np.sin(2 * np.pi * y * count) > 0.2
    mix = (0.5 * warp + 0.5 * weft * (rng.random() < 0.6))[..., None]
    weave = 1 + 0.05 * np.sin(2 * np.pi * x * 64) * np.sin(2 * np.pi * y * 64) + noise(rng, 0.3) * 0.03
    return Surface(
        _picture((base * (1 - mix) + other * mix) * weave[..., None]),
        rng.uniform(1.2, 2.5),
        0.95,
        table=True,
        wall=rng.random() < 0.5,
    )
