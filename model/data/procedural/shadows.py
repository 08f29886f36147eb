"""Soft shadows without noise: how much of the sun's or lamp's disc the parts cover, in closed form.

Seen along the light, a box is a hexagon, an ellipsoid an ellipse, a cylinder a segment widened by an ellipse. The
disc of the light, carried back to the part, has a radius that grows with the distance between part and point; what the
outline covers of it is taken as for a straight edge across a disc, on both sides, so that thin parts cast faint
shadows. Parts are convex: none shades itself. The constants of the outlines come from `solids`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..frames import MAX_OBJECTS
from .solids import Solids
from .surroundings import Surroundings
from .vectors import pick, turn

DISC = 0.6  # radius of the disc that stands for a light of softness 1 at distance 1
_STEPS = 2**20  # of the logarithm of what is seen
_SHARPEST = 0.004  # metres: no edge is sharper


def in_light(solids: Solids, frame: Tensor, point: Tensor) -> Tensor:
    """Coordinates [3, R] of world points along the light's axes of their frames."""
    return turn(pick(solids.light_axes, frame).view(3, 3, -1), point)


def sunlight(solids: Solids, around: Surroundings, frame: Tensor, point: Tensor, part: Tensor) -> Tensor:
    """Share [R] of the light's disc that points [3, R] on parts [R] (-1: none) of frames [R] see."""
    place = in_light(solids, frame, point)
    softness = pick(around.softness, frame) * DISC
    softness = softness.expand(len(part))
    dark = torch.zeros_like(part, dtype=torch.int32)  # of whole numbers the sum does not depend on the order
    index, caster = _candidates(solids, frame, place, softness)
    boxes = solids.kinds[0].stop
    for cover, table, first, mine in (
        (straight_cover, solids.straight, 0, caster < boxes),
        (round_cover, solids.round, boxes, caster >= boxes),
    ):
        mine = mine.nonzero()[:, 0]
        row, which = index.index_select(0, mine), caster.index_select(0, mine)
        column = table.index_select(1, which - first)
        covered = cover(column, place.index_select(1, row), softness.index_select(0, row))
        covered = covered * (part.index_select(0, row) != which)
        dark.index_add_(0, row, ((1 - 0.9999 * covered).log() * _STEPS).int())
    return (dark * (1 / _STEPS)).exp()


def _near(bounds: Tensor, place: Tensor, softness: Tensor) -> Tensor:
    """Whether points [3, ...] along the light's axes may be shaded from inside `bounds` [5, ...]."""
    reach = softness * (bounds[4] - place[2]) + _SHARPEST
    return torch.maximum((place[0] - bounds[0]).abs() - bounds[2], (place[1] - bounds[1]).abs() - bounds[3]) < reach


def _candidates(solids: Solids, frame: Tensor, place: Tensor, softness: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of a point [Q] and a part [Q] that may shade it: by the objects' bounds, then by the parts'."""
    rows, casters = [], []
    for slot in solids.boxes.present.any(0).nonzero()[:, 0].tolist():
        row = _near(pick(solids.object_shade[:, slot], frame), place, softness).nonzero()[:, 0]
        mine, here, soft = frame.index_select(0, row), place.index_select(1, row), softness.index_select(0, row)
        near = _near(pick(solids.part_shade[:, slot], mine), here[:, None], soft)  # [K, number of rows]
        part, point = near.nonzero().T.contiguous()
        number = part * solids.part_number.shape[-1] + mine.index_select(0, point)
        casters.append(solids.part_number[slot].flatten().index_select(0, number))
        rows.append(row.index_select(0, point))
    return (torch.cat(rows), torch.cat(casters)) if rows else (frame[:0], frame[:0])


def _between(half: Tensor, off: Tensor, radius: Tensor) -> Tensor:
    """Share of a disc of `radius` that lies within `half` of a line which its centre lies `off` from."""
    scale = 1 / radius
    a, b = ((half - off) * scale).clamp(-1, 1), ((half + off) * scale).clamp(-1, 1)
    return 0.75 * (a + b) - 0.25 * (a * a * a + b * b * b)


def _weigh(cover: Tensor, ahead: Tensor, radius: Tensor, area: Tensor) -> Tensor:
    """Parts behind the point do not count, and none covers more than its outline's share of the disc."""
    most = (area / (3.1416 * radius * radius)).clamp_max(1)
    return torch.minimum(cover.clamp_min(0), most) * (ahead * 100).clamp(0, 1)


def straight_cover(column: Tensor, place: Tensor, softness: Tensor) -> Tensor:
    """Share of the light's disc that boxes cover for points [3, Q]; column [25, Q]."""
    u, v, height = place
    a, b, low, high = column[:12].view(4, 3, -1)
    middle = a * u + b * v
    ahead = ((middle + low).amax(0) + (middle + high).amin(0)) * 0.5 - height
    radius = softness * ahead.clamp_min(0) + _SHARPEST
    a, b, c, half = column[12:24].view(4, 3, -1)
    cover = _between(half, (a * u + b * v + c).abs(), radius).amin(0)
    return _weigh(cover, ahead, radius, column[24])


def round_cover(column: Tensor, place: Tensor, softness: Tensor) -> Tensor:
    """The same for ellipsoids and cylinders; column [17, Q]."""
    x, y, level, ax, ay, rise, px, py, mxx, mxy, myy, sx, sy, least, mean, taper, area = column
    u, v = place[0] - x, place[1] - y
    along = (px * u + py * v).clamp(-1, 1)  # of the cylinder's axis
    u, v = u - along * ax, v - along * ay
    gu, gv = mxx * u + mxy * v, mxy * u + myy * v
    k = (gu * u + gv * v).clamp_min(0).sqrt()  # 1 on the ellipse
    width = (k + 1e-3) / ((gu * gu + gv * gv).sqrt() + 1e-3 / least)
    ahead = level + along * rise + sx * u + sy * v - place[2]
    radius = softness * ahead.clamp_min(0) + _SHARPEST
    cover = _between(width * (mean - taper * along), k * width, radius)
    return _weigh(cover, ahead, radius, area)


def contact(solids: Solids, frame: Tensor, point: Tensor, normal: Tensor) -> Tensor:
    """Ambient light that is left [R] near objects: darker under and beside them."""
    left = torch.ones_like(point[0])
    upward = normal[2].clamp_min(0.15) * 0.55
    to_box, size = solids.to_box.view(3, 4, -1, MAX_OBJECTS), solids.size.view(3, -1, MAX_OBJECTS)
    for slot in solids.boxes.present.any(0).nonzero()[:, 0].tolist():
        m, extent = pick(to_box[..., slot], frame), pick(size[..., slot], frame)
        here = pick(solids.boxes.present[:, slot].float(), frame)
        square = torch.zeros_like(left)
        for axis in range(3):
            row = m[axis] * extent[axis]
            gap = (row[0] * point[0] + row[1] * point[1] + row[2] * point[2] + row[3]).abs() - extent[axis] * 0.42
            gap = gap.clamp_min(0)
            square = square + gap * gap
        left = left * (1 - upward * here * torch.exp(square.sqrt() * (-1 / (0.22 * extent[2] + 0.03))))
    return left
