"""Frames and pairs of the procedural engine."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...geometry import (
    Boxes,
    Camera,
    box_to_camera,
    camera_rays,
    pixel_centres,
    rigid_inverse,
    to_box_coordinates,
)
from ..frames import MAX_OBJECTS, TASKS, Frame, Pairs, join
from .scenes import (
    FAMILY_NAMES,
    Placed,
    build_solid,
    camera_of,
    draw_objects,
    draw_surroundings,
    draw_task,
    draw_view,
    edit,
)
from .shading import FAR, Surroundings, background_hit, shade, tone
from .tracer import trace

_SPLITS = ("train", "unseen_instances", "unseen_families")


@dataclass(frozen=True)
class _Drawn:
    """A pair before rendering; sides: placed objects and camera of source and target."""

    task: str
    sides: tuple[tuple[list[Placed | None], Camera], ...]
    surroundings: Surroundings
    shadows: int
    family: Tensor


class ProceduralSource:
    """A `PairSource` that needs no files."""

    name = "procedural"
    family_names = FAMILY_NAMES
    families_with_front = FAMILY_NAMES

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    def pairs(
        self,
        count: int,
        size: int,
        seed: int,
        *,
        split: str = "train",
        tasks: tuple[str, ...] | None = None,
    ) -> Pairs:
        """See `PairSource.pairs`; raises ValueError for an unknown split or task."""
        if split not in _SPLITS or not set(tasks or ()) <= set(TASKS):
            raise ValueError(f"Choose a split of {_SPLITS} and tasks of {TASKS}.")
        return join([self.pair(size, seed, index, split, tasks) for index in range(count)])

    def pair(self, size: int, seed: int, index: int, split: str, tasks: tuple[str, ...] | None = None) -> Pairs:
        """Pair `index` of a seed, a batch of one."""
        drawn = self._draw(seed, index, split, tasks)
        source, target = (self.frame(p, c, drawn.surroundings, size, drawn.shadows) for p, c in drawn.sides)
        task = torch.tensor([TASKS.index(drawn.task)], device=self.device)
        return Pairs(source, target, task, drawn.family)

    def turned_target(
        self,
        size: int,
        seed: int,
        index: int,
        split: str,
        slot: int,
        angles: Tensor,
        camera: Camera,
    ) -> Frame:
        """The target of a pair (see `pair`) once for each of `angles` [K] (radians), the object in `slot` turned by it
        about its box's vertical axis, seen by `camera` [1]: [K] frames. For judging which way an object faces."""
        drawn = self._draw(seed, index, split, None)
        placed = drawn.sides[1][0]
        frames = []
        for angle in angles.tolist():
            turned = [replace(p, yaw=p.yaw + angle) if i == slot and p else p for i, p in enumerate(placed)]
            frames.append(self.frame(turned, camera, drawn.surroundings, size, drawn.shadows))
        return join(frames)

    def _draw(self, seed: int, index: int, split: str, tasks: tuple[str, ...] | None) -> _Drawn:
        """Everything random about a pair, before anything is rendered."""
        g = np.random.default_rng((seed, index, _SPLITS.index(split)))
        task = draw_task(g, tasks)
        before = draw_objects(g, split)
        view = draw_view(g, before)
        surroundings = draw_surroundings(g, 1.2 + max(float(np.hypot(*p.place[:2])) for p in before))
        after, turned = edit(g, task, before, view)
        first, second = (camera_of(v).to(self.device) for v in (view, turned))
        shadows = int(g.integers(2**31))
        sides: list[tuple[list[Placed | None], Camera]] = [([*before], first), ([*after], second)]
        if task == "presence" and g.random() < 0.5:
            sides.reverse()
        family = torch.full((1, MAX_OBJECTS), -1, device=self.device)
        family[0, : len(before)] = torch.tensor([FAMILY_NAMES.index(p.family) for p in before])
        return _Drawn(task, tuple(sides), surroundings, shadows, family)

    @torch.no_grad()
    def frame(
        self,
        placed: list[Placed | None],
        camera: Camera,
        surroundings: Surroundings,
        size: int,
        seed: int,
    ) -> Frame:
        """The scene seen by one camera, [1]; edges are sampled four times."""
        device = self.device
        slots = [i for i, p in enumerate(placed) if p is not None]
        solids = [build_solid(p, device) for p in placed if p is not None]
        surroundings = _on(surroundings, device)
        uv = pixel_centres(size, size, device).view(-1, 2)
        generator = torch.Generator().manual_seed(seed)
        jitter = torch.rand(size * size, 4, generator=generator).to(device)
        colour, distance, obj, normal = self._look(solids, surroundings, camera, uv, jitter)
        edge = _edges(obj.view(size, size), normal.view(size, size, 3)).view(-1).nonzero()[:, 0]
        shifts = torch.tensor([[0.25, 0.25], [-0.25, 0.25], [0.25, -0.25]], device=device) / size
        around = (uv[edge] + shifts[:, None]).reshape(-1, 2)  # [3 E, 2]
        more = self._look(solids, surroundings, camera, around, jitter[edge].repeat(3, 1).roll(1, 0))[0]
        total = colour[edge] + more.view(3, -1, 3).sum(0)
        colour[edge] = total / 4
        lookup = torch.tensor([*slots, -1], device=device)
        boxes = _boxes(placed, solids, slots, device)
        index = lookup[obj]  # obj -1 takes the last entry
        return _frame(colour, distance, index, normal, camera, boxes, size)

    def _look(self, solids, surroundings, camera: Camera, uv: Tensor, jitter: Tensor) -> tuple[Tensor, ...]:
        """sRGB colour [R, 3], depth [R], object [R], world normal [R, 3] of rays through uv [R, 2]."""
        to_world = rigid_inverse(camera.world_to_camera)[0]
        direction = camera_rays(uv, camera.intrinsics[0]) @ to_world[:3, :3].T
        origin = to_world[:3, 3].expand_as(direction)
        hits = trace(solids, origin, direction)
        colour = tone(shade(solids, surroundings, origin, direction, hits, jitter), surroundings.exposure)
        plane, surface = background_hit(surroundings, origin, direction)
        depth = torch.where(hits.object >= 0, hits.distance, plane).clamp_max(FAR)
        normal = torch.where((hits.object >= 0)[:, None], hits.normal, _background_normal(surface, direction))
        return colour, depth, hits.object, normal


