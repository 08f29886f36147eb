"""Plans pairs: which objects stand where in both frames, the cameras, and what changes between.

The tasks and their shares are those of `frames.py`; moves are an artist's: shifts of about an object's size,
turns mostly within 60 degrees, mild rescaling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..frames import MAX_OBJECTS, TASK_SHARES, TASKS
from .catalogue import Catalogue
from .placing import Stand, beside, free, on_top

COUNT_SHARES = (0.12, 0.2, 0.24, 0.2, 0.14, 0.1)  # 1 to 6 objects
_PICTURE_SHARE = ((0.34, 0.56), (0.28, 0.44), (0.24, 0.38), (0.21, 0.33), (0.19, 0.29), (0.18, 0.27))


@dataclass(frozen=True)
class View:
    """An orbiting camera: azimuth, elevation (radians), distance, aim [3] metres, focal length in image widths."""

    azimuth: float
    elevation: float
    distance: float
    aim: np.ndarray
    focal: float

    def eye(self) -> np.ndarray:
        flat = math.cos(self.elevation)
        return self.aim + self.distance * np.array(
            [math.sin(self.azimuth) * flat, -math.cos(self.azimuth) * flat, math.sin(self.elevation)]
        )

    def matrix(self) -> np.ndarray:
        """World-to-camera [4, 4], OpenCV axes."""
        eye = self.eye()
        forward = (self.aim - eye) / np.linalg.norm(self.aim - eye)
        right = np.array([math.cos(self.azimuth), math.sin(self.azimuth), 0.0])
        rotation = np.stack([right, np.cross(forward, right), forward])
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ eye
        return matrix

    def shows(self, stand: Stand) -> bool:
        """Whether the object lies in the picture (its middle well inside, its corners nearly)."""
        matrix = self.matrix()
        corners = stand.corners()
        local = np.concatenate([corners, corners.mean(0, keepdims=True)]) @ matrix[:3, :3].T + matrix[:3, 3]
        if local[:, 2].min() < 0.25 * self.distance:
            return False
        off = np.abs(local[:, :2] / local[:, 2:] * self.focal)
        return bool(off[:-1].max() < 0.58 and off[-1].max() < 0.43)


@dataclass(frozen=True)
class Plan:
    """One pair: stands of both frames (None: absent), views of both frames, task index, unit (object size, metres)."""

    stands: tuple[list[Stand | None], list[Stand | None]]
    views: tuple[View, View]
    task: int
    unit: float


def plan_pair(rng: np.random.Generator, catalogue: Catalogue, tasks: tuple[str, ...] | None) -> Plan:
    """Draw a pair; scenes that cannot be completed are drawn anew."""
    allowed = np.array(
        [share if tasks is None or name in tasks else 0.0 for name, share in zip(TASKS, TASK_SHARES, strict=True)]
    )
    task = int(rng.choice(len(TASKS), p=allowed / allowed.sum()))
    for attempt in range(50):
        plan = _try_plan(rng, catalogue, task, 1 if attempt > 30 else MAX_OBJECTS)
        if plan is not None:
            return plan
    raise RuntimeError("No scene could be arranged from these objects; check that their sizes are sensible.")


def _try_plan(rng: np.random.Generator, catalogue: Catalogue, task: int, limit: int) -> Plan | None:
    count = min(int(rng.choice(len(COUNT_SHARES), p=COUNT_SHARES)) + 1, limit)
    meshes = catalogue.draw(rng, count)
    sizes = _readable_sizes(rng, [catalogue.size[mesh] for mesh in meshes])
    unit = float(np.mean([size.max() for size in sizes]))
    view, spread = _first_view(rng, unit, count)
    stands: list[Stand] = []
    for mesh, size in zip(meshes, sizes, strict=True):
        lay = int(rng.integers(1, len(LAYS_USED))) if rng.random() < 0.05 * catalogue.may_lie[mesh] else 0
        stand = _place(rng, Stand(mesh, size, yaw=_yaw(rng, view), lay=lay), stands, [view], spread, catalogue)
        if stand is not None:
            stands.append(stand)
    if not stands:
        return None
    return _second_frame(rng, stands, view, task, unit, spread, catalogue)


LAYS_USED = range(4)


def _readable_sizes(rng: np.random.Generator, sizes: list[np.ndarray]) -> list[np.ndarray]:
    """Real sizes, drawn together towards the first object's, so that each is readable in the picture."""
    anchor = float(sizes[0].max())
    result = []
    for size in sizes:
        longest = float(size.max())
        wanted = anchor * float(np.clip(longest / anchor, 0.6, 1.45)) * rng.uniform(0.92, 1.08)
        result.append(size * (wanted / longest))
    return result


def _first_view(rng: np.random.Generator, unit: float, count: int) -> tuple[View, float]:
    """The source camera, and the half-width of the area in view."""
    focal = float(np.exp(rng.uniform(math.log(0.8), math.log(1.8))))
    share = rng.uniform(*_PICTURE_SHARE[count - 1])
    distance = focal * unit / share
    elevation = math.radians(float(np.clip(rng.normal(29, 11), 9, 62)))
    aim = np.array([rng.normal(0, 0.08) * unit, rng.normal(0, 0.08) * unit, unit * rng.uniform(0.1, 0.45)])
    return View(rng.uniform(0, 2 * math.pi), elevation, distance, aim, focal), 0.5 * unit / share


def _yaw(rng: np.random.Generator, view: View) -> float:
    """Mostly with the front towards the camera."""
    away = rng.normal(0, math.radians(45)) if rng.random() < 0.65 else rng.uniform(-math.pi, math.pi)
    return float(view.azimuth + away)


