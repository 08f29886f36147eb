"""Relief: what stands behind the objects is told from pictures, and followed by cameras that move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from model.assets import load_asset, save_asset
from model.config import model_config
from model.errors import AssetFileError
from model.geometry import Camera, camera_rays, look_at, pixel_centres, project_world, rigid_inverse, rotate_each
from model.parts import build_parts
from model.pipeline import NeuralAssetsPipeline
from model.relief import (
    FLAT,
    Relief,
    descent_map,
    expected_relief,
    height_above,
    read_relief,
    relief_if,
    relief_inputs,
    true_relief,
)
from model.scene import RenderSettings, Scene
from model.training.losses import relief_loss

from .toys import as_scene, toy_boxes, toy_camera, toy_frame

SIZE = 96
GROUND = torch.zeros(1)
HOME, ASIDE = (0.0, -4.0, 1.6), (0.9, -3.6, 2.0)


def camera_at(eye: tuple[float, float, float]) -> Camera:
    return Camera(torch.tensor([[1.1, 1.1, 0.5, 0.5]]), look_at(torch.tensor([eye]), torch.tensor([[0.0, 0.0, 0.5]])))


def room(camera: Camera, size: int = SIZE) -> Tensor:
    """Depth [1, size, size] of a floor (z = 0) and two walls, y = 3 and x = -2.5."""
    rays = camera_rays(pixel_centres(size, size).view(1, -1, 2), camera.intrinsics)
    to_world = rigid_inverse(camera.world_to_camera)
    way, eye = rotate_each(to_world[:, None], rays)[0], to_world[0, :3, 3]
    planes = ((2, 0.0), (1, 3.0), (0, -2.5))
    reach = torch.stack([(place - eye[axis]) / way[:, axis] for axis, place in planes])
    return torch.where(reach > 0, reach, torch.inf).amin(0).view(1, size, size)


def step(camera: Camera, size: int = SIZE) -> Tensor:
    """Depth of a table's top (z = 0) as far as x = 0.2, and the floor half a metre below it."""
    rays = camera_rays(pixel_centres(size, size).view(1, -1, 2), camera.intrinsics)
    to_world = rigid_inverse(camera.world_to_camera)
    way, eye = rotate_each(to_world[:, None], rays)[0], to_world[0, :3, 3]
    top, low = ((height - eye[2]) / way[:, 2] for height in (0.0, -0.5))
    on_top = (top > 0) & (eye[0] + top * way[:, 0] < 0.2)
    low = torch.where(low > 0, low, 1000.0)
    return torch.where(on_top, top, low).view(1, size, size)


def relief_from(depth: Tensor, camera: Camera) -> Relief:
    values, _ = true_relief(depth, camera, GROUND)
    return Relief(values, camera, GROUND)


def test_floor_is_flat_and_walls_are_before_it():
    camera = camera_at(HOME)
    values, told = true_relief(room(camera), camera, GROUND)
    depth = room(camera)[:, None]
    floor = (height_above(camera, GROUND) / depth - descent_map(camera, SIZE, SIZE)).abs() < 1e-4
    assert bool(told.all()) and 0.2 < float(floor.float().mean()) < 0.8
    assert float(values[floor].abs().max()) < 1e-4 and float(values[~floor].min()) > 0


@pytest.mark.parametrize("eye", [ASIDE, (-1.0, -4.5, 1.2), (0.0, -3.0, 1.6)])
def test_another_camera_sees_the_walls_where_they_stand(eye):
    here, there = camera_at(HOME), camera_at(eye)
    seen = relief_from(room(here, 192), here).seen_by(there, SIZE, SIZE)
    truth, _ = true_relief(room(there), there, GROUND)
    uv = project_world(_points(there, room(there)), here)[0]
    inside = ((uv[:, :2] > 0.02) & (uv[:, :2] < 0.98)).all(-1).view(1, 1, SIZE, SIZE)
    assert float(inside.float().mean()) > 0.5
    error = (seen.relief - truth).abs()[inside]
    assert float(error.mean()) < 2e-3 and float(error.quantile(0.98)) < 0.01
    flat = truth.abs()[inside].mean()
    assert float(error.mean()) < 0.05 * float(flat), "no better than a plain floor"


def test_places_are_where_the_picture_shows_the_same_point():
    here, there = camera_at(HOME), camera_at(ASIDE)
    relief = relief_from(room(here, 192), here)
    places = relief.seen_by(there, SIZE, SIZE).places(relief, there, SIZE, SIZE)
    uv = project_world(_points(there, room(there)), here)[0]
    inside = ((uv[:, :2] > 0.02) & (uv[:, :2] < 0.98)).all(-1)
    away = (places[:, :2] - uv[:, :2]).norm(dim=-1)[inside] * SIZE
    assert float(away.mean()) < 0.2 and float(away.quantile(0.98)) < 1.0  # pixels


def test_what_an_edge_hid_is_the_further_side_and_shown_from_beside_the_edge():
    here, there = camera_at((-1.0, -4.0, 1.6)), camera_at((1.4, -3.8, 1.6))
    relief = relief_from(step(here, 192), here)
    seen = relief.seen_by(there, SIZE, SIZE)
    hidden = seen.hidden > 0
    assert 0.01 < float(hidden.float().mean()) < 0.25
    truth, _ = true_relief(step(there), there, GROUND)
    below = truth < -FLAT
    assert float(below[hidden].float().mean()) > 0.85  # the table's top was all in sight
    assert float((seen.relief - truth).abs()[hidden & below].mean()) < 0.05
    places = seen.places(relief, there, SIZE, SIZE)[hidden.flatten()]
    source = relief.values[0, 0, (places[:, 1] * 192).long().clamp(0, 191), (places[:, 0] * 192).long().clamp(0, 191)]
    assert float((source < -FLAT).float().mean()) > 0.85  # never the top's own pixels


