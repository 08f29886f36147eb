"""Box layers: which boxes a pixel's ray enters, nearest first, and where.

Both small dense networks see the scene through these maps: the surface network (at `encode`) and the
fusion network (at `render`) answer for every pixel *which layer is visible* and *how far along the ray
inside that box the surface lies* (method: one number in 0..1, bounded by the box).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .geometry import (
    Boxes,
    Camera,
    box_to_camera,
    boxes_2d,
    camera_rays,
    intersect_box,
    pixel_centres,
    to_box_coordinates,
)

LAYERS = 3  # boxes a ray may enter and still be told apart
CHANNELS_PER_LAYER = 8  # entry coordinates 3, exit coordinates 3, inverse depth, cover


@dataclass(frozen=True)
class BoxLayers:
    """The `LAYERS` nearest boxes along each pixel's ray.

    slot [B, K, H, W] int64 (-1: none), entry and leave [B, K, H, W] depths in metres,
    maps [B, K * 8, H, W]: box coordinates at entry and exit (scaled to -1..1), inverse depth, cover.
    """

    slot: Tensor
    entry: Tensor
    leave: Tensor
    maps: Tensor


def box_layers(camera: Camera, boxes: Boxes, height: int, width: int, maps: bool = True) -> BoxLayers:
    """Layers of boxes [B, N] seen by cameras [B], at height x width pixels; without `maps` these stay empty."""
    device = boxes.pose.device
    batch, count = boxes.size.shape[:2]
    rays = camera_rays(pixel_centres(height, width, device).view(1, -1, 2), camera.intrinsics)  # [B, P, 3]
    if count == 0:
        boxes, count = _one_absent(batch, device), 1
    to_camera = box_to_camera(camera, boxes)  # [B, N, 4, 4]
    if batch == 1 and count > LAYERS:
        rectangles = boxes_2d(camera, boxes)[0]
        entry, leave = _inside_rectangles(rays.view(height, width, 3), to_camera[0], boxes.size[0], rectangles)
    else:
        entry, leave, hit = intersect_box(rays[:, None], to_camera, boxes.size)  # [B, N, P]
        entry = torch.where(hit & boxes.present[..., None], entry, torch.inf)
    depths, slots = [], []
    for _ in range(LAYERS):  # the nearest box, then the nearest of the others ...
        depth, nearest = entry.min(1, keepdim=True)
        depths.append(depth)
        slots.append(nearest)
        entry = entry.scatter(1, nearest, torch.inf)
    entry, slot = torch.cat(depths, 1), torch.cat(slots, 1)  # [B, K, P]
    covered = torch.isfinite(entry)
    entry, leave = (torch.where(covered, x, 0.0) for x in (entry, leave.gather(1, slot)))
    drawn = [
        _layer_maps(rays, to_camera, boxes.size, slot[:, k], entry[:, k], leave[:, k], covered[:, k])
        for k in range(LAYERS if maps else 0)
    ]
    stacked = torch.cat(drawn, 1) if drawn else rays.new_zeros(batch, 0, height * width)
    shape = (batch, LAYERS, height, width)
    slot = torch.where(covered, slot, -1).view(shape)
    stacked = stacked.view(batch, stacked.shape[1], height, width)
    return BoxLayers(slot, entry.view(shape), leave.view(shape), stacked)


def _inside_rectangles(rays: Tensor, to_camera: Tensor, size: Tensor, rectangles: Tensor) -> tuple[Tensor, Tensor]:
    """Entry (inf: missed) and exit depths [1, N, P] of rays [H, W, 3], each box tested inside its 2D bounds only."""
    height, width = rays.shape[:2]
    count = len(size)
    entry, leave = rays.new_full((count, height, width), torch.inf), rays.new_zeros(count, height, width)
    scale = rectangles.new_tensor([width, height, width, height])
    bounds = torch.cat([(rectangles * scale)[:, :2].floor() - 1, (rectangles * scale)[:, 2:].ceil() + 1], 1)
    for n, (left, top, right, bottom) in enumerate(bounds.long().clamp_min(0).tolist()):
        if not bool((rectangles[n] != 0).any()):
            continue  # absent, or wholly behind the camera
        part = rays[top:bottom, left:right]
        near, far, hit = intersect_box(part.reshape(-1, 3), to_camera[n], size[n])
        entry[n, top:bottom, left:right] = torch.where(hit, near, torch.inf).view(part.shape[:2])
        leave[n, top:bottom, left:right] = far.view(part.shape[:2])
    return entry.view(1, count, -1), leave.view(1, count, -1)


def _layer_maps(rays, to_camera, size, slot, entry, leave, covered) -> Tensor:
    """[B, 8, P] of one layer; gathers each pixel's own box."""
    batch, pixels = slot.shape
    index = slot + torch.arange(batch, device=slot.device)[:, None] * size.shape[1]
    matrix, extents = (
        to_camera.flatten(0, 1)[index],
        size.flatten(0, 1)[index],
    )  # [B, P, 4, 4], [B, P, 3]
    ends = [to_box_coordinates(rays * d[..., None], matrix, extents).clamp(-0.6, 0.6) * 2 for d in (entry, leave)]
    maps = torch.cat([*ends, 1 / (1 + entry[..., None]), torch.ones_like(entry)[..., None]], -1)
    return torch.where(covered[..., None], maps, 0.0).transpose(1, 2)


