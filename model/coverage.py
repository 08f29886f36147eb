"""Where the objects of a finished picture are, at its full size: coverage, object and depth of every pixel.

The networks say it at the model's size, sure of what is inside and what is outside and vague at the outline; the
carried picture has sharp outlines, with pinholes and crumbs. So the predicted masks decide where they are sure, and
between them the carried picture does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from .atlas import Atlas, fetch
from .carried import Carried
from .conditions import Surface
from .geometry import pixel_centres

OUTSIDE, INSIDE = (0.2, 0.5), (0.6, 0.9)  # predicted cover: below the first it is none, above the last it is full
OUTLINE = (0.2, 0.8)  # of the smoothed carried cover: what is left of the smoothing is one pixel wide


def coverage(predicted: Tensor, carried: Carried, cell: float) -> Tensor:
    """Share of every pixel that objects cover, [1, 1, H, W] at the size of `carried`.

    predicted [1, 1, h, w]: by the model, at its own size; cell: pixels of one cell of the splat that carried.
    """
    sure = interpolate(predicted, carried.seen.shape[-2:], mode="bilinear", align_corners=False)
    outline = carried.covered
    width = 2 * round(cell / 2) + 1
    for _ in range(2):
        outline = avg_pool2d(outline, width, 1, width // 2, count_include_pad=False)
    least, most = _ramp(sure, INSIDE), _ramp(sure, OUTSIDE)
    return least + (most - least) * _ramp(outline, OUTLINE)


def full_size_surface(surface: Surface, carried: Carried, cover: Tensor) -> tuple[Tensor, Tensor]:
    """The object (-1: none) and its depth in metres (0: none) of every pixel, [1, H, W] each, where `cover` [1, 1, H,
    W] is above a half: the object that the carried picture shows where the model (`surface` [1, h, w]) has it too."""
    height, width = carried.slot.shape[-2:]
    slot, depth = _grown(surface.slot, surface.depth)
    rows, columns = slot.shape[-2:]
    one = torch.ones(1, dtype=torch.int64, device=slot.device)
    table = Atlas(depth.reshape(-1, 1), slot.reshape(-1), 0 * one, rows * one, columns * one)
    index, metres = (
        interpolate(x[:, None].float(), (height, width), mode="nearest-exact").flatten().to(x.dtype)
        for x in (slot, depth)
    )
    inside = (cover.flatten() > 0.5).nonzero()[:, 0]
    shown, where = carried.slot.flatten()[inside], pixel_centres(height, width, slot.device).view(-1, 2)[inside]
    wanted = torch.where(shown >= 0, shown, index[inside])
    smooth, share = fetch(table, torch.zeros_like(wanted), where, wanted)
    index[inside] = torch.where(share > 0, wanted, index[inside])
    metres[inside] = torch.where(share > 0, smooth[:, 0], metres[inside])
    hidden = cover.flatten() <= 0.5
    index[hidden], metres[hidden] = -1, 0.0
    return index.view(1, height, width), metres.view(1, height, width)


def _grown(slot: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Both by one cell, where there was no object."""
    made, metres = slot.clone(), depth.clone()
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        rows, columns = slot.shape[-2:]
        here = (slice(None), slice(max(dy, 0), rows + min(dy, 0)), slice(max(dx, 0), columns + min(dx, 0)))
        there = (slice(None), slice(max(-dy, 0), rows + min(-dy, 0)), slice(max(-dx, 0), columns + min(-dx, 0)))
        free = (made[here] < 0) & (slot[there] >= 0)
        made[here] = torch.where(free, slot[there], made[here])
        metres[here] = torch.where(free, depth[there], metres[here])
    return made, metres


def _ramp(values: Tensor, ends: tuple[float, float]) -> Tensor:
    return ((values - ends[0]) / (ends[1] - ends[0])).clamp(0, 1)
