"""What a pair becomes before the networks see it: surfaces, carried picture, maps, latents.

None of it is trained by the denoiser's loss, so it is made without gradients, and may be cached.
Conditions are corrupted here as real boxes and scenes will be: boxes off by a few per cent, the background
left out, so that the networks meet at training what they will meet in use.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..carried import carry
from ..conditions import appearance, batch_sources, denoiser_maps, read_surface
from ..data.frames import Frame, Pairs, join
from ..denoiser import Condition, token_mask
from ..edits import edit_region
from ..geometry import Boxes, Camera, full_precision, pose_tokens_input, relative_pose
from ..hidden_sides import with_twins
from ..layers import BoxLayers, box_layers, true_fraction, true_layer
from ..networks import image_to_latents
from ..parts import Parts

Precision = Callable[[], AbstractContextManager]
DROP_BACKGROUND = 0.05
_AS_BYTES = ("source", "target", "carried")
_AS_HALF = ("denoiser_maps", "latents", "carried_latents")


@dataclass(frozen=True)
class Example:
    """A batch of training examples.

    source, target and the carried picture [B, 3, H, W] 0..1;
    denoiser_maps [B, 24, h, w]; latents, carried_latents [B, C, h, w];
    source_boxes / target_boxes [B, N] and cameras (a target box is present where it has an asset);
    has_background [B]; object_index of the target [B, H, W].
    """

    source: Tensor
    target: Tensor
    carried: Tensor
    denoiser_maps: Tensor
    latents: Tensor
    carried_latents: Tensor
    source_camera: Camera
    source_boxes: Boxes
    target_camera: Camera
    target_boxes: Boxes
    has_background: Tensor
    object_index: Tensor

    def __getitem__(self, index) -> Example:
        return Example(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def packed(self) -> Example:
        """The same in few bytes: pictures as uint8, latents and maps of the denoiser as float16."""
        byte = {k: (getattr(self, k).clamp(0, 1) * 255).round().byte() for k in _AS_BYTES}
        half = {k: getattr(self, k).half() for k in _AS_HALF}
        return replace(self, **byte, **half, object_index=self.object_index.to(torch.int8))

    def unpacked(self) -> Example:
        """Undo `packed`, up to its rounding."""
        byte = {k: getattr(self, k).float() / 255 for k in _AS_BYTES}
        half = {k: getattr(self, k).float() for k in _AS_HALF}
        return replace(self, **byte, **half, object_index=self.object_index.long())

    def pose(self) -> Tensor:
        """The paper's pose of the target boxes, [B, N, 12]."""
        return pose_tokens_input(self.target_camera, self.target_boxes)

    def relative(self) -> Tensor:
        """The background's pose, [B, 12]."""
        return relative_pose(self.source_camera, self.target_camera)


@full_precision
def noisy_boxes(boxes: Boxes, generator: torch.Generator, amount: float = 0.025, share: float = 0.5) -> Boxes:
    """Boxes as a person draws them: sizes and centres off by a normal `amount` of the size, for a `share` of them."""
    shape = boxes.size.shape
    noise = torch.randn(2, *shape, generator=generator).to(boxes.size.device) * amount
    chosen = (torch.rand(shape[:-1], generator=generator) < share).to(boxes.size.device)[..., None]
    size = torch.where(chosen, boxes.size * (1 + noise[0]), boxes.size)
    shift = torch.where(chosen, boxes.size * noise[1], 0.0)
    pose = boxes.pose.clone()
    pose[..., :3, 3] += (pose[..., :3, :3] @ shift[..., None])[..., 0]
    return Boxes(pose, size, boxes.present)


