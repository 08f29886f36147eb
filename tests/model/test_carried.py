"""The carried picture on scenes whose truth is exact."""

from __future__ import annotations

import pytest
import torch

from model.carried import carry
from model.conditions import batch_sources
from model.edits import edit_region
from model.geometry import Boxes, Camera
from model.layers import box_layers, true_fraction, true_layer, visible_slot

from .toys import toy_boxes, toy_camera, toy_frame

SIZE = 96


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * ((a - b) ** 2).mean().log10())


def sources_of(frame, background: bool = True):
    return batch_sources(frame.image, frame.object_index, frame.depth, frame.camera, frame.boxes, frame.ground,
                         torch.tensor([background]))  # fmt: skip


@pytest.fixture
def frame():
    return toy_frame(toy_camera(), toy_boxes([(-0.8, 0, 0.3), (0.8, 0.2, -0.2)], 3), SIZE)


def test_nothing_moved_gives_the_source_exactly(frame):
    carried = carry(sources_of(frame), frame.camera, frame.boxes, SIZE, SIZE)
    torch.testing.assert_close(carried.image, frame.image, atol=1e-6, rtol=0)
    assert float((carried.seen + carried.background).min()) > 0.999


def test_moved_boxes_carry_their_appearance(frame):
    target = toy_frame(toy_camera(0.15), toy_boxes([(-0.6, -0.2, 0.5), (0.9, 0.1, -0.4)], 3), SIZE)
    carried = carry(sources_of(frame), target.camera, target.boxes, SIZE, SIZE)
    objects = target.object_index >= 0
    seen = (carried.seen[:, 0] > 0.9) & objects
    assert float(seen.float().sum() / objects.float().sum()) > 0.7
    mask = seen[:, None].expand(-1, 3, -1, -1)
    assert psnr(carried.image[mask], target.image[mask]) > 24
    assert psnr(carried.image, target.image) > psnr(frame.image, target.image) + 4
    agree = (carried.slot == target.object_index)[seen]
    assert float(agree.float().mean()) > 0.97
    assert float((carried.depth - target.depth)[seen].abs().median()) < 0.03


def test_padding_changes_nothing(frame):
    wide = toy_frame(toy_camera(), toy_boxes([(-0.8, 0, 0.3), (0.8, 0.2, -0.2)], 7), SIZE)
    moved = [(-0.5, 0, 0.5), (0.9, 0, 0.0)]
    few = carry(sources_of(frame), frame.camera, toy_boxes(moved, 3), SIZE, SIZE)
    many = carry(sources_of(wide), wide.camera, toy_boxes(moved, 7), SIZE, SIZE)
    torch.testing.assert_close(few.image, many.image, atol=1e-6, rtol=0)


def test_a_removed_object_leaves_a_marked_hole(frame):
    left = Boxes(frame.boxes.pose, frame.boxes.size, torch.tensor([[True, False, False]]))
    carried = carry(sources_of(frame), frame.camera, left, SIZE, SIZE)
    hole = frame.object_index == 1
    assert float(carried.background[:, 0][hole].max()) < 0.6
    assert float(carried.seen[:, 0][frame.object_index == 0].min()) > 0.99
    assert torch.isfinite(carried.image).all()


def test_no_boxes_and_no_background_still_give_a_picture(frame):
    nothing = Boxes(torch.zeros(1, 0, 4, 4), torch.ones(1, 0, 3), torch.zeros(1, 0, dtype=torch.bool))
    carried = carry(sources_of(frame, False), frame.camera, nothing, 40, 64)
    assert carried.image.shape == (1, 3, 40, 64)
    assert (carried.image == 0.5).all() and carried.background.max() == 0


def test_any_resolution_shows_the_same_scene(frame):
    moved = toy_boxes([(-0.6, -0.2, 0.5), (0.9, 0.1, -0.4)], 3)
    small = carry(sources_of(frame), frame.camera, moved, SIZE, SIZE).image
    large = carry(sources_of(frame), frame.camera, moved, 3 * SIZE, 3 * SIZE).image
    assert psnr(torch.nn.functional.avg_pool2d(large, 3), small) > 22


def test_layers_agree_with_the_truth(frame):
    layers = box_layers(frame.camera, frame.boxes, SIZE, SIZE)
    choice = true_layer(layers, frame.object_index)
    assert torch.equal(visible_slot(layers, choice), frame.object_index)
    fraction = true_fraction(layers, frame.depth)
    depth = (layers.entry + fraction * (layers.leave - layers.entry)).gather(1, choice.clamp_max(2)[:, None])[:, 0]
    objects = frame.object_index >= 0
    torch.testing.assert_close(depth[objects], frame.depth[objects], atol=1e-4, rtol=0)


def test_a_crowd_has_the_same_layers_alone_and_in_a_batch():
    """Single scenes test each box inside its 2D bounds only, batches test all boxes everywhere."""
    generator = torch.Generator().manual_seed(4)
    places = [tuple(p) for p in (torch.rand(12, 3, generator=generator) * 4 - 2).tolist()]
    crowd = toy_boxes(places, 14)  # type: ignore[arg-type]
    camera = toy_camera()
    pose = crowd.pose.clone()
    pose[0, 3, :3, 3] = torch.tensor([0.0, -4.0, 2.5])  # around the camera
    pose[0, 4, :3, 3] = torch.tensor([0.0, -9.0, 2.5])  # behind it
    crowd = Boxes(pose, crowd.size, crowd.present)
    alone = box_layers(camera, crowd, 48, 64)
    twice = Boxes(*(x.repeat(2, *[1] * (x.dim() - 1)) for x in (crowd.pose, crowd.size, crowd.present)))
    cameras = Camera(camera.intrinsics.repeat(2, 1), camera.world_to_camera.repeat(2, 1, 1))
    batch = box_layers(cameras, twice, 48, 64)
    assert torch.equal(alone.slot[0], batch.slot[0]) and (alone.slot >= 0).any()
    torch.testing.assert_close(alone.maps[0], batch.maps[0], atol=1e-5, rtol=1e-5)
    seen = alone.slot[0] >= 0
    first, second = alone.slot[0, 0], alone.slot[0, 1]
    assert not ((first == second) & seen[0]).any() and (seen[0] & ~seen[1]).any()  # a box is one layer only
    torch.testing.assert_close(alone.leave[0][seen], batch.leave[0][seen], atol=1e-4, rtol=1e-5)


def test_edit_region_is_empty_without_edit_and_local_with_one(frame):
    still = edit_region(frame.camera, frame.camera, frame.boxes, frame.boxes, SIZE, SIZE)
    assert still.max() == 0
    moved = toy_boxes([(-0.8, 0, 0.3), (1.0, 0.2, -0.2)], 3)
    region = edit_region(frame.camera, frame.camera, frame.boxes, moved, SIZE, SIZE)
    assert region[0, 0][frame.object_index[0] == 1].min() == 1 and region[0, 0, :, :10].max() == 0
    other = Camera(frame.camera.intrinsics, toy_camera(0.1).world_to_camera)
    assert edit_region(frame.camera, other, frame.boxes, frame.boxes, SIZE, SIZE).min() == 1
