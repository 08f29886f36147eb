"""The denoiser at work on examples: its condition, and the pictures that its sampler makes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..conditions import appearance
from ..denoiser import Condition, denoise, token_mask
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
