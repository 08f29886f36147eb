"""Full-resolution transfer: the model's correction on top of the sharp carried picture.

The model works at its own size; artists render larger. Where a source saw the surface, the sharp carried
pixel stays and takes the model's low-frequency correction (light, shadow); where something was invented,
the model's picture stands; untouched pixels of a reference come back exactly (method notes, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import UNet2DModel
from torch import Tensor
from torch.nn.functional import interpolate

from .conditions import Surface, read_surface
from .layers import BoxLayers
from .networks import run_dense


@dataclass(frozen=True)
class Fusion:
    """blend [B, 1, H, W]: share of the carried picture; correction [B, 3, H, W]; outputs: target surface channels."""

    blend: Tensor
    correction: Tensor
    outputs: Tensor

    def surface(self, layers: BoxLayers) -> Surface:
        """Predicted masks and depth of the target, `layers` at the same grid."""
        return read_surface(self.outputs, layers)


def fuse(
    network: UNet2DModel,
    carried: Tensor,
    decoded: Tensor,
    again: Tensor,
    maps: Tensor,
    half: Tensor,
) -> Fusion:
    """carried, decoded, again (the carried picture through the autoencoder) [B, 3, H, W] 0..1,
    maps [B, 4, H, W] (seen, unseen, background, edit region), half [B, L, H/2, W/2] box layers."""
    outputs = run_dense(network, torch.cat([carried, decoded, again, maps], 1) - 0.5, half)
    seen, unseen, background = maps[:, 0:1], maps[:, 1:2], maps[:, 2:3]
    hole = 1 - seen - unseen - background
    # where to start from: what was seen is kept, a box's guess and a filled hole are half believed
    certain = seen + background + 0.5 * unseen + 0.4 * hole
    blend = torch.sigmoid(outputs[:, :1] + 6 * certain - 3)
    return Fusion(blend, outputs[:, 1:4], outputs[:, 4:])


def compose(fusion: Fusion, carried: Tensor, decoded: Tensor, region: Tensor) -> Tensor:
    """The final picture [B, 3, H, W] at the carried picture's size; `decoded` and the fusion may be smaller.

    Outside the edit `region` [B, 1, H, W] it is the carried picture itself, exactly.
    """
    size = carried.shape[-2:]
    resize = lambda x: x if x.shape[-2:] == size else interpolate(x, size, mode="bicubic", align_corners=False)  # noqa: E731
    blend = resize(fusion.blend).clamp(0, 1)
    fused = blend * carried + (1 - blend) * resize(decoded) + resize(fusion.correction)
    return torch.where(region > 0, region * fused + (1 - region) * carried, carried).clamp(0, 1)
