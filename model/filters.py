"""Window filters over maps [B, C, H, W] that cost the same whatever the window's size."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import max_pool2d, pad


def box_mean(values: Tensor, reach: int, rows: bool = True, columns: bool = True) -> Tensor:
    """Mean over windows of 2 reach + 1 along the chosen axes, zeros beyond the border; from running sums."""
    height, width, side = *values.shape[-2:], 2 * reach + 1
    if columns:
        sums = pad(pad(values.cumsum(-1), (reach + 1, 0)), (0, reach, 0, 0), mode="replicate")
        values = (sums[..., side:] - sums[..., :width]) / side
    if rows:
        sums = pad(pad(values.cumsum(-2), (0, 0, reach + 1, 0)), (0, 0, 0, reach), mode="replicate")
        values = (sums[..., side:, :] - sums[..., :height, :]) / side
    return values


def box_max(values: Tensor, reach: int) -> Tensor:
    """Largest value in square windows of 2 reach + 1 (a maximum over rows, then over columns)."""
    side = 2 * reach + 1
    return max_pool2d(max_pool2d(values, (side, 1), 1, (reach, 0)), (1, side), 1, (0, reach))
