"""Straight edges that run into a hole: where floors end at walls, tables in the air, and skirting boards.

What is beside an edge differs from what is on its other side all along it. Every line across the picture is asked
whether it is such an edge shortly before a hole, on one side of it or on both (a Hough transform, Duda and Hart 1972,
whose votes are differences of colour across the line).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate, pad

_CELLS = 80  # along the longer side of the grid on which edges are looked for
_ANGLES = 60  # of half a turn
_BANDS = (3, 7)  # cells on either side of a line whose colours are compared: both must differ
_SUPPORT = 20  # cells along the line, from a hole on, that are asked
_LEAST = 7  # of them that must be known
_DEVIATION = 1.5  # of it is taken from the mean difference of colour along the line; what is left must be
_CONTRAST = 0.06  # at least so much
_MOST = 3  # edges
_ALIKE = 0.45  # radians: of two edges that cross at less the stronger is believed
_PARALLEL = 0.06  # radians: of two that hardly cross, both are where they are
_APART = 4  # cells from each other


def straight_edges(image: Tensor, hole: Tensor) -> Tensor:
    """Edges of picture [1, 3, H, W] that run into hole [1, 1, H, W] bool, best first: [E, 3] each (a, b, c) of the line
    a x + b y = c, with x, y in units of the longer side from the picture's centre and a^2 + b^2 = 1."""
    height, width = image.shape[-2:]
    scale = min(1.0, _CELLS / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    known = interpolate((~hole).float(), size, mode="area")
    colours = interpolate(image * (~hole), size, mode="area") / known.clamp_min(1e-6)
    known = (known > 0.98).float()
    angles = torch.arange(_ANGLES, device=image.device) * (math.pi / _ANGLES)
    turned, steps = _turned(torch.cat([colours * known, known, 1 - known], 1), angles)
    strength = _strength(turned)  # [A, R]
    return _best(strength, angles, steps)


def sides(edges: Tensor, rows: int, columns: int, reach: float) -> Tensor:
    """On which side of every edge [E, 3] the cells of a grid lie, [rows * columns, E]: -1 to 1, `reach` cells away."""
    longer = max(rows, columns)
    y = (torch.arange(rows, device=edges.device) + 0.5 - rows / 2) / longer
    x = (torch.arange(columns, device=edges.device) + 0.5 - columns / 2) / longer
    distance = edges[:, 0, None, None] * x + edges[:, 1, None, None] * y[:, None] - edges[:, 2, None, None]
    return (distance * (longer / reach)).clamp(-1, 1).flatten(1).T


def _turned(planes: Tensor, angles: Tensor) -> tuple[Tensor, Tensor]:
    """planes [1, C, h, w] read along lines: [A, C, R, T] for every angle, distance from the centre and place along the
    line, zero outside; and the distances [R] in units of the longer side."""
    rows, columns = planes.shape[-2:]
    longer = max(rows, columns)
    half = math.ceil(math.hypot(rows, columns) / 2)
    steps = torch.arange(-half, half + 1, device=planes.device) / longer  # [R] and [T]
    cos, sin = angles.cos()[:, None, None], angles.sin()[:, None, None]
    across, along = steps[:, None], steps[None]
    x, y = cos * across - sin * along, sin * across + cos * along  # [A, R, T]
    grid = torch.stack([2 * x * longer / columns, 2 * y * longer / rows], -1)
    planes = planes.expand(len(angles), -1, -1, -1)
    return grid_sample(planes, grid, mode="nearest", padding_mode="zeros", align_corners=False), steps


def _strength(turned: Tensor) -> Tensor:
    """How clearly every line [A, R] is an edge beside a hole: difference of colour less its deviation."""
    before, ahead = _reached(turned[:, 4:5])
    sums = pad(turned[:, :4], (0, 0, max(_BANDS) + 1, max(_BANDS))).cumsum(2)  # [A, 4, R + ..., T] up to every line
    by_band = []
    for band in _BANDS:
        apart, enough = _differences(sums, band)
        scores = [_coherent(apart, enough & side) for side in (ahead, before, ahead | before)]
        by_band.append(torch.stack(scores))
    return torch.stack(by_band).amin(0).amax(0)


def _reached(hole: Tensor) -> tuple[Tensor, Tensor]:
    """Where along every line [A, 1, R, T] a hole is at most `_SUPPORT` cells back, and on: bool each."""
    passed = pad(hole, (_SUPPORT + 1, _SUPPORT)).cumsum(-1)
    count = hole.shape[-1]
    until = lambda shift: passed[..., _SUPPORT + 1 + shift : _SUPPORT + 1 + shift + count]  # noqa: E731
    return until(0) > until(-_SUPPORT - 1), until(_SUPPORT) > until(-1)


def _differences(sums: Tensor, band: int) -> tuple[Tensor, Tensor]:
    """Mean colour of the `band` cells before every line less that of the cells after it [A, 3, R, T], and where half of
    both is known [A, 1, R, T]."""
    widest = max(_BANDS)
    count = sums.shape[2] - 2 * widest - 1
    until = lambda shift: sums[:, :, widest + 1 + shift : widest + 1 + shift + count]  # noqa: E731
    first, second = until(-1) - until(-1 - band), until(band) - until(0)
    enough = (first[:, 3:] > band / 2 - 0.25) & (second[:, 3:] > band / 2 - 0.25)
    mean = lambda x: x[:, :3] / x[:, 3:].clamp_min(0.5)  # noqa: E731
    return (mean(first) - mean(second)) * enough, enough


def _coherent(apart: Tensor, where: Tensor) -> Tensor:
    """Length of the mean of differences [A, 3, R, T] where [A, 1, R, T] they count, less their deviation: [A, R]."""
    count = where.sum(-1)[:, 0].clamp_min(1)  # [A, R]
    mean = (apart * where).sum(-1) / count[:, None]
    square = (apart.square() * where).sum((1, 3)) / count
    deviation = (square - mean.square().sum(1)).clamp_min(0).sqrt()
    share = ((count - _LEAST) / (_SUPPORT - _LEAST)).clamp(0, 1)
    return (mean.norm(dim=1) - _DEVIATION * deviation) * share.sqrt()


def _best(strength: Tensor, angles: Tensor, steps: Tensor) -> Tensor:
    """The strongest lines [E, 3], none beside a stronger one."""
    found = []
    apart = steps[1] - steps[0]
    left = strength.clone()
    for _ in range(_MOST):
        value, place = left.flatten().max(0)
        if float(value) < _CONTRAST:
            break
        turn, distance = angles[place // len(steps)], steps[place % len(steps)]
        found.append(torch.stack([turn.cos(), turn.sin(), distance]))
        difference = (angles - turn).abs()[:, None]
        flipped = difference > math.pi / 2  # half a turn on the same line has its distance the other way round
        difference = torch.minimum(difference, math.pi - difference)
        between = torch.where(flipped, steps + distance, steps - distance).abs()
        beside = (difference < _PARALLEL) & (between >= _APART * apart)
        left = left.masked_fill((difference < _ALIKE) & ~beside, 0.0)
    return torch.stack(found) if found else steps.new_zeros(0, 3)
