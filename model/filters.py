"""Window filters over maps [B, C, H, W] that cost the same whatever the window's size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad


def box_mean(values: Tensor, reach: int, rows: bool = True, columns: bool = True) -> Tensor:
    """Mean over windows of 2 reach + 1 along the chosen axes, zeros beyond the border; from running sums."""
    for dim in [d for d, chosen in ((-1, columns), (-2, rows)) if chosen]:
        size = values.shape[dim]
        sums = pad(values.cumsum(dim), (1, 0) if dim == -1 else (0, 0, 1, 0))
        index = torch.arange(size, device=values.device)
        high, low = (index + reach + 1).clamp_max(size), (index - reach).clamp_min(0)
        values = (sums.index_select(dim, high) - sums.index_select(dim, low)) / (2 * reach + 1)
    return values


def box_max(values: Tensor, reach: int) -> Tensor:
    """Largest value in square windows of 2 reach + 1 (a maximum over rows, then over columns)."""
    side = 2 * reach + 1
    return max_pool2d(max_pool2d(values, (side, 1), 1, (reach, 0)), (1, side), 1, (0, reach))
