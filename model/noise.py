"""The noise that sampling starts from: the scene's, and other noise for objects that have a seed of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate


def starting_noise(shape: torch.Size, seed: int, object_seeds: Sequence[int], slot: Tensor) -> Tensor:
    """Noise [1, C, h, w] on the processor, so that every device draws the same picture.

    slot [1, H, W]: the object of every pixel (-1: none), at any size. Where an object has a seed other than 0, the
    noise is that of (seed, its seed) whatever its number, so that the order of objects does not matter; everywhere
    else it is the scene's.
    """
    noise = _noise(shape, seed)
    if not any(object_seeds):
        return noise
    where = interpolate(slot[:, None].float().cpu(), shape[-2:], mode="nearest-exact").long()
    for own in sorted({s for s in object_seeds if s}):
        numbers = torch.tensor([i for i, s in enumerate(object_seeds) if s == own])
        both = np.random.SeedSequence((seed, own)).generate_state(1, np.uint64)[0]
        noise = torch.where(torch.isin(where, numbers), _noise(shape, int(both)), noise)
    return noise


def _noise(shape: torch.Size, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
