"""Geometry against brute force, over random boxes and cameras."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.atlas import BACKGROUND, atlas_of_batch, fetch
from model.geometry import (
    NEAR,
    Boxes,
    Camera,
    box_corners,
    boxes_2d,
    camera_rays,
    corners_to_box,
    from_box_coordinates,
    intersect_box,
    look_at,
    pixel_centres,
    pose_tokens_input,
    project_world,
    relative_pose,
    rigid_inverse,
    roi_align,
    to_box_coordinates,
)

angles = st.floats(-math.pi, math.pi)
places = st.floats(-5, 5)
sizes = st.floats(0.05, 4)


def rotation(a: float, b: float, c: float) -> np.ndarray:
    ca, sa, cb, sb, cc, sc = (
        math.cos(a),
        math.sin(a),
        math.cos(b),
        math.sin(b),
        math.cos(c),
        math.sin(c),
    )
    z = np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]])
    y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    x = np.array([[1, 0, 0], [0, cc, -sc], [0, sc, cc]])
    return z @ y @ x


@st.composite
def poses(draw):
    pose = np.eye(4)
    pose[:3, :3] = rotation(draw(angles), draw(angles), draw(angles))
    pose[:3, 3] = [draw(places) for _ in range(3)]
    return torch.from_numpy(pose).float(), torch.tensor([draw(sizes) for _ in range(3)])


@settings(max_examples=50, deadline=None)
@given(poses())
def test_corner_round_trip(box):
    pose, size = box
    again, extents = corners_to_box(box_corners(pose, size))
    torch.testing.assert_close(again, pose, atol=2e-4, rtol=0)
    torch.testing.assert_close(extents, size, atol=2e-4, rtol=1e-4)


def test_corner_index_bits_are_x_y_z():
    corners = box_corners(torch.eye(4), torch.tensor([2.0, 4.0, 6.0]))
    assert corners[1].tolist() == [1, -2, -3]
    assert corners[2].tolist() == [-1, 2, -3]
    assert corners[4].tolist() == [-1, -2, 3]


@settings(max_examples=50, deadline=None)
@given(places, places, st.floats(0.5, 30), st.floats(0.3, 3), st.floats(0.3, 3), poses())
def test_projection_matches_a_brute_force_pinhole(x, y, z, fx, fy, camera_pose):
    """A 640 x 480 pinhole in pixels, one point at a time."""
    world_to_camera = rigid_inverse(camera_pose[0][None])[0]
    point = camera_pose[0] @ torch.tensor([x, y, z, 1.0])
    camera = Camera(torch.tensor([fx, fy, 0.45, 0.55]), world_to_camera)
    u, v, depth = project_world(point[None, :3], camera)[0].tolist()
    column = fx * 640 * x / z + 0.45 * 640
    row = fy * 480 * y / z + 0.55 * 480
    assert depth == pytest.approx(z, abs=1e-3)
    assert u * 640 == pytest.approx(column, abs=0.05 + 1e-3 * abs(column))
    assert v * 480 == pytest.approx(row, abs=0.05 + 1e-3 * abs(row))


@settings(max_examples=40, deadline=None)
@given(poses(), st.floats(3, 12))
def test_rays_into_boxes_match_marching(box, distance):
    """Entry and exit of rays against marching along them in small steps."""
    pose, size = box
    pose = pose.clone()
    pose[:3, 3] = torch.tensor([0.0, 0.0, distance])
    rays = camera_rays(pixel_centres(5, 5).view(-1, 2), torch.tensor([1.0, 1.0, 0.5, 0.5]))
    entry, leave, hit = intersect_box(rays, pose, size)
    depths = torch.linspace(NEAR, 20, 8000)
    points = rays[:, None] * depths[:, None]
    inside = (to_box_coordinates(points, pose, size).abs() <= 0.5).all(-1)
    for i in range(25):
        marched = depths[inside[i]]
        if len(marched) > 3:
            assert bool(hit[i])
            assert float(marched[0]) == pytest.approx(float(entry[i]), abs=0.02)
            assert float(marched[-1]) == pytest.approx(float(leave[i]), abs=0.02)
        elif not bool(hit[i]):
            assert len(marched) == 0


@settings(max_examples=30, deadline=None)
@given(poses())
def test_box_coordinates_round_trip(box):
    pose, size = box
    points = torch.randn(17, 3, generator=torch.Generator().manual_seed(0))
    there = to_box_coordinates(points, pose, size)
    torch.testing.assert_close(from_box_coordinates(there, pose, size), points, atol=1e-3, rtol=1e-3)


def _bilinear(features: np.ndarray, x: float, y: float) -> np.ndarray:
    height, width = features.shape[1:]
    x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    fx, fy = x - x0, y - y0
    top = features[:, y0, x0] * (1 - fx) + features[:, y0, x1] * fx
    return top * (1 - fy) + (features[:, y1, x0] * (1 - fx) + features[:, y1, x1] * fx) * fy


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.1, 0.5), st.floats(0.1, 0.5))
def test_roi_align_matches_brute_force(u, v, du, dv):
    features = np.random.default_rng(0).normal(size=(3, 9, 7)).astype(np.float32)
    got = roi_align(torch.from_numpy(features)[None], torch.tensor([[[u, v, u + du, v + dv]]]))[0, 0]
    for row in range(2):
        for column in range(2):
            cell = np.zeros(3)
            for sy in range(2):
                for sx in range(2):
                    x = (u + du * (2 * column + sx + 0.5) / 4) * 7 - 0.5
                    y = (v + dv * (2 * row + sy + 0.5) / 4) * 9 - 0.5
                    cell += _bilinear(features, x, y) / 4
            np.testing.assert_allclose(got[row * 2 + column].numpy(), cell, atol=1e-4)


def _one(pose, size=(1.0, 1.0, 1.0)) -> Boxes:
    return Boxes(pose[None, None], torch.tensor([[size]]), torch.ones(1, 1, dtype=torch.bool))


def _front_camera() -> Camera:
    eye, aim = torch.tensor([0.0, -5.0, 0.0]), torch.zeros(3)
    return Camera(torch.tensor([[1.0, 1.0, 0.5, 0.5]]), look_at(eye, aim)[None])


def test_look_at_keeps_the_world_upright():
    uvd = project_world(torch.tensor([[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]), _front_camera())[0]
    assert uvd[0, 1] < 0.5 < uvd[1, 0]
    assert uvd[:, 2].tolist() == pytest.approx([5, 5])


def test_boxes_behind_or_around_the_camera_never_become_nan():
    behind, around = torch.eye(4), torch.eye(4)
    behind[1, 3], around[1, 3] = -20.0, -5.0
    assert boxes_2d(_front_camera(), _one(behind)).abs().sum() == 0
    rectangle = boxes_2d(_front_camera(), _one(around, (2.0, 2.0, 2.0)))[0, 0]
    assert torch.isfinite(rectangle).all() and rectangle.tolist() == pytest.approx([0, 0, 1, 1], abs=1e-4)
    assert torch.isfinite(pose_tokens_input(_front_camera(), _one(behind))).all()


def test_relative_pose_of_the_same_camera_is_the_identity():
    camera = _front_camera()
    expected = [*np.eye(3).flatten().tolist(), 0, 0, 0]
    assert relative_pose(camera, camera)[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_reads_take_only_pixels_of_the_wanted_label():
    image = torch.zeros(1, 1, 1, 4)
    image[..., 2:] = 1
    labels = torch.tensor([[[BACKGROUND, BACKGROUND, 3, 3]]])
    atlas = atlas_of_batch(image, labels)
    uv = torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.125, 0.5]])
    values, alpha = fetch(atlas, torch.zeros(3, dtype=torch.int64), uv, torch.tensor([BACKGROUND, 3, 3]))
    assert values[:, 0].tolist() == [0, 1, 0]
    assert alpha.tolist() == [0.5, 0.5, 0]
