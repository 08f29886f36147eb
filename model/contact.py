"""Contact shadows: the floor darkens under a box that was put somewhere, as it does under every thing that stands.

A picture's own light is unknown, but near contact nearly all light is dimmed. `python -m model.data.contact_light`
prints how much on training pairs: of the mesh engine (`--assets`) 0.85 is left under an object and beside it, 0.89 at
0.3 of its size, 0.98 at 0.85; of the procedural engine 0.73, 0.85 and 0.96. The numbers here are on the weak side of
that, since light from one side leaves most of the floor around as it was; the rest is left to the fusion network.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .geometry import Boxes, maps_of, moved_boxes, rigid_inverse, turned

UNDER = 0.16  # share of light lost under a box and where it meets the floor
WIDE, WIDE_REACH = 0.05, 0.9  # share lost beside it, and where that ends, in sizes of the box
NEAR_REACH = 0.25  # where the rest of `UNDER` ends, in sizes
VISIBLE = 0.999  # share of light: what keeps more is not darkened at all
LIFTED = 0.3  # sizes above the floor at which nothing is left


def box_sizes(boxes: Boxes) -> Tensor:
    """The length [B, N] in metres that shadows scale with: the height, or the footprint's mean side if that is less."""
    return torch.minimum(boxes.size[..., 2], (boxes.size[..., 0] * boxes.size[..., 1]).sqrt())


def light_left(boxes: Boxes, points: Tensor, ground: Tensor) -> Tensor:
    """Share of light [B, P] on floor points [B, P, 3] (world) under boxes [B, N]; ground [B] metres (world z)."""
    size, unit = boxes.size, box_sizes(boxes)
    reach = WIDE_REACH * unit + size[..., :2].norm(dim=-1) / 2
    away = torch.cdist(points[..., :2], boxes.pose[..., :2, 3], compute_mode="donot_use_mm_for_euclid_dist")
    near_by = (away < reach[:, None]) & boxes.present[:, None]  # [B, P, N]: most boxes are far from most points
    gap = (boxes.pose[..., 2, 3] - size[..., 2] / 2 - ground[:, None]).abs()
    touching = (1 - gap / (LIFTED * unit)).clamp_min(0)
    frame, point, number = near_by.nonzero().unbind(-1)
    box, place = frame * boxes.size.shape[1] + number, frame * points.shape[1] + point
    half = size.reshape(-1, 3).T.index_select(1, box) / 2  # [3, Q]
    unit, touching = (x.flatten().index_select(0, box) for x in (unit, touching))
    own = maps_of(rigid_inverse(boxes.pose)[..., :3, :], box)
    local = own[:, 3] + turned(own, points.flatten(0, 1).index_select(0, place))  # [3, Q]
    distance = torch.hypot(*(local.abs() - half)[:2].clamp_min(0)) / unit  # [Q] in sizes
    near = (1 - distance / NEAR_REACH).clamp_min(0).square()
    wide = (1 - distance / WIDE_REACH).clamp_min(0)
    kept = 1 - touching * ((UNDER - WIDE) * near + WIDE * wide)
    left = torch.ones_like(points[..., 0])
    return left.flatten().scatter_reduce(0, place, kept, "prod").view_as(left)


def contact_shade(before: Boxes, after: Boxes, points: Tensor, ground: Tensor) -> Tensor:
    """Factor [B, P], at most 1, that boxes `after` put on a floor whose picture shows the boxes `before` already.

    Exactly 1 where nothing moved. Shapes as in `light_left`; both [B, N] share their slots."""
    moved = moved_boxes(before, after)
    now, then = (Boxes(boxes.pose, boxes.size, boxes.present & moved) for boxes in (after, before))
    factor = light_left(now, points, ground) / light_left(then, points, ground)
    return torch.where(factor < VISIBLE, factor, 1.0)
