"""The networks of one model, held together by name; what training trains and the pipeline runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UNet2DModel
from torch import nn
from transformers import ViTModel

from .config import ModelConfig
from .networks import (
    AssetTokens,
    build_autoencoder,
    build_denoiser,
    build_encoder,
    build_fusion,
    build_relief,
    build_surface,
    build_tokens,
)
from .surface import SurfaceNetwork

NAMES = ("autoencoder", "encoder", "tokens", "unet", "surface", "relief", "fusion")


@dataclass(frozen=True)
class Parts:
    """The seven networks. `surface`, `relief` and `fusion` serve the `anchored` preset; `paper` carries them for its
    masks."""

    config: ModelConfig
    autoencoder: AutoencoderKL
    encoder: ViTModel
    tokens: AssetTokens
    unet: UNet2DConditionModel
    surface: SurfaceNetwork
    relief: SurfaceNetwork
    fusion: UNet2DModel

    def modules(self) -> dict[str, nn.Module]:
        return {name: getattr(self, name) for name in NAMES}

    def to(self, device: torch.device | str) -> Parts:
        for module in self.modules().values():
            module.to(device)
        return self

    def count(self) -> int:
        """Number of parameters in all."""
        return sum(p.numel() for module in self.modules().values() for p in module.parameters())


def build_parts(config: ModelConfig, seed: int = 0) -> Parts:
    """Fresh networks, equal for equal seeds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = Parts(
            config, build_autoencoder(config), build_encoder(config), build_tokens(config), build_denoiser(config),
            build_surface(config), build_relief(config), build_fusion(config),
        )  # fmt: skip
    for module in (parts.autoencoder, parts.unet, parts.surface, parts.relief, parts.fusion):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return parts
