"""Draws what surrounds the objects: open ground, a room, or a table; light and exposure."""

from __future__ import annotations

import math

import numpy as np
import torch

from .layout import Plan
from .scene import WALLS, Surroundings
from .textures import Surface

_NO_WALL = -1e6


def draw_surroundings(
    rng: np.random.Generator, plan: Plan, surfaces: list[Surface], first_material: int, environments: int
) -> Surroundings:
    """The surroundings of both frames of a pair (unbatched tensors). `first_material` is the first surface's index."""
    corners = np.concatenate([stand.corners() for side in plan.stands for stand in side if stand is not None])
    unit, yaw = plan.unit, plan.views[0].azimuth + rng.uniform(-0.7, 0.7)
    kind = str(rng.choice(["open", "room", "table", "table room"], p=[0.36, 0.36, 0.12, 0.16]))
    table = _table(rng, corners, unit, yaw + rng.normal(0, 0.15)) if "table" in kind else np.zeros(6)
    floor_height = -unit * rng.uniform(1.5, 3.5) if "table" in kind else 0.0
    walls = _room(rng, plan, corners, unit, yaw) if "room" in kind else _no_walls()
    chosen = [_pick(rng, surfaces, place, kind == "open") for place in ("floor", "wall", "table")]
    centre = (corners.min(0) + corners.max(0)) / 2
    reach = float(np.linalg.norm(corners - centre, axis=1).max()) * 1.08
    tint = rng.uniform(0.75, 1.1, (3, 1)) * (1 + rng.uniform(-0.07, 0.07, (3, 3)))
    tile = [surfaces[i].repeat * unit * rng.uniform(0.6, 1.4) for i in chosen]
    return Surroundings(
        environment=torch.tensor(int(rng.integers(environments))),
        turn=_number(rng.uniform(0, 2 * math.pi)),
        exposure=_number(np.exp(rng.normal(-0.12, 0.22))),
        open=torch.tensor("room" not in kind),
        floor_height=_number(floor_height),
        material=torch.tensor([first_material + i for i in chosen]),
        tile=_numbers(tile),
        angle=_numbers(yaw + rng.choice([0, 0.5, 1], 3) * math.pi / 2 + rng.normal(0, 0.1, 3)),
        tint=_numbers(tint),
        wall_plane=_numbers(walls),
        table=_numbers(table),
        centre=_numbers(centre),
        reach=_number(reach),
    )


def _number(value: float) -> torch.Tensor:
    return torch.tensor(float(value), dtype=torch.float32)


def _numbers(values: np.ndarray | list) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def _pick(rng: np.random.Generator, surfaces: list[Surface], place: str, outside: bool) -> int:
    fitting = [i for i, surface in enumerate(surfaces) if getattr(surface, place)]
    if place == "floor":
        fitting = [i for i in fitting if surfaces[i].outdoor == outside or rng.random() < 0.15]
    return int(rng.choice(fitting))


def _table(rng: np.random.Generator, corners: np.ndarray, unit: float, yaw: float) -> np.ndarray:
    axes = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    local = corners[:, :2] @ axes.T
    low = local.min(0) - rng.uniform(0.08, 1.3, 2) * unit
    high = local.max(0) + rng.uniform(0.08, 1.3, 2) * unit
    centre = axes.T @ ((low + high) / 2)
    return np.array([*centre, *((high - low) / 2), yaw, unit * rng.uniform(0.06, 0.25)])


def _no_walls() -> np.ndarray:
    planes = np.zeros((WALLS, 3))
    planes[:, 0], planes[:, 2] = 1.0, _NO_WALL
    return planes


def _room(rng: np.random.Generator, plan: Plan, corners: np.ndarray, unit: float, yaw: float) -> np.ndarray:
    """Inward planes (normal x, y, offset) of a room around all objects; the side of the camera stays open."""
    planes = np.zeros((WALLS, 3))
    for index in range(WALLS):
        angle = yaw + index * math.pi / 2 - math.pi / 2  # index 0 points towards the camera
        inward = np.array([math.cos(angle), math.sin(angle)])
        gap = unit * (rng.uniform(0.05, 1.8) if index == 0 else rng.uniform(0.3, 4.0))
        planes[index] = *inward, float((corners[:, :2] @ inward).min()) - gap
    planes[2, 2] = min(planes[2, 2], min(float(view.eye()[:2] @ planes[2, :2]) for view in plan.views) - unit)
    return planes
