"""The clean plate: floors go on, shadows go, the rest stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from model.config import model_config
from model.device import Clock
from model.holes import fill_background
from model.parts import build_parts
from model.pipeline import NeuralAssetsPipeline
from model.plate import REPLACED, clean_plate
from model.scene import Placement, RenderSettings, Scene

from .toys import as_scene, toy_boxes, toy_camera, toy_frame

HEIGHT, WIDTH = 96, 144
SIDE = 64


def floor() -> Tensor:
    """[1, 3, H, W]: planks that run along the rows before a wall, of a grain that repeats."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    grain = 0.12 * torch.sin(x * (2 * torch.pi / 9)) * ((y // 3) % 2)
    wood = 0.6 + grain - 0.35 * (y % 12 == 0)
    picture = torch.where(y < 36, torch.tensor(0.85), wood)
    return (picture * torch.tensor([1.0, 0.8, 0.6])[:, None, None])[None]


def hidden() -> Tensor:
    """[1, 1, H, W]: an object that stands before floor and wall."""
    mask = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    mask[..., 24:72, 60:90] = True
    return mask


def error(made: Tensor, truth: Tensor, where: Tensor) -> float:
    return float((made - truth).square().mean(1, keepdim=True)[where].mean())


def test_planks_and_wall_go_on_behind_the_object():
    truth, mask = floor(), hidden()
    seen = torch.where(mask, torch.tensor([0.1, 0.9, 0.1])[:, None, None], truth)
    plate = clean_plate(seen, mask)
    smooth = fill_background(seen, (~mask).float())
    assert error(plate, truth, mask) < 0.35 * error(smooth, truth, mask)
    edge = plate[0, 0, 34:38, 75]
    assert float(edge[:2].mean() - edge[2:].mean()) > 0.15, "the wall ends where it ends beside the object"


def test_a_skirting_board_goes_on_level_between_two_objects():
    draw = torch.Generator().manual_seed(0)
    rows, columns, foot = 160, 240, 60
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    wood = 0.62 + 0.1 * torch.rand(rows, 1, generator=draw) + 0.03 * torch.rand(rows, columns, generator=draw)
    grey = torch.where(y < foot - 10, 0.78, torch.where(y < foot, 0.86, wood)) * (1 - 0.15 * x / columns)
    tint = torch.where(
        y < foot, torch.tensor([1, 0.9, 0.8])[:, None, None], torch.tensor([1, 0.765, 0.56])[:, None, None]
    )
    truth = (tint * grey)[None]
    mask = torch.zeros(1, 1, rows, columns, dtype=torch.bool)
    mask[..., 20:100, 70:100] = mask[..., 48:110, 125:190] = mask[..., 80:130, 30:75] = True
    plate = clean_plate(torch.where(mask, torch.tensor([0.1, 0.9, 0.1])[:, None, None], truth), mask)
    step = lambda picture: (picture[0, 2, foot - 4 : foot] - picture[0, 2, foot : foot + 4]).mean(0)  # noqa: E731
    assert float((step(plate) / step(truth))[60:200].min()) > 0.85


def test_the_plate_stands_in_all_of_a_hole_that_shows():
    """Also beside an object that stayed, whose shadow stays with it, when little of the hole is left open."""
    frame = toy_frame(toy_camera(), toy_boxes([(-0.5, 0, 0.3), (0.6, 0.1, -0.2)]), SIDE)
    image, boxes, camera = as_scene(frame)
    pipeline = NeuralAssetsPipeline.from_parts(build_parts(model_config("anchored", "tiny")))
    masks = [mask.numpy() for mask in frame.masks()[0]]
    assets, background = pipeline.encode(image, boxes, camera, masks=masks)
    smaller = replace(boxes[1], size=boxes[1].size * 0.9)
    scene = Scene(camera, (Placement(assets[0], boxes[0]), Placement(assets[1], smaller)), background).checked()
    settings = RenderSettings(width=SIDE, height=SIDE, steps=1).checked()
    carried = pipeline.draw(scene, settings, Clock()).posed.carried
    hole = (carried.covered < 0.5) & (carried.background < 0.01)
    assert carried.plated is not None and int(hole.sum()) > 30
    assert float(carried.plated[hole].min()) == 1


