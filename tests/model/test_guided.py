"""The guided filter: coarse masks follow the edges of their picture."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from model.guided import LONGEST, follow_edges


def disc(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture [3, s, s] of a textured disc on a textured ground, and the disc [s, s] bool."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    inside = (x**2 + y**2).sqrt() < 0.6
    noise = torch.rand(3, side, side, generator=torch.Generator().manual_seed(1)) * 0.06
    ground, colour = torch.tensor([0.5, 0.45, 0.3]), torch.tensor([0.25, 0.5, 0.6])
    return torch.where(inside, colour[:, None, None], ground[:, None, None]) + noise, inside


def overlap(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize(("side", "enlarged"), [(96, 6), (700, 20)])
def test_a_coarse_mask_finds_the_edge(side: int, enlarged: int):
    image, inside = disc(side)
    assert side < LONGEST or side == 700  # both ways of working
    coarse = interpolate(inside[None, None].float(), (side // enlarged, side // enlarged), mode="area")
    coarse = torch.roll(coarse, 1, -1) * 0.6 + coarse * 0.4  # and a little beside the truth
    share = interpolate(coarse, (side, side), mode="bilinear", align_corners=False)[0, 0]
    before, after = overlap(share > 0.5, inside), overlap(follow_edges(share, image, enlarged) > 0.5, inside)
    assert after > 0.95 and after > before + 0.05


def test_an_even_picture_moves_nothing():
    share = torch.zeros(64, 64)
    share[:, 32:] = 1
    made = follow_edges(share, torch.full((3, 64, 64), 0.5), 2)
    assert overlap(made > 0.5, share > 0.5) > 0.96 and made.isfinite().all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_or_nothing_stays(value: float):
    image, _ = disc(48)
    made = follow_edges(torch.full((48, 48), value), image, 3)
    torch.testing.assert_close(made, torch.full((48, 48), value), atol=1e-3, rtol=0)


def test_tiny_pictures():
    assert follow_edges(torch.ones(2, 3), torch.rand(3, 2, 3), 1).shape == (2, 3)
