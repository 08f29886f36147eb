"""What a picture's own colours say of a mask that the network doubts."""

from __future__ import annotations

import pytest
import torch

from model.colours import follow_colours
from model.masks import SURE


def painted(noise: float = 0.02) -> tuple[torch.Tensor, torch.Tensor]:
    """A disc, its left half red and its right half yellow, on grey: [3, 64, 64] and its mask."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    mask = (x - 32).square() + (y - 32).square() < 20**2
    colour = torch.where(x < 32, 0.1, 0.8)
    image = torch.stack([torch.full_like(x, 0.8), colour, torch.full_like(x, 0.1)])
    image = torch.where(mask, image, 0.45)
    random = torch.Generator().manual_seed(0)
    return (image + noise * torch.randn(image.shape, generator=random)).clamp(0, 1), mask


def overlap(share: torch.Tensor, mask: torch.Tensor) -> float:
    made = share > SURE
    return float((made & mask).sum() / (made | mask).sum())


def test_a_part_that_the_network_missed_is_found_by_its_colour():
    image, mask = painted()
    y = torch.arange(64.0)[:, None].expand(64, 64)
    share = torch.where(mask, torch.where(y < 34, 0.9, 0.3), 0.1)  # the lower half is doubted
    made = follow_colours(share, image)
    assert overlap(share, mask) < 0.6
    assert overlap(made, mask) > 0.97


def test_background_that_the_network_took_along_is_left_behind():
    image, mask = painted()
    x = torch.arange(64.0).expand(64, 64)
    share = torch.where(mask, 0.9, torch.where((x > 12) & (x < 22), 0.6, 0.05))
    assert overlap(share, mask) < 0.8
    assert overlap(follow_colours(share, image), mask) > 0.97


def test_colours_do_not_overrule_the_box_nor_speak_where_all_is_alike():
    image, mask = painted()
    share = torch.where(mask, 0.8, 0.2)
    share[:32] = 0.0
    assert bool((follow_colours(share, image)[:32] == 0).all())
    grey = torch.full((3, 64, 64), 0.5)
    assert overlap(follow_colours(torch.where(mask, 0.8, 0.2), grey), mask) == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_masks_of_nothing_and_of_everything_stay_numbers(share: float):
    made = follow_colours(torch.full((8, 8), share), torch.zeros(3, 8, 8))
    assert bool(torch.isfinite(made).all()) and float(made.min()) >= 0 and float(made.max()) <= 1
