"""Scenes as numbers: which instances stand where, under which light, and how an artist might move them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from ...geometry import Camera, look_at
from ..frames import MAX_OBJECTS, TASK_SHARES, TASKS
from .families import CYLINDER, ELLIPSOID, FAMILIES, HELD_OUT_FAMILIES, Part
from .surroundings import OPEN, ROOM, TABLE, Surroundings

FAMILY_NAMES = tuple(FAMILIES)
TRAIN_FAMILIES = tuple(name for name in FAMILY_NAMES if name not in HELD_OUT_FAMILIES)
TRAIN_INSTANCES = 10_000  # instances with a number from here on are held out
_FLAT = ("truck", "television", "sofa")  # something may stand on these


@dataclass(frozen=True)
class Placed:
    """An instance in a scene: family, instance number, longest side in metres, place (x, y, z of its base), yaw."""

    family: str
    instance: int
    longest: float
    place: tuple[float, float, float]
    yaw: float


@dataclass(frozen=True)
class View:
    """Camera around the scene: focal length in image widths, distance, azimuth and elevation in radians, aim."""

    focal: float
    distance: float
    azimuth: float
    elevation: float
    aim: tuple[float, float, float]


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


def _hsv(h: float, s: float, v: float) -> np.ndarray:
    k = (np.array([5, 3, 1]) + h * 6) % 6
    return v - v * s * np.clip(np.minimum(k, 4 - k), 0, 1)


def _palette(g: np.random.Generator) -> np.ndarray:
    """Eight colours: main, second, third, dark, metal, lamp, accent, grille; linear light."""
    hue = g.random()
    main = _hsv(hue, g.uniform(0.2, 0.9), g.uniform(0.35, 0.9))
    second = _hsv((hue + g.choice([0.05, 0.3, 0.5])) % 1, g.uniform(0.1, 0.8), g.uniform(0.3, 0.9))
    third = _hsv(g.random(), g.uniform(0.0, 0.6), g.uniform(0.2, 0.8))
    accent = _hsv((hue + 0.45) % 1, 0.9, 0.9)
    fixed = [np.full(3, 0.04), np.full(3, 0.6), np.array([0.95, 0.9, 0.7])]
    return np.array([main, second, third, *fixed, accent, np.full(3, 0.15)]) ** 1.6


def draw_surroundings(g: np.random.Generator, reach: float) -> Surroundings:
    """Open ground, a room or a table top, with its light; a batch of one."""
    kind = int(g.choice([OPEN, ROOM, TABLE]))
    azimuth, height = g.uniform(0, 2 * np.pi), g.uniform(0.45, 1.2)
    light = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
    warm = g.uniform(0, 1)
    strength = g.uniform(1.2, 2.4) if kind == OPEN else g.uniform(0.6, 1.6)
    low = _hsv(g.uniform(0.5, 0.62), g.uniform(0.02, 0.25), g.uniform(0.6, 0.95))
    high = _hsv(g.uniform(0.55, 0.62), g.uniform(0.2, 0.7), g.uniform(0.5, 0.9))
    if kind != OPEN:
        low, high = (np.full(3, g.uniform(0.4, 0.8)) * (1, 0.97, 0.9) for _ in range(2))
    base = _hsv(g.choice([0.08, 0.1, 0.27, 0.6, g.random()]), g.uniform(0.05, 0.5), g.uniform(0.15, 0.7))
    walls = np.stack([_hsv(g.random(), g.uniform(0.02, 0.35), g.uniform(0.45, 0.9)) for _ in range(3)])
    warmth = np.array([1.0, 1 - 0.15 * warm, 1 - 0.35 * warm])
    second = base * g.uniform(0.5, 1.4)
    values = {
        "light": light,
        "softness": g.uniform(0.03, 0.35),
        "light_colour": warmth * strength,
        "sky_low": low,
        "sky_high": high,
        "ground_one": base.clip(0.02, 0.95),
        "ground_two": second.clip(0.02, 0.95),
        "ground_scale": g.uniform(0.7, 5) / reach,
        "walls": walls,
        "room": reach * np.array([g.uniform(2.2, 3.5), g.uniform(1.8, 3.2), g.uniform(2.0, 3.5)]),
        "exposure": g.uniform(0.7, 1.15),
        "phase": g.random(8),
    }
    tensors = {k: torch.tensor(np.asarray(v)[None], dtype=torch.float32) for k, v in values.items()}
    texture = torch.tensor([int(g.integers(0, 5))])
    return Surroundings(kind=torch.tensor([kind]), ground_texture=texture, **tensors)


def draw_objects(g: np.random.Generator, split: str) -> list[Placed]:
    """One to eight objects on the ground without touching more than their footprints' circles; some stacked."""
    names = HELD_OUT_FAMILIES if split == "unseen_families" else TRAIN_FAMILIES
    offset = TRAIN_INSTANCES if split == "unseen_instances" else 0
    count = int(g.choice([1, 2, 3, 4, 5, 6, 8], p=[0.1, 0.2, 0.24, 0.2, 0.14, 0.08, 0.04]))
    spread = 0.45 * np.sqrt(count) + 0.15
    placed: list[Placed] = []
    for _ in range(count):
        one = Placed(
            str(g.choice(names)),
            offset + int(g.integers(TRAIN_INSTANCES)),
            g.uniform(0.6, 1.15),
            (0, 0, 0),
            0,
        )
        base = [p for p in placed if p.family in _FLAT and p.place[2] == 0]
        if base and g.random() < 0.3:
            under = base[int(g.integers(len(base)))]
            one = replace(
                one,
                longest=0.45,
                place=(*under.place[:2], float(extents(under)[2])),
                yaw=g.uniform(-3, 3),
            )
            if not any(p.place[2] > 0 for p in placed):
                placed.append(one)
            continue
        one = find_place(g, one, placed, (0.0, 0.0), spread) or one
        if one.place != (0, 0, 0) or not placed:
            placed.append(one)
    return placed[:MAX_OBJECTS]


