"""The denoiser and what it is conditioned on: one code path for both presets.

`paper` sees tokens only; `anchored` also sees the carried picture's latents and the box maps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import ViTModel

from .conditions import appearance
from .geometry import Boxes, Camera
from .networks import TOKENS_PER_ASSET, AssetTokens

TIME_SCALE = 1000.0


@dataclass(frozen=True)
class Condition:
    """tokens [B, S, C]; token_mask [B, S] bool; channels [B, D, h, w] beside the noisy latents, or None (`paper`)."""

    tokens: Tensor
    token_mask: Tensor
    channels: Tensor | None

    def dropped(self, drop: Tensor) -> Condition:
        """The same with every condition of the samples `drop` [B] bool set to zero (section 3.4)."""
        keep = ~drop
        channels = None if self.channels is None else self.channels * keep[:, None, None, None]
        return Condition(self.tokens * keep[:, None, None], self.token_mask | drop[:, None], channels)

    def unconditional(self) -> Condition:
        return self.dropped(torch.ones(self.tokens.shape[0], dtype=torch.bool, device=self.tokens.device))


def token_mask(present: Tensor, background: Tensor) -> Tensor:
    """Which tokens count, [B, 4 + 4 N]: present [B, N], background [B] bool. With none at all, the background's."""
    background = background | ~present.any(-1)
    return torch.cat([background[:, None], present], 1).repeat_interleave(TOKENS_PER_ASSET, 1)


def scene_tokens(
    encoder: ViTModel, tokens: AssetTokens, image: Tensor, camera: Camera, boxes: Boxes,
    pose: Tensor, relative: Tensor, present: Tensor, background: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Tokens and mask of scenes whose objects and background come from one source picture each."""
    objects, behind = appearance(encoder, image, camera, boxes)
    behind = behind * background[:, None, None]
    return tokens(objects, pose, behind, relative), token_mask(present, background)


def denoise(unet: UNet2DConditionModel, latents: Tensor, t: Tensor, condition: Condition) -> Tensor:
    """The U-Net's answer (a velocity) for latents [B, C, h, w] at flow times t [B]."""
    inputs = latents if condition.channels is None else torch.cat([latents, condition.channels], 1)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    mask = condition.token_mask.to(latents.dtype)
    return unet(inputs, t * TIME_SCALE, condition.tokens, encoder_attention_mask=mask).sample
