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
    between_slabs,
    box_to_camera,
    boxes_2d,
    camera_rays,
    full_precision,
    into_box,
    maps_of,
    pixel_centres,
    to_box_coordinates,
    turned,
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


@full_precision
def box_layers(camera: Camera, boxes: Boxes, height: int, width: int, maps: bool = True) -> BoxLayers:
    """Layers of boxes [B, N] seen by cameras [B], at height x width pixels; without `maps` these stay empty."""
    device = boxes.pose.device
    batch, count = boxes.size.shape[:2]
    rays = camera_rays(pixel_centres(height, width, device).view(1, -1, 2), camera.intrinsics)  # [B, P, 3]
    if count == 0:
        boxes, count = _one_absent(batch, device), 1
    inside = into_box(box_to_camera(camera, boxes), boxes.size)  # [B, N, 3, 4]
    # of each layer entry, exit and slot; nearer boxes push those behind them back by a layer
    layers = rays.new_tensor([torch.inf, 0.0, -1.0]).view(3, 1, 1, 1).repeat(LAYERS, 1, batch, height, width)
    layers = layers.view(LAYERS, 3, batch, height, width)
    for n, (left, top, right, bottom) in enumerate(_windows(boxes_2d(camera, boxes), height, width)):
        if left >= right or top >= bottom:
            continue  # absent, or wholly behind the camera
        part = rays.view(batch, height, width, 3)[:, top:bottom, left:right]
        entry, leave, hit = between_slabs(inside[:, n, :, 3:], inside[:, n, :, :3] @ part.flatten(1, 2).mT)
        entry = torch.where(hit & boxes.present[:, n, None], entry, torch.inf)
        box = torch.stack([entry, leave, torch.full_like(entry, n)]).view(3, *part.shape[:3])
        for layer in layers[..., top:bottom, left:right]:
            nearer = box[0] < layer[0]
            box, layer[:] = torch.where(nearer, layer, box), torch.where(nearer, box, layer)
    entry, leave, slot = layers.permute(1, 2, 0, 3, 4)  # [B, K, H, W] each
    slot = slot.long()
    entry, leave = (torch.where(slot >= 0, x, 0.0) for x in (entry, leave))
    if not maps:
        return BoxLayers(slot, entry, leave, rays.new_zeros(batch, 0, height, width))
    drawn = _layer_maps(rays, inside, slot.flatten(2), entry.flatten(2), leave.flatten(2))
    return BoxLayers(slot, entry, leave, drawn.view(batch, -1, height, width))


def _windows(rectangles: Tensor, height: int, width: int) -> list[list[int]]:
    """(left, top, right, bottom) in pixels around the 2D bounds [B, N, 4] of each of N boxes in all pictures."""
    nowhere = (rectangles == 0).all(-1, keepdim=True)
    scale = rectangles.new_tensor([width, height])
    first = torch.where(nowhere, 1.0, rectangles[..., :2]).amin(0) * scale
    last = rectangles[..., 2:].amax(0) * scale
    return torch.cat([first.floor() - 1, last.ceil() + 1], 1).long().clamp_min(0).tolist()


def _layer_maps(rays: Tensor, inside: Tensor, slot: Tensor, entry: Tensor, leave: Tensor) -> Tensor:
    """[B, K * 8, P] of rays [B, P, 3] and layers [B, K, P]; inside [B, N, 3, 4]: camera space to box coordinates."""
    batch, count = inside.shape[:2]
    index = slot.clamp_min(0) + torch.arange(batch, device=slot.device)[:, None, None] * count
    own = maps_of(inside, index)  # [3, 4, B, K, P]
    ray = turned(own, rays[:, None])  # [3, B, K, P]
    ends = torch.cat([own[:, 3] + ray * depth for depth in (entry, leave)]).clamp(-0.6, 0.6) * 2
    maps = torch.cat([ends, 1 / (1 + entry[None]), torch.ones_like(entry[None])])  # [8, B, K, P]
    return torch.where(slot >= 0, maps, 0.0).permute(1, 2, 0, 3).flatten(1, 2)


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
