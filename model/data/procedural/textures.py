"""Procedural textures of points."""

from __future__ import annotations

import torch
from torch import Tensor

from .families import CHECKS, DOTS, MARBLE, STRIPES


def pattern(kind: Tensor, p: Tensor, scale: Tensor) -> Tensor:
    """Each point's own texture, by number, at points [3, R]: share of the second colour [R]; kind and scale [R]
    or [1]."""
    q = p * scale
    x, y, z = q
    mixed = torch.zeros_like(x)
    for number, texture in ((STRIPES, _stripes), (CHECKS, _checks), (DOTS, _dots), (MARBLE, _marble)):
        mine = kind == number
        if kind.shape[-1] != 1 or bool(mine):
            mixed = torch.where(mine, texture(x, y, z), mixed)
    return mixed


def _stripes(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return (torch.sin(z * 6.3 + x * 0.5) > 0).float()


def _checks(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    half = ((x + 100.03).floor() + (y + 100.03).floor() + (z + 100.03).floor()) * 0.5
    return (half - half.floor()) * 2


def _dots(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    a, b, c = x - x.floor() - 0.5, y - y.floor() - 0.5, z - z.floor() - 0.5
    return (a * a + b * b + c * c < 0.1).float()


def _marble(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return torch.sin(x * 3 + 1.5 * torch.sin(y * 4 + torch.sin(z * 5)) + torch.sin(z * 3)) * 0.5 + 0.5


def grain(p: Tensor, phase: Tensor) -> Tensor:
    """Soft noise in 0..1 at points [3, R] with phases [8, R] or [8, 1]: a few incommensurable waves."""
    x, y, z = p
    total = torch.zeros_like(x)
    for k in range(5):
        f = 1.9**k
        across = torch.sin(x * (f * (2.1 + k)) + phase[k] * 6)
        total = total + across * torch.sin(y * (f * 2.7) + phase[k + 1] * 9 + z * f) * (1 / (k + 1))
    return total * 0.25 + 0.5
