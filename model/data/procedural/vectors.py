"""Vectors lie component first here ([3, R]): every component is contiguous, and constants broadcast."""

from __future__ import annotations

import torch
from torch import Tensor


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Scalar products of vectors [3, ...]."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def unit(a: Tensor) -> Tensor:
    """Vectors [3, ...] at length 1."""
    return a / dot(a, a).sqrt().clamp_min(1e-12)


def turn(matrix: Tensor, vector: Tensor) -> Tensor:
    """3 x 3 matrices [3, 3, R] times vectors [3, R]."""
    return torch.stack([dot(row, vector) for row in matrix])


def place(matrix: Tensor, point: Tensor) -> Tensor:
    """3 x 4 matrices [3, 4, R] times points [3, R]."""
    return torch.stack([dot(row, point) + row[3] for row in matrix])


def pick(table: Tensor, frame: Tensor) -> Tensor:
    """Columns [..., R] of a table [..., F] for the frames of rays [R]. A single column stays one and broadcasts:
    on the CPU, where frames go one by one, no ray gathers what all share."""
    return table if table.shape[-1] == 1 else table.index_select(-1, frame)
