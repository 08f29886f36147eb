"""The procedural engine: its truth agrees with itself, its splits are apart, its tasks do what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.data import make_source
from model.data.contact_sheet import sheet
from model.data.frames import TASKS, Frame
from model.data.procedural import ProceduralSource
from model.data.procedural.families import BOX, ELLIPSOID, HELD_OUT_FAMILIES
from model.data.procedural.frames import render_frames
from model.data.procedural.instances import FAMILY_NAMES, Placed, build_parts
from model.data.procedural.scenes import (
    TRAIN_FAMILIES,
    TRAIN_INSTANCES,
    camera_of,
    draw_objects,
    draw_surroundings,
    draw_view,
)
from model.data.procedural.shadows import DISC, sunlight
from model.data.procedural.solids import Solids, light_axes, pack_solids
from model.geometry import box_to_camera, camera_rays, pixel_centres, to_box_coordinates

SIZE = 64


@pytest.fixture(scope="module")
def source():
    return ProceduralSource()


@pytest.fixture(scope="module")
def pairs(source):
    return source.pairs(6, SIZE, 3)


def same(a: Frame, b: Frame) -> bool:
    """Equal but for the last bits of a colour, which depend on where vector instructions end."""
    truth = all(torch.equal(getattr(a, k), getattr(b, k)) for k in ("object_index", "depth", "normals"))
    return truth and bool((a.image - b.image).abs().max() < 1e-6)


def test_equal_seeds_give_equal_pairs_whatever_the_count(source, pairs):
    for count in (1, 2):  # a single frame takes another way through the tables than several
        again = source.pairs(count, SIZE, 3)
        assert same(again.source, pairs.source[:count]) and same(again.target, pairs.target[:count])
    assert not same(source.pairs(1, SIZE, 4).source, pairs.source[:1])


@pytest.mark.parametrize("name", ["source", "target"])
def test_depth_masks_and_box_coordinates_agree(pairs, name):
    frame = getattr(pairs, name)
    rays = camera_rays(pixel_centres(SIZE, SIZE).view(1, -1, 2), frame.camera.intrinsics)
    points = rays * frame.depth.view(len(rays), -1, 1)
    to_camera = box_to_camera(frame.camera, frame.boxes)
    for number, mask in enumerate(frame.masks().flatten(2).unbind(1)):
        inside = to_box_coordinates(points, to_camera[:, number, None], frame.boxes.size[:, number, None])[mask]
        told = frame.box_coordinates.flatten(2).transpose(1, 2)[mask]
        torch.testing.assert_close(inside, told, atol=1e-3, rtol=0)
        assert not len(inside) or inside.abs().max() < 0.505
        assert not (mask.any(1) & ~frame.boxes.present[:, number]).any()


def test_pictures_and_normals_are_sound(pairs):
    for frame in (pairs.source, pairs.target):
        assert torch.isfinite(frame.image).all() and 0 <= frame.image.min() and frame.image.max() <= 1
        torch.testing.assert_close(frame.normals.norm(dim=1), torch.ones_like(frame.depth), atol=1e-3, rtol=0)
        rays = camera_rays(pixel_centres(SIZE, SIZE).view(1, -1, 2), frame.camera.intrinsics)
        facing = (frame.normals.flatten(2).transpose(1, 2) * rays).sum(-1)
        assert facing.max() < 1e-3
        assert frame.image.std() > 0.05 and frame.depth.min() > 0.05


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_boxes_bound_their_objects_tightly(family):
    """Seen from all around and above, an object's surface comes near every side of its box."""
    placed = Placed(family, 7, 1.0, (0.0, 0.0, 0.0), 0.3)
    g = np.random.default_rng(0)
    surroundings, view = draw_surroundings(g, 1.5), draw_view(g, [placed])
    low, high = torch.full((3,), 9.0), torch.full((3,), -9.0)
    for azimuth, elevation in ((0.0, 0.2), (1.57, 0.2), (3.14, 0.2), (4.71, 0.2), (0.5, 1.2)):
        camera = camera_of(type(view)(1.5, 2.6, azimuth, elevation, (0.0, 0.0, 0.3)))
        frame = render_frames([[placed]], camera, surroundings, 128)
        seen = frame.box_coordinates[0].flatten(1)[:, frame.object_index.flatten() == 0]
        low, high = torch.minimum(low, seen.amin(1)), torch.maximum(high, seen.amax(1))
    assert low.max() < -0.44 and high.min() > 0.44
    assert low[2] < -0.44 or family in ("television",)
    assert build_parts(placed).size.max() == pytest.approx(1.0, abs=1e-5)


def test_no_part_is_seen_outside_its_rectangle(source, monkeypatch):
    """Every part tested against every pixel gives the same frames."""
    rectangles = source.pairs(4, 48, 9, tasks=("all",))

    def everywhere(*arguments) -> Solids:
        solids = pack_solids(*arguments)
        whole = torch.tensor([0, 0, 48, 48])[:, None].expand_as(solids.rectangle)
        return replace(solids, rectangle=whole)

    monkeypatch.setattr("model.data.procedural.frames.pack_solids", everywhere)
    full = source.pairs(4, 48, 9, tasks=("all",))
    assert same(full.source, rectangles.source) and same(full.target, rectangles.target)


