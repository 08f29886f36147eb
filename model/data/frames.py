"""What every data source yields: rendered or recorded frames with exact boxes, and pairs of them.

A *pair* is one scene seen twice with objects, camera or both changed between (Neural Assets,
section 3.4: appearance from one frame, poses from the other). Slot i is the same object in both frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from torch import Tensor

from ..geometry import Boxes, Camera

MAX_OBJECTS = 8  # slots of a training pair; rendering allows up to 32 objects
TASKS = ("all", "object", "camera", "presence", "identity")
TASK_SHARES = (0.40, 0.25, 0.20, 0.10, 0.05)


@dataclass(frozen=True)
class Frame:
    """A batch of frames with the renderer's truth.

    image [B, 3, H, W] sRGB 0..1; object_index [B, H, W] int64, -1 where no object is;
    depth [B, H, W] camera z in metres (far surfaces at most 1000); normals [B, 3, H, W] unit, camera axes;
    box_coordinates [B, 3, H, W], -0.5..0.5 in the visible object's box, 0 on the background;
    camera [B]; boxes [B, N] (absent slots: present False, identity pose, size 1); ground [B] height in
    metres of the floor plane (world z).
    """

    image: Tensor
    object_index: Tensor
    depth: Tensor
    normals: Tensor
    box_coordinates: Tensor
    camera: Camera
    boxes: Boxes
    ground: Tensor

    def to(self, device: torch.device | str) -> Frame:
        return Frame(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def __getitem__(self, index) -> Frame:
        return Frame(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def masks(self) -> Tensor:
        """Visible mask of every slot, [B, N, H, W] bool."""
        slots = torch.arange(self.boxes.size.shape[-2], device=self.object_index.device)
        return self.object_index[:, None] == slots[None, :, None, None]


@dataclass(frozen=True)
class Pairs:
    """source and target frames [B] of the same scenes; task [B] index into `TASKS`; family [B, N] int64 (-1 absent)."""

    source: Frame
    target: Frame
    task: Tensor
    family: Tensor

    def to(self, device: torch.device | str) -> Pairs:
        return Pairs(
            self.source.to(device),
            self.target.to(device),
            self.task.to(device),
            self.family.to(device),
        )

    def __getitem__(self, index) -> Pairs:
        return Pairs(self.source[index], self.target[index], self.task[index], self.family[index])


def join(items: list[Any], combine: Callable[[list[Tensor]], Tensor] = torch.cat) -> Any:
    """Batches of frames, pairs, cameras, boxes (nested dataclasses of tensors) into one batch;
    with `torch.stack` as `combine` the items are single ones without a batch dimension."""
    first = items[0]
    if isinstance(first, Tensor):
        return combine(items)
    return type(first)(**{name: join([getattr(item, name) for item in items], combine) for name in vars(first)})


class PairSource(Protocol):
    """A renderer (or recorded data set) that makes pairs, deterministically per seed."""

    name: str
    family_names: tuple[str, ...]
    families_with_front: tuple[str, ...]

    def pairs(
        self,
        count: int,
        size: int,
        seed: int,
        *,
        split: str = "train",
        tasks: tuple[str, ...] | None = None,
    ) -> Pairs:
        """`count` pairs of `size` x `size` pixels.

        split: "train", "unseen_instances" (families of training, other instances) or "unseen_families".
        tasks: allowed tasks (default: the mix `TASK_SHARES`). Equal arguments give equal pairs on one device type.
        """
        ...