def _place(
    rng: np.random.Generator,
    stand: Stand,
    others: list[Stand],
    views: list[View],
    spread: float,
    catalogue: Catalogue,
    near: float = 0.0,
) -> Stand | None:
    """A free place in view: somewhere, touching another object, or on top of one.

    near > 0: within that distance (metres) of where `stand` is.
    """
    azimuth = views[0].azimuth
    for _ in range(24):
        kind = rng.random()
        tried: Stand | None = None
        if others and near == 0 and kind < 0.25:
            slot = int(rng.integers(len(others)))
            base = others[slot]
            if base.lay == 0 and base.on < 0 and catalogue.flat_top[base.mesh]:
                tried = on_top(rng, stand, base, slot)
        elif others and near == 0 and kind < 0.45:
            tried = beside(rng, replace(stand, z=0.0, on=-1), others[int(rng.integers(len(others)))])
        if tried is None:
            if near > 0:
                x, y = np.array([stand.x, stand.y]) + _disc(rng) * near
            else:
                side, depth = rng.uniform(-0.85, 0.85) * spread, rng.uniform(-0.85, 1.0) * spread
                x = side * math.cos(azimuth) - depth * math.sin(azimuth)
                y = side * math.sin(azimuth) + depth * math.cos(azimuth)
            tried = replace(stand, x=float(x), y=float(y), z=0.0, on=-1)
        if free(tried, others) and all(view.shows(tried) for view in views):
            return tried
    return None


def _disc(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * math.pi)
    return math.sqrt(rng.random()) * np.array([math.cos(angle), math.sin(angle)])


def _second_view(rng: np.random.Generator, view: View, unit: float, strength: float) -> View:
    """The camera orbited by up to about 25 degrees."""
    turn = math.radians(float(np.clip(rng.normal(0, 14), -25, 25))) * strength
    lift = math.radians(float(rng.normal(0, 5))) * strength
    return View(
        view.azimuth + turn,
        float(np.clip(view.elevation + lift, 0.12, 1.15)),
        view.distance * float(np.exp(rng.normal(0, 0.08) * strength)),
        view.aim + rng.normal(0, 0.08, 3) * unit * strength * np.array([1, 1, 0.5]),
        view.focal,
    )


def _second_frame(
    rng: np.random.Generator,
    stands: list[Stand],
    view: View,
    task: int,
    unit: float,
    spread: float,
    catalogue: Catalogue,
) -> Plan | None:
    name = TASKS[task]
    first: list[Stand | None] = list(stands)
    second: list[Stand | None] = list(stands)
    other = view
    if name == "camera" or (name == "all" and rng.random() < 0.85):
        for strength in (1.0, 0.7, 0.4, 0.2):
            other = _second_view(rng, view, unit, strength)
            if all(other.shows(stand) for stand in stands):
                break
        else:
            return None
    bases = {stand.on for stand in stands}
    loose = [slot for slot in range(len(stands)) if slot not in bases]
    if name == "object":
        slot = int(rng.choice(loose))
        moved = _move(rng, stands[slot], [s for i, s in enumerate(stands) if i != slot], [other], spread, catalogue)
        if moved is None:
            return None
        second[slot] = moved
    elif name == "presence":
        side = first if rng.random() < 0.5 else second
        side[int(rng.choice(loose))] = None
        if all(stand is None for stand in side) and rng.random() < 0.7:
            return None  # empty pictures are rare
    elif name == "all":
        moved_all = _move_all(rng, stands, other, spread, catalogue)
        if moved_all is None:
            return None
        second = list(moved_all)
    if rng.random() < 0.5 and name in ("all", "object", "camera"):  # either way round
        return Plan((second, first), (other, view), task, unit)
    return Plan((first, second), (view, other), task, unit)


def _move_all(
    rng: np.random.Generator, stands: list[Stand], view: View, spread: float, catalogue: Catalogue
) -> list[Stand] | None:
    """Every object moved; what stands on another is set down anew, sometimes on it again."""
    result: dict[int, Stand] = {}
    for slot in sorted(range(len(stands)), key=lambda i: stands[i].on >= 0):
        stand = stands[slot]
        waiting = [s for i, s in enumerate(stands) if i not in result and i != slot and s.on < 0]
        taken = list(result.values())
        if stand.on >= 0 and rng.random() < 0.5:
            again = on_top(rng, _altered(rng, stand), result[stand.on], stand.on)
            if again is not None and free(again, taken) and view.shows(again):
                result[slot] = again
                continue
        moved = _move(rng, stand, taken + waiting, [view], spread, catalogue)
        if moved is None and waiting:
            moved = _move(rng, stand, taken, [view], spread, catalogue)
        if moved is None:
            return None
        result[slot] = moved
    return [result[slot] for slot in range(len(stands))]


def _altered(rng: np.random.Generator, stand: Stand) -> Stand:
    """Turned, perhaps rescaled."""
    turn = rng.normal(0, math.radians(38)) if rng.random() < 0.8 else rng.uniform(-math.pi, math.pi)
    scale = float(np.exp(rng.uniform(math.log(0.75), math.log(1.3)))) if rng.random() < 0.3 else 1.0
    return replace(stand, yaw=float(stand.yaw + turn), size=stand.size * scale)


def _move(
    rng: np.random.Generator, stand: Stand, others: list[Stand], views: list[View], spread: float, catalogue: Catalogue
) -> Stand | None:
    """A moved copy of `stand`, free of `others` and in view."""
    for _ in range(4):
        changed = replace(_altered(rng, stand), z=0.0, on=-1)
        reach = float(stand.size.max()) * rng.choice([0.35, 0.8, 1.5], p=[0.3, 0.4, 0.3])
        placed = _place(rng, changed, others, views, spread, catalogue, near=reach)
        if placed is not None:
            return placed
    return None
