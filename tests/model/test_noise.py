"""Starting noise: the scene's own bit by bit, and another one inside objects that have a seed."""

from __future__ import annotations

import torch

from model.noise import starting_noise

SHAPE = torch.Size((1, 4, 8, 8))


def slots(*columns: int) -> torch.Tensor:
    """[1, 64, 64] with each object in a stripe of 16 pixels, two latents wide."""
    return torch.tensor(columns).repeat_interleave(16)[None, None].expand(1, 64, 64)


def test_without_seeds_it_is_the_scenes_noise():
    plain = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    assert torch.equal(starting_noise(SHAPE, 3, [], slots(-1, -1, -1, -1)), plain)
    assert torch.equal(starting_noise(SHAPE, 3, [0, 0], slots(-1, 0, 1, -1)), plain)


def test_a_seed_changes_its_objects_region_and_nothing_else():
    plain = starting_noise(SHAPE, 3, [0, 0, 0], slots(-1, 0, 1, 2))
    made = starting_noise(SHAPE, 3, [0, 9, 0], slots(-1, 0, 1, 2))
    changed = (made != plain).any(1)[0].all(0)
    assert changed.tolist() == [False] * 4 + [True] * 2 + [False] * 2
    assert not torch.equal(made, starting_noise(SHAPE, 3, [0, 8, 0], slots(-1, 0, 1, 2)))
    assert not torch.equal(made, starting_noise(SHAPE, 4, [0, 9, 0], slots(-1, 0, 1, 2)))
    assert abs(float(made.std()) - 1) < 0.15


def test_the_number_of_an_object_does_not_matter():
    made = starting_noise(SHAPE, 3, [5, 9, 5], slots(-1, 0, 1, 2))
    assert torch.equal(made, starting_noise(SHAPE, 3, [9, 5, 5], slots(-1, 1, 0, 2)))


def test_the_largest_seeds_are_seeds():
    most = (1 << 63) - 1
    assert torch.isfinite(starting_noise(SHAPE, most, [most], slots(0, 0, 0, 0))).all()
