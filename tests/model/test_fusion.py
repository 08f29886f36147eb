"""Full-resolution transfer: what the fusion network may change, and what it may not."""

from __future__ import annotations

import torch
from torch import Tensor

from model.carried import Carried
from model.fusion import FAINT, OUTWARDS, Fusion, compose, known_outlines, without_faint

SIDE = 32


def disc(radius: float) -> Tensor:
    """[1, 1, SIDE, SIDE], 1 inside."""
    place = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
    return ((place[:, None] ** 2 + place**2) < radius**2).float()[None, None]


def carried(cover: Tensor) -> Carried:
    """A red and green object before a blue floor."""
    generator = torch.Generator().manual_seed(0)
    behind = torch.rand(1, 3, SIDE, SIDE, generator=generator) * torch.tensor([0.1, 0.1, 1.0])[:, None, None]
    thing = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, SIDE, SIDE).clone()
    thing[:, :, SIDE // 2 :] = torch.tensor([0.0, 1.0, 0.0])[:, None, None]
    image = cover * thing + (1 - cover) * behind
    slot = (cover[:, 0] > 0.5).long() - 1
    return Carried(image, cover, 0 * cover, 1 - cover, behind, slot, cover[:, 0])


def fusion(side: int, front: Tensor, behind: Tensor) -> Fusion:
    small = torch.nn.functional.interpolate(torch.cat([front, behind], 1), (side, side), mode="area")
    nothing = torch.zeros(1, 3, side, side)
    return Fusion(nothing, small, torch.ones_like(nothing[:, :1]), nothing)


def test_planes_continue_objects_and_keep_what_is_behind():
    cover = disc(0.25)
    planes = carried(cover).finished(torch.ones_like(cover))
    inside, outside = cover.expand(-1, 3, -1, -1) > 0, (disc(0.35) - cover).expand(-1, 3, -1, -1) > 0
    assert torch.equal(planes.front[inside], planes.image[inside])
    assert torch.equal(planes.behind[~inside], planes.image[~inside])
    red, green, blue = planes.front.split(1, 1)
    ring = outside[:, :1]
    assert float((red + green)[ring].min()) > 0.9 and float(blue[ring].max()) < 0.1
    assert float((red - green)[..., : SIDE // 2 - 4][ring[..., : SIDE // 2 - 4]].min()) > 0.5, "its own side's colour"


def test_half_covered_pixels_do_not_mix_the_floor_into_the_object():
    cover = (disc(0.25) + disc(0.3)) / 2
    planes = carried(cover).finished(torch.ones_like(cover))
    assert float(planes.front[:, 2].max()) < 0.01


def test_an_outline_shows_the_floor_or_the_object_sharply():
    cover = disc(0.25)
    planes = carried(cover).finished(torch.ones_like(cover))
    everywhere = torch.ones_like(cover)
    wider = compose(fusion(SIDE // 2, disc(0.4), 0 * cover), planes, everywhere)
    ring = ((disc(0.33) - cover) > 0).expand(-1, 3, -1, -1)
    torch.testing.assert_close(wider[ring], planes.front[ring])
    gone = compose(fusion(SIDE // 2, 0 * cover, everywhere), planes, everywhere)
    torch.testing.assert_close(gone, planes.behind)  # every grain of the floor, at the planes' own size


def test_outside_the_edit_nothing_changes():
    cover = disc(0.25)
    planes = carried(cover).finished(torch.ones_like(cover))
    region = torch.zeros_like(cover)
    region[..., : SIDE // 2] = 1
    made = compose(fusion(SIDE, disc(0.5), 0 * cover), planes, region)
    assert torch.equal(made[..., SIDE // 2 :], planes.image[..., SIDE // 2 :])
    assert not torch.equal(made[..., : SIDE // 2], planes.image[..., : SIDE // 2])


def test_outlines_of_objects_seen_from_several_sides_are_known():
    slot = torch.full((1, 100, 100), -1)
    slot[:, 20:40, 20:40], slot[:, 20:40, 70:90] = 0, 1
    known = known_outlines(torch.tensor([True, False]), slot)
    reach = round(OUTWARDS * 100)
    wanted = torch.zeros(1, 1, 100, 100)
    wanted[..., 20 - reach : 40 + reach, 20 - reach : 40 + reach] = 1
    assert torch.equal(known, wanted)
    assert float(known_outlines(torch.tensor([False, False]), slot).max()) == 0
    assert float(known_outlines(torch.zeros(0, dtype=torch.bool), torch.full((1, 8, 8), -1)).max()) == 0


def test_faint_changes_of_what_is_good_as_it_is_are_left_out():
    planes = carried(disc(0.25)).finished(torch.ones(1, 1, SIDE, SIDE))
    good = torch.zeros(1, 1, SIDE, SIDE)
    good[..., SIDE // 2 :] = 1
    for strength, kept in ((0.5 * FAINT[0], 0.0), (2 * FAINT[1], 1.0)):
        change = torch.full((1, 3, SIDE, SIDE), strength)
        made = without_faint(Fusion(change, torch.zeros(1, 2, SIDE, SIDE), good, change), planes, good)
        assert bool((made.believed[..., : SIDE // 2] == 1).all()) and bool((made.believed[good > 0] == kept).all())
