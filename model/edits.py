"""Where an edit changes a picture: which boxes moved, where that may show, and which pixels stand still."""

from __future__ import annotations

import torch
from torch import Tensor

from .carried import Carried
from .geometry import Boxes, Camera, boxes_2d, moved_boxes, pixel_centres


def camera_moved(source: Camera, target: Camera) -> Tensor:
    """[B] bool."""
    moved = (source.world_to_camera - target.world_to_camera).abs().amax((-2, -1)) > 1e-5
    return moved | ((source.intrinsics - target.intrinsics).abs().amax(-1) > 1e-5)


def edit_region(source: Camera, target: Camera, before: Boxes, after: Boxes, height: int, width: int) -> Tensor:
    """Where an edit may change the picture: [B, 1, H, W], 1 inside, 0 outside, a ramp between.

    Around every box that moved, appeared or vanished, both where it stood and where it stands, grown by
    40 % for shadows; everywhere if the camera moved. `before` and `after` [B, N] share their slots.
    """
    region = camera_moved(source, target).float()[:, None, None, None].expand(-1, 1, height, width).clone()
    if after.size.shape[1] == 0:
        return region
    moved = moved_boxes(before, after)
    uv = pixel_centres(height, width, region.device)
    for camera, boxes in ((source, before), (target, after)):
        rectangle = boxes_2d(camera, boxes)
        centre = (rectangle[..., :2] + rectangle[..., 2:]) / 2
        half = (rectangle[..., 2:] - rectangle[..., :2]).clamp_min(0.02) / 2
        ramps = []
        for axis, places in enumerate((uv[0, :, 0], uv[:, 0, 1])):
            away = (places - centre[..., axis, None]).abs() / half[..., axis, None]  # 1 on the rectangle's edge
            ramps.append(((1.8 - away) / 0.4).clamp(0, 1) * (moved & boxes.present)[..., None])
        inside = torch.minimum(ramps[0][:, :, None], ramps[1][..., None])  # [B, N, H, W]
        region = torch.maximum(region, inside.amax(1, keepdim=True))
    return region


def steady_pixels(source: Camera, target: Camera, before: Boxes, after: Boxes, carried: Carried) -> Tensor:
    """[B, 1, H, W], 1 where the carried picture shows the source picture's own pixel in its own place: there only
    light and shadow can have changed."""
    count = after.size.shape[1]
    still = torch.zeros_like(carried.seen, dtype=torch.bool)
    if count:
        slot = carried.slot.clamp_min(0)  # [B, H, W]
        unmoved = ~moved_boxes(before, after)
        still = unmoved.gather(1, slot.flatten(1)).view_as(slot)[:, None] & (carried.slot >= 0)[:, None]
    same = (carried.background > 0.99) | ((carried.seen > 0.99) & still)
    return (same & ~camera_moved(source, target)[:, None, None, None]).float()
