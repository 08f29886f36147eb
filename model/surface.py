"""The surface network: which box's object each pixel of a source picture shows, and how deep in the box.

Read at `encode` (method notes, section 2). ImageNet features of the picture go down; on the way up the box layers
join at every scale, so that the answer at a pixel may depend on what the box holds there and on what the
picture looks like around it. A second network of this kind says how the background stands up from the floor
(`model.relief`): it reads other maps than box layers and has one answer.
"""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, pixel_shuffle, pixel_unshuffle

from .image_features import CHANNELS, ImageFeatures
from .layers import CHANNELS_PER_LAYER, LAYERS

SURFACE_OUTPUTS = LAYERS + 1 + LAYERS  # visible layer's logits, fractions along the rays
_PIXELS = 12  # a 2x2 block of the picture itself, for sharp outlines


class SurfaceNetwork(ModelMixin, ConfigMixin):
    """Picture [B, 3, H, W] in 0..1 and maps (the box layers) [B, maps, H/2, W/2] -> [B, outputs, H, W]; even sides."""

    @register_to_config
    def __init__(
        self, widths: tuple[int, ...] = (32, 48, 64, 96, 128), groups: int = 8,
        maps: int = LAYERS * CHANNELS_PER_LAYER, outputs: int = SURFACE_OUTPUTS,
    ) -> None:  # fmt: skip
        """widths: of the way up, at strides 2, 4, 8, 16, 32."""
        super().__init__()
        self.features = ImageFeatures()
        blocks = []
        for level, width in enumerate(widths):
            inputs = CHANNELS[level] + maps + (_PIXELS if level == 0 else 0)
            inputs += widths[level + 1] if level + 1 < len(widths) else 0
            entry = nn.Conv2d(inputs, width, 1)
            blocks.append(nn.Sequential(entry, _block(width, groups), _block(width, groups)))
        self.up = nn.ModuleList(blocks)
        self.conv_out = nn.Conv2d(widths[0], 4 * outputs, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        assert self.conv_out.bias is not None
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, image: Tensor, maps: Tensor) -> Tensor:
        image, maps = (x.contiguous(memory_format=torch.channels_last) for x in (image, maps))
        features, given = self.features(image), [maps]
        for smaller in features[1:]:
            given.append(adaptive_avg_pool2d(given[-1], smaller.shape[-2:]))
        x: Tensor | None = None
        for level in reversed(range(len(features))):
            parts = [features[level], given[level]]
            if level == 0:
                parts.append(pixel_unshuffle(image - 0.5, 2))
            if x is not None:
                parts.append(interpolate(x, features[level].shape[-2:], mode="nearest"))
            x = self.up[level](torch.cat(parts, 1))
        return pixel_shuffle(self.conv_out(x), 2)


def _block(width: int, groups: int) -> nn.Module:
    return _Residual(in_channels=width, out_channels=width, temb_channels=None, groups=groups)  # type: ignore[arg-type]


class _Residual(ResnetBlock2D):
    """diffusers' residual block without a time."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, None)  # type: ignore[arg-type]
