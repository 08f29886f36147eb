"""The mesh data engine: rasteriser, readers, truth maps, splits, recorded pairs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from model.data.frames import TASKS, Pairs
from model.data.meshes import MeshSource, credits
from model.data.meshes.catalogue import UNSEEN_FAMILIES, split_members
from model.data.meshes.hdri import built_in_sky, read_hdr, write_hdr
from model.data.meshes.placing import Stand, beside, on_top, overlap
from model.data.meshes.raster import barycentric, rasterise, unpack
from model.data.meshes.reading import ObjectRecord, fill_gaps, load_object
from model.data.recorded import RecordedSource, decode_depth, encode_depth, write_recorded
from model.errors import AssetFileError, SceneError
from model.geometry import camera_rays, pixel_centres

trimesh = pytest.importorskip("trimesh")
SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a few OBJ and GLB files without a manifest."""
    place = tmp_path_factory.mktemp("objects")
    for index in range(4):
        box = trimesh.creation.box(extents=(1 + index, 2, 3))
        box.export(place / f"box{index}.obj")
    ball = trimesh.creation.icosphere(subdivisions=2, radius=20)
    ball.export(place / "ball.glb")
    trimesh.creation.cylinder(radius=0.1, height=0.4).export(place / "tube.glb")
    return place


@pytest.fixture(scope="module")
def source(folder: Path) -> MeshSource:
    return MeshSource(folder)


def brute_force(corners: np.ndarray, depth: np.ndarray, size: int) -> np.ndarray:
    """Nearest triangle per pixel by testing every pixel with every triangle, [size, size]."""
    best = np.full((size, size), np.inf)
    index = np.full((size, size), -1)
    for y in range(size):
        for x in range(size):
            for k, (a, b, c) in enumerate(corners):
                p = np.array([x + 0.5, y + 0.5])
                area = np.cross([*(b - a), 0], [*(c - a), 0])[2]
                weights = np.array(
                    [np.cross([*(v - u), 0], [*(p - u), 0])[2] / area for u, v in ((b, c), (c, a), (a, b))]
                )
                if weights.min() >= 0:
                    z = 1 / (weights @ (1 / depth[k]))
                    if z < best[y, x]:
                        best[y, x], index[y, x] = z, k
    return index


def test_rasteriser_agrees_with_brute_force() -> None:
    rng = np.random.default_rng(3)
    corners, depth = rng.uniform(-4, 28, (12, 3, 2)), rng.uniform(1, 5, (12, 3))
    buffer = rasterise(
        torch.from_numpy(corners).float(),
        torch.from_numpy(1 / depth).float(),
        torch.zeros(12, dtype=torch.int64),
        (1, 24, 24),
    )
    triangle, _ = unpack(buffer)
    assert (triangle[0].numpy() == brute_force(corners, depth, 24)).mean() > 0.995


def test_rasteriser_keeps_frames_apart_and_survives_nothing() -> None:
    corners = torch.tensor([[[0.0, 0], [8, 0], [0, 8]]]).repeat(2, 1, 1)
    buffer = rasterise(corners, torch.ones(2, 3), torch.tensor([0, 2]), (3, 8, 8))
    triangle, depth = unpack(buffer)
    assert triangle[0].max() == 0 and triangle[1].max() == -1 and triangle[2].max() == 1
    assert torch.isinf(depth[1]).all()
    empty = rasterise(corners[:0], torch.ones(0, 3), torch.zeros(0, dtype=torch.int64), (1, 4, 4))
    assert unpack(empty)[0].max() == -1


def test_neighbouring_triangles_leave_no_hole() -> None:
    grid = torch.rand(9, 9, 2, generator=torch.Generator().manual_seed(0)) * 0.6
    grid += torch.stack(torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="xy"), -1)
    grid = grid * 8 - 4
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
    corners = torch.cat([torch.stack([a, b, c], -2).flatten(0, 1), torch.stack([b, d, c], -2).flatten(0, 1)])
    count = len(corners)
    buffer = rasterise(corners, torch.ones(count, 3), torch.zeros(count, dtype=torch.int64), (1, 64, 64))
    assert (unpack(buffer)[0][0, 8:56, 8:56] >= 0).all()


def test_barycentric_weights_restore_points() -> None:
    corners = torch.tensor([[[0.0, 0], [4, 1], [1, 5]]])
    point = corners.mean(1)
    assert torch.allclose(barycentric(point, corners), torch.full((1, 3), 1 / 3), atol=1e-6)