@torch.no_grad()
def make_examples(
    pairs: Pairs,
    parts: Parts,
    generator: torch.Generator,
    corrupt: bool = True,
    precision: Precision = nullcontext,
) -> Example:
    """Examples of pairs; `generator` (CPU) draws the corruption, `precision` is a context for the networks.

    For `paper`, which does not see them, the carried picture and its maps are left empty.
    """
    pairs = as_removals(pairs)
    count, device = len(pairs.task), pairs.task.device
    pairs = as_drawn(pairs, generator) if corrupt else pairs
    source, target = pairs.source, pairs.target
    background = torch.rand(count, generator=generator).to(device) >= (DROP_BACKGROUND if corrupt else 0.0)
    after = Boxes(target.boxes.pose, target.boxes.size, source.boxes.present & target.boxes.present)
    with precision():
        latents = image_to_latents(parts.autoencoder, target.image, parts.config.patch).float()
    if parts.config.anchored:
        carried, channels = _carried(parts, source, target.camera, after, background, precision)
        with precision():
            carried_latents = image_to_latents(parts.autoencoder, carried, parts.config.patch).float()
    else:
        carried, channels = torch.zeros_like(target.image), torch.zeros_like(latents)
        carried_latents = channels
    return Example(
        source.image, target.image, carried, channels, latents, carried_latents, source.camera, source.boxes,
        target.camera, after, background, target.object_index,
    )  # fmt: skip


def condition_of(parts: Parts, example: Example) -> Condition:
    """The denoiser's condition of an example; gradients reach the encoder and the tokens."""
    objects, behind = appearance(parts.encoder, example.source, example.source_camera, example.source_boxes)
    behind = behind * example.has_background[:, None, None]
    tokens = parts.tokens(objects, example.pose(), behind, example.relative())
    mask = token_mask(example.target_boxes.present, example.has_background)
    if not parts.config.anchored:
        return Condition(tokens, mask, None)
    return Condition(tokens, mask, torch.cat([example.carried_latents, example.denoiser_maps], 1))


def as_drawn(pairs: Pairs, generator: torch.Generator) -> Pairs:
    """The pairs with boxes as a person draws them: the drawn box's error stays with the object, so that the target's
    box is off by the same."""
    source, target = pairs.source, pairs.target
    drawn = noisy_boxes(source.boxes, generator)
    moved = following_boxes(source.boxes, drawn, target.boxes)
    return replace(pairs, source=replace(source, boxes=drawn), target=replace(target, boxes=moved))


def _carried(
    parts: Parts, source: Frame, camera: Camera, after: Boxes, background: Tensor, precision: Precision
) -> tuple[Tensor, Tensor]:
    """Carried picture [B, 3, H, W] and the denoiser's maps, with the predicted surface of the source."""
    height, width = source.image.shape[-2:]
    before = source.boxes
    full = box_layers(source.camera, before, height, width, maps=False)
    half = box_layers(source.camera, before, height // 2, width // 2)
    with precision():
        outputs = parts.surface(source.image, half.maps)
    found = read_surface(outputs.float(), full)
    sources = batch_sources(source.image, found.slot, found.depth, source.camera, before, source.ground, background)
    carried = carry(with_twins(sources), camera, after, height, width)
    region = edit_region(source.camera, camera, before, after, height, width)
    region = torch.where(background[:, None, None, None], region, 1.0)
    layers = box_layers(camera, after, height // 2, width // 2)
    return carried.image, denoiser_maps(carried, region, layers)


def as_removals(pairs: Pairs) -> Pairs:
    """Swap source and target where the target shows an object that the source does not: nobody could know it."""
    appears = (pairs.target.boxes.present & ~pairs.source.boxes.present).any(-1)
    if not appears.any():
        return pairs
    count = len(appears)
    pick = torch.arange(count, device=appears.device) + count * appears.long()
    source = join([pairs.source, pairs.target])[pick]
    target = join([pairs.target, pairs.source])[pick]
    return Pairs(source, target, pairs.task, pairs.family)


@full_precision
def following_boxes(true: Boxes, drawn: Boxes, target: Boxes) -> Boxes:
    """The target's boxes with the drawn boxes' error: the same offset in box coordinates, the same size ratio."""
    ratio = drawn.size / true.size
    offset = (true.pose[..., :3, :3].transpose(-1, -2) @ (drawn.pose - true.pose)[..., :3, 3:])[..., 0] / true.size
    pose = target.pose.clone()
    pose[..., :3, 3] += (pose[..., :3, :3] @ (offset * target.size)[..., None])[..., 0]
    return Boxes(pose, target.size * ratio, target.present)


def surface_targets(frame: Frame, layers: BoxLayers) -> tuple[Tensor, Tensor]:
    """Truth for the surface outputs: visible layer [B, H, W] (K: background), fractions [B, K, H, W]."""
    return true_layer(layers, frame.object_index), true_fraction(layers, frame.depth)
