"""Full-resolution transfer: the model's correction on top of the sharp carried picture.

The model works at its own size; artists render larger. The sharp carried picture stays, and takes the model's
change (light, shadow, what it would rather see at borders and in holes) from its own size; untouched pixels of a
reference come back exactly (method notes, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import UNet2DModel
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from .conditions import Surface, read_surface, visible_shares
from .layers import BoxLayers
from .networks import run_dense

FAINT = (0.04, 0.08)  # changes of pixels that stand still: none below, all above (of the full range)


@dataclass(frozen=True)
class Fusion:
    """change [B, 3, H, W]: what is added to the carried picture; believed [B, 1, H, W]: the share of it that is let
    through; outputs: target surface channels."""

    change: Tensor
    believed: Tensor
    outputs: Tensor

    def surface(self, layers: BoxLayers) -> Surface:
        """Predicted masks and depth of the target, `layers` at the same grid."""
        return read_surface(self.outputs, layers)

    def cover(self, layers: BoxLayers) -> Tensor:
        """Predicted share of every pixel that objects cover, [B, 1, H, W]."""
        return 1 - visible_shares(self.outputs, layers)[:, -1:]


def fuse(
    network: UNet2DModel,
    carried: Tensor,
    decoded: Tensor,
    again: Tensor,
    maps: Tensor,
    half: Tensor,
) -> Fusion:
    """carried, decoded, again (the carried picture through the autoencoder) [B, 3, H, W] 0..1,
    maps [B, 5, H, W] (seen, unseen, background, edit region, steady), half [B, L, H/2, W/2] box layers.

    The denoiser's own change is the difference of two pictures that went through the same autoencoder, so that the
    autoencoder's blur and colour cast cancel.
    """
    outputs = run_dense(network, torch.cat([carried, decoded, again, maps], 1) - 0.5, half)
    seen, unseen, background, _, steady = maps.split(1, 1)
    hole = 1 - seen - unseen - background
    # where to start from: what was seen is kept, a box's guess and a filled hole are mostly kept
    certain = seen + background + 0.7 * unseen + 0.8 * hole
    kept = torch.sigmoid(outputs[:, :1] + 6 * certain - 3 + 4 * steady)
    change = (1 - kept) * (decoded - again) + outputs[:, 1:4]
    return Fusion(change, _believed(change, steady), outputs[:, 4:])


def _believed(change: Tensor, steady: Tensor) -> Tensor:
    """Share [B, 1, H, W] of a change [B, 3, H, W] that is let through: pixels that stand still change by a shadow or
    by light, which shows; fainter changes there are the network's doubt, and the source's own pixels are better."""
    strength = avg_pool2d(change.abs().amax(1, keepdim=True), 5, 1, 2, count_include_pad=False)
    visible = ((strength - FAINT[0]) / (FAINT[1] - FAINT[0])).clamp(0, 1)
    return 1 - steady * (1 - visible)


def compose(fusion: Fusion, carried: Tensor, region: Tensor) -> Tensor:
    """The final picture [B, 3, H, W] at the carried picture's size; the fusion may be smaller.

    Outside the edit `region` [B, 1, H, W] it is the carried picture itself, exactly.
    """
    change = fusion.change * fusion.believed
    if change.shape[-2:] != carried.shape[-2:]:
        change = interpolate(change, carried.shape[-2:], mode="bicubic", align_corners=False)
    return torch.where(region > 0, carried + region * change, carried).clamp(0, 1)
