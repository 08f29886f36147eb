"""Pairs of the procedural engine: scenes drawn one by one, rendered many at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...geometry import Camera
from ..frames import MAX_OBJECTS, TASKS, Frame, Pairs, join
from .frames import render_frames
from .instances import FAMILY_NAMES, Placed
from .scenes import (
    camera_of,
    draw_objects,
    draw_surroundings,
    draw_task,
    draw_view,
    edit,
)
from .surroundings import Surroundings

_SPLITS = ("train", "unseen_instances", "unseen_families")
_CHUNK = {"cpu": 1, "cuda": 64}  # frames of 256 x 256 rendered at once


@dataclass(frozen=True)
class _Drawn:
    """A pair before rendering: its scenes and cameras [1] (source, target), surroundings [1]."""

    task: str
    scenes: tuple[list[Placed | None], list[Placed | None]]
    cameras: tuple[Camera, Camera]
    surroundings: Surroundings


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
        source, target = (self._render(drawn, side, size) for side in (0, 1))
        return self._labelled(drawn, source, target)

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
        return render_frames(scenes, cameras, join([drawn.surroundings] * count), size)

    def _render(self, drawn: list[_Drawn], side: int, size: int) -> Frame:
        """The sources (0) or targets (1), a few at once."""
        chunk = max(1, round(_CHUNK.get(self.device.type, 1) * (256 / size) ** 2))
        frames = []
        for some in (drawn[i : i + chunk] for i in range(0, len(drawn), chunk)):
            cameras = join([d.cameras[side] for d in some]).to(self.device)
            around = join([d.surroundings for d in some])
            frames.append(render_frames([d.scenes[side] for d in some], cameras, around, size))
        return join(frames)

    def _labelled(self, drawn: list[_Drawn], source: Frame, target: Frame) -> Pairs:
        count = len(drawn)
        task = torch.tensor([TASKS.index(d.task) for d in drawn], device=self.device)
        family = torch.full((count, MAX_OBJECTS), -1, device=self.device)
        for row, d in enumerate(drawn):
            for slot, placed in enumerate(zip(*d.scenes, strict=True)):
                known = placed[0] or placed[1]
                if known is not None:
                    family[row, slot] = FAMILY_NAMES.index(known.family)
        return Pairs(source, target, task, family)


def _draw(seed: int, index: int, split: str, tasks: tuple[str, ...] | None) -> _Drawn:
    """Everything random about a pair, before anything is rendered."""
    g = np.random.default_rng((seed, index, _SPLITS.index(split)))
    task = draw_task(g, tasks)
    before = draw_objects(g, split)
    view = draw_view(g, before)
    surroundings = draw_surroundings(g, 1.2 + max(float(np.hypot(*p.place[:2])) for p in before))
    after, turned = edit(g, task, before, view)
    first: list[Placed | None] = list(before)
    scenes, cameras = (first, after), (camera_of(view), camera_of(turned))
    if task == "presence" and g.random() < 0.5:
        scenes, cameras = scenes[::-1], cameras[::-1]
    return _Drawn(task, scenes, cameras, surroundings)
