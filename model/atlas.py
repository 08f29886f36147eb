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
from torch.nn.functional import embedding_bag

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
    width, height, offset = (x.index_select(0, safe) for x in (atlas.width, atlas.height, atlas.offset))
    columns, rows = _neighbours(uv[:, 0], width), _neighbours(uv[:, 1], height)
    indices, weights = [], []
    for row, above in rows:
        start, above = offset + row * width, above * (view >= 0)
        for column, beside in columns:
            index = start + column
            indices.append(index)
            weights.append(above * beside * (atlas.labels.index_select(0, index) == wanted))
    weight = torch.stack(weights, 1)  # [P, 4]
    alpha = weight.sum(1)
    total = embedding_bag(torch.stack(indices, 1), atlas.rows, mode="sum", per_sample_weights=weight)
    return total / alpha.clamp_min(1e-6)[:, None], alpha


def _neighbours(place: Tensor, size: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The two pixels around each place [P], in units of a side of `size` [P] pixels, and their shares [P] of a linear
    read: 0 beyond the side."""
    position = place.clamp(-2, 3) * size - 0.5
    nearest = position.round()
    position = torch.where((position - nearest).abs() < _SNAP, nearest, position)
    first = position.floor()
    share, first = position - first, first.long()
    pixels = ((first, 1 - share), (first + 1, share))
    inside = [(x >= 0) & (x < size) for x, _ in pixels]
    return [(torch.where(there, x, 0), part * there) for (x, part), there in zip(pixels, inside, strict=True)]