def check_truth(pairs: Pairs, size: int) -> None:
    """Depth, masks, boxes and box coordinates must describe the same surface."""
    for frame in (pairs.source, pairs.target):
        batch = frame.image.shape[0]
        rays = camera_rays(pixel_centres(size, size).flatten(0, 1), frame.camera.intrinsics)
        points = rays * frame.depth.flatten(1)[..., None]
        for k in range(batch):
            index = frame.object_index[k].flatten()
            seen = index >= 0
            matrix = frame.camera.world_to_camera[k] @ frame.boxes.pose[k][index[seen]]
            local = ((points[k][seen] - matrix[:, :3, 3])[:, None] @ matrix[:, :3, :3])[:, 0]
            coordinates = local / frame.boxes.size[k][index[seen]]
            told = frame.box_coordinates[k].flatten(1).T
            assert torch.allclose(coordinates, told[seen], atol=2e-3)
            assert told[seen].abs().max() <= 0.5 if seen.any() else True
            assert (told[~seen] == 0).all()
            assert frame.boxes.present[k][index[seen]].all()
        assert frame.depth.max() <= 1000 and frame.image.min() >= 0 and frame.image.max() <= 1
        assert torch.allclose(frame.normals.norm(dim=1), torch.ones(batch, size, size), atol=1e-3)


def test_truth_maps_agree(source: MeshSource) -> None:
    pairs = source.pairs(6, SIZE, 5)
    check_truth(pairs, SIZE)
    assert pairs.source.masks().any((1, 2, 3)).sum() >= 4


def test_ground_is_under_the_objects(source: MeshSource) -> None:
    frame = source.pairs(6, SIZE, 2).source
    for k in range(6):
        present = frame.boxes.present[k]
        if present.any():
            half = (frame.boxes.pose[k, :, 2, :3].abs() * frame.boxes.size[k] / 2).sum(-1)
            bottom = (frame.boxes.pose[k, :, 2, 3] - half)[present]
            assert bottom.min() == pytest.approx(float(frame.ground[k]), abs=1e-4)


def test_equal_seeds_give_equal_pairs_whatever_the_count(source: MeshSource) -> None:
    one, many = source.pairs(2, SIZE, 11), source.pairs(4, SIZE, 11)
    assert torch.equal(one.source.image, many.source.image[:2])
    assert torch.equal(one.target.depth, many.target.depth[:2])
    assert not torch.equal(one.source.image, source.pairs(2, SIZE, 12).source.image)


@pytest.mark.parametrize("task", TASKS)
def test_tasks_change_what_they_name(source: MeshSource, task: str) -> None:
    pairs = source.pairs(3, SIZE, 1, tasks=(task,))
    first, second = pairs.source, pairs.target
    assert all(TASKS[int(k)] == task for k in pairs.task)
    same_camera = torch.allclose(first.camera.world_to_camera, second.camera.world_to_camera)
    same_boxes = torch.equal(first.boxes.pose, second.boxes.pose)
    same_present = torch.equal(first.boxes.present, second.boxes.present)
    moved = (first.boxes.pose != second.boxes.pose).flatten(2).any(-1).sum(1)
    assert same_camera == (task not in ("all", "camera"))
    assert same_present == (task != "presence")
    if task in ("camera", "identity"):
        assert same_boxes
    if task == "object":
        assert (moved == 1).all()
    if task == "identity":
        assert (first.image - second.image).abs().mean() < 1e-4 and torch.equal(first.object_index, second.object_index)
    if task == "presence":
        assert ((first.boxes.present != second.boxes.present).sum(1) == 1).all()


def test_user_folder(folder: Path, source: MeshSource) -> None:
    assert len(source.records) == 6
    assert source.library.size.amax(1).allclose(torch.full((6,), 0.5))
    assert list(folder.glob(".meshes_cache*"))
    again = MeshSource(folder)
    assert torch.equal(again.library.vertices, source.library.vertices)
    assert source.library.vertices.min() == -0.5 and source.library.vertices.max() == 0.5


def test_axes_front_is_minus_y(tmp_path: Path) -> None:
    mesh = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3.0]], [[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])
    mesh.export(tmp_path / "a.glb")
    raw = load_object(tmp_path, ObjectRecord("a", "a.glb", "f", "user", scale=1.0))
    assert raw is not None
    assert np.allclose(raw.size, [1, 3, 2])  # width, depth, height of a Y-up file
    tip = raw.vertices[np.argmin(raw.vertices[:, 1])]  # the file's +z is our front, -y
    assert np.allclose(tip, [-0.5, -0.5, -0.5])


def test_empty_folder_and_unknown_split_are_refused(tmp_path: Path, source: MeshSource) -> None:
    with pytest.raises(AssetFileError, match="No usable"):
        MeshSource(tmp_path)
    with pytest.raises(SceneError, match="no split"):
        source.pairs(1, SIZE, 0, split="everything")


def test_splits_are_disjoint_and_cover() -> None:
    families = ("Kitchen", "Bedroom", *UNSEEN_FAMILIES)
    records = tuple(ObjectRecord(f"s/{family}{k}", "f", family, "sh3d") for family in families for k in range(60))
    parts = [set(split_members(records, split, 0.08)) for split in ("train", "unseen_instances", "unseen_families")]
    assert all(parts) and sum(map(len, parts)) == len(set().union(*parts)) == len(records)
    assert {records[i].family for i in parts[2]} == set(UNSEEN_FAMILIES)
    assert 0.02 < len(parts[1]) / len(records) < 0.2


