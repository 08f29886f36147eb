"""Bad input of `model.scene`: every refusal is its named exception with a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BoxError, CameraError, NeuralAssetsError, SceneError
from model.scene import Box, PinholeCamera, Placement, RenderSettings, Scene


def camera(intrinsics=(1.2, 1.2, 0.5, 0.5), matrix=None) -> PinholeCamera:
    return PinholeCamera(np.array(intrinsics), np.eye(4) if matrix is None else matrix)


def box(pose=None, size=(1, 1, 1)) -> Box:
    return Box(np.eye(4) if pose is None else pose, np.array(size))


def changed(row: int, column: int, value: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[row, column] = value
    return matrix


def refused(error: type[NeuralAssetsError], action) -> str:
    with pytest.raises(error) as caught:
        action()
    text = str(caught.value)
    assert text.endswith(".") and len(text) < 200 and "\n" not in text
    return text


BAD_POSES = {
    "not a number": changed(0, 3, np.nan),
    "infinite": changed(1, 3, np.inf),
    "too far": changed(2, 3, 1e7),
    "scaled": np.diag([2.0, 2, 2, 1]),
    "sheared": changed(0, 1, 0.3),
    "mirrored": np.diag([-1.0, 1, 1, 1]),
    "collapsed": np.zeros((4, 4)),
    "projective": changed(3, 0, 0.5),
    "too small": np.eye(3),
    "batched": np.eye(4)[None],
    "text": np.full((4, 4), "a"),
    "ragged": [[1, 0], [0, 1, 0]],
    "nothing": None,
}


@pytest.mark.parametrize("pose", BAD_POSES.values(), ids=BAD_POSES)
def test_bad_pose(pose):
    refused(BoxError, lambda: Box(pose, np.ones(3)).checked())


@pytest.mark.parametrize("pose", BAD_POSES.values(), ids=BAD_POSES)
def test_bad_camera_matrix(pose):
    refused(CameraError, lambda: PinholeCamera(np.array([1, 1, 0.5, 0.5]), pose).checked())


@pytest.mark.parametrize(
    "size", [(0, 1, 1), (-1, 1, 1), (np.nan, 1, 1), (np.inf, 1, 1), (1, 1), (1e7, 1, 1), "abc", 1.0]
)
def test_bad_size(size):
    refused(BoxError, lambda: Box(np.eye(4), size).checked())


@pytest.mark.parametrize(
    "intrinsics",
    [(0, 1, 0.5, 0.5), (-1, 1, 0.5, 0.5), (np.nan, 1, 0, 0), (1, 1, 0.5), (1e6, 1, 0, 0)],
)
def test_bad_intrinsics(intrinsics):
    refused(CameraError, lambda: camera(intrinsics).checked())


def test_message_names_the_box():
    boxes = (box(), box(size=(0, 1, 1)))
    scene = Scene(camera(), tuple(Placement(None, b) for b in boxes))  # type: ignore[arg-type]
    assert "Box 2" in refused(BoxError, scene.checked)


def test_number_of_objects():
    placement = Placement(None, box())  # type: ignore[arg-type]
    assert len(Scene(camera(), (placement,) * 32).checked().placements) == 32
    assert "33" in refused(SceneError, Scene(camera(), (placement,) * 33).checked)
    refused(SceneError, Scene(camera(), ()).checked)


@pytest.mark.parametrize("guidance", [np.nan, np.inf, -1.0, 1e3])
def test_bad_guidance(guidance):
    placement = Placement(None, box(), guidance)  # type: ignore[arg-type]
    refused(SceneError, Scene(camera(), (placement,)).checked)
    refused(SceneError, RenderSettings(guidance=guidance).checked)


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 63}, {"width": 2049}, {"height": 0}, {"height": -5},
        {"width": 20000, "height": 3}, {"width": 1, "height": 1}, {"steps": 0},
        {"steps": 101}, {"start": "middle"}, {"start_time": 0.0}, {"start_time": 1.5},
        {"start_time": np.nan},
    ],
    ids=str,
)  # fmt: skip
def test_bad_settings(settings):
    refused(SceneError, RenderSettings(**settings).checked)


def test_good_values_are_float32_copies():
    pose = np.eye(4)
    checked = Box(pose, [1, 2, 3]).checked()  # type: ignore[arg-type]
    assert checked.pose.dtype == checked.size.dtype == np.float32
    pose[0, 3] = 5
    assert checked.pose[0, 3] == 0
    assert camera().checked().intrinsics.dtype == np.float32
    settings = RenderSettings(width=64, height=2048, steps=100)
    assert settings.checked() is settings


@given(st.lists(st.floats(width=32), min_size=19, max_size=19))
def test_any_numbers_pass_or_are_refused(numbers):
    pose, size = np.array(numbers[:16]).reshape(4, 4), np.array(numbers[16:])
    try:
        checked = Box(pose, size).checked()
    except BoxError:
        return
    assert np.isfinite(checked.pose).all() and (checked.size > 0).all()
