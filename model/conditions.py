"""From frames and boxes to what the networks take: appearance, tokens, carried pictures, maps.

Used alike by training (whole batches of pairs) and by the pipeline (one scene).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pixel_unshuffle
from transformers import ViTModel

from .atlas import BACKGROUND, atlas_of_batch
from .carried import Carried
from .geometry import Boxes, Camera, box_to_camera, boxes_2d, pixel_centres, roi_align
from .layers import LAYERS, BoxLayers, surface_coordinates, visible_slot
from .sources import Sources

GREY = 0.5


@dataclass(frozen=True)
class Surface:
    """slot [B, H, W] the visible object (-1 background), fraction [B, H, W] along its ray inside the box,
    depth [B, H, W] metres, probability [B, H, W] of the chosen answer."""

    slot: Tensor
    fraction: Tensor
    depth: Tensor
    probability: Tensor


def visible_shares(outputs: Tensor, layers: BoxLayers) -> Tensor:
    """Probability of every layer, and of the background last, to be what a pixel shows: [B, K+1, H, W]."""
    logits = outputs[:, : LAYERS + 1].float()
    covered = torch.cat([layers.slot >= 0, torch.ones_like(layers.slot[:, :1], dtype=torch.bool)], 1)
    return logits.masked_fill(~covered, -1e4).softmax(1)


def read_surface(outputs: Tensor, layers: BoxLayers) -> Surface:
    """Interpret `SURFACE_OUTPUTS` channels [B, 2K+1, H, W] with the layers of the same grid."""
    probability, choice = visible_shares(outputs, layers).max(1)
    fractions = outputs[:, LAYERS + 1 :].float().sigmoid()
    depths = layers.entry + fractions * (layers.leave - layers.entry)
    index = choice.clamp_max(LAYERS - 1)[:, None]
    slot = visible_slot(layers, choice)
    pick = lambda values: torch.where(slot >= 0, values.gather(1, index)[:, 0], 0.0)  # noqa: E731
    return Surface(slot, pick(fractions), pick(depths), probability)


def appearance(encoder: ViTModel, image: Tensor, camera: Camera, boxes: Boxes) -> tuple[Tensor, Tensor]:
    """The paper's appearance (section 3.2): ([B, N, 4, F] of the objects, [B, 4, F] of the background).

    Outside all boxes is grey for the objects' pass, inside for the background's.
    """
    size = encoder.config.image_size
    rectangles = boxes_2d(camera, boxes)
    inside = rectangle_masks(camera, boxes, *image.shape[-2:]).any(1, keepdim=True)
    both = torch.cat([torch.where(inside, image, GREY), torch.where(inside, GREY, image)])
    both = interpolate(both, (size, size), mode="bilinear", antialias=True) * 2 - 1
    features = encoder(both).last_hidden_state[:, 1:]  # [2B, S, F], without the class token
    side = round(features.shape[1] ** 0.5)
    grid = features.transpose(1, 2).unflatten(2, (side, side))
    objects, background = grid.chunk(2)
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0], device=image.device).expand(image.shape[0], 1, 4)
    return roi_align(objects, rectangles), roi_align(background, whole)[:, 0]


def rectangle_masks(camera: Camera, boxes: Boxes, height: int, width: int) -> Tensor:
    """[B, N, H, W] bool: inside each box's 2D bounds (nowhere for absent boxes)."""
    uv = pixel_centres(height, width, boxes.pose.device)[None, None]
    r = boxes_2d(camera, boxes)[:, :, None, None]
    return ((uv >= r[..., :2]) & (uv <= r[..., 2:])).all(-1) & boxes.present[:, :, None, None]


def batch_sources(
    image: Tensor,
    slot: Tensor,
    depth: Tensor,
    camera: Camera,
    boxes: Boxes,
    ground: Tensor,
    background: Tensor,
) -> Sources:
    """Sources of a batch of whole frames: image [B, 3, H, W], visible slot and depth [B, H, W],
    boxes [B, N] as the source saw them, ground [B], background [B] bool (False: none carried)."""
    batch, count = boxes.size.shape[:2]
    device = image.device
    atlas = atlas_of_batch(image, torch.where(slot >= 0, slot, BACKGROUND))
    frame, number = boxes.present.nonzero(as_tuple=True)  # entries
    lookup = torch.full((batch, count + 1), -1, device=device)
    lookup[frame, number] = torch.arange(frame.shape[0], device=device)
    coordinates = surface_coordinates(camera, boxes, slot, depth)
    where = (slot >= 0).nonzero(as_tuple=True)
    entry = lookup[where[0], slot[where]]
    points = coordinates.permute(0, 2, 3, 1)[where][entry >= 0]
    frames = torch.arange(batch, device=device)
    return Sources(
        atlas, frame, number, frame, number, camera.intrinsics, box_to_camera(camera, boxes)[frame, number],
        boxes.size[frame, number], points, entry[entry >= 0], torch.where(background, frames, -1), camera, ground,
        boxes,
    )  # fmt: skip


def denoiser_maps(carried: Carried, region: Tensor, layers: BoxLayers) -> Tensor:
    """The `MAP_CHANNELS` maps at the latents' size [B, 24, H/8, W/8]; layers at half resolution.

    seen, unseen, background shares at four times the latents' pixels (12), the edit region (1), and of the
    nearest box entry and exit coordinates, inverse depth, cover (8), of the other layers cover and depth (3).
    """
    fine = pixel_unshuffle(avg_pool2d(carried.maps(), 4), 2)
    boxes = avg_pool2d(layers.maps, 4)
    per_layer = boxes.unflatten(1, (LAYERS, -1))
    rest = torch.cat([per_layer[:, 1, 6:8], per_layer[:, 2, 7:8]], 1)
    return torch.cat([fine, avg_pool2d(region, 8), per_layer[:, 0], rest], 1)
