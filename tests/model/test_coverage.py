"""Coverage, objects and depth at full size: outlines of the carried picture where the model only guesses."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from model.carried import Carried
from model.conditions import Surface
from model.coverage import coverage, full_size_surface

SMALL, LARGE = 64, 256


def disc(side: int, radius: float = 0.3) -> Tensor:
    """[1, 1, side, side], 1 inside."""
    place = (torch.arange(side) + 0.5) / side - 0.5
    return ((place[:, None] ** 2 + place**2) < radius**2).float()[None, None]


def carried(cover: Tensor, slot: Tensor | None = None) -> Carried:
    plain = torch.zeros_like(cover)
    slot = (cover[:, 0] > 0.5).long() - 1 if slot is None else slot
    picture = plain.expand(-1, 3, -1, -1)
    return Carried(picture, cover, plain, 1 - cover, picture, slot, plain[:, 0])


def doubtful(cover: Tensor) -> Tensor:
    """As a network predicts it: at a smaller size, and vague at the outline."""
    small = interpolate(cover, (SMALL, SMALL), mode="area")
    return avg_pool2d(small, 5, 1, 2) * 0.9 + 0.05


def test_outlines_are_the_sharp_ones():
    truth = disc(LARGE)
    made = coverage(doubtful(truth), carried(truth), cell=2)
    wrong = ((made > 0.5) != (truth > 0.5)).float().mean()
    stretched = interpolate(doubtful(truth), (LARGE, LARGE), mode="nearest-exact")
    assert wrong < 0.1 * ((stretched > 0.5) != (truth > 0.5)).float().mean()
    between = ((made > 0.05) & (made < 0.95)).sum() / (truth.diff().abs().sum() + truth.diff(dim=-2).abs().sum())
    assert 0.3 < between < 3, "an outline is soft for about a pixel"


def test_pinholes_are_closed_and_crumbs_are_gone():
    truth = disc(LARGE)
    spoilt = truth.clone()
    spoilt[..., 128, 120:136] = 0
    spoilt[..., 10:13, 10:13] = 1
    made = coverage(doubtful(truth), carried(spoilt), cell=2)
    assert made[..., 128, 120:136].min() == 1 and made[..., 8:16, 8:16].max() == 0


def test_where_nothing_was_carried_the_model_says_what_is_there():
    truth = disc(LARGE)
    made = coverage(doubtful(truth), carried(torch.zeros_like(truth)), cell=2)
    assert ((made > 0.5) == (truth > 0.5)).float().mean() > 0.95
    assert coverage(torch.zeros(1, 1, SMALL, SMALL), carried(torch.zeros_like(truth)), cell=2).max() == 0


def two_halves(side: int, edge: float) -> Tensor:
    """[1, side, side]: object 0 left of `edge`, object 1 right of it."""
    return ((torch.arange(side) + 0.5) / side > edge).long().expand(side, side)[None].contiguous()


def test_borders_between_objects_are_the_sharp_ones_and_depths_do_not_mix():
    edge = 0.507  # within a small pixel
    small, large = two_halves(SMALL, edge), two_halves(LARGE, edge)
    slope = torch.linspace(2, 3, SMALL).expand(SMALL, SMALL)[None]
    depth = torch.where(small == 0, slope, slope + 5)
    surface = Surface(small, torch.zeros_like(depth), depth, torch.ones_like(depth))
    index, metres = full_size_surface(
        surface, carried(torch.ones(1, 1, LARGE, LARGE), large), torch.ones(1, 1, 256, 256)
    )
    assert torch.equal(index, large)
    nearest = interpolate(small[:, None].float(), (LARGE, LARGE), mode="nearest-exact")[:, 0]
    assert not torch.equal(nearest.long(), large), "which the model's own size cannot say"
    assert metres[index == 0].max() < 3.1 and metres[index == 1].min() > 7
    steps = metres.diff(dim=-1)
    assert (steps[steps < 1].abs() < 0.02).all(), "a slope, not stairs"


def test_the_models_object_stands_where_it_contradicts_the_carried_picture():
    small = two_halves(SMALL, 0.5)
    surface = Surface(small, small * 0.0, small + 1.0, small + 1.0)
    wrong = torch.zeros(1, LARGE, LARGE, dtype=torch.int64)
    index, metres = full_size_surface(
        surface, carried(torch.ones(1, 1, LARGE, LARGE), wrong), torch.ones(1, 1, 256, 256)
    )
    assert (index[..., 132:] == 1).all() and (metres[..., 132:] == 2).all()


def test_no_cover_no_object():
    surface = Surface(two_halves(SMALL, 0.5), torch.zeros(1, 64, 64), torch.ones(1, 64, 64), torch.ones(1, 64, 64))
    cover = disc(LARGE)
    index, metres = full_size_surface(surface, carried(cover), cover)
    assert torch.equal(index >= 0, cover[:, 0] > 0.5) and torch.equal(metres > 0, cover[:, 0] > 0.5)
