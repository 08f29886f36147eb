"""From a posed scene to its picture: geometry before the sampler, full-resolution transfer after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .carried import Carried, Planes, carry
from .conditions import Surface
from .coverage import coverage, full_size_surface
from .device import Clock
from .edits import edit_region, steady_pixels
from .encoding import model_size
from .fusion import Fusion, compose, fuse, known_outlines, with_carried, without_faint
from .geometry import Boxes, Camera
from .layers import BoxLayers, box_layers
from .networks import latents_to_image
from .parts import Parts
from .preparing import Prepared
from .scene import RenderSettings, Scene
from .tensors import boxes_tensor, camera_tensor, resized
from .texture import hole_texture

FINEST_SPLAT = 640  # cells along the longer side of the full-size picture


@dataclass(frozen=True)
class Result:
    """image and carried uint8 [H, W, 3]; object_index int16 [H, W] into the scene's placements (-1: none) and
    carried_index, the same as the carried picture has it; depth float32 [H, W] metres (0 where no object);
    alpha uint8 [H, W], how much of each pixel objects cover; timings in seconds by part."""

    image: np.ndarray
    carried: np.ndarray
    object_index: np.ndarray
    carried_index: np.ndarray
    depth: np.ndarray
    alpha: np.ndarray
    timings: dict[str, float]


@dataclass(frozen=True)
class Posed:
    """A scene at one pose: tensors of one render, at the model's size. planes: with clean plate and cast shadows;
    known [1, 1, h, w]: where the carried outline is right as it is (see `known_outlines`)."""

    camera: Camera
    boxes: Boxes
    carried: Carried
    planes: Planes
    region: Tensor
    steady: Tensor
    known: Tensor
    layers: BoxLayers
    half: BoxLayers
    height: int
    width: int

    def maps(self) -> Tensor:
        """What the fusion network is told of every pixel, [1, 5, h, w]: seen, unseen, background, region, steady."""
        return torch.cat([self.carried.maps(), self.region, self.steady], 1)


@dataclass(frozen=True)
class Drawn:
    """What the sampler made of a posed scene, decoded [1, 3, h, w] 0..1, and again, the carried picture through the
    autoencoder (None for `paper`, which shows the sampler's own picture)."""

    prepared: Prepared
    posed: Posed
    decoded: Tensor
    again: Tensor | None


def pose_scene(scene: Scene, settings: RenderSettings, prepared: Prepared, side: int, device: torch.device) -> Posed:
    """`side`: the model's working size in pixels."""
    height, width = model_size(settings.height, settings.width, side)
    camera = camera_tensor(scene.camera, device)
    boxes = boxes_tensor([p.box for p in scene.placements], device)
    half = box_layers(camera, boxes, height // 2, width // 2)
    layers = box_layers(camera, boxes, height, width, maps=False)
    carried = carry(prepared.coarse, camera, boxes, height, width, max(height, width), layers)
    region = edited(prepared, camera, boxes, carried)
    steady = steady_pixels(prepared.source_camera, camera, prepared.before, boxes, carried)
    steady = steady * prepared.has_background
    planes, known = carried.finished(region), known_outlines(prepared.several, carried.slot)
    return Posed(camera, boxes, carried, planes, region, steady, known, layers, half, height, width)


def edited(prepared: Prepared, camera: Camera, boxes: Boxes, carried: Carried) -> Tensor:
    """The edit region; also around holes of objects that were left out, and where cast shadows come and go. All of it
    without a background."""
    height, width = carried.image.shape[-2:]
    if not bool(prepared.has_background):
        return torch.ones_like(carried.seen)
    region = edit_region(prepared.source_camera, camera, prepared.before, boxes, height, width)
    hole = (carried.seen + carried.background + carried.unseen < 0.99).float()
    small = torch.nn.functional.adaptive_max_pool2d(hole, (max(8, height // 8), max(8, width // 8)))
    grown = torch.nn.functional.max_pool2d(small, 3, 1, 1)
    soft = torch.nn.functional.avg_pool2d(grown, 3, 1, 1, count_include_pad=False)
    soft = torch.nn.functional.interpolate(soft, (height, width), mode="bilinear", align_corners=False)
    region = torch.maximum(region, torch.maximum(soft * (soft > 0.05), hole))
    return torch.maximum(region, carried.relit())


def decoded_picture(parts: Parts, latents: Tensor) -> Tensor:
    """[1, 3, h, w] 0..1 at the model's size."""
    return latents_to_image(parts.autoencoder, latents, parts.config.patch).clamp(0, 1)


def _fused(parts: Parts, posed: Posed, decoded: Tensor, again: Tensor) -> Fusion:
    fusion = fuse(parts.fusion, posed.planes, decoded, again, posed.maps(), posed.layers, posed.half)
    outputs = with_carried(fusion.outputs, posed.layers, posed.carried.slot, posed.carried.covered)
    fusion = without_faint(fusion, posed.planes, torch.maximum(posed.steady, posed.carried.plate_shown()))
    return replace(fusion, outline=fusion.outline * (1 - posed.known), outputs=outputs)


def step_picture(parts: Parts, posed: Posed, latents: Tensor, again: Tensor | None) -> np.ndarray:
    """The picture that would stand if the sampler stopped here, uint8 [h, w, 3] at the model's size; again as in
    `Drawn`."""
    decoded = decoded_picture(parts, latents)
    if again is None:
        return to_uint8(decoded)
    fusion = _fused(parts, posed, decoded, again)
    return to_uint8(compose(fusion, posed.planes, posed.region))


def finish(parts: Parts, settings: RenderSettings, drawn: Drawn, clock: Clock) -> Result:
    """The picture of what the sampler made, at the size that the settings ask for."""
    prepared, posed, decoded = drawn.prepared, drawn.posed, drawn.decoded
    clock.mark("decode")
    size = (settings.height, settings.width)
    grid = max(posed.height, posed.width)
    full = posed.carried
    if size != (posed.height, posed.width):
        grid = min(max(size), FINEST_SPLAT)
        full = carry(prepared.fine, posed.camera, posed.boxes, *size, grid=grid)
        clock.mark("geometry")
    if drawn.again is None:
        made, surface = decoded, _front_boxes(posed.layers)
        predicted = (surface.slot >= 0).float()[:, None]
    else:
        fusion = _fused(parts, posed, decoded, drawn.again)
        region = posed.region if full is posed.carried else edited(prepared, posed.camera, posed.boxes, full)
        planes = posed.planes if full is posed.carried else full.finished(region)
        made = _transferred(fusion, full, planes, region) if settings.transfer else decoded
        surface, predicted = _surface(fusion, posed)
    made = resized(made, *size)
    clock.mark("decode")
    cover = coverage(predicted, full, max(size) / grid)
    index, depth = surface.slot, surface.depth
    if full is not posed.carried:
        index, depth = full_size_surface(surface, full, cover)
    clock.mark("masks")
    return Result(
        to_uint8(made), to_uint8(full.image), index[0].cpu().numpy().astype(np.int16),
        full.slot[0].cpu().numpy().astype(np.int16), depth[0].cpu().numpy().astype(np.float32),
        to_uint8(cover)[..., 0], clock.spent,
    )  # fmt: skip


def _surface(fusion: Fusion, posed: Posed) -> tuple[Surface, Tensor]:
    """What the network says of masks and depth, and the share of each pixel that objects cover [1, 1, h, w]; where the
    carried outline is known to be right, what was carried."""
    surface, cover, carried = fusion.surface(posed.layers), fusion.cover(posed.layers), posed.carried
    known = posed.known[:, 0] > 0
    slot, depth = torch.where(known, carried.slot, surface.slot), torch.where(known, carried.depth, surface.depth)
    return replace(surface, slot=slot, depth=depth), torch.where(posed.known > 0, carried.covered, cover)


def _transferred(fusion: Fusion, full: Carried, planes: Planes, region: Tensor) -> Tensor:
    """The model's correction on the full-size carried picture, and texture where nothing was carried."""
    made = compose(fusion, planes, region)
    hole = 1 - full.covered - full.background
    if full.plated is not None:
        hole = hole * (1 - full.plated)
    return made + hole_texture(full.image, hole * region, full.background)


def _front_boxes(layers) -> Surface:
    """`paper` predicts no masks: the nearest box that a ray enters stands for them."""
    slot, depth = layers.slot[:, 0], layers.entry[:, 0]
    return Surface(slot, torch.zeros_like(depth), torch.where(slot >= 0, depth, 0.0), torch.ones_like(depth))


def to_uint8(image: Tensor) -> np.ndarray:
    """[1, 3, H, W] 0..1 -> uint8 [H, W, 3]."""
    return (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().contiguous().numpy()
