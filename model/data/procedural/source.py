"""Pairs of the procedural engine: scenes drawn one by one, rendered many at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...geometry import Camera
from ..frames import MAX_OBJECTS, TASKS, Frame, Pairs, join
from .frames import render_frames
from .scenes import (
    FAMILY_NAMES,
    Placed,
    camera_of,
    draw_objects,
    draw_surroundings,
    draw_task,
    draw_view,
    edit,
)
from .shading import Surroundings

_SPLITS = ("train", "unseen_instances", "unseen_families")
_CHUNK = {"cpu": 2, "cuda": 32}  # pairs of 256 x 256 rendered at once


@dataclass(frozen=True)
class _Drawn:
    """A pair before rendering: its scenes and cameras [1] (source, target), surroundings [1], seed of the shadows."""

    task: str
    scenes: tuple[list[Placed | None], list[Placed | None]]
    cameras: tuple[Camera, Camera]
    surroundings: Surroundings
    shadows: int


class ProceduralSource:
    """A `PairSource` that needs no files. Pair k of a seed does not depend on how many are asked for."""

    name = "procedural"
    family_names = FAMILY_NAMES
    families_with_front = FAMILY_NAMES

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    def pairs(
        self, count: int, size: int, seed: int, *, split: str = "train", tasks: tuple[str, ...] | None = None
    ) -> Pairs:
        """See `PairSource.pairs`; raises ValueError for an unknown split or task."""
        if split not in _SPLITS or not set(tasks or ()) <= set(TASKS):
            raise ValueError(f"Choose a split of {_SPLITS} and tasks of {TASKS}.")
        drawn = [_draw(seed, index, split, tasks) for index in range(count)]
        chunk = max(1, round(_CHUNK.get(self.device.type, 2) * (256 / size) ** 2))
        return join([self._render(drawn[i : i + chunk], size) for i in range(0, count, chunk)])

    def turned_target(
        self, size: int, seed: int, index: int, split: str, slot: int, angles: Tensor, camera: Camera
    ) -> Frame:
        """The target of a pair once for each of `angles` [K] (radians), the object in `slot` turned by it about its
        box's vertical axis, seen by `camera` [1]: [K] frames. For judging which way an object faces."""
        drawn = _draw(seed, index, split, None)
        scenes = [
            [replace(p, yaw=p.yaw + angle) if i == slot and p else p for i, p in enumerate(drawn.scenes[1])]
            for angle in angles.tolist()
        ]
        count = len(scenes)
        cameras = join([camera.to(self.device)] * count)
        return render_frames(scenes, cameras, join([drawn.surroundings] * count), [drawn.shadows] * count, size)

    def _render(self, drawn: list[_Drawn], size: int) -> Pairs:
        scenes = [d.scenes[side] for side in (0, 1) for d in drawn]
        cameras = join([d.cameras[side] for side in (0, 1) for d in drawn]).to(self.device)
        around = join([d.surroundings for d in drawn] * 2)
        frames = render_frames(scenes, cameras, around, [d.shadows for d in drawn] * 2, size)
        count = len(drawn)
        task = torch.tensor([TASKS.index(d.task) for d in drawn], device=self.device)
        family = torch.full((count, MAX_OBJECTS), -1, device=self.device)
        for row, d in enumerate(drawn):
            for slot, placed in enumerate(zip(*d.scenes, strict=True)):
                known = placed[0] or placed[1]
                if known is not None:
                    family[row, slot] = FAMILY_NAMES.index(known.family)
        return Pairs(frames[:count], frames[count:], task, family)


def _draw(seed: int, index: int, split: str, tasks: tuple[str, ...] | None) -> _Drawn:
    """Everything random about a pair, before anything is rendered."""
    g = np.random.default_rng((seed, index, _SPLITS.index(split)))
    task = draw_task(g, tasks)
    before = draw_objects(g, split)
    view = draw_view(g, before)
    surroundings = draw_surroundings(g, 1.2 + max(float(np.hypot(*p.place[:2])) for p in before))
    after, turned = edit(g, task, before, view)
    shadows = int(g.integers(2**31))
    first: list[Placed | None] = list(before)
    scenes, cameras = (first, after), (camera_of(view), camera_of(turned))
    if task == "presence" and g.random() < 0.5:
        scenes, cameras = scenes[::-1], cameras[::-1]
    return _Drawn(task, scenes, cameras, surroundings, shadows)
