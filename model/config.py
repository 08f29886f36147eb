"""Presets and sizes: every number that defines a network, in one frozen tree.

`paper` is Neural Assets as published (method section 1); `anchored` adds the carried picture (section 2).
Sizes: `tiny` for tests, `base` the shipped one, `sd21` Stable Diffusion 2.1 with a DINO ViT.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

PRESETS = ("paper", "anchored")
MAP_CHANNELS = 24  # what the anchored denoiser sees beside the latents; see model.conditions


@dataclass(frozen=True)
class ModelConfig:
    """size: pixels of the square the model works at; patch: space-to-depth in front of the autoencoder."""

    preset: str
    name: str
    size: int
    patch: int
    latent_channels: int
    token_width: int  # appearance and pose width each
    cross_width: int  # width of an asset token
    encoder: dict[str, Any]  # transformers ViTConfig
    autoencoder: dict[str, Any]  # diffusers AutoencoderKL
    unet: dict[str, Any]  # diffusers UNet2DConditionModel
    surface: dict[str, Any]  # model.surface.SurfaceNetwork
    relief: dict[str, Any]  # the same, for what stands behind the objects
    dense: dict[str, Any]  # diffusers UNet2DModel of the fusion network
    prediction: str = "flow"  # or "v_prediction" (Stable Diffusion 2.1)

    @property
    def anchored(self) -> bool:
        return self.preset == "anchored"

    @property
    def denoiser_inputs(self) -> int:
        return self.latent_channels * (2 if self.anchored else 1) + (MAP_CHANNELS if self.anchored else 0)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _blocks(kind: str, count: int) -> tuple[str, ...]:
    return (kind,) * count


def _autoencoder(channels: tuple[int, ...], latent: int, patch: int, groups: int, layers: int) -> dict[str, Any]:
    return {
        "in_channels": 3 * patch**2, "out_channels": 3 * patch**2, "latent_channels": latent,
        "block_out_channels": channels, "layers_per_block": layers, "norm_num_groups": groups,
        "down_block_types": _blocks("DownEncoderBlock2D", len(channels)),
        "up_block_types": _blocks("UpDecoderBlock2D", len(channels)), "mid_block_add_attention": False,
    }  # fmt: skip


def _unet(channels: tuple[int, ...], cross: int, head: int, groups: int) -> dict[str, Any]:
    attended = len(channels) - 1
    return {
        "block_out_channels": channels, "layers_per_block": 1, "cross_attention_dim": cross,
        "attention_head_dim": head, "norm_num_groups": groups,
        "down_block_types": ("DownBlock2D", *_blocks("CrossAttnDownBlock2D", attended)),
        "up_block_types": (*_blocks("CrossAttnUpBlock2D", attended), "UpBlock2D"),
    }  # fmt: skip


def _surface(widths: tuple[int, ...], groups: int) -> dict[str, Any]:
    return {"widths": widths, "groups": groups}


def _dense(channels: tuple[int, ...], groups: int) -> dict[str, Any]:
    return {
        "block_out_channels": channels, "layers_per_block": 1, "norm_num_groups": groups, "add_attention": False,
        "down_block_types": _blocks("DownBlock2D", len(channels)),
        "up_block_types": _blocks("UpBlock2D", len(channels)),
    }  # fmt: skip


def _encoder(width: int, depth: int, heads: int, image: int, patch: int) -> dict[str, Any]:
    return {
        "hidden_size": width, "num_hidden_layers": depth, "num_attention_heads": heads,
        "intermediate_size": 4 * width, "image_size": image, "patch_size": patch,
    }  # fmt: skip


_SIZES: dict[str, ModelConfig] = {
    "tiny": ModelConfig(
        "anchored", "tiny", 64, 2, 4, 32, 32, _encoder(32, 1, 2, 64, 16), _autoencoder((8, 16, 16), 4, 2, 4, 1),
        _unet((16, 32), 32, 16, 8), _surface((8, 8, 16, 16, 16), 4), _surface((8, 8, 8, 8, 16), 4), _dense((8, 16), 4),
    ),
    "base": ModelConfig(
        "anchored", "base", 256, 2, 8, 256, 256, _encoder(192, 6, 3, 256, 16),
        _autoencoder((32, 64, 128), 8, 2, 8, 1), _unet((96, 192, 320), 256, 64, 16),
        _surface((32, 48, 64, 96, 128), 8), _surface((16, 24, 48, 64, 96), 8), _dense((32, 64, 96, 128), 8),
    ),
    "sd21": ModelConfig(
        "anchored", "sd21", 256, 1, 4, 512, 1024, _encoder(768, 12, 12, 224, 8),
        _autoencoder((128, 256, 512, 512), 4, 1, 32, 2), {}, _surface((32, 48, 64, 96, 128), 8),
        _surface((16, 24, 48, 64, 96), 8), _dense((32, 64, 96, 128), 8), prediction="v_prediction",
    ),
}  # fmt: skip


def model_config(preset: str = "anchored", size: str = "base") -> ModelConfig:
    """The named configuration; raises KeyError with the names there are."""
    if preset not in PRESETS or size not in _SIZES:
        raise KeyError(f"There is no preset {preset} {size}: choose of {PRESETS} and {tuple(_SIZES)}.")
    return replace(_SIZES[size], preset=preset)
