"""The floor as a camera sees it, against direct sums."""

from __future__ import annotations

import math

import numpy as np
import pytest

from .pure_addon import pure_module
from .test_vanishing import camera

floor = pure_module("reference.floor")

LENS = (1.2, 1.8, 0.5, 0.5)


def at(rotation: np.ndarray, position: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ np.array(position)
    return matrix


def test_the_horizon_lies_where_the_camera_looks_level():
    line = floor.horizon(LENS, at(camera(0.3, 0.2, 0.0), (1, 2, 3)))
    assert line[:, 1] == pytest.approx(0.5 - math.tan(0.2) * 1.8) and sorted(line[:, 0]) == pytest.approx([0, 1])
    assert floor.horizon(LENS, at(camera(0.3, 0.6, 0.0), (1, 2, 3))) is None, "above the picture"
    assert floor.horizon(LENS, at(np.diag([1.0, -1.0, -1.0]), (0, 0, 2))) is None, "straight down"


def test_the_horizon_of_a_rolled_camera_is_oblique():
    left, right = sorted(floor.horizon(LENS, at(camera(0.0, 0.0, 0.1), (0, 0, 1))).tolist())
    slope = (right[1] - left[1]) * 1.2 / 1.8 / (right[0] - left[0])  # in square pixels
    assert abs(slope) == pytest.approx(math.tan(0.1))


@pytest.mark.parametrize(("length", "step"), [(0.4, 0.5), (0.145, 0.2), (0.12, 0.1), (0.75, 1.0), (42.5, 50.0)])
def test_lengths_are_rounded_to_1_2_and_5(length, step):
    assert floor.rounded(length) == pytest.approx(step)


@pytest.mark.parametrize(
    ("down", "focal", "height"), [(0.1, 0.8, 1.6), (0.38, 1.39, 0.58), (0.93, 2.8, 0.49), (1.57, 1.0, 2)]
)
def test_some_cells_lie_side_by_side_in_the_picture(down, focal, height):
    lens, matrix = (focal, focal * 1.5, 0.5, 0.5), at(camera(0.0, down, 0.0), (0, 0, height))
    cell = floor.cell(lens, matrix, 0.0)
    middle = max(0.0, 0.5 - math.tan(down) * focal * 1.5)
    ray = np.array([0, ((middle + 1) / 2 - 0.5) / lens[1], 1]) @ matrix[:3, :3]
    point = floor.floor_point(np.array([0.0, 0, height]), ray, 0.0)
    across = floor.project(np.array([point, point + (cell, 0, 0)]), lens, matrix)
    assert 1 / 14 < abs(across[1, 0] - across[0, 0]) < 1 / 4


def test_grid_lines_are_on_the_floor_inside_the_picture_and_fade():
    matrix = at(camera(0.4, 0.25, 0.05), (3.0, -2.0, 1.7))
    ends, strength = floor.grid(LENS, matrix, ground=0.2)
    assert len(ends) > 50 and (ends > -1e-9).all() and (ends < 1 + 1e-9).all()
    assert strength.shape == ends.shape[:2] and 0 <= strength.min() < strength.max() <= 1
    rays = np.concatenate([(ends.reshape(-1, 2) - LENS[2:]) / LENS[:2], np.ones((2 * len(ends), 1))], -1)
    world = rays @ matrix[:3, :3]
    points = np.array([floor.floor_point(np.array([3.0, -2.0, 1.7]), ray, 0.2) for ray in world]).reshape(-1, 2, 3)
    cells = points[..., :2] / floor.cell(LENS, matrix, 0.2)
    on_line = np.abs(cells - np.round(cells)).max(axis=1).min(axis=-1)
    assert on_line.max() < 1e-6, "each piece keeps a whole x or a whole y"


def test_a_camera_below_the_floor_sees_no_grid():
    assert len(floor.grid(LENS, at(camera(0.4, 0.25, 0.0), (0, 0, 1)), ground=2.0)[0]) == 0


def test_lines_are_cut_where_they_pass_the_camera():
    matrix = at(camera(0.0, 0.3, 0.0), (0, 0, 1))
    ends, kept = floor.project_lines(
        np.array([[[0.0, -5, 0], [0.0, 5, 0]], [[0.0, -5, 0], [0.0, -4, 0]]]), LENS, matrix, 1e-3
    )
    assert kept.tolist() == [0]
    assert ends[0, 1] == pytest.approx(floor.project(np.array([0.0, 5, 0]), LENS, matrix)), "its order is kept"
    assert ends[0, 0] == pytest.approx((0.5, 1.0)), "it leaves the picture below"


def test_rays_meet_the_floor_before_the_camera_only():
    eye = np.array([0.0, 0, 2])
    assert floor.floor_point(eye, np.array([0, 1.0, -1]), 0.5) == pytest.approx([0, 1.5, 0.5])
    assert floor.floor_point(eye, np.array([0, 1.0, 0.1]), 0.5) is None
    assert floor.floor_point(eye, np.array([0, 1.0, -1e-7]), 0.5) is None
    assert floor.floor_point(np.array([0, 0, -1.0]), np.array([0, 1.0, 1]), 0.0) == pytest.approx([0, 1, 0])


def test_heights_over_a_point_follow_the_ray():
    eye, foot, top = np.array([0.0, -3, 2]), np.array([0.5, 1, 0]), np.array([0.5, 1, 0.8])
    assert floor.height_over(foot, eye, 4 * (top - eye)) == pytest.approx(0.8)
    assert floor.height_over(foot, eye, np.array([0.0, 0, -1])) is None
