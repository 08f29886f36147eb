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

from ..carried import Planes, carry
from ..conditions import Surface, batch_sources, denoiser_maps, read_surface, visible_shares
from ..data.frames import Frame, Pairs, join
from ..edits import edit_region, steady_pixels
from ..encoding import crop_of, fitted_share
from ..geometry import Boxes, Camera, boxes_2d, full_precision, pose_tokens_input, relative_pose
from ..hidden_sides import with_twins
from ..layers import LAYERS, BoxLayers, box_layers, true_fraction, true_layer
from ..masks import SURE
from ..networks import image_to_latents
from ..parts import Parts

Precision = Callable[[], AbstractContextManager]
DROP_BACKGROUND = 0.05
_AS_BYTES = ("source", "target", "carried", "front", "behind", "maps")
_AS_HALF = ("denoiser_maps", "latents", "carried_latents", "depth")


@dataclass(frozen=True)
class Example:
    """A batch of training examples.

    source, target, and of the carried picture's planes carried, front, behind [B, 3, H, W] 0..1;
    maps [B, 5, H, W] (seen, unseen, background, edit region, steady);
    denoiser_maps [B, 24, h, w]; latents, carried_latents [B, C, h, w];
    source_boxes / target_boxes [B, N] and cameras (a target box is present where it has an asset);
    has_background [B]; object_index and depth of the target [B, H, W].
    """

    source: Tensor
    target: Tensor
    carried: Tensor
    front: Tensor
    behind: Tensor
    maps: Tensor
    denoiser_maps: Tensor
    latents: Tensor
    carried_latents: Tensor
    source_camera: Camera
    source_boxes: Boxes
    target_camera: Camera
    target_boxes: Boxes
    has_background: Tensor
    object_index: Tensor
    depth: Tensor

    def __getitem__(self, index) -> Example:
        return Example(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def packed(self) -> Example:
        """The same in few bytes: pictures and maps as uint8, latents, maps of the denoiser and depth as float16."""
        byte = {k: (getattr(self, k).clamp(0, 1) * 255).round().byte() for k in _AS_BYTES}
        half = {k: getattr(self, k).half() for k in _AS_HALF}
        return replace(self, **byte, **half, object_index=self.object_index.to(torch.int8))

    def unpacked(self) -> Example:
        """Undo `packed`, up to its rounding."""
        byte = {k: getattr(self, k).float() / 255 for k in _AS_BYTES}
        half = {k: getattr(self, k).float() for k in _AS_HALF}
        return replace(self, **byte, **half, object_index=self.object_index.long())

    def planes(self) -> Planes:
        return Planes(self.carried, self.front, self.behind)

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
    fitted: bool = False,
) -> Example:
    """Examples of pairs; `generator` (CPU) draws the corruption, `precision` is a context for the networks; fitted:
    masks follow the picture's colours and edges as at `encode` (object by object, which takes its time).

    For `paper`, which does not see them, the carried picture and its maps are left empty.
    """
    pairs = as_removals(pairs)
    source, target = pairs.source, pairs.target
    keep = source.boxes.present & target.boxes.present
    seen_boxes = noisy_boxes(source.boxes, generator) if corrupt else source.boxes
    background = torch.rand(len(keep), generator=generator).to(keep.device) >= (DROP_BACKGROUND if corrupt else 0.0)
    # the drawn box's error stays with the object: the target's box is off by the same
    moved = following_boxes(source.boxes, seen_boxes, target.boxes)
    after = Boxes(moved.pose, moved.size, keep)
    with precision():
        latents = image_to_latents(parts.autoencoder, target.image, parts.config.patch).float()
    if parts.config.anchored:
        planes, maps, channels = _carried(
            parts, source, seen_boxes, target.camera, after, background, precision, fitted
        )
        with precision():
            carried_latents = image_to_latents(parts.autoencoder, planes.image, parts.config.patch).float()
    else:
        empty = torch.zeros_like(target.image)
        planes, maps = Planes(empty, empty, empty), torch.ones_like(empty[:, :1]).expand(-1, 5, -1, -1)
        channels = carried_latents = torch.zeros_like(latents)
    return Example(
        source.image, target.image, planes.image, planes.front, planes.behind, maps, channels, latents,
        carried_latents, source.camera, seen_boxes, target.camera, after, background, target.object_index, target.depth,
    )  # fmt: skip


def _carried(
    parts: Parts,
    source: Frame,
    seen_boxes: Boxes,
    camera: Camera,
    after: Boxes,
    background: Tensor,
    precision: Precision,
    fitted: bool,
) -> tuple[Planes, Tensor, Tensor]:
    """Carried picture in planes, its five maps, and the denoiser's maps, with the predicted surface of the source."""
    height, width = source.image.shape[-2:]
    full = box_layers(source.camera, seen_boxes, height, width, maps=False)
    half = box_layers(source.camera, seen_boxes, height // 2, width // 2)
    with precision():
        outputs = parts.surface(source.image, half.maps)
    found = fitted_surface(outputs, full, source, seen_boxes) if fitted else read_surface(outputs.float(), full)
    sources = batch_sources(source.image, found.slot, found.depth, source.camera, seen_boxes, source.ground, background)
    carried = carry(with_twins(sources), camera, after, height, width)
    region = edit_region(source.camera, camera, seen_boxes, after, height, width)
    region = torch.where(background[:, None, None, None], region, 1.0)
    steady = steady_pixels(source.camera, camera, seen_boxes, after, carried) * background[:, None, None, None]
    layers = box_layers(camera, after, height // 2, width // 2)
    return (
        carried.planes(),
        torch.cat([carried.maps(), region, steady], 1),
        denoiser_maps(carried, region, layers),
    )


def fitted_surface(outputs: Tensor, layers: BoxLayers, source: Frame, boxes: Boxes) -> Surface:
    """As `read_surface`, with the masks of boxes [B, N] as `encode` would make them of the same outputs."""
    shares = visible_shares(outputs, layers)[:, :LAYERS]
    depths = layers.entry + outputs[:, LAYERS + 1 :].float().sigmoid() * (layers.leave - layers.entry)
    height, width = source.image.shape[-2:]
    slot = torch.full_like(layers.slot[:, 0], -1)
    best, depth = torch.full_like(shares[:, 0], SURE), torch.zeros_like(shares[:, 0])
    rectangles = boxes_2d(source.camera, boxes).cpu().numpy()
    for frame, number in boxes.present.nonzero().tolist():
        top, bottom, left, right = crop_of(rectangles[frame, number], height, width)
        part = (frame, ..., slice(top, bottom), slice(left, right))
        mine = layers.slot[part] == number
        fitted = fitted_share((shares[part] * mine).sum(0), source.image[part], 1.0)
        better = fitted * mine.any(0) > best[part]
        best[part] = torch.where(better, fitted, best[part])
        slot[part] = torch.where(better, number, slot[part])
        depth[part] = torch.where(better, (depths[part] * mine).sum(0), depth[part])
    return Surface(slot, torch.zeros_like(depth), depth, best)


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
