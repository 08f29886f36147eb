"""Scenes as numbers: which instances stand where, under which light, and how an artist might move them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ...geometry import Camera, look_at
from ..frames import MAX_OBJECTS, TASK_SHARES, TASKS
from .families import HELD_OUT_FAMILIES
from .instances import FAMILY_NAMES, Placed, extents, hsv
from .surroundings import OPEN, ROOM, TABLE, Surroundings

TRAIN_FAMILIES = tuple(name for name in FAMILY_NAMES if name not in HELD_OUT_FAMILIES)
TRAIN_INSTANCES = 10_000  # instances with a number from here on are held out
_FLAT = ("truck", "television", "sofa")  # something may stand on these


@dataclass(frozen=True)
class View:
    """Camera around the scene: focal length in image widths, distance, azimuth and elevation in radians, aim."""

    focal: float
    distance: float
    azimuth: float
    elevation: float
    aim: tuple[float, float, float]


def draw_surroundings(g: np.random.Generator, reach: float) -> Surroundings:
    """Open ground, a room or a table top, with its light; a batch of one."""
    kind = int(g.choice([OPEN, ROOM, TABLE]))
    azimuth, height = g.uniform(0, 2 * np.pi), g.uniform(0.45, 1.2)
    light = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
    warm = g.uniform(0, 1)
    strength = g.uniform(1.2, 2.4) if kind == OPEN else g.uniform(0.6, 1.6)
    low = hsv(g.uniform(0.5, 0.62), g.uniform(0.02, 0.25), g.uniform(0.6, 0.95))
    high = hsv(g.uniform(0.55, 0.62), g.uniform(0.2, 0.7), g.uniform(0.5, 0.9))
    if kind != OPEN:
        low, high = (np.full(3, g.uniform(0.4, 0.8)) * (1, 0.97, 0.9) for _ in range(2))
    base = hsv(g.choice([0.08, 0.1, 0.27, 0.6, g.random()]), g.uniform(0.05, 0.5), g.uniform(0.15, 0.7))
    walls = np.stack([hsv(g.random(), g.uniform(0.02, 0.35), g.uniform(0.45, 0.9)) for _ in range(3)])
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
