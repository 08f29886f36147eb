"""Straight edges that run into holes: found where they are, and only there."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from model.straight_edges import sides, straight_edges

HEIGHT, WIDTH = 120, 180


def places() -> tuple[Tensor, Tensor]:
    """y, x [H, W] in units of the longer side from the centre."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    return (y + 0.5 - HEIGHT / 2) / WIDTH, (x + 0.5 - WIDTH / 2) / WIDTH


def noise() -> Tensor:
    return 0.1 * torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


def hole() -> Tensor:
    mask = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    mask[..., 40:80, 70:110] = True
    return mask


@pytest.mark.parametrize("degrees", [0, 20, 75, 90, 110, 165])
def test_an_edge_is_found_where_it_is(degrees: int):
    """Whatever the hole shows."""
    y, x = places()
    a, b, c = math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.03
    picture = noise() + torch.where(a * x + b * y < c, 0.3, 0.6)
    edges = straight_edges(torch.where(hole(), 0.9, picture), hole())
    assert len(edges) >= 1
    best = edges[0] * torch.sign(edges[0, 0] * a + edges[0, 1] * b)  # a line is its own when its signs are turned
    assert float(best[0] * a + best[1] * b) > math.cos(math.radians(3))
    assert abs(float(best[2]) - c) < 0.02


def test_edges_far_from_every_hole_thin_lines_and_plain_stuff_do_not_count():
    y, x = places()
    assert len(straight_edges(noise(), hole())) == 0
    far = noise() + torch.where(x < -0.4, 0.3, 0.6)
    assert len(straight_edges(far, hole())) == 0
    joints = noise() + torch.where(((y + x) % 0.1).abs() < 0.01, 0.3, 0.6)
    assert len(straight_edges(joints, hole())) == 0


def test_without_a_hole_or_without_anything_else_there_are_no_edges():
    y, _ = places()
    picture = noise() + torch.where(y < 0, 0.3, 0.6)
    assert straight_edges(picture, torch.zeros_like(hole())).shape == (0, 3)
    assert straight_edges(picture, torch.ones_like(hole())).shape == (0, 3)


def test_sides_go_from_minus_one_to_one_across_an_edge():
    across = sides(torch.tensor([[1.0, 0.0, 0.25]]), 10, 20, reach=4).view(10, 20)
    assert torch.equal(across[0], across[9])
    assert float(across[0, 0]) == -1 and float(across[0, 19]) == 1
    assert float(across[0, 14]) == -float(across[0, 15]) == pytest.approx(-0.5 / 4)
