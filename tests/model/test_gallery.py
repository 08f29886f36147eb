"""What ships: objects of the gallery stand whole in its rooms, drawn with the shipped weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from model.assets import NeuralAsset, load_asset
from model.bench import WEIGHTS
from model.evaluation.loading import load_pipeline
from model.geometry import look_at
from model.preparing import prepare
from model.scene import Box, PinholeCamera, Placement, RenderSettings, Scene
from model.several_views import seen_past
from model.tensors import boxes_tensor

GALLERY = Path(__file__).parents[2] / "model" / "gallery"
ROOT = GALLERY.parents[1]
CPU = torch.device("cpu")


@pytest.mark.parametrize(("room", "thing"), [("living_room", "armchair"), ("studio", "oak_chair")])
def test_an_object_of_the_gallery_stands_whole(room, thing):
    background, asset = (load_asset(GALLERY / f"{name}.safetensors") for name in (room, thing))
    assert isinstance(asset, NeuralAsset)
    pose = np.eye(4, dtype=np.float32)
    pose[:2, :2] = [[math.cos(0.5), -math.sin(0.5)], [math.sin(0.5), math.cos(0.5)]]
    pose[2, 3] = background.ground + asset.size[2] / 2
    scene = Scene(background.camera, (Placement(asset, Box(pose, asset.size)),), background)
    result = load_pipeline(ROOT / WEIGHTS).render(scene, RenderSettings(width=320, height=240, steps=2))
    carried = result.carried_index >= 0
    assert carried.sum() > 800
    change = np.abs(result.image.astype(int) - result.carried).mean(-1)[carried]
    assert change.mean() < 6 and (change > 40).mean() < 0.01
    both = (carried & (result.object_index >= 0)).sum() / (carried | (result.object_index >= 0)).sum()
    assert both > 0.85


@pytest.mark.parametrize(("thing", "thin"), [("oak_chair", 0.35), ("toy_taxi", 0.08), ("toy_water_tower", 0.15)])
def test_views_know_where_nothing_is(thing, thin):
    """No guess stands in the air that another view looks through; of thin rods some edges are denied."""
    asset = load_asset(GALLERY / f"{thing}.safetensors")
    assert isinstance(asset, NeuralAsset)
    pose = np.eye(4, dtype=np.float32)
    scene = Scene(look_camera(), (Placement(asset, Box(pose, asset.size)),), None).checked()
    sources, boxes = prepare(scene, 256, 4, CPU).fine, boxes_tensor([scene.placements[0].box], CPU)
    shown = sources.points[:: len(sources.points) // 2000]
    nowhere = lambda points: seen_past(sources, boxes, torch.zeros(len(points), dtype=torch.int64), points)  # noqa: E731
    assert float(nowhere(shown).float().mean()) < thin, "surfaces are there"
    grid = torch.linspace(-0.49, 0.49, 12)
    inside = torch.stack(torch.meshgrid(grid, grid, grid, indexing="ij"), -1).view(-1, 3)
    gone = nowhere(inside)
    assert 0.2 < float(gone.float().mean()) < 0.98  # a chair is mostly air
    top_edges = (inside[:, 2] > 0.45) & (inside[:, :2].abs() > 0.45).all(-1)
    assert bool(gone[top_edges].all()), "no corner of its box"


def look_camera() -> PinholeCamera:
    matrix = look_at(torch.tensor([0.0, -3.0, 1.5]), torch.zeros(3)).numpy()
    return PinholeCamera(np.float32([1, 1, 0.5, 0.5]), matrix)


def test_walls_of_the_gallery_stand_and_its_open_ground_is_flat():
    relief = {path.stem: getattr(load_asset(path), "relief", None) for path in GALLERY.glob("*.safetensors")}
    known = {name: values for name, values in relief.items() if values is not None}
    assert len(known) == 7
    for name in ("living_room", "brick_loft"):
        assert known[name][0].min() > 0.1 and not known[name][-1, 40:].any()  # walls above, floor below
    assert not any(known[name].any() for name in ("meadow", "stone_floor", "studio"))
    assert (known["wooden_table"] < -0.05).any()  # the floor beyond its edge
