"""The camera from lines and rectangles, against cameras that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from .pure_addon import pure_module

vanishing = pure_module("reference.vanishing")

SHAPE = 2 / 3


def camera(yaw: float, down: float, roll: float) -> np.ndarray:
    """World-to-camera rotation [3, 3], OpenCV axes; angles in radians; yaw 0 looks along +y."""
    ahead = np.array([math.sin(yaw) * math.cos(down), math.cos(yaw) * math.cos(down), -math.sin(down)])
    right = np.array([math.cos(yaw), -math.sin(yaw), 0.0])
    below = np.cross(ahead, right)
    turn = np.array([[math.cos(roll), math.sin(roll), 0], [-math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return turn @ np.stack([right, below, ahead])


def seen(points: np.ndarray, rotation: np.ndarray, focal: float, height: float, shape: float = SHAPE) -> np.ndarray:
    """(u, v) of world points [..., 3] from (0, 0, height)."""
    inside = (points - (0, 0, height)) @ rotation.T
    assume((inside[..., 2] > 0.1).all())
    return inside[..., :2] / inside[..., 2:] * focal / (1, shape) + 0.5


def floor_rectangle(yaw: float, height: float, down: float, turn: float = 0.0) -> np.ndarray:
    """[4, 3] on the floor where a camera that looks `down` sees it in its middle, along the axes turned by `turn`."""
    distance = height / math.tan(down)
    middle = np.array([math.sin(yaw), math.cos(yaw)]) * distance
    half = np.array([[-0.35, -0.3], [0.35, -0.3], [0.35, 0.3], [-0.35, 0.3]]) * height
    c, s = math.cos(turn), math.sin(turn)
    return np.concatenate([middle + half @ np.array([[c, s], [-s, c]]), np.zeros((4, 1))], axis=-1)


def turned_by(rotation: np.ndarray, other: np.ndarray) -> float:
    """Degrees between two rotations."""
    return math.degrees(math.acos(np.clip((np.trace(rotation @ other.T) - 1) / 2, -1, 1)))


views = st.tuples(
    st.floats(math.radians(15), math.radians(75)),  # yaw to the axes
    st.floats(math.radians(12), math.radians(70)),  # down
    st.floats(math.radians(-20), math.radians(20)),  # roll
    st.floats(0.6, 3.0),  # focal length in widths
    st.floats(0.2, 5.0),  # height
)


@given(views)
@settings(max_examples=200, deadline=None)
def test_a_rectangle_gives_back_the_camera_that_saw_it(view):
    yaw, down, roll, focal, height = view
    rotation = camera(yaw, down, roll)
    world = floor_rectangle(yaw, height, down)
    corners = seen(world, rotation, focal, height)
    try:
        solved = vanishing.from_rectangle(corners, SHAPE)
    except vanishing.Unsolvable as error:
        assume("parallel" not in error.sentence)  # seen from far away
        raise
    assert solved.focal == pytest.approx(focal, rel=1e-5) and solved.skew == pytest.approx(0, abs=1e-4)
    assert min(turned_by(solved.rotation, rotation @ about_z(quarter)) for quarter in range(4)) < 1e-3
    assert solved.rotation[0, 0] > 0, "x lies to the right in the picture"
    length = float(np.linalg.norm(world[1] - world[0]))
    assert solved.height(corners[0], corners[1], length) == pytest.approx(height, rel=1e-5)


def about_z(quarters: int) -> np.ndarray:
    return np.linalg.matrix_power(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), quarters)


def lines_of_room(rotation: np.ndarray, focal: float, noise: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Two pairs of lines at two heights (not only on the floor), along x and along y."""
    x = np.array([[[0.2, 2, 0], [1.8, 2, 0]], [[0.2, 2.6, 0.7], [1.8, 2.6, 0.7]]])
    y = np.array([[[1.6, 1.6, 0], [1.6, 3.2, 0]], [[0.4, 1.6, 0.5], [0.4, 3.2, 0.5]]])
    pairs = np.stack([seen(x, rotation, focal, 1.5), seen(y, rotation, focal, 1.5)]) + noise
    return pairs[0], pairs[1]


