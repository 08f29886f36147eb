"""Losses as pure functions of pictures and latents."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, cross_entropy

from ..relief import FLAT, relief_if

_KINDS = (1.0, 1.5, 2.5)  # weights of flat background, and what is before and below the floor


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of values [B, C, H, W] with weights [B, 1, H, W]."""
    return (values * weight).sum() / (weight.sum() * values.shape[1]).clamp_min(1e-6)


def structural_dissimilarity(first: Tensor, second: Tensor, window: int = 7) -> Tensor:
    """1 - SSIM per pixel [B, C, h, w] with box windows (Wang et al. 2004, eq. 13), pictures in 0..1."""
    mean = lambda x: avg_pool2d(x, window, 1)  # noqa: E731
    a, b = mean(first), mean(second)
    va, vb = mean(first**2) - a**2, mean(second**2) - b**2
    covariance = mean(first * second) - a * b
    return 1 - ((2 * a * b + 1e-4) * (2 * covariance + 9e-4)) / ((a**2 + b**2 + 1e-4) * (va + vb + 9e-4))


def gradients(image: Tensor) -> tuple[Tensor, Tensor]:
    return image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]


def picture_loss(made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Reconstruction of pictures [B, 3, H, W] in 0..1 with pixel weights [B, 1, H, W]:
    absolute and squared error, structure at two scales, gradients."""
    loss = weighted_mean((made - truth).abs(), weight) + 4 * weighted_mean((made - truth) ** 2, weight)
    for a, b in zip(gradients(made), gradients(truth), strict=True):
        loss = loss + 0.5 * (a - b).abs().mean()
    for scale in (1, 2):
        a, b = (made, truth) if scale == 1 else (avg_pool2d(made, 2), avg_pool2d(truth, 2))
        loss = loss + 0.1 * structural_dissimilarity(a, b).mean()
    return loss


def decibel_loss(made: Tensor, truth: Tensor, masks: Tensor, weight: Tensor) -> Tensor:
    """Mean logarithm of the squared error inside masks [B, N, H, W], each object counting the same however large or
    right it already is (its PSNR, upside down); weight [B, 1, H, W] of 0 leaves pixels out."""
    area = (masks & (weight > 0)).float()
    error = ((made - truth) ** 2).mean(1, keepdim=True)
    count = area.sum((-2, -1))
    mean = (error * area).sum((-2, -1)) / count.clamp_min(1)
    shown = (count > 16).float()
    return ((mean + 3e-5).log() * shown).sum() / shown.sum().clamp_min(1)


def surface_loss(
    outputs: Tensor, layer: Tensor, fractions: Tensor, slots: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor]:
    """Visible layer's error (cross-entropy and one minus soft Dice of the objects) and the fraction's along the ray.

    outputs [B, 2K+1, H, W]; layer [B, H, W] 0..K; fractions [B, K, H, W]; slots [B, K, H, W] (-1: no box);
    valid [B, H, W] bool. Layers that a ray does not enter cannot be chosen.
    """
    count = slots.shape[1]
    covered = torch.cat([slots >= 0, torch.ones_like(slots[:, :1], dtype=torch.bool)], 1)
    logits = outputs[:, : count + 1].float().masked_fill(~covered, -1e4)
    # only where a box is in play is there anything to decide
    decide = (valid & covered[:, 0]).float()
    mask = (cross_entropy(logits, layer, reduction="none") * decide).sum() / decide.sum().clamp_min(1)
    mask = mask + _dice_loss(logits, layer, slots, decide)
    visible = (layer[:, None] == torch.arange(count, device=layer.device)[None, :, None, None]) & valid[:, None]
    wrong = (outputs[:, count + 1 :].float().sigmoid() - fractions).abs() * visible
    return mask, wrong.sum() / visible.sum().clamp_min(1)


def _dice_loss(logits: Tensor, layer: Tensor, slots: Tensor, decide: Tensor) -> Tensor:
    """1 - soft Dice (Milletari et al. 2016, section 3) of all object pixels of each picture, mean over pictures.

    Cross-entropy alone is content with few wrong pixels; the overlap is what a carried object looks like.
    """
    share = logits.softmax(1)[:, :-1].sum(1) * decide  # [B, H, W] any object
    truth = (layer < slots.shape[1]).float() * decide
    both, sizes = (share * truth).sum((-2, -1)), (share + truth).sum((-2, -1))
    return (1 - (2 * both + 1) / (sizes + 1)).mean()


def relief_loss(outputs: Tensor, truth: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
    """Error (cross-entropy) of where the background is flat, before or below the floor, and absolute error of how far
    it is where it is: outputs [B, 5, H, W] of the relief network; truth [B, 1, H, W], where it is `told` (bool)."""
    kinds = torch.cat([truth.abs() < FLAT, truth >= FLAT, truth <= -FLAT], 1).int().argmax(1)  # [B, H, W]
    weight = outputs.new_tensor(_KINDS)[kinds] * told[:, 0]
    kind = (cross_entropy(outputs[:, :3].float(), kinds, reduction="none") * weight).sum() / weight.sum().clamp_min(1)
    stands = (kinds > 0)[:, None] & told
    wrong = (relief_if(outputs, kinds[:, None]) - truth).abs() * stands
    return kind, wrong.sum() / stands.sum().clamp_min(1)
