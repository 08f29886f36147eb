"""The denoiser at work on examples: its condition, and the pictures that its sampler makes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..conditions import appearance
from ..denoiser import Condition, denoise, token_mask
from ..geometry import Camera, boxes_2d, crop_intrinsics
from ..networks import latents_to_image
from ..parts import Parts
from ..sampling import START_TIME, flow_times, sample_flow, starting_latents
from ..scene import RenderSettings
from ..schedulers import pretrained_scheduler, sample_scheduler
from .examples import Example

SAMPLER_STEPS = 4


@dataclass(frozen=True)
class Pictures:
    """An example, what the sampler makes of it, decoded, and its carried picture through the autoencoder
    ([B, 3, H, W] 0..1 each)."""

    example: Example
    decoded: Tensor
    again: Tensor


def condition_of(parts: Parts, example: Example) -> Condition:
    """The denoiser's condition of an example; gradients reach the encoder and the tokens."""
    objects, behind = appearance(parts.encoder, example.source, example.source_camera, example.source_boxes)
    behind = behind * example.has_background[:, None, None]
    tokens = parts.tokens(objects, example.pose(), behind, example.relative())
    mask = token_mask(example.target_boxes.present, example.has_background)
    if not parts.config.anchored:
        return Condition(tokens, mask, None)
    return Condition(tokens, mask, torch.cat([example.carried_latents, example.denoiser_maps], 1))


@torch.no_grad()
def sampled_pictures(parts: Parts, example: Example, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """What the sampler makes of an example, decoded, and the carried picture through the autoencoder."""
    condition = condition_of(parts, example)
    noise = torch.randn(example.latents.shape, generator=generator).to(example.latents.device)
    style = "carried" if parts.config.anchored else "noise"
    state, start = starting_latents(example.carried_latents.float(), noise, style, START_TIME)
    field = lambda z, t: denoise(parts.unet, z, t, condition).float()  # noqa: E731
    if parts.config.prediction == "flow":
        latents = sample_flow(field, state, flow_times(SAMPLER_STEPS, start))
    else:
        settings = RenderSettings(steps=SAMPLER_STEPS, start_time=START_TIME)
        carried = example.carried_latents.float()
        latents = sample_scheduler(pretrained_scheduler(), field, carried, noise, settings, style)
    patch = parts.config.patch
    decoded = latents_to_image(parts.autoencoder, latents, patch).float().clamp(0, 1)
    again = latents_to_image(parts.autoencoder, example.carried_latents.float(), patch).float().clamp(0, 1)
    return decoded, again


def windows(pictures: Pictures, side: int, generator: torch.Generator) -> Pictures:
    """Windows of side x side pixels, each around an object of its picture where there is one; the target's camera
    follows. Sources and latents stay whole."""
    example = pictures.example
    height, width = example.target.shape[-2:]
    if side >= min(height, width):
        return pictures
    draw = torch.rand(len(example.target), 3, generator=generator).to(example.target.device)
    corner = _corners(example, side, draw)
    cut = lambda x: torch.stack([v[..., t : t + side, le : le + side] for v, (le, t) in zip(x, corner, strict=True)])  # noqa: E731
    size = torch.tensor([width, height], device=draw.device)
    offset = torch.tensor(corner, device=draw.device) / size
    intrinsics = crop_intrinsics(example.target_camera.intrinsics, offset, side / size)
    cropped = replace(
        example, target=cut(example.target), carried=cut(example.carried), front=cut(example.front),
        behind=cut(example.behind), maps=cut(example.maps),
        object_index=cut(example.object_index), depth=cut(example.depth),
        target_camera=Camera(intrinsics, example.target_camera.world_to_camera),
    )  # fmt: skip
    return Pictures(cropped, cut(pictures.decoded), cut(pictures.again))


def _corners(example: Example, side: int, draw: Tensor) -> list[tuple[int, int]]:
    """(left, top) of each window, even numbers; draw [B, 3] in 0..1: which object, where in the window."""
    height, width = example.target.shape[-2:]
    boxes = boxes_2d(example.target_camera, example.target_boxes)
    corners = []
    for number, rectangles in enumerate(boxes):
        present = example.target_boxes.present[number].nonzero()[:, 0]
        choice, across, down = draw[number].tolist()
        u, v = across, down
        if len(present):
            left, top, right, bottom = rectangles[present[int(choice * len(present))]].tolist()
            u, v = left + across * (right - left), top + down * (bottom - top)
        left, top = round(u * width - side / 2), round(v * height - side / 2)
        corners.append((min(max(left, 0), width - side) // 2 * 2, min(max(top, 0), height - side) // 2 * 2))
    return corners