@pytest.mark.parametrize("width", [4, 64])
def test_rgbe_round_trip(tmp_path: Path, width: int) -> None:
    picture = np.random.default_rng(0).uniform(0, 20, (8, width, 3)).astype(np.float32)
    write_hdr(tmp_path / "a.hdr", picture)
    again = read_hdr(tmp_path / "a.hdr")
    assert np.abs(again - picture).max() <= picture.max() / 100


def test_rgbe_runs(tmp_path: Path) -> None:
    row = bytes([2, 2, 0, 8]) + bytes([128 + 8, 128]) + bytes([8, *range(8)]) + bytes([128 + 8, 0]) + bytes([136, 129])
    (tmp_path / "a.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 8\n" + row)
    picture = read_hdr(tmp_path / "a.hdr")
    assert np.allclose(picture[0, :, 0], 1) and np.allclose(picture[0, :, 1], np.arange(8) / 128)
    (tmp_path / "b.hdr").write_bytes(b"#?RADIANCE\n\n-Y 1 +X 8\n" + row[:12])
    with pytest.raises(AssetFileError, match="damaged"):
        read_hdr(tmp_path / "b.hdr")


def test_built_in_sky_is_finite() -> None:
    sky = built_in_sky(256)
    assert sky.shape == (256, 512, 3) and np.isfinite(sky).all() and sky.max() > 100


def test_texture_gaps_are_filled() -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, :16] = 200
    used = np.array([[[0, 0], [0.5, 0], [0, 1]], [[0.5, 0], [0.5, 1], [0, 1]]], float)
    filled = fill_gaps(picture, used)
    assert filled[:, 16:].min() > 150 and (filled[:, 2:14] == 200).all()


def test_placing() -> None:
    rng = np.random.default_rng(0)
    base, other = Stand(0, np.array([1.0, 2, 0.5])), Stand(1, np.array([0.4, 0.3, 0.2]), yaw=0.7)
    assert overlap(base, other)
    assert not overlap(base, other.at(2, 0))
    for _ in range(20):
        moved = beside(rng, other, base)
        assert not overlap(base, moved) and overlap(base, moved, margin=0.1)
    top = on_top(rng, other, base, 0)
    assert top is not None and top.z == 0.5 and top.on == 0 and not overlap(base, top)


def test_depth_codes() -> None:
    depth = torch.linspace(1, 1000, 64).view(8, 8)
    objects = depth < 200
    again = decode_depth(*encode_depth(depth, objects))
    assert (again - depth)[objects].abs().max() < 0.01
    assert (again[~objects] <= 1000).all() and again[-1, -1] == 1000


def test_recorded_round_trip(tmp_path: Path, source: MeshSource) -> None:
    pairs = source.pairs(3, SIZE, 4)
    items = [[{"id": name, "family": "objects"} for name in names] for names in source.drawn]
    write_recorded(tmp_path, [("unseen_instances", pairs, items)], source.family_names, (), "made by hand")
    recorded = RecordedSource(tmp_path)
    again = recorded.pairs(3, SIZE, 0)
    assert recorded.length() == 3 and torch.equal(again.task, pairs.task) and torch.equal(again.family, pairs.family)
    for side in ("source", "target"):
        told, found = getattr(pairs, side), getattr(again, side)
        assert (told.image - found.image).abs().max() < 1 / 254
        assert torch.equal(told.object_index, found.object_index)
        assert torch.allclose(told.boxes.pose, found.boxes.pose) and torch.allclose(told.ground, found.ground)
        assert (told.box_coordinates - found.box_coordinates).abs().max() < 5e-3
    check_truth(again, SIZE)
    small = recorded.pairs(2, 32, 9)
    assert small.source.image.shape == (2, 3, 32, 32) and small.source.object_index.shape == (2, 32, 32)
    with pytest.raises(AssetFileError, match="were asked for"):
        recorded.pairs(4, SIZE, 0)


def test_credits_name_every_maker(tmp_path: Path) -> None:
    (tmp_path / "a.glb").write_bytes(b"")
    (tmp_path / "manifest.json").write_text(
        '[{"source": "s", "id": "a", "file": "a.glb", "licence": "CC-BY-4.0", "credit": "Ada", "category": "Cars"}]'
    )
    text = credits(tmp_path)
    assert "CC-BY-4.0" in text and "Ada" in text and ": a" in text


@pytest.mark.skipif(
    "NEURAL_ASSETS_TRAINING_ASSETS" not in os.environ,
    reason="NEURAL_ASSETS_TRAINING_ASSETS does not name the training assets",
)
def test_real_assets() -> None:
    source = MeshSource(os.environ["NEURAL_ASSETS_TRAINING_ASSETS"])
    for split in ("train", "unseen_instances", "unseen_families"):
        pairs = source.pairs(4, 128, 0, split=split)
        check_truth(pairs, 128)
        names = {source.family_names[i] for i in pairs.family[pairs.family >= 0].tolist()}
        assert (names <= set(UNSEEN_FAMILIES)) == (split == "unseen_families")
