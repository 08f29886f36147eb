"""Objects of several views, and the shipped gallery that is made of them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.assets import TOKENS, BackgroundAsset, NeuralAsset, load_asset, load_thumbnail
from model.carried import Carried, carry
from model.data.frames import Frame
from model.data.meshes.gallery import EXHIBITS, PLACES, cut_out
from model.preparing import prepare
from model.scene import Box, Placement, Scene
from model.several_views import on_one_surface
from model.tensors import camera_tensor

from .toys import as_scene, toy_boxes, toy_camera, toy_frame

SIZE = 96
AROUND = [k * 2 * math.pi / 6 for k in range(6)]
GALLERY = Path("model/gallery")


def seen_from(turn: float, size: int = SIZE) -> Frame:
    return toy_frame(toy_camera(turn), toy_boxes([(0.0, 0.0, 0.4)]), size)


def asset_of(turns: list[float]) -> NeuralAsset:
    views = tuple(cut_out(seen_from(turn, 2 * SIZE), 0) for turn in turns)
    return NeuralAsset(views, np.zeros((len(views), TOKENS, 8), np.float32), views[0].size).checked()


def carried_to(asset: NeuralAsset, frame: Frame, grid: int = SIZE) -> Carried:
    _, boxes, camera = as_scene(frame)
    scene = Scene(camera, (Placement(asset, Box(boxes[0].pose, boxes[0].size)),))
    prepared = prepare(scene, SIZE, 8, torch.device("cpu"))
    where = camera_tensor(camera, torch.device("cpu"))
    return carry(prepared.fine, where, frame.boxes, SIZE, SIZE, grid)


@pytest.mark.parametrize("turn", [0.3, 2.0, 4.4])
@pytest.mark.parametrize(("grid", "overlap"), [(SIZE, 0.84), (SIZE // 2, 0.75)])  # an object of 20 pixels
def test_an_object_seen_from_all_around_turns_to_any_side(turn: float, grid: int, overlap: float):
    truth = seen_from(turn)
    carried = carried_to(asset_of(AROUND), truth, grid)
    shown, true = carried.slot == 0, truth.object_index == 0
    assert float((shown & true).sum() / (shown | true).sum()) > overlap
    error = ((carried.image - truth.image).abs().mean(1))[shown & true]
    assert float(error.mean()) < 0.02
    assert float((error > 0.1).float().mean()) < 0.02  # no speckles of another side


def test_views_that_contradict_each_other_deny_less():
    """What stands before a surface that was seen exactly is air; before a predicted one it may be the object."""
    exact = asset_of(AROUND)
    draw = np.random.default_rng(0)
    off = [np.clip(v.fraction + draw.uniform(-0.4, 0.4), 0, 1).astype(np.float16) for v in exact.views]
    views = tuple(replace(v, fraction=f) for v, f in zip(exact.views, off, strict=True))
    box = Box(np.eye(4, dtype=np.float32), exact.size)
    air = []
    for asset in (exact, replace(exact, views=views), asset_of(AROUND[:1])):
        scene = Scene(as_scene(seen_from(0))[2], (Placement(asset, box),))
        sources = prepare(scene, SIZE, 8, torch.device("cpu")).fine
        assert sources.air is not None
        air.append(float(sources.air.max()))
    assert air[0] < 0.05 and air[1] > 0.2 and air[2] == 0.25


def test_one_view_cannot_show_the_other_side():
    truth = seen_from(math.pi)
    inside = truth.object_index == 0
    from_front, from_around = (carried_to(asset_of(turns), truth) for turns in ([0.0], AROUND))
    wrong = [float((c.image - truth.image).abs().mean(1)[inside].mean()) for c in (from_front, from_around)]
    assert wrong[0] > 4 * wrong[1]


def test_the_nearest_line_of_sight_wins():
    """Views in different light: at a view's own place the picture shows that view's light alone."""
    asset = asset_of(AROUND)
    views = tuple(
        replace(view, image=(view.image * (0.5 if number == 2 else 1)).astype(np.uint8))
        for number, view in enumerate(asset.views)
    )
    truth = seen_from(AROUND[2])
    inside = truth.object_index == 0
    made = carried_to(replace(asset, views=views), truth).image
    assert float((made - truth.image * 0.5).abs().mean(1)[inside].mean()) < 0.02


def test_pixels_between_two_surfaces_are_no_surface():
    depth = torch.ones(5, 8)
    depth[:, 4:] = 3
    inside = torch.ones(5, 8, dtype=torch.bool)
    inside[:, 7] = False
    kept = on_one_surface(depth, inside, diagonal=1.0, focal=1.0)
    assert kept[0].tolist() == [True, True, True, False, False, True, True, False]


def test_the_gallery_is_whole_and_free():
    files = sorted(GALLERY.glob("*.safetensors"))
    assets = [load_asset(file) for file in files]
    backgrounds = [asset for asset in assets if isinstance(asset, BackgroundAsset)]
    things = [asset for asset in assets if isinstance(asset, NeuralAsset)]
    assert {asset.name for asset in things} == {exhibit.name for exhibit in EXHIBITS} and len(things) >= 16
    assert {asset.name for asset in backgrounds} == {place.name for place in PLACES} and len(backgrounds) >= 6
    assert all(asset.provenance["licence"].startswith("CC0") for asset in assets)
    assert all(len(asset.views) == 8 and asset.encoder for asset in things)
    for file in files:
        picture, header = load_thumbnail(file)
        assert picture.std() > 8 and header["name"]
    credits = (GALLERY / "CREDITS.md").read_text()
    assert "CC0" in credits


def test_a_gallery_asset_is_credited_and_turns():
    """The shipped taxi from behind is not its front."""
    taxi = load_asset(GALLERY / "toy_taxi.safetensors")
    assert isinstance(taxi, NeuralAsset)
    longest = {exhibit.name: exhibit.longest for exhibit in EXHIBITS}[taxi.name]
    assert float(taxi.size.max()) == pytest.approx(longest)
    fronts = [view.image[view.mask > 0].mean(0) for view in taxi.views]
    assert max(np.abs(a - b).max() for a in fronts for b in fronts) > 10