def brute_force_hits(solids: Solids, point: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Whether rays from `point` along `ways` [W, 3] meet any part, by fine steps through the parts' own shapes."""
    along = np.linspace(0.005, 3, 300)
    places = point + along[:, None, None] * ways
    blocked = np.zeros(len(ways), bool)
    for rows, kind, top in zip(solids.to_part.T.double(), solids.kind.tolist(), solids.top.tolist(), strict=True):
        matrix = rows.numpy().reshape(3, 4)
        x, y, z = np.moveaxis(places @ matrix[:, :3].T + matrix[:, 3], -1, 0)
        if kind == BOX:
            inside = np.maximum(np.maximum(abs(x), abs(y)), abs(z)) < 0.5
        elif kind == ELLIPSOID:
            inside = x * x + y * y + z * z < 0.25
        else:
            inside = (np.hypot(x, y) < 0.5 * (1 - (1 - top) * (z + 0.5))) & (abs(z) < 0.5)
        blocked |= inside.any(0)
    return blocked


@pytest.mark.parametrize("family", ["car", "chair", "lamp", "bird"])
def test_soft_shadows_come_near_those_of_many_rays(family):
    """On the floor, the share of a light disc that is seen, against rays to all of the disc."""
    g = np.random.default_rng(5)
    placed, softness = Placed(family, 3, 1.0, (0.0, 0.0, 0.0), 0.4), 0.25
    light = np.array([0.5, -0.3, 0.8]) / np.linalg.norm([0.5, -0.3, 0.8])
    around = draw_surroundings(g, 1.5)
    around = replace(around, light=torch.tensor(light[None]).float(), softness=torch.tensor([softness]))
    camera = camera_of(draw_view(g, [placed]))
    solids = pack_solids([[placed]], camera, around, 32, torch.device("cpu"))
    places = np.concatenate([g.uniform(-0.9, 0.5, (60, 1)), g.uniform(-0.6, 0.9, (60, 1)), np.zeros((60, 1))], 1)
    places = places[[not brute_force_hits(solids, p, light[None] * 1e-3)[0] for p in places]]  # none inside a foot
    radius, angle = np.sqrt(g.random(100)) * softness * DISC, g.random(100) * 2 * np.pi
    across = light_axes(light[None])[0][:2]
    ways = light + np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) @ across
    truth = np.array([1 - brute_force_hits(solids, p, ways).mean() for p in places])
    none = torch.full((len(places),), -1)
    columns = around.columns(torch.device("cpu"))
    told = sunlight(solids, columns, torch.zeros_like(none), torch.tensor(places.T).float(), none).numpy()
    assert truth.min() < 0.4 and truth.max() > 0.99
    assert abs(told - truth).mean() < 0.04 and abs(told - truth).max() < 0.35


def test_shadows_fall_away_from_the_light():
    g = np.random.default_rng(1)
    placed = Placed("snowman", 1, 1.0, (0.0, 0.0, 0.0), 0.0)
    around = draw_surroundings(g, 1.5)
    camera = camera_of(draw_view(g, [placed]))
    solids = pack_solids([[placed]], camera, around, 32, torch.device("cpu"))
    light = around.light[0]
    before = torch.stack([light[0] * 0.8, light[1] * 0.8, torch.tensor(0.0)])[:, None]
    behind = -before * 0.4
    columns, none = around.columns(torch.device("cpu")), torch.tensor([-1])
    assert sunlight(solids, columns, torch.tensor([0]), before, none) > 0.99
    assert sunlight(solids, columns, torch.tensor([0]), behind, none) < 0.5


def test_there_are_enough_families_and_held_out_ones_stay_out(source):
    assert len(TRAIN_FAMILIES) >= 10 and len(HELD_OUT_FAMILIES) == 2
    held = {FAMILY_NAMES.index(name) for name in HELD_OUT_FAMILIES}
    seen = set(source.pairs(6, 16, 0).family.flatten().tolist()) - {-1}
    unseen = set(source.pairs(4, 16, 0, split="unseen_families").family.flatten().tolist()) - {-1}
    assert seen and not seen & held and unseen <= held


def test_held_out_instances_are_other_instances(source):
    for seed in range(20):
        train = draw_objects(np.random.default_rng(seed), "train")
        held = draw_objects(np.random.default_rng(seed), "unseen_instances")
        assert all(p.instance < TRAIN_INSTANCES for p in train) and all(p.instance >= TRAIN_INSTANCES for p in held)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_does_what_it_says(source, task):
    pairs = source.pairs(3, 32, 11, tasks=(task,))
    first, second = pairs.source, pairs.target
    camera = (first.camera.world_to_camera - second.camera.world_to_camera).abs().amax((1, 2)) > 1e-5
    both = first.boxes.present & second.boxes.present
    moved = ((first.boxes.pose - second.boxes.pose).abs().amax((2, 3)) > 1e-5) & both
    changed = (first.boxes.present != second.boxes.present).sum(1)
    assert camera.all() if task in ("camera", "all") else not camera.any()
    assert (changed == 1).all() if task == "presence" else not changed.any()
    if task == "all":
        assert (moved == both).all()
    elif task == "object":
        assert (moved.sum(1) >= 1).all()
    else:
        assert not moved.any()
    if task == "identity":
        assert same(first, second)


def test_unknown_splits_tasks_and_sources_are_refused(source):
    with pytest.raises(ValueError, match="split"):
        source.pairs(1, 16, 0, split="validation")
    with pytest.raises(ValueError, match="tasks"):
        source.pairs(1, 16, 0, tasks=("fly",))
    with pytest.raises(ValueError, match="procedural"):
        make_source("movies")


def test_contact_sheet_shows_every_pair(pairs):
    picture = sheet(pairs, columns=3)
    assert picture.size == (3 * (2 * SIZE + 4), 2 * (SIZE + SIZE // 2 + 4))