def _one_absent(batch: int, device: torch.device) -> Boxes:
    pose = torch.eye(4, device=device).expand(batch, 1, 4, 4)
    return Boxes(
        pose,
        torch.ones(batch, 1, 3, device=device),
        torch.zeros(batch, 1, dtype=torch.bool, device=device),
    )


def true_layer(layers: BoxLayers, object_index: Tensor) -> Tensor:
    """The visible layer of each pixel, [B, H, W]: 0..K-1, or K for the background. `object_index` [B, H, W]."""
    match = (layers.slot == object_index[:, None]) & (object_index[:, None] >= 0)
    none = torch.full_like(object_index, layers.slot.shape[1])
    return torch.where(match.any(1), match.int().argmax(1), none)


def true_fraction(layers: BoxLayers, depth: Tensor) -> Tensor:
    """How far along the ray inside each layer's box `depth` [B, H, W] lies: [B, K, H, W] in 0..1."""
    span = (layers.leave - layers.entry).clamp_min(1e-6)
    return ((depth[:, None] - layers.entry) / span).clamp(0, 1)


def visible_slot(layers: BoxLayers, choice: Tensor) -> Tensor:
    """The object of each pixel [B, H, W] for a chosen layer (K means background: -1)."""
    padded = torch.cat([layers.slot, torch.full_like(layers.slot[:, :1], -1)], 1)
    return padded.gather(1, choice[:, None])[:, 0]


def surface_coordinates(camera: Camera, boxes: Boxes, slot: Tensor, depth: Tensor) -> Tensor:
    """Box coordinates [B, 3, H, W] of the surface at `depth` in the box `slot` [B, H, W] each; 0 where slot < 0."""
    batch, height, width = slot.shape
    rays = camera_rays(pixel_centres(height, width, slot.device).view(1, -1, 2), camera.intrinsics)
    points = rays * depth.reshape(batch, -1, 1)
    index = (
        slot.reshape(batch, -1).clamp_min(0) + torch.arange(batch, device=slot.device)[:, None] * boxes.size.shape[1]
    )
    matrix = box_to_camera(camera, boxes).flatten(0, 1)[index]
    coordinates = to_box_coordinates(points, matrix, boxes.size.flatten(0, 1)[index])
    coordinates = coordinates.transpose(1, 2).reshape(batch, 3, height, width)
    return torch.where(slot[:, None] >= 0, coordinates, 0.0)
