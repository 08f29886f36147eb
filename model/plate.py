"""The clean plate: a picture as it would be without its objects.

What stood behind an object was never seen, but floors and walls go on as they do beside it: every patch that touches
a hole is given the patch of the picture that continues it best, and the hole's pixels are what these patches agree on,
from coarse to fine (`patches`), in the light that surrounds the hole (`membrane`). Shadows of objects leave with them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from .filters import box_max, box_mean
from .holes import RIM, fill_background
from .membrane import lit_from_around
from .patches import REACH, Level, Matched, shrunk
from .straight_edges import sides, straight_edges

CELLS = 160**2  # of the finest of two levels; the coarser has a quarter of them
GROWN = 0.6 * RIM  # of the longer side: the rim of a hole, with an object's last pixels, is made anew
SHADOW_REACH = 0.09  # of the longer side: how far from an object its shadow is looked for
REPLACED = GROWN + SHADOW_REACH  # of the longer side: how far from an object the plate may differ
_EDGE = 1.5  # cells beside a straight edge that take no light from their neighbours
_SEAM = 0.008  # of the longer side: width of the seam
_ROUNDS = (4, 3)  # of matching and agreeing, at the coarser level and at the finer
_SHADOW_CELLS = 80**2  # of the grid in which shadows are looked for
_SHADOW_LIGHT = 0.1  # of a difference in mean colour counts when the same stuff in other light is looked for
_SHADOW = 0.9  # of the light that is expected; below is shadow
_SHADOW_CONTRAST = 0.12  # of its mean: five by five cells of more show an edge
_SHADOW_TINT = 1.2  # ratio of the channels' ratios: shadows are darker, not of another colour


def clean_plate(image: Tensor, hidden: Tensor, shaded: Tensor | None = None) -> Tensor:
    """image [1, 3, H, W] 0..1 without the objects that hide [1, 1, H, W] bool of it, the rim around them, what is known
    to lie in their shadows (shaded [1, 1, H, W] bool), and other shadows beside that; farther than `REPLACED` from all
    that the picture stays exactly.

    The same picture and masks give the same plate. A picture that is hidden nearly everywhere is only filled smoothly.
    """
    known = hidden if shaded is None else hidden | shaded
    hole = box_max(known.float(), max(1, round(GROWN * max(image.shape[-2:])))) > 0
    if not bool(hole.any()):
        return image
    hole = hole | _shadows(image, hole)
    smooth, matched = _matched(image, hole)
    made = smooth if matched is None else _enlarged(matched, image, hole)
    # the rim goes over into what was made
    reach = max(1, round(_SEAM * max(image.shape[-2:])))
    share = (2 * box_mean(hole.float(), reach) - 1).clamp(0, 1) * hole
    return torch.where(share > 0, image + share * (made - image), image)


def _matched(image: Tensor, hole: Tensor) -> tuple[Tensor, Matched | None]:
    """The picture with its hole filled smoothly, and what the finer level came to (None without anything to copy)."""
    smooth = fill_background(image, (~hole).float())
    height, width = image.shape[-2:]
    edges = straight_edges(image, hole)
    coarse, fine = (Level(smooth, hole, *_grid(height, width, cells), edges) for cells in (CELLS / 4, CELLS))
    if not bool(coarse.donors.any() and fine.donors.any()):
        return smooth, None
    matched = fine.match(coarse.match(None, _ROUNDS[0]), _ROUNDS[1])
    beside = sides(edges, fine.rows, fine.columns, _EDGE)
    on_edge = (beside.abs() < 1).any(1).view(fine.rows, fine.columns)
    return smooth, Matched(lit_from_around(matched.image, fine.hole, matched.index, on_edge), matched.index)


def _shadows(image: Tensor, hole: Tensor) -> Tensor:
    """Where it is darker beside a hole than the same stuff farther away, and of no other colour: [1, 1, H, W] bool."""
    height, width = image.shape[-2:]
    rows, columns = _grid(height, width, _SHADOW_CELLS)
    inside = shrunk(hole, rows, columns)
    reach = round(SHADOW_REACH * max(rows, columns))
    around = box_max(inside.float(), reach) > 0
    level = Level(fill_background(image, (~hole).float()), around, rows, columns, light=_SHADOW_LIGHT)
    if not bool(level.donors.any()):
        return torch.zeros_like(hole)
    alike = level.nearest_of_all()
    mean = _smoothed(level.image) + 0.02
    flat = mean.flatten(2)[0]
    ratio = torch.ones_like(flat)
    ratio[:, level.takers] = flat[:, level.takers] / flat[:, alike]
    ratio = _smoothed(ratio.view_as(mean))
    tint = ratio.amax(1, keepdim=True) / ratio.amin(1, keepdim=True)
    contrast = (_smoothed((level.image + 0.02).square()) - mean.square()).clamp_min(0).sqrt() / mean
    # at an edge half a cell more or less would look like light
    plain = contrast.amax(1, keepdim=True) < _SHADOW_CONTRAST
    dark = (ratio.mean(1, keepdim=True) < _SHADOW) & (tint < _SHADOW_TINT) & plain & around & ~inside
    joined, allowed = inside.float(), (dark | inside).float()
    for _ in range(reach):  # only what hangs together with the hole
        joined = box_max(joined, 1) * allowed
    closed = -box_max(-box_max(joined, 4), 3)  # no islands
    return interpolate(closed, (height, width), mode="bilinear", align_corners=False) > 0.5


def _smoothed(image: Tensor) -> Tensor:
    """Mean over five by five cells."""
    return box_mean(pad(image, (2,) * 4, mode="replicate"), 2)[..., 2:-2, 2:-2]


def _grid(height: int, width: int, cells: float) -> tuple[int, int]:
    """(rows, columns) of about so many cells of a picture's shape, not more than it has pixels."""
    scale = min(1.0, (cells / (height * width)) ** 0.5)
    least = 2 * REACH + 2
    return max(least, round(height * scale)), max(least, round(width * scale))


def _enlarged(matched: Matched, image: Tensor, hole: Tensor) -> Tensor:
    """The picture at its own size: pixels from where the nearest cells were taken, their colours as at the level."""
    height, width = image.shape[-2:]
    rows, columns = matched.index.shape
    y, x = hole[0, 0].nonzero().unbind(1)  # [P]
    v, u = (y + 0.5) * rows / height - 0.5, (x + 0.5) * columns / width - 0.5
    colours = image.flatten(2)[0]
    made = torch.zeros(3, len(y), device=image.device)
    for dv in (0, 1):
        for du in (0, 1):
            a, b = v.floor() + dv, u.floor() + du
            share = (1 - (v - a).abs()) * (1 - (u - b).abs())
            a, b = a.long().clamp(0, rows - 1), b.long().clamp(0, columns - 1)
            there = matched.index[a, b]
            down = torch.round((there // columns - a) * (height / rows)).long()
            right = torch.round((there % columns - b) * (width / columns)).long()
            made += share * colours[:, (y + down).clamp(0, height - 1) * width + (x + right).clamp(0, width - 1)]
    full = image.clone()
    full[0, :, y, x] = made
    shrunk = interpolate(full, (rows, columns), mode="area")
    error = interpolate(matched.image - shrunk, (height, width), mode="bilinear", align_corners=False)
    return (full + error).clamp(0, 1)