@given(st.floats(0.4, 1.2), st.floats(0.1, 0.9), st.floats(-0.3, 0.3), st.floats(0.6, 2.5))
@settings(max_examples=200, deadline=None)
def test_lines_at_any_height_give_back_the_camera(yaw, down, roll, focal):
    rotation = camera(yaw, down, roll)
    solved = vanishing.from_lines(*lines_of_room(rotation, focal), SHAPE)
    assert solved.focal == pytest.approx(focal, rel=1e-5)
    up = solved.rotation[:, 2]
    assert up == pytest.approx(rotation[:, 2], abs=1e-5) and np.linalg.det(solved.rotation) == pytest.approx(1)


def test_a_hand_that_misses_by_a_pixel_misses_the_camera_by_little():
    """0.7 pixels of 960 at every end, 200 times: median and 95th percentile of what an artist gets."""
    rotation, focal = camera(0.7, 0.35, 0.0), 1.2
    generator = np.random.default_rng(0)
    focal_errors, tilt_errors = [], []
    for _ in range(200):
        noise = generator.normal(0, 0.7 / 960, (2, 2, 2, 2)) / (1, SHAPE)
        solved = vanishing.from_lines(*lines_of_room(rotation, focal, noise), SHAPE)
        focal_errors.append(abs(solved.focal / focal - 1))
        tilt_errors.append(math.degrees(math.acos(np.clip(solved.rotation[:, 2] @ rotation[:, 2], -1, 1))))
    assert np.median(focal_errors) < 0.02 and np.percentile(focal_errors, 95) < 0.06
    assert np.median(tilt_errors) < 0.4 and np.percentile(tilt_errors, 95) < 1.2


def test_more_lines_are_better_than_two():
    rotation, focal = camera(0.7, 0.35, 0.0), 1.2
    generator = np.random.default_rng(1)
    errors = {2: [], 6: []}
    for _ in range(100):
        pairs = [lines_of_room(rotation, focal, generator.normal(0, 1e-3, (2, 2, 2, 2))) for _ in range(3)]
        for count in errors:
            first, second = (np.concatenate([pair[i] for pair in pairs])[:count] for i in (0, 1))
            errors[count].append(abs(vanishing.from_lines(first, second, SHAPE).focal / focal - 1))
    assert np.median(errors[6]) < 0.75 * np.median(errors[2])


def test_a_further_line_joins_the_direction_that_it_fits():
    x, y = lines_of_room(camera(0.7, 0.35, 0.0), 1.2)
    assert vanishing.nearer_direction(x[1] + (0.01, 0.0), x, y, SHAPE) == 0
    assert vanishing.nearer_direction(y[0] + (0.0, 0.01), x, y, SHAPE) == 1


def test_with_a_known_lens_a_direction_may_be_parallel_to_the_picture():
    rotation, focal = camera(0.0, 0.5, 0.05), 1.4  # looks straight along y: lines along x do not meet
    lines = lines_of_room(rotation, focal)
    with pytest.raises(vanishing.Unsolvable, match="parallel in the picture"):
        vanishing.from_lines(*lines_of_room(camera(0.0, 0.5, 0.0), focal), SHAPE)
    solved = vanishing.from_lines(*lines, SHAPE, focal)
    assert turned_by(solved.rotation, rotation) < 1e-4


def test_a_wrong_known_lens_shows_as_skew_and_a_senseless_one_is_refused():
    lines = lines_of_room(camera(0.7, 0.35, 0.0), 1.2)
    assert 1 < vanishing.from_lines(*lines, SHAPE, 1.3).skew < 10
    with pytest.raises(vanishing.Unsolvable, match="miss a right angle by [0-9]+ degrees. Let the lens be solved"):
        vanishing.from_lines(*lines, SHAPE, 8.0)


def test_straight_down_has_no_horizon_and_looks_down():
    square = np.array([[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]])
    with pytest.raises(vanishing.Unsolvable, match="parallel"):
        vanishing.from_rectangle(square, 1.0)
    solved = vanishing.from_rectangle(square, 1.0, focal=1.0)
    assert solved.rotation == pytest.approx(np.diag([1.0, -1.0, -1.0]))
    assert vanishing.placed(solved, 2.0) == pytest.approx([0, 1, 2], abs=1), "the floor is below"


