"""The networks, nearly all of them diffusers' and transformers' own; here they are only put together.

- autoencoder: `AutoencoderKL` (behind a space-to-depth of `patch`, which makes it three times as fast at 256 px);
- appearance encoder: transformers' `ViTModel`; `AssetTokens` turns its features and the poses into tokens
  (Neural Assets, section 3.2 and 3.3);
- denoiser: `UNet2DConditionModel`;
- fusion network: `UNet2DModel` at half resolution with sub-pixel outputs;
- surface and relief network: `model.surface`, on ImageNet features.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, ConfigMixin, ModelMixin, UNet2DConditionModel, UNet2DModel
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle
from transformers import ViTConfig, ViTModel

from .config import ModelConfig
from .layers import CHANNELS_PER_LAYER, LAYERS
from .relief import RELIEF_MAPS, RELIEF_OUTPUTS
from .surface import SURFACE_OUTPUTS, SurfaceNetwork

TOKENS_PER_ASSET = 4  # a 2x2 RoIAlign (section 3.2)
FUSION_OUTPUTS = 1 + 3 + 2 + SURFACE_OUTPUTS  # the denoiser's share, correction, outline, target surface
FUSION_INPUTS = 3 + 3 + 3 + 5 + 3 + 3  # carried, decoded, decoded(encoded(carried)), maps, front, behind


class AssetTokens(ModelMixin, ConfigMixin):
    """Appearance and pose -> tokens of the cross-attention (Neural Assets, section 3.2-3.3)."""

    @register_to_config
    def __init__(self, feature_width: int = 192, token_width: int = 256, cross_width: int = 256) -> None:
        super().__init__()
        self.appearance = nn.Linear(feature_width, token_width)
        self.object_pose = nn.Sequential(nn.Linear(12, 1024), nn.SiLU(), nn.Linear(1024, token_width))
        self.camera_pose = nn.Sequential(nn.Linear(12, token_width), nn.SiLU(), nn.Linear(token_width, 12))
        self.join = nn.Linear(2 * token_width, cross_width)

    def forward(self, appearance: Tensor, pose: Tensor, background: Tensor, relative: Tensor) -> Tensor:
        """appearance [B, N, 4, F], pose [B, N, 12], background [B, 4, F], relative camera [B, 12]
        -> tokens [B, 4 + 4 N, C], the background's first."""
        features = torch.cat([background[:, None], appearance], 1)  # [B, 1 + N, 4, F]
        poses = torch.cat([self.camera_pose(relative)[:, None], pose], 1)  # [B, 1 + N, 12]
        posed = self.object_pose(poses)[:, :, None].expand(-1, -1, TOKENS_PER_ASSET, -1)
        return self.join(torch.cat([self.appearance(features), posed], -1)).flatten(1, 2)


def build_autoencoder(config: ModelConfig) -> AutoencoderKL:
    return AutoencoderKL(**config.autoencoder)


def build_encoder(config: ModelConfig) -> ViTModel:
    encoder = ViTModel(ViTConfig(**config.encoder))
    if encoder.pooler is not None:
        encoder.pooler.requires_grad_(False)  # part of the file format, unused here
    return encoder


def build_tokens(config: ModelConfig) -> AssetTokens:
    return AssetTokens(config.encoder["hidden_size"], config.token_width, config.cross_width)


def build_denoiser(config: ModelConfig) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=config.size // 8,
        in_channels=config.denoiser_inputs,
        out_channels=config.latent_channels,
        **config.unet,
    )


def build_dense(config: ModelConfig, inputs: int, outputs: int) -> UNet2DModel:
    """A dense network over maps at half resolution: `inputs` full-resolution channels and the box layers in."""
    network = UNet2DModel(
        in_channels=4 * inputs + LAYERS * CHANNELS_PER_LAYER,
        out_channels=4 * outputs,
        **config.dense,
    )
    nn.init.zeros_(network.conv_out.weight)  # type: ignore[arg-type]
    nn.init.zeros_(network.conv_out.bias)  # type: ignore[arg-type]
    return network


def build_surface(config: ModelConfig) -> SurfaceNetwork:
    return SurfaceNetwork(**config.surface)


def build_relief(config: ModelConfig) -> SurfaceNetwork:
    """How far the background stands before or behind the floor."""
    return SurfaceNetwork(**config.relief, maps=RELIEF_MAPS, outputs=RELIEF_OUTPUTS)


def build_fusion(config: ModelConfig) -> UNet2DModel:
    """Joins the carried picture and the denoiser's."""
    return build_dense(config, FUSION_INPUTS, FUSION_OUTPUTS)


def run_dense(network: UNet2DModel, full: Tensor, layers: Tensor) -> Tensor:
    """full [B, C, H, W], layers [B, L, H/2, W/2] -> outputs [B, O, H, W]; sides must be multiples of 16."""
    maps = torch.cat([pixel_unshuffle(full, 2), layers], 1)
    time = torch.zeros(full.shape[0], device=full.device)
    return pixel_shuffle(network(maps.contiguous(memory_format=torch.channels_last), time).sample, 2)


def widen_inputs(unet: UNet2DConditionModel, channels: int) -> UNet2DConditionModel:
    """Let a pretrained U-Net take more input channels; the new ones start at zero, so step 0 is unchanged."""
    old = unet.conv_in
    new = nn.Conv2d(channels, old.out_channels, 3, padding=1)  # type: ignore[arg-type]
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, : old.in_channels] = old.weight  # type: ignore[index]
        assert new.bias is not None and old.bias is not None
        new.bias.copy_(old.bias)
    unet.conv_in = new.to(old.weight.device, old.weight.dtype)
    unet.register_to_config(in_channels=channels)
    return unet


def image_to_latents(autoencoder: AutoencoderKL, image: Tensor, patch: int) -> Tensor:
    """image [B, 3, H, W] in 0..1 -> normalised latents [B, C, H/8, W/8] (the posterior's mode)."""
    pixels = pixel_unshuffle(image * 2 - 1, patch) if patch > 1 else image * 2 - 1
    mode = autoencoder.encode(pixels.contiguous(memory_format=torch.channels_last)).latent_dist.mode()
    return (mode - (autoencoder.config.shift_factor or 0.0)) * autoencoder.config.scaling_factor


def latents_to_image(autoencoder: AutoencoderKL, latents: Tensor, patch: int) -> Tensor:
    """Normalised latents [B, C, h, w] -> image [B, 3, 8h, 8w], not clamped."""
    scaled = latents / autoencoder.config.scaling_factor + (autoencoder.config.shift_factor or 0.0)
    pixels = autoencoder.decode(scaled.contiguous(memory_format=torch.channels_last)).sample
    return (pixel_shuffle(pixels, patch) if patch > 1 else pixels) / 2 + 0.5
