"""Pictures as the finished sampler draws them, of pairs that went through `encode` and `render` as an artist's do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..carried import Planes
from ..data.as_scene import encode_source, target_scene
from ..data.frames import Pairs, join
from ..device import Clock
from ..geometry import Boxes, Camera, boxes_2d, crop_intrinsics
from ..parts import Parts
from ..pipeline import NeuralAssetsPipeline
from ..scene import RenderSettings
from ..schedulers import pretrained_scheduler
from .examples import DROP_BACKGROUND, as_drawn, as_removals

SAMPLER_STEPS = 4
_AS_BYTES = ("target", "image", "front", "behind", "decoded", "again", "maps")


@dataclass(frozen=True)
class Pictures:
    """What the fusion network sees of targets [B], and the targets.

    target, the planes image, front, behind, decoded and again (see `fusion.fuse`) [B, 3, H, W] 0..1; maps [B, 5, H, W];
    camera [B] and boxes [B, N] of the target (present where it has an asset); object_index [B, H, W] (-1: none) and
    depth [B, H, W] metres as the target truly is.
    """

    target: Tensor
    image: Tensor
    front: Tensor
    behind: Tensor
    decoded: Tensor
    again: Tensor
    maps: Tensor
    camera: Camera
    boxes: Boxes
    object_index: Tensor
    depth: Tensor

    def planes(self) -> Planes:
        return Planes(self.image, self.front, self.behind)

    def packed(self) -> Pictures:
        """The same in few bytes: pictures and maps as uint8, depth as float16."""
        byte = {k: (getattr(self, k).clamp(0, 1) * 255).round().byte() for k in _AS_BYTES}
        return replace(self, **byte, depth=self.depth.half(), object_index=self.object_index.to(torch.int8))

    def unpacked(self) -> Pictures:
        """Undo `packed`, up to its rounding."""
        byte = {k: getattr(self, k).float() / 255 for k in _AS_BYTES}
        return replace(self, **byte, depth=self.depth.float(), object_index=self.object_index.long())


def pipeline_of(parts: Parts) -> NeuralAssetsPipeline:
    """A pipeline around parts in training; what is trained needs gradients again afterwards."""
    wanted = [p for module in parts.modules().values() for p in module.parameters() if p.requires_grad]
    scheduler = None if parts.config.prediction == "flow" else pretrained_scheduler()
    pipeline = NeuralAssetsPipeline.from_parts(parts, scheduler)
    for parameter in wanted:
        parameter.requires_grad_(True)
    return pipeline


def drawn_pictures(pipeline: NeuralAssetsPipeline, pairs: Pairs, generator: torch.Generator) -> Pictures:
    """Pictures of pairs [B], one by one, with boxes as a person draws them; `generator` (CPU) draws these, seeds, and
    which scenes have no background. The fusion network itself is not asked."""
    pairs = as_drawn(as_removals(pairs), generator)
    return join([_drawn(pipeline, pairs[i : i + 1], generator) for i in range(len(pairs.task))])


def _drawn(pipeline: NeuralAssetsPipeline, pair: Pairs, generator: torch.Generator) -> Pictures:
    target = pair.target
    height, width = target.image.shape[-2:]
    scene, slots = target_scene(encode_source(pipeline, pair), pair)
    if float(torch.rand(1, generator=generator)) < DROP_BACKGROUND and scene.placements:
        scene = replace(scene, background=None)
    seed = int(torch.randint(2**31, (1,), generator=generator))
    settings = RenderSettings(width=width, height=height, steps=SAMPLER_STEPS, seed=seed)
    drawn = pipeline.draw(scene.checked(), settings.checked(), Clock())
    assert drawn.again is not None, "only `anchored` has a fusion network"
    placed = torch.zeros_like(target.boxes.present)
    placed[:, slots] = True
    planes = drawn.posed.planes
    return Pictures(
        target.image, planes.image, planes.front, planes.behind, drawn.decoded, drawn.again, drawn.posed.maps(),
        target.camera, replace(target.boxes, present=placed), target.object_index, target.depth,
    )  # fmt: skip


def windows(pictures: Pictures, side: int, generator: torch.Generator) -> Pictures:
    """Windows of side x side pixels, each around an object of its picture where there is one; the camera follows."""
    height, width = pictures.target.shape[-2:]
    if side >= min(height, width):
        return pictures
    draw = torch.rand(len(pictures.target), 3, generator=generator).to(pictures.target.device)
    corner = _corners(pictures, side, draw)
    cut = lambda x: torch.stack([v[..., t : t + side, le : le + side] for v, (le, t) in zip(x, corner, strict=True)])  # noqa: E731
    size = torch.tensor([width, height], device=draw.device)
    offset = torch.tensor(corner, device=draw.device) / size
    intrinsics = crop_intrinsics(pictures.camera.intrinsics, offset, side / size)
    smaller = {k: cut(getattr(pictures, k)) for k in (*_AS_BYTES, "object_index", "depth")}
    return replace(pictures, **smaller, camera=Camera(intrinsics, pictures.camera.world_to_camera))


def _corners(pictures: Pictures, side: int, draw: Tensor) -> list[tuple[int, int]]:
    """(left, top) of each window, even numbers; draw [B, 3] in 0..1: which object, where in the window."""
    height, width = pictures.target.shape[-2:]
    boxes = boxes_2d(pictures.camera, pictures.boxes)
    corners = []
    for number, rectangles in enumerate(boxes):
        present = pictures.boxes.present[number].nonzero()[:, 0]
        choice, across, down = draw[number].tolist()
        u, v = across, down
        if len(present):
            left, top, right, bottom = rectangles[present[int(choice * len(present))]].tolist()
            u, v = left + across * (right - left), top + down * (bottom - top)
        left, top = round(u * width - side / 2), round(v * height - side / 2)
        corners.append((min(max(left, 0), width - side) // 2 * 2, min(max(top, 0), height - side) // 2 * 2))
    return corners
