"""Source pictures of any sizes in one table, read at any points of any of them.

The *atlas* lays the pixels of all source views behind one another, one row a pixel. Each pixel has a
label that says to which surface it belongs, so that a bilinear read takes only the pixels of the wanted
surface and never bleeds a neighbour's colour (the read's share of wanted pixels is its alpha).
One read serves every object at once, so thirty-two boxes cost about what one costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BACKGROUND = -1  # label of pixels that belong to no object
UNUSED = -2  # label that nobody asks for
_SNAP = 2e-3  # pixels: reads this near to a pixel's centre return exactly that pixel


@dataclass(frozen=True)
class Atlas:
    """rows [T, C] values of all pixels, labels [T] int64, offset / height / width [V] int64 of the views."""

    rows: Tensor
    labels: Tensor
    offset: Tensor
    height: Tensor
    width: Tensor

    def to(self, device: torch.device | str) -> Atlas:
        return Atlas(*(t.to(device) for t in (self.rows, self.labels, self.offset, self.height, self.width)))


def build_atlas(values: list[Tensor], labels: list[Tensor]) -> Atlas:
    """values: per view [C, h, w]; labels: per view [h, w] int64."""
    device = values[0].device
    heights = torch.tensor([v.shape[1] for v in values], device=device)
    widths = torch.tensor([v.shape[2] for v in values], device=device)
    counts = heights * widths
    offset = counts.cumsum(0) - counts
    rows = torch.cat([v.flatten(1).T for v in values]).contiguous()
    return Atlas(rows, torch.cat([label.flatten() for label in labels]), offset, heights, widths)


def atlas_of_batch(values: Tensor, labels: Tensor) -> Atlas:
    """The atlas of equally large views: values [V, C, h, w], labels [V, h, w]."""
    count, channels, height, width = values.shape
    full = torch.full((count,), height, device=values.device)
    offset = torch.arange(count, device=values.device) * height * width
    rows = values.permute(0, 2, 3, 1).reshape(-1, channels)
    return Atlas(rows, labels.reshape(-1), offset, full, torch.full_like(full, width))


def fetch(atlas: Atlas, view: Tensor, uv: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Bilinear read among pixels of the wanted label.

    view [P] int64 (negative: nothing), uv [P, 2] in units of the view's size, wanted [P] label.
    Returns values [P, C] (0 where nothing was found) and alpha [P] in 0..1.
    """
    safe = view.clamp_min(0)
    width, height, offset = atlas.width[safe], atlas.height[safe], atlas.offset[safe]
    position = uv.clamp(-2, 3) * torch.stack([width, height], -1) - 0.5
    nearest = position.round()
    position = torch.where((position - nearest).abs() < _SNAP, nearest, position)
    corner = position.floor()
    fraction = position - corner
    column, row = corner[:, 0].long(), corner[:, 1].long()
    total = torch.zeros(uv.shape[0], atlas.rows.shape[1], device=uv.device)
    alpha = torch.zeros(uv.shape[0], device=uv.device)
    for dy in (0, 1):
        for dx in (0, 1):
            x, y = column + dx, row + dy
            weight = (fraction[:, 0] if dx else 1 - fraction[:, 0]) * (fraction[:, 1] if dy else 1 - fraction[:, 1])
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (view >= 0)
            index = torch.where(inside, offset + y * width + x, 0)
            weight = weight * (inside & (atlas.labels[index] == wanted))
            total += atlas.rows[index] * weight[:, None]
            alpha += weight
    return total / alpha.clamp_min(1e-6)[:, None], alpha