@pytest.mark.parametrize("objects", [0, 1])
def test_a_wider_view_goes_on_mirrored_beyond_the_picture(objects: int):
    frame = toy_frame(toy_camera(), toy_boxes([(0.0, 0, 0.3)][:objects], 1), SIDE)
    image, boxes, camera = as_scene(frame)
    pipeline = NeuralAssetsPipeline.from_parts(build_parts(model_config("anchored", "tiny")))
    masks = [mask.numpy() for mask in frame.masks()[0][:objects]]
    assets, background = pipeline.encode(image, boxes, camera, masks=masks)
    half = replace(camera, intrinsics=camera.intrinsics * np.float32([0.5, 0.5, 1, 1]))
    scene = Scene(half, tuple(Placement(a, b) for a, b in zip(assets, boxes, strict=True)), background).checked()
    planes = pipeline.draw(scene, RenderSettings(width=SIDE, height=SIDE, steps=1).checked(), Clock()).posed.planes
    small = torch.nn.functional.avg_pool2d(frame.image, 2)  # what the view shows of the picture, in its middle
    side, beyond = SIDE // 4, SIDE // 12
    below = planes.image[..., side + SIDE // 2 : side + SIDE // 2 + beyond, side:-side]
    assert float((below - small.flip(2)[..., :beyond, :]).abs().mean()) < 0.04
    widened = lambda x: torch.nn.functional.pad(x, (side,) * 4)  # noqa: E731
    plain = fill_background(widened(small), widened(torch.ones_like(small[:, :1])))
    plain = plain[..., side + SIDE // 2 : side + SIDE // 2 + beyond, side:-side]
    assert float((plain - small.flip(2)[..., :beyond, :]).abs().mean()) > 0.08


def test_far_from_the_object_nothing_changes_and_it_is_always_the_same():
    truth, mask = floor(), hidden()
    plate = clean_plate(truth, mask)
    near = torch.zeros_like(mask)
    reach = round(REPLACED * WIDTH) + 2
    near[..., max(24 - reach, 0) : 72 + reach, max(60 - reach, 0) : 90 + reach] = True
    assert torch.equal(plate[(~near).expand_as(plate)], truth[(~near).expand_as(truth)])
    assert torch.equal(plate, clean_plate(truth, mask))
    assert clean_plate(truth, torch.zeros_like(mask)) is truth


def test_a_shadow_beside_the_object_goes_with_it():
    truth, mask = floor(), hidden()
    x = torch.arange(WIDTH).float()
    shade = 1 - 0.4 * torch.exp(-(((x - 90) / 6) ** 2)) * (x >= 90)
    light = torch.ones(1, 1, HEIGHT, WIDTH)
    light[..., 54:74, :] = shade
    seen = truth * light
    shadow = (light < 0.85) & ~mask
    plate = clean_plate(seen, mask)
    assert error(plate, truth, shadow) < 0.3 * error(seen, truth, shadow)


@pytest.mark.parametrize("size", [(16, 16), (16, 128), (40, 33)])
def test_hidden_everywhere_is_still_a_picture(size):
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 1, *size, dtype=torch.bool)
    mask[..., :2, :2] = False
    for hidden_part in (mask, torch.ones_like(mask)):
        plate = clean_plate(image, hidden_part)
        assert plate.shape == image.shape and bool(torch.isfinite(plate).all())
        assert 0 <= float(plate.min()) and float(plate.max()) <= 1


def test_the_foot_of_a_slanted_wall_goes_on_behind_an_object_at_the_border(monkeypatch):
    """Where nothing of it is seen on the other side."""
    draw = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    tiles = (torch.sin(x / 5) * torch.sin((y - 0.5 * x) / 5) > 0).float()
    above = y < 20 + 0.5 * x
    wall, floor_ = (torch.tensor(c)[:, None, None] for c in ([0.4, 0.6, 0.4], [0.6, 0.3, 0.2]))
    grain = 0.04 * torch.rand(1, 160, 160, generator=draw)
    truth = (torch.where(above, wall, floor_ * (1 - 0.2 * tiles)) + grain)[None]
    mask = torch.zeros(1, 1, 160, 160, dtype=torch.bool)
    mask[..., 50:130, 105:] = True
    seen = torch.where(mask, torch.tensor([0.1, 0.2, 0.9])[:, None, None], truth)
    plate = clean_plate(seen, mask)
    assert error(plate, truth, mask) < 0.008
    monkeypatch.setattr("model.plate.straight_edges", lambda image, hole: torch.zeros(0, 3))
    assert error(plate, truth, mask) < 0.5 * error(clean_plate(seen, mask), truth, mask)
