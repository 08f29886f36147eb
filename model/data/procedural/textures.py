"""Procedural textures of points, smoothed to the size of what a pixel sees of the surface: they do not alias."""

from __future__ import annotations

import torch
from torch import Tensor

from .families import CHECKS, DOTS, MARBLE, STRIPES

_WAVES = ((1.0, 0.0), (-0.74, 0.67), (0.09, -1.0), (0.61, 0.79), (-0.99, -0.17))  # cosines and sines of their turns


def pattern(kind: Tensor, p: Tensor, scale: Tensor, blur: Tensor) -> Tensor:
    """Each point's own texture, by number, at points [3, R]: share of the second colour [R]; kind and scale [R]
    or [1]; blur [R]: metres of the surface that a pixel sees."""
    mixed = torch.zeros_like(p[0])
    for number, texture in ((STRIPES, _stripes), (CHECKS, _checks), (DOTS, _dots), (MARBLE, _marble)):
        mine = kind == number
        if kind.shape[-1] != 1 or bool(mine):
            x, y, z = p * scale
            values = texture(x, y, z, 1 / (blur * scale).clamp_min(1e-4))
            mixed = values if kind.shape[-1] == 1 else torch.where(mine, values, mixed)
    return mixed


def _step(height: Tensor) -> Tensor:
    """0 to 1 where `height` goes from -1/2 to 1/2."""
    return (height + 0.5).clamp(0, 1)


def _stripes(x: Tensor, y: Tensor, z: Tensor, sharp: Tensor) -> Tensor:
    return _step(torch.sin(z * 6.3 + x * 0.5) * (sharp * (1 / 6.3)))


def _checks(x: Tensor, y: Tensor, z: Tensor, sharp: Tensor) -> Tensor:
    product = 0.5
    for c in (x, y, z):
        half = c * 0.5 + 50.015
        product = product * ((((half - half.floor() - 0.5).abs() - 0.25) * (4 * sharp)).clamp(-1, 1))
    return product + 0.5


def _dots(x: Tensor, y: Tensor, z: Tensor, sharp: Tensor) -> Tensor:
    a, b, c = x - x.floor() - 0.5, y - y.floor() - 0.5, z - z.floor() - 0.5
    return _step((0.1 - a * a - b * b - c * c) * (sharp * (1 / 0.63)))


def _marble(x: Tensor, y: Tensor, z: Tensor, sharp: Tensor) -> Tensor:
    return torch.sin(x * 3 + 1.5 * torch.sin(y * 4 + torch.sin(z * 5)) + torch.sin(z * 3)) * 0.5 + 0.5


def grain(p: Tensor, phase: Tensor) -> Tensor:
    """Soft noise in 0..1 at points [3, R] with phases [8, R] or [8, 1]: waves of all directions, each bent by the
    ones before it."""
    x, y, z = p
    total = torch.zeros_like(x)
    for k, (c, s) in enumerate(_WAVES):
        f, bend = 1.9**k, total * 1.4
        across = torch.sin((x * c + y * s) * (f * 2.1) + bend + phase[k] * 6)
        along = torch.sin((y * c - x * s + z * 1.1) * (f * 2.4) - bend + phase[k + 1] * 9)
        total = total + across * along * (1 / (k + 1))
    return total * 0.25 + 0.5
