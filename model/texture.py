"""Texture for holes: what was never seen should at least be made of what surrounds it.

Networks draw the mean of what may stand in a hole, which is smooth. Its fine structure is copied from the same rows of
the picture, displaced so that it continues what is seen around the hole: floors and walls repeat along the rows of a
level camera (a one-dimensional case of shift maps, Pritch et al. 2009, section 3). Only the fine structure is
copied; colours and light stay the network's.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from .filters import box_max, box_mean
from .holes import trusted_weight

GRID = 144  # longer side at which displacements are searched
_AROUND = 16  # cells: half the window in which a displaced copy must continue its surroundings
_FINE = 5  # cells: half the window over which structure counts as fine
_NEAREST = 6  # cells: the smallest displacement
_FARTHEST = 0.4  # of the picture's width


def hole_texture(image: Tensor, hole: Tensor, known: Tensor) -> Tensor:
    """Fine structure for the holes of image [1, 3, H, W], 0 elsewhere.

    hole [1, 1, H, W] 0..1 where it is wanted; known [1, 1, H, W] 0..1 where the image is the background's own.
    """
    height, width = image.shape[-2:]
    scale = min(1.0, GRID / max(height, width))
    rows, columns = max(8, round(height * scale)), max(8, round(width * scale))
    shrink = lambda x: interpolate(x, (rows, columns), mode="area")  # noqa: E731
    small, sure = shrink(image), (shrink(known) > 0.99).float()
    wanted = (shrink(hole) > 0.01).float()
    if not bool(wanted.any()):
        return torch.zeros_like(image)
    shift, trust = _displacements(_fine(small, sure, _FINE), sure, trusted_weight(sure), wanted)
    # the same at the picture's own size
    factor = width / columns
    shift = (interpolate(shift.float(), (height, width), mode="nearest-exact") * factor).round().long()
    trust = interpolate(trust, (height, width), mode="bilinear", align_corners=False)
    fine = _fine(image, (known > 0.99).float(), max(1, round(_FINE * factor)))
    source = torch.arange(width, device=image.device) + shift  # [1, 1, H, W]
    inside = (source >= 0) & (source < width) & (shift != 0)
    copied = fine.gather(-1, source.clamp(0, width - 1).expand_as(fine))
    return copied * inside * trust * hole


def _fine(image: Tensor, known: Tensor, reach: int) -> Tensor:
    """The image less its mean over the known pixels around, 0 where it is not known."""
    pool = lambda x: box_mean(x, reach)  # noqa: E731
    return (image - pool(image * known) / pool(known).clamp_min(1e-3)) * known


def _displacements(fine: Tensor, known: Tensor, donors: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """For each cell [1, 1, h, w] the displacement in cells (0: none), and how far it is trusted, 0..1.

    A displaced copy fits where around the cell it agrees with what is known; its structure must come from
    `donors`, which are known and not in the shadow of an object.
    Copies of variance v that err by e are trusted by their correlation 1 - e / 2v, which keeps the squared error least.
    """
    height, width = fine.shape[-2:]
    farthest = max(_NEAREST + 1, round(_FARTHEST * width))
    # worked out where it is wanted, and as far around as is looked
    near = box_max(wanted, _AROUND)[0, 0]
    (top, bottom), (left, right) = (_ends(near.amax(axis)) for axis in (1, 0))
    maps = pad(torch.cat([fine, known, donors], 1), (farthest, farthest, 0, 0))[..., top:bottom, :]
    at = lambda step: maps[..., farthest + left + step : farthest + right + step].split((3, 1, 1), 1)  # noqa: E731
    fine, known, _ = at(0)
    wanted = wanted[..., top:bottom, left:right]
    energy = fine.square().mean(1, keepdim=True)
    least = torch.full_like(known, torch.inf)
    best = torch.zeros_like(known, dtype=torch.int64)
    for distance in range(_NEAREST, farthest):
        for step in (-distance, distance):
            moved, there, donor = at(step)
            pair = known * there
            apart = (fine - moved).square().mean(1, keepdim=True)
            means = box_mean(torch.cat([pair, apart * pair, energy * pair], 1), _AROUND)
            both, error, scale = means.split(1, 1)
            error = error / (scale + 1e-5 * both + 1e-9) + 0.1 * distance / width
            error = torch.where((donor > 0) & (both > 0.05) & (wanted > 0), error, torch.inf)
            better = error < least
            least, best = torch.where(better, error, least), torch.where(better, step, best)
    trust = torch.where(torch.isfinite(least), (1 - least / 2).clamp(0, 1), 0.0)
    around = (left, width - right, top, height - bottom)
    return pad(best, around), pad(trust, around)


def _ends(wanted: Tensor) -> tuple[int, int]:
    """The first of a row [n] that is above zero, and the one after the last."""
    found = wanted.nonzero()
    return int(found[0]), int(found[-1]) + 1