def test_a_camera_that_only_turns_needs_no_relief():
    here = camera_at(HOME)
    relief = relief_from(room(here), here)
    turned = Camera(here.intrinsics * 1.2, look_at(torch.tensor([HOME]), torch.tensor([[0.4, 0.0, 0.5]])))
    assert not relief.useful(turned) and relief.useful(camera_at(ASIDE))
    assert not replace(relief, values=torch.zeros_like(relief.values)).useful(camera_at(ASIDE))


def test_relief_is_flat_below_the_floor_and_goes_on_behind_objects():
    parts = build_parts(model_config("anchored", "tiny"))
    outputs = torch.zeros(1, 5, 64, 64)
    outputs[:, 1], outputs[:, 3] = 1.0, 2.5
    hides = torch.zeros(1, 1, 64, 64)
    hides[..., 20:40, 20:40] = 1
    image = torch.rand(1, 3, 64, 64)
    camera = camera_at(HOME)
    network = lambda picture, maps: torch.where(hides > 0, -outputs, outputs)  # noqa: E731
    made = read_relief(network, image, hides, camera, GROUND)  # type: ignore[arg-type]
    assert float((made - made[0, 0, 0, 0]).abs().max()) < 1e-5 < float(made.min())
    assert not read_relief(parts.relief, image, hides, camera, GROUND + 5).any()
    assert parts.relief(image, relief_inputs(camera, hides)).shape == (1, 5, 64, 64)


def test_loss_is_least_at_the_truth_and_blind_where_nothing_is_told():
    truth = torch.zeros(1, 1, 8, 8)
    truth[..., :3, :], truth[..., 6:, :] = 0.2, -0.3
    outputs = torch.zeros(1, 5, 8, 8)
    for kind, rows in ((1, slice(0, 3)), (0, slice(3, 6)), (2, slice(6, 8))):
        outputs[:, kind, rows] = 12
    outputs[:, 3], outputs[:, 4] = (float(np.log(np.expm1(x))) + 2 for x in (0.2, 0.3))
    told = torch.ones_like(truth, dtype=torch.bool)
    kind, wrong = relief_loss(outputs, truth, told)
    assert float(kind) < 1e-3 and float(wrong) < 1e-5
    assert torch.allclose(relief_if(outputs, outputs[:, :3].argmax(1, keepdim=True)), truth, atol=1e-5)
    assert torch.allclose(expected_relief(outputs), truth - truth.sign() * FLAT, atol=1e-3)
    told[..., 0, :] = False
    spoilt = outputs.clone()
    spoilt[..., 0, :] = 7
    assert torch.equal(torch.stack(relief_loss(spoilt, truth, told)), torch.stack(relief_loss(outputs, truth, told)))
    assert float(relief_loss(-outputs, truth, told)[0]) > 1


@pytest.fixture(scope="module")
def encoded():
    frame = toy_frame(toy_camera(), toy_boxes([(0.0, 0.0, 0.3)]), 64)
    pipe = NeuralAssetsPipeline.from_parts(build_parts(model_config("anchored", "tiny"), 1))
    image, boxes, camera = as_scene(frame)
    return pipe, image, camera, pipe.encode(image, boxes, camera)[1]


def test_relief_travels_in_files_and_bad_relief_is_refused(encoded, tmp_path):
    background = encoded[3]
    assert background.relief is not None and background.relief.dtype == np.float16
    save_asset(tmp_path / "a.safetensors", background)
    assert np.array_equal(load_asset(tmp_path / "a.safetensors").relief, background.relief)  # type: ignore[union-attr]
    nothing = replace(background, relief=None)
    save_asset(tmp_path / "b.safetensors", nothing)
    assert load_asset(tmp_path / "b.safetensors").relief is None  # type: ignore[union-attr]
    for bad in (np.full((4, 4), 3, np.float16), np.full((4, 4), np.nan, np.float16), np.zeros((4, 4), np.float32)):
        with pytest.raises(AssetFileError, match="relief"):
            replace(background, relief=bad).checked()


def test_a_still_camera_gets_the_picture_back_and_a_moving_one_sees_relief(encoded):
    pipe, image, camera, background = encoded
    standing = np.zeros((40, 40), np.float16)
    standing[:18] = 0.3
    background = replace(background, relief=standing, mask=np.zeros_like(background.mask), plate=None, light=None)
    settings = RenderSettings(64, 64, steps=1)
    still = pipe.render(Scene(camera, (), background), settings)
    assert np.array_equal(still.image, image)
    moved = camera.world_to_camera.copy()
    moved[:3, 3] += normalize(torch.tensor([1.0, 0.2, 0.3]), dim=0).numpy()
    aside = replace(camera, world_to_camera=moved)
    with_relief, plain = (
        pipe.render(Scene(aside, (), each), settings).carried for each in (background, replace(background, relief=None))
    )
    assert np.abs(with_relief.astype(int) - plain).mean() > 1


def _points(camera: Camera, depth: Tensor) -> Tensor:
    rays = camera_rays(pixel_centres(SIZE, SIZE).view(1, -1, 2), camera.intrinsics)
    to_world = rigid_inverse(camera.world_to_camera)
    return rotate_each(to_world[:, None], rays * depth.view(1, -1, 1)) + to_world[:, None, :3, 3]
