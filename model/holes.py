"""Filling the holes of a background: what stood before it was never seen.

The filling is only what the networks start from, so it must be right on average and show no ghost: it continues
every row from both ends, since floors and walls mostly run along the rows of a level camera, smoothed across
rows; where a row has no end it is filled from all around.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from .filters import box_max, box_mean

RIM = 0.025  # of the picture's longer side: how far around a hole its filling is not taken from
_END = 0.016  # of the longer side: half the window over which a row's end is averaged, and rows are smoothed


def fill_background(image: Tensor, weight: Tensor) -> Tensor:
    """image [B, C, H, W] with its holes filled; weight [B, 1, H, W] in 0..1, pixels of weight 1 stay as they are."""
    trusted = trusted_weight(weight)
    around = fill_holes(image, trusted)
    rows, both = _along_rows(image, trusted)
    filled = torch.where(both, rows, around)
    return torch.where(weight >= 1, image, filled)


def trusted_weight(weight: Tensor) -> Tensor:
    """What holes may be filled from, [B, 1, H, W]: not the rim beside them, where an object's own pixels and its
    shadow remain whenever its mask or its box is a little too small. All of it where nothing else is left."""
    reach = max(1, round(RIM * max(weight.shape[-2:])))
    far = -box_max(-weight, reach)
    none = far.amax((-2, -1), keepdim=True) <= 0
    return torch.where(none, weight, far)


def _along_rows(image: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Linear between the two ends of every gap in a row [B, C, H, W], and whether it has both [B, 1, H, W]."""
    reach = max(1, round(_END * max(image.shape[-2:])))
    known = weight >= 1
    ends = box_mean(image * known, reach) / box_mean(known.float(), reach).clamp_min(1e-4)
    width = image.shape[-1]
    column = torch.arange(width, device=image.device).expand_as(known)
    left = torch.where(known, column, -1).cummax(-1).values
    right = torch.where(known, column, width).flip(-1).cummin(-1).values.flip(-1)
    both = (left >= 0) & (right < width)
    share = (right - column) / (right - left).clamp_min(1)
    at = lambda index: ends.gather(-1, index.clamp(0, width - 1).expand_as(ends))  # noqa: E731
    rows = share * at(left) + (1 - share) * at(right)
    smooth = box_mean(pad(rows, (0, 0, reach, reach), mode="replicate"), reach, columns=False)
    return smooth[..., reach:-reach, :], both


def fill_holes(image: Tensor, weight: Tensor) -> Tensor:
    """Pull-push (Gortler et al. 1996, section 3.4): fill what has no weight from around it.

    image [B, C, H, W], weight [B, 1, H, W] in 0..1; pixels of weight 1 stay exactly as they are.
    """
    if min(image.shape[-2:]) <= 2:
        mean = (image * weight).sum((-2, -1), keepdim=True) / weight.sum((-2, -1), keepdim=True).clamp_min(1e-6)
        return torch.where(weight > 0, image, mean)
    pool = avg_pool2d
    share = pool(weight, 2, ceil_mode=True)
    small = pool(image * weight, 2, ceil_mode=True) / share.clamp_min(1e-6)
    coarse = fill_holes(small, (share * 4).clamp_max(1))
    coarse = interpolate(coarse, image.shape[-2:], mode="bilinear", align_corners=False)
    return torch.where(weight >= 1, image, image * weight + coarse * (1 - weight))
