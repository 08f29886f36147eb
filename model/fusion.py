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
from torch.nn.functional import avg_pool2d, interpolate

from .conditions import Surface, read_surface
from .layers import BoxLayers
from .networks import run_dense

FAINT = (0.04, 0.08)  # changes of pixels that stand still: none below, all above (of the full range)


@dataclass(frozen=True)
class Fusion:
    """blend [B, 1, H, W]: share of the carried picture; correction [B, 3, H, W]; believed [B, 1, H, W]: share of the
    change that is let through; outputs: target surface channels."""

    blend: Tensor
    correction: Tensor
    believed: Tensor
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
    maps [B, 5, H, W] (seen, unseen, background, edit region, steady), half [B, L, H/2, W/2] box layers."""
    outputs = run_dense(network, torch.cat([carried, decoded, again, maps], 1) - 0.5, half)
    seen, unseen, background, _, steady = maps.split(1, 1)
    hole = 1 - seen - unseen - background
    # where to start from: what was seen is kept, a box's guess and a filled hole are mostly believed
    certain = seen + background + 0.7 * unseen + 0.8 * hole
    blend = torch.sigmoid(outputs[:, :1] + 6 * certain - 3 + 4 * steady)
    correction = outputs[:, 1:4]
    change = (1 - blend) * (decoded - carried) + correction
    return Fusion(blend, correction, _believed(change, steady), outputs[:, 4:])


def _believed(change: Tensor, steady: Tensor) -> Tensor:
    """Share [B, 1, H, W] of a change [B, 3, H, W] that is let through: pixels that stand still change by a shadow or
    by light, which shows; fainter changes there are the network's doubt, and the source's own pixels are better."""
    strength = avg_pool2d(change.abs().amax(1, keepdim=True), 5, 1, 2, count_include_pad=False)
    visible = ((strength - FAINT[0]) / (FAINT[1] - FAINT[0])).clamp(0, 1)
    return 1 - steady * (1 - visible)


def compose(fusion: Fusion, carried: Tensor, decoded: Tensor, region: Tensor) -> Tensor:
    """The final picture [B, 3, H, W] at the carried picture's size; `decoded` and the fusion may be smaller.

    Outside the edit `region` [B, 1, H, W] it is the carried picture itself, exactly.
    """
    size = carried.shape[-2:]
    resize = lambda x: x if x.shape[-2:] == size else interpolate(x, size, mode="bicubic", align_corners=False)  # noqa: E731
    blend = resize(fusion.blend).clamp(0, 1)
    change = (1 - blend) * (resize(decoded) - carried) + resize(fusion.correction)
    fused = carried + resize(fusion.believed).clamp(0, 1) * change
    return torch.where(region > 0, region * fused + (1 - region) * carried, carried).clamp(0, 1)