def _background_normal(surface: Tensor, direction: Tensor) -> Tensor:
    """World normals of background surfaces by number; the sky faces the camera."""
    table = torch.tensor(
        [[0, 0, 1], [0, 0, 1], [1, 0, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1.0]],
        device=surface.device,
    )
    toward = -torch.nn.functional.normalize(direction, dim=-1)
    return torch.where((surface >= 0)[:, None], table[surface.clamp_min(0)], toward)


def _edges(obj: Tensor, normal: Tensor) -> Tensor:
    """Pixels [H, W] beside which the object or the surface's direction changes."""
    edge = torch.zeros_like(obj, dtype=torch.bool)
    for axis in (0, 1):
        a, b = obj.narrow(axis, 0, obj.shape[axis] - 1), obj.narrow(axis, 1, obj.shape[axis] - 1)
        n, m = (
            normal.narrow(axis, 0, obj.shape[axis] - 1),
            normal.narrow(axis, 1, obj.shape[axis] - 1),
        )
        change = (a != b) | ((n * m).sum(-1) < 0.8)
        edge.narrow(axis, 0, obj.shape[axis] - 1).logical_or_(change)
        edge.narrow(axis, 1, obj.shape[axis] - 1).logical_or_(change)
    return edge


def _boxes(placed, solids, slots: list[int], device: torch.device) -> Boxes:
    pose = torch.eye(4, device=device).repeat(MAX_OBJECTS, 1, 1)
    size = torch.ones(MAX_OBJECTS, 3, device=device)
    present = torch.zeros(MAX_OBJECTS, dtype=torch.bool, device=device)
    for slot, solid in zip(slots, solids, strict=True):
        pose[slot], size[slot], present[slot] = solid.pose, solid.size, True
    return Boxes(pose[None], size[None], present[None])


def _frame(colour, depth, index, normal, camera: Camera, boxes: Boxes, size: int) -> Frame:
    """Pack flat maps [P, ...] into a frame; box coordinates follow from the depth."""
    rays = camera_rays(pixel_centres(size, size, depth.device).view(-1, 2), camera.intrinsics[0])
    slot = index.clamp_min(0)
    matrix, extents = box_to_camera(camera, boxes)[0][slot], boxes.size[0][slot]
    coordinates = to_box_coordinates(rays * depth[:, None], matrix, extents)
    coordinates = torch.where((index >= 0)[:, None], coordinates, 0.0)
    as_map = lambda x: x.T.reshape(1, 3, size, size).contiguous()  # noqa: E731
    seen = normal @ camera.world_to_camera[0, :3, :3].T
    return Frame(
        as_map(colour),
        index.view(1, size, size),
        depth.view(1, size, size),
        as_map(seen),
        as_map(coordinates),
        camera,
        boxes,
        torch.zeros(1, device=depth.device),
    )


def _on(s: Surroundings, device: torch.device) -> Surroundings:
    moved = {k: v.to(device) for k, v in vars(s).items() if isinstance(v, Tensor)}
    return Surroundings(**{**vars(s), **moved})
