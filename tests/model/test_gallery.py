"""What ships: objects of the gallery stand whole in its rooms, drawn with the shipped weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from model.assets import NeuralAsset, load_asset
from model.bench import WEIGHTS
from model.evaluation.loading import load_pipeline
from model.scene import Box, Placement, RenderSettings, Scene

GALLERY = Path(__file__).parents[2] / "model" / "gallery"
ROOT = GALLERY.parents[1]


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
