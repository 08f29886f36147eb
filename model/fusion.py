"""Full-resolution transfer: the model's correction on top of the sharp carried picture.

The model works at its own size; artists render larger. The sharp carried picture stays, and takes the model's
change (light, shadow, what it would rather see in holes) from its own size; untouched pixels of a reference come
back exactly (method notes, section 2). At outlines the network chooses between sharp pictures: where it doubts that
an object reaches, the carried background comes forward, and where the object should reach further, its colours do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from diffusers import UNet2DModel
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from .carried import Planes
from .conditions import Surface, read_surface, visible_shares
from .filters import box_max, box_mean
from .layers import BoxLayers
from .networks import run_dense

OUTWARDS = 0.04  # of the longer side: as far as this an object may reach beyond what was carried of it
INWARDS = 0.016  # of the longer side: as far inside a surface that was seen what is behind it may come forward
CARRIED_LOGIT = 2.0  # what carrying an object to a pixel adds to the network's logit that it is seen there
FAINT = (0.01, 0.03)  # changes of pixels that are good as they are: none below, all above (of the full range)


@dataclass(frozen=True)
class Fusion:
    """change [B, 3, H, W]: what is added to the carried picture; outline [B, 2, H, W]: shares of the objects' colours
    and of what is behind them that take the place of the carried picture; believed [B, 1, H, W]: the share of both that
    is let through; outputs: target surface channels."""

    change: Tensor
    outline: Tensor
    believed: Tensor
    outputs: Tensor

    def surface(self, layers: BoxLayers) -> Surface:
        """Predicted masks and depth of the target, `layers` at the same grid."""
        return read_surface(self.outputs, layers)

    def cover(self, layers: BoxLayers) -> Tensor:
        """Predicted share of every pixel that objects cover, [B, 1, H, W]."""
        return _cover(self.outputs, layers)


def fuse(
    network: UNet2DModel,
    planes: Planes,
    decoded: Tensor,
    again: Tensor,
    maps: Tensor,
    layers: BoxLayers,
    half: BoxLayers,
) -> Fusion:
    """planes, decoded, again (the carried picture through the autoencoder) [B, 3, H, W] 0..1,
    maps [B, 5, H, W] (seen, unseen, background, edit region, steady), box layers at [H, W] and, with their maps, half.

    The denoiser's own change is the difference of two pictures that went through the same autoencoder, so that the
    autoencoder's blur and colour cast cancel.
    """
    inputs = torch.cat([planes.image, decoded, again, maps, planes.front, planes.behind], 1)
    outputs = run_dense(network, inputs - 0.5, half.maps)
    seen, unseen, background, _, steady = maps.split(1, 1)
    hole = 1 - seen - unseen - background
    # where to start from: what was seen is kept, a box's guess and a filled hole are mostly kept
    certain = seen + background + 0.7 * unseen + 0.8 * hole
    kept = torch.sigmoid(outputs[:, :1] + 6 * certain - 3 + 4 * steady)
    change = (1 - kept) * (decoded - again) + outputs[:, 1:4]
    # and the outline is moved about as far as the predicted mask says
    lacking = _cover(outputs[:, 6:], layers).detach() - seen - unseen
    towards = torch.cat([lacking, -lacking], 1).clamp_min(0)
    outline = torch.sigmoid(outputs[:, 4:6] + 6 * towards - 4) * (1 - steady)
    reach = max(1, round(OUTWARDS * max(steady.shape[-2:])))
    near = (4 * box_mean(seen + unseen, reach)).clamp_max(1)
    rim = box_max((seen < 0.5).float(), max(1, round(INWARDS * max(steady.shape[-2:]))))
    outline = outline * torch.cat([near, rim], 1)
    return Fusion(change, outline, torch.ones_like(steady), outputs[:, 6:])


def known_outlines(several: Tensor, slot: Tensor) -> Tensor:
    """Where the carried outline is right as it is, [B, 1, H, W] 0 or 1: at and around objects that have been `several`
    [N] bool times seen; slot [B, H, W] the front object or -1. The network was trained on objects of one picture."""
    if not bool(several.any()):
        return torch.zeros_like(slot[:, None], dtype=torch.float32)
    mine = several[slot.clamp_min(0)] & (slot >= 0)
    return box_max(mine[:, None].float(), max(1, round(OUTWARDS * max(slot.shape[-2:]))))


def with_carried(outputs: Tensor, layers: BoxLayers, slot: Tensor, covered: Tensor) -> Tensor:
    """Surface channels that also listen to the carried picture: slot [B, H, W] its front object or -1, covered
    [B, 1, H, W] the share of each pixel that objects cover."""
    carried = (layers.slot == slot[:, None]) & (layers.slot >= 0)
    logits = CARRIED_LOGIT * torch.cat([carried * covered, 1 - covered], 1)
    return torch.cat([outputs[:, : logits.shape[1]] + logits, outputs[:, logits.shape[1] :]], 1)


def _cover(outputs: Tensor, layers: BoxLayers) -> Tensor:
    return 1 - visible_shares(outputs, layers)[:, -1:]


def _outlined(outline: Tensor, planes: Planes) -> Tensor:
    """The change [B, 3, H, W] that moves the outlines."""
    front, behind = outline.split(1, 1)
    return front * (planes.front - planes.image) + behind * (planes.behind - planes.image)


def without_faint(fusion: Fusion, planes: Planes, good: Tensor) -> Fusion:
    """The fusion without faint changes where the carried picture is `good` [B, 1, H, W] 0..1 as it is: pixels that
    stand still, and the clean plate, change by a shadow or by light, which shows; what is fainter is the network's
    doubt, and the picture's own pixels are better."""
    change = fusion.change + _outlined(fusion.outline, planes)
    strength = avg_pool2d(change.abs().amax(1, keepdim=True), 5, 1, 2, count_include_pad=False)
    visible = ((strength - FAINT[0]) / (FAINT[1] - FAINT[0])).clamp(0, 1)
    return replace(fusion, believed=1 - good * (1 - visible))


def compose(fusion: Fusion, planes: Planes, region: Tensor) -> Tensor:
    """The final picture [B, 3, H, W] at the planes' size; the fusion may be smaller.

    Outside the edit `region` [B, 1, H, W] it is the carried picture itself, exactly.
    """
    size = planes.image.shape[-2:]
    change, outline = fusion.change * fusion.believed, fusion.outline * fusion.believed
    if change.shape[-2:] != size:
        change = interpolate(change, size, mode="bicubic", align_corners=False)
        outline = interpolate(outline, size, mode="bilinear", align_corners=False)
    change = change + _outlined(outline, planes)
    return torch.where(region > 0, planes.image + region * change, planes.image).clamp(0, 1)