def find_place(
    g: np.random.Generator,
    one: Placed,
    others: list[Placed],
    near: tuple[float, float],
    reach: float,
) -> Placed | None:
    """The object at a free place within `reach` of `near` (None after 40 tries); mostly facing the camera's side."""
    mine = float(np.linalg.norm(extents(one)[:2])) / 2
    for _ in range(40):
        r, a = reach * np.sqrt(g.random()), g.uniform(0, 2 * np.pi)
        x, y = near[0] + r * np.cos(a), near[1] + r * np.sin(a)
        if all(
            np.hypot(x - o.place[0], y - o.place[1]) > 0.86 * (mine + np.linalg.norm(extents(o)[:2]) / 2)
            for o in others
        ):
            return replace(one, place=(x, y, 0.0), yaw=float(g.normal(0, 0.9)))
    return None


def move(g: np.random.Generator, number: int, placed: list[Placed]) -> list[Placed]:
    """One object translated, turned and sometimes rescaled; what stands on it comes along."""
    one = placed[number]
    if one.place[2] > 0:  # stacked: turn only
        return [
            *placed[:number],
            replace(one, yaw=one.yaw + float(g.normal(0, 0.8))),
            *placed[number + 1 :],
        ]
    others = [p for i, p in enumerate(placed) if i != number and p.place[2] == 0]
    scale = float(g.uniform(0.75, 1.3)) if g.random() < 0.3 else 1.0
    grown = replace(one, longest=one.longest * scale)
    found = find_place(g, grown, others, one.place[:2], one.longest * 1.2)
    turned = one.yaw + float(g.uniform(-np.pi, np.pi) if g.random() < 0.2 else g.normal(0, 0.6))
    new = replace(found, yaw=turned) if found else replace(one, yaw=turned)
    result = [*placed[:number], new, *placed[number + 1 :]]
    for i, p in enumerate(result):
        if p.place[2] > 0 and p.place[:2] == one.place[:2]:
            result[i] = replace(p, place=(*new.place[:2], float(extents(new)[2])), yaw=p.yaw + new.yaw - one.yaw)
    return result


def draw_view(g: np.random.Generator, placed: list[Placed]) -> View:
    places = np.array([p.place for p in placed])
    middle = (places.min(0) + places.max(0)) / 2
    radius = max(np.linalg.norm(p.place[:2] - middle[:2]) + 0.5 * float(extents(p).max()) for p in placed)
    focal = g.uniform(0.8, 1.8)
    aim = (
        *(middle[:2] + g.normal(0, 0.08, 2) * radius),
        0.3 * float(max(extents(p)[2] for p in placed)),
    )
    return View(
        focal,
        max(1.3, radius * focal * g.uniform(2.1, 3.0)),
        g.uniform(-1.2, 1.2),
        g.uniform(0.2, 0.75),
        aim,
    )


def turn_view(g: np.random.Generator, view: View) -> View:
    """The camera turned by up to 25 degrees, with a little dolly and height."""
    aim = tuple(float(a + d) for a, d in zip(view.aim, g.normal(0, 0.05, 3) * view.distance * 0.3, strict=True))
    return replace(
        view,
        azimuth=view.azimuth + g.uniform(-0.44, 0.44),
        aim=aim,
        distance=view.distance * g.uniform(0.9, 1.12),
        elevation=float(np.clip(view.elevation + g.uniform(-0.15, 0.15), 0.12, 1.0)),
    )


def camera_of(view: View) -> Camera:
    """The view's camera, batch of one."""
    flat = view.distance * np.cos(view.elevation)
    eye = np.array(view.aim) + (
        flat * np.sin(view.azimuth),
        -flat * np.cos(view.azimuth),
        view.distance * np.sin(view.elevation),
    )
    matrix = look_at(torch.tensor(eye, dtype=torch.float32), torch.tensor(view.aim, dtype=torch.float32))
    return Camera(torch.tensor([[view.focal, view.focal, 0.5, 0.5]]), matrix[None])


def draw_task(g: np.random.Generator, tasks: tuple[str, ...] | None) -> str:
    names = tasks or TASKS
    shares = np.array([TASK_SHARES[TASKS.index(t)] for t in names])
    return str(g.choice(names, p=shares / shares.sum()))


def edit(g: np.random.Generator, task: str, placed: list[Placed], view: View) -> tuple[list[Placed | None], View]:
    """The scene after the task's edit; None where an object was taken away."""
    if task in ("object", "all"):
        for number in range(len(placed)) if task == "all" else [int(g.integers(len(placed)))]:
            placed = move(g, number, placed)
    after: list[Placed | None] = list(placed)
    if task == "presence":
        free = [
            i
            for i, p in enumerate(placed)
            if not any(q.place[2] > 0 and q.place[:2] == p.place[:2] and q is not p for q in placed)
        ]
        after[int(g.choice(free))] = None
    return after, turn_view(g, view) if task in ("camera", "all") else view
