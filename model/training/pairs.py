"""The pairs that training sees: rendered on the fly, or cached as shards of safetensors.

Both are stateless: the batch of step i is a pure function of (seed, i), so a resumed run sees exactly
what an uninterrupted one would have seen.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..data.frames import Frame, Pairs, PairSource
from ..geometry import Boxes, Camera

SHARD = 64  # pairs in a shard file


class PairStream(Protocol):
    def batch(self, step: int, count: int) -> Pairs: ...


class LivePairs:
    """Pairs rendered for each step on the training device, mixed of several engines by share."""

    def __init__(self, sources: list[PairSource], shares: list[float], size: int, seed: int) -> None:
        self.sources, self.size, self.seed = sources, size, seed
        self.shares = np.asarray(shares) / np.sum(shares)

    def batch(self, step: int, count: int) -> Pairs:
        """Whole batches come from one engine at a time, drawn by share."""
        draw = np.random.default_rng((self.seed, step))
        engine = self.sources[draw.choice(len(self.sources), p=self.shares)]
        return engine.pairs(count, self.size, int(draw.integers(2**31)), split="train")


class CachedPairs:
    """Pairs read from shards that `render_cache` wrote; source and target are swapped at random."""

    def __init__(self, folder: str | Path, seed: int) -> None:
        shards = sorted(Path(folder).glob("pairs-*.safetensors"))
        if not shards:
            raise FileNotFoundError(f"There are no pairs in {folder}: render them with --cache first.")
        loaded = [load_file(path) for path in shards]
        self.tensors = {key: torch.cat([shard[key] for shard in loaded]) for key in loaded[0]}
        self.count = self.tensors["task"].shape[0]
        self.seed = seed

    def batch(self, step: int, count: int) -> Pairs:
        draw = np.random.default_rng((self.seed, step))
        index = torch.from_numpy(draw.integers(self.count, size=count))
        swapped = bool(draw.random() < 0.5)
        return self.at(index, swapped)

    def at(self, index: Tensor, swapped: bool = False) -> Pairs:
        """The pairs at `index` [B]."""
        picked = {key: value[index] for key, value in self.tensors.items()}
        first, second = _unpack(picked, "source"), _unpack(picked, "target")
        if swapped:
            first, second = second, first
        return Pairs(first, second, picked["task"].long(), picked["family"].long())


def render_cache(source: PairSource, count: int, size: int, seed: int, folder: str | Path) -> None:
    """Write `count` training pairs as shards; shards already there are kept, so a broken run goes on."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range((count + SHARD - 1) // SHARD):
        path = folder / f"pairs-{source.name}-{seed}-{number:04d}.safetensors"
        if path.exists():
            continue
        pairs = source.pairs(min(SHARD, count - number * SHARD), size, seed * 1_000_003 + number, split="train")
        tensors = {**_pack(pairs.source, "source"), **_pack(pairs.target, "target")}
        tensors |= {"task": pairs.task.to(torch.int8), "family": pairs.family.to(torch.int8)}
        temporary = path.with_suffix(".part")
        save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, temporary)
        temporary.rename(path)
        print(json.dumps({"shard": path.name, "pairs": len(pairs.task)}), flush=True)


def _pack(frame: Frame, name: str) -> dict[str, Tensor]:
    """Images as uint8, slots as int8, depth as its float16 logarithm, without normals and box coordinates."""
    return {
        f"{name}.image": (frame.image.clamp(0, 1) * 255).round().to(torch.uint8),
        f"{name}.object_index": frame.object_index.to(torch.int8),
        f"{name}.log_depth": frame.depth.clamp(1e-2, 1e3).log().half(),
        f"{name}.intrinsics": frame.camera.intrinsics,
        f"{name}.world_to_camera": frame.camera.world_to_camera,
        f"{name}.pose": frame.boxes.pose,
        f"{name}.size": frame.boxes.size,
        f"{name}.present": frame.boxes.present,
        f"{name}.ground": frame.ground,
    }


def _unpack(t: dict[str, Tensor], name: str) -> Frame:
    image = t[f"{name}.image"].float() / 255
    boxes = Boxes(t[f"{name}.pose"], t[f"{name}.size"], t[f"{name}.present"])
    camera = Camera(t[f"{name}.intrinsics"], t[f"{name}.world_to_camera"])
    nothing = torch.zeros_like(image)
    values = (
        image,
        t[f"{name}.object_index"].long(),
        t[f"{name}.log_depth"].float().exp(),
        nothing,
        nothing,
    )
    return Frame(*values, camera, boxes, t[f"{name}.ground"])