def test_the_origin_lies_in_the_middle_of_the_floor_that_is_seen():
    rotation, focal = camera(0.6, 0.3, 0.0), 1.0
    solved = vanishing.from_lines(*lines_of_room(rotation, focal), SHAPE)
    position = vanishing.placed(solved, 1.5)
    inside = (np.zeros(3) - position) @ solved.rotation.T
    u, v = inside[:2] / inside[2] * focal / (1, SHAPE) + 0.5
    horizon = 0.5 - math.tan(0.3) * focal / SHAPE
    assert (u, v) == pytest.approx((0.5, (horizon + 1) / 2), abs=1e-6) and position[2] == 1.5


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([[[0.1, 0.1], [0.1, 0.1]], [[0, 0], [1, 1]]], [[[0, 0], [1, 0]], [[0, 1], [1, 0.9]]], "too short"),
        (
            [[[0.1, 0.2], [0.5, 0.3]], [[0.3, 0.25], [0.9, 0.4]]],
            [[[0, 0], [1, 0]], [[0, 1], [1, 0.9]]],
            "on each other",
        ),
        ([[[0, 0.2], [1, 0.3]]], [[[0, 0], [1, 0]], [[0, 1], [1, 0.9]]], "One line"),
        ([[[0, 0.2], [1, 0.2]], [[0, 0.8], [1, 0.8]]], [[[0.2, 0], [0.4, 1]], [[0.8, 0], [0.6, 1]]], "parallel in"),
        ([[[0, 0.2], [0.5, 0.3]], [[0, 0.8], [0.5, 0.7]]], [[[0, 0.1], [0.5, 0.3]], [[0, 1], [0.5, 0.7]]], "same side"),
        ([[[0, 0.2], [0.4, 0.5]], [[0, 0.8], [0.4, 0.5]]], [[[1, 0.2], [0.6, 0.5]], [[1, 0.8], [0.6, 0.5]]], "of 4 mm"),
        ([[[0, math.nan], [1, 0]], [[0, 1], [1, 1]]], [[[0, 0], [1, 0]], [[0, 1], [1, 0.9]]], "too short"),
    ],
)
def test_lines_that_tell_nothing_are_refused_with_what_to_draw(first, second, words):
    with pytest.raises(vanishing.Unsolvable, match=words) as caught:
        vanishing.from_lines(np.array(first, float), np.array(second, float), SHAPE)
    assert caught.value.cure.endswith(".") and caught.value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ([[0.1, 0.9], [0.5, 0.7], [0.9, 0.5], [0.2, 0.2]], "in a row"),
        ([[0.2, 0.9], [0.8, 0.9], [0.3, 0.6], [0.7, 0.6]], "order round it"),
        ([[0.2, 0.9], [0.8, 0.9], [0.5, 0.8], [0.4, 0.3]], "order round it"),
        ([[0.2, 0.9], [0.2, 0.901], [0.7, 0.6], [0.3, 0.6]], "almost one point"),
    ],
)
def test_corners_that_are_no_rectangle_on_the_floor_are_refused(corners, words):
    with pytest.raises(vanishing.Unsolvable, match=words):
        vanishing.from_rectangle(np.array(corners), SHAPE)


def test_a_rectangle_on_the_ceiling_is_refused():
    rotation = camera(0.7, -0.4, 0.0)
    ceiling = floor_rectangle(0.7, 1.5, 0.4) + (0, 0, 3.0)
    with pytest.raises(vanishing.Unsolvable, match="not below the horizon"):
        vanishing.from_rectangle(seen(ceiling, rotation, 1.0, 1.5), SHAPE)


def test_points_above_the_horizon_are_not_on_the_floor():
    solved = vanishing.from_lines(*lines_of_room(camera(0.7, 0.35, 0.0), 1.2), SHAPE)
    with pytest.raises(vanishing.Unsolvable, match="above the horizon. Draw on the floor"):
        solved.on_floor(np.array([0.5, 0.01]) - (0, 0.5))
