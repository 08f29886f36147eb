"""Contact shadows: the floor darkens under a box that was put somewhere, as it does under every thing that stands.

A picture's own light is unknown, but near contact nearly all light is dimmed. How much was measured on training pairs
of the mesh engine (`python -m model.data.contact_light`): a mean of 0.84 under an object, 0.86 beside it, 0.95 at a
fifth of its size, nothing at about its size. What the light really does is left to the fusion network.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .geometry import Boxes, moved_boxes, rigid_inverse, transform_each

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
    left = torch.ones_like(points[..., 0])
    sizes = box_sizes(boxes)
    for number in boxes.present.any(0).nonzero()[:, 0].tolist():
        pose, size = boxes.pose[:, number], boxes.size[:, number]
        local = transform_each(rigid_inverse(pose)[:, None], points)
        outside = (local[..., :2].abs() - size[:, None, :2] / 2).clamp_min(0).norm(dim=-1)
        unit = sizes[:, number, None]
        near = (1 - outside / (NEAR_REACH * unit)).clamp_min(0).square()
        wide = (1 - outside / (WIDE_REACH * unit)).clamp_min(0)
        gap = (pose[:, 2, 3] - size[:, 2] / 2 - ground)[:, None].abs()
        touching = (1 - gap / (LIFTED * unit)).clamp_min(0) * boxes.present[:, number, None]
        left = left * (1 - touching * ((UNDER - WIDE) * near + WIDE * wide))
    return left


def contact_shade(before: Boxes, after: Boxes, points: Tensor, ground: Tensor) -> Tensor:
    """Factor [B, P], at most 1, that boxes `after` put on a floor whose picture shows the boxes `before` already.

    Exactly 1 where nothing moved. Shapes as in `light_left`; both [B, N] share their slots."""
    moved = moved_boxes(before, after)
    now, then = (Boxes(boxes.pose, boxes.size, boxes.present & moved) for boxes in (after, before))
    factor = light_left(now, points, ground) / light_left(then, points, ground)
    return torch.where(factor < VISIBLE, factor, 1.0)
