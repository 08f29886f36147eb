"""Frames as the surface network will meet them: near and far looks at their objects, as a camera would take them.

`encode` looks at whole pictures and, closer, at single objects (`model.encoding`); real pictures have noise,
colour casts and blur that the renderers do not draw.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

from ..data.frames import Frame, join
from ..geometry import Boxes, Camera, boxes_2d, crop_intrinsics

WHOLE_SHARE = 0.4  # of the looks show the whole frame
NEAREST = 0.2  # smallest side of a look, in frame sides
MARGINS = (1.15, 2.5)  # side of a close look over the longer side of its object's 2D box


def closer_looks(frame: Frame, generator: torch.Generator, side: int, nearest: float = NEAREST) -> Frame:
    """Square windows of the frames [B] at side x side pixels, most around an object; cameras follow. `nearest`: the
    smallest side of a window, in frame sides.

    Normals and box coordinates are dropped (nothing here reads them).
    """
    window = _windows(frame, generator, nearest)  # [B, 3] left, top, side in frame sides
    left, top, extent = window.unbind(-1)
    theta = torch.zeros(len(extent), 2, 3, device=extent.device)
    theta[:, 0, 0] = theta[:, 1, 1] = extent
    theta[:, 0, 2], theta[:, 1, 2] = 2 * left + extent - 1, 2 * top + extent - 1
    grid = affine_grid(theta, [len(extent), 3, side, side], align_corners=False)
    take = lambda x, mode: grid_sample(x, grid, mode, "border", align_corners=False)  # noqa: E731
    shrunk = avg_pool2d(frame.image, 2)
    coarse = take(shrunk, "bilinear")
    fine = take(frame.image, "bilinear")
    # a look at the whole frame at half its size would alias
    image = torch.where((extent * frame.image.shape[-1] > 1.5 * side)[:, None, None, None], coarse, fine)
    index = take(frame.object_index[:, None].float(), "nearest")[:, 0].round().long()
    depth = take(frame.depth[:, None], "nearest")[:, 0]
    intrinsics = crop_intrinsics(frame.camera.intrinsics, torch.stack([left, top], -1), extent[:, None])
    nothing = torch.zeros_like(image)
    camera = Camera(intrinsics, frame.camera.world_to_camera)
    return Frame(image, index, depth, nothing, nothing, camera, frame.boxes, frame.ground)


def mirrored(frame: Frame, generator: torch.Generator) -> Frame:
    """The frames [B], half of them with left and right exchanged: as many objects again, for nothing.

    World and boxes are mirrored with the picture, so that cameras stay cameras and a box's front stays its front.
    Normals and box coordinates are dropped (nothing here reads them).
    """
    batch, device = len(frame.image), frame.image.device
    other = torch.diag(torch.tensor([-1.0, 1, 1, 1], device=device))
    left = torch.tensor([1.0, 1, -1, 1], device=device)
    shift = torch.tensor([0.0, 0, 1, 0], device=device)
    camera = Camera(frame.camera.intrinsics * left + shift, other @ frame.camera.world_to_camera @ other)
    boxes = Boxes(other @ frame.boxes.pose @ other, frame.boxes.size, frame.boxes.present)
    image, index, depth = (x.flip(-1) for x in (frame.image, frame.object_index, frame.depth))
    nothing = torch.zeros_like(image)
    turned = Frame(image, index, depth, nothing, nothing, camera, boxes, frame.ground)
    chosen = torch.rand(batch, generator=generator).to(device) < 0.5
    return join([frame, turned])[torch.arange(batch, device=device) + batch * chosen]


def _windows(frame: Frame, generator: torch.Generator, nearest: float) -> Tensor:
    """[B, 3]: left, top and side, in frame sides; the whole frame for `WHOLE_SHARE` of them."""
    device, batch = frame.image.device, len(frame.image)
    draw = torch.rand(batch, 5, generator=generator).to(device)
    rectangles = boxes_2d(frame.camera, frame.boxes)  # [B, N, 4]
    chosen = (draw[:, :1] * frame.boxes.present.sum(-1, keepdim=True)).long()
    order = frame.boxes.present.int().argsort(dim=-1, descending=True, stable=True)
    slot = order.gather(1, chosen.clamp_max(order.shape[1] - 1))[:, 0]
    box = rectangles[torch.arange(batch, device=device), slot]
    longest = (box[:, 2:] - box[:, :2]).amax(-1)
    margin = MARGINS[0] * (MARGINS[1] / MARGINS[0]) ** draw[:, 1]
    side = (longest * margin).clamp(nearest, 1)
    side = torch.where((draw[:, 2] < WHOLE_SHARE) | (longest <= 0), 1.0, side)
    centre = (box[:, :2] + box[:, 2:]) / 2 + (draw[:, 3:] - 0.5) * (side - longest).clamp_min(0)[:, None] * 0.8
    corner = (centre - side[:, None] / 2).clamp_min(0).minimum(1 - side[:, None])
    return torch.cat([corner, side[:, None]], -1)


def photographed(image: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures [B, 3, H, W] in 0..1 with another exposure, colour cast, contrast, noise; one in four blurred."""
    batch, device = len(image), image.device
    draw = torch.randn(batch, 6, 1, 1, generator=generator).to(device)
    chance = torch.rand(batch, 3, 1, 1, generator=generator).to(device)
    blurred = avg_pool2d(image, 3, 1, 1, count_include_pad=False)
    made = torch.where(chance[:, :1] < 0.25, blurred, image)
    made = made.clamp(1e-4, 1) ** (0.25 * draw[:, :1]).exp()
    made = (made - 0.5) * (0.15 * draw[:, 1:2]).exp() + 0.5 + 0.05 * draw[:, 2:3]
    made = made * (1 + 0.07 * draw[:, 3:6])
    noise = torch.randn(image.shape, generator=generator).to(device)
    return (made + noise * 0.03 * chance[:, 1:2] ** 2).clamp(0, 1)
