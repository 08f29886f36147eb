"""An invalid scene does not exist: every value is checked when it is made, with a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from server.protocol.api import MAX_SEED, Box, Camera, Placement, RenderSettings, Scene
from server.protocol.errors import ErrorCode, ProtocolError
from server.protocol.limits import MAX_BOXES, Limits
from server.protocol.messages import Encode, Sequence

from .scenes import IDENTITY, box, camera, picture, scene, turned


def changed(row: int, column: int, value: float) -> np.ndarray:
    matrix = turned(30)
    matrix[row, column] = value
    return matrix


def scaled(*factors: float) -> np.ndarray:
    return turned(30) @ np.diag([*factors, 1])


@pytest.mark.parametrize(
    ("pose", "size", "words"),
    [
        (changed(0, 3, np.nan), (1, 1, 1), "not finite"),
        (changed(0, 3, np.inf), (1, 1, 1), "not finite"),
        (changed(0, 3, 1e6), (1, 1, 1), "beyond"),
        (scaled(2, 1, 1), (1, 1, 1), "shear or scale"),
        (changed(0, 1, 0.3), (1, 1, 1), "shear or scale"),
        (scaled(-1, 1, 1), (1, 1, 1), "mirrored"),
        (scaled(-1, -1, -1), (1, 1, 1), "mirrored"),
        (changed(3, 0, 0.5), (1, 1, 1), "not a rigid"),
        (np.eye(3), (1, 1, 1), "9 numbers instead of 16"),
        ("pose", (1, 1, 1), "must be 16 numbers"),
        (None, (1, 1, 1), "must be 16 numbers"),
        ([None] * 16, (1, 1, 1), "must be 16 numbers"),
        (np.eye(4), (1, 0, 1), "zero or less"),
        (np.eye(4), (1, -1, 1), "zero or less"),
        (np.eye(4), (1, np.nan, 1), "not finite"),
        (np.eye(4), (1, 1), "2 numbers instead of 3"),
    ],
)
def test_bad_boxes_are_refused_with_their_sentence(pose, size, words):
    with pytest.raises(ProtocolError, match=words) as caught:
        Box(pose, size)
    assert caught.value.code is ErrorCode.BOX
    assert caught.value.sentence.endswith(".") and caught.value.cure.endswith(".")


@pytest.mark.parametrize("intrinsics", [(0, 1, 0.5, 0.5), (1, -1, 0.5, 0.5), (2000, 1, 0.5, 0.5), (1, 1, np.nan, 0.5)])
def test_bad_lenses_are_refused(intrinsics):
    with pytest.raises(ProtocolError) as caught:
        Camera(intrinsics, IDENTITY)
    assert caught.value.code is ErrorCode.CAMERA


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 8}, {"height": 4096}, {"width": 64.5}, {"steps": 0}, {"steps": 101}, {"steps": True}, {"seed": -1},
        {"seed": 1 << 63}, {"guidance": -1}, {"guidance": float("nan")}, {"guidance": 50}, {"start": "middle"},
        {"start_time": 0}, {"transfer": 1},
    ],
)  # fmt: skip
def test_bad_settings_are_refused(settings):
    with pytest.raises(ProtocolError) as caught:
        RenderSettings(**settings)
    assert caught.value.code is ErrorCode.SETTINGS


@pytest.mark.parametrize("seed", [-1, 1 << 63, 0.5, True, "1"])
def test_seeds_of_objects_are_whole_numbers(seed):
    with pytest.raises(ProtocolError, match="A box's seed") as caught:
        Placement("Box", "asset", box(), seed=seed)
    assert caught.value.code is ErrorCode.SETTINGS
    assert Placement("Box", "asset", box()).seed == 0 and Placement("Box", "asset", box(), seed=MAX_SEED).seed > 0


def test_scenes_need_something_and_not_too_much():
    with pytest.raises(ProtocolError, match="neither boxes nor a background"):
        Scene(camera())
    assert Scene(camera(), background="b").placements == ()
    many = tuple(Placement(f"Box {i}", "asset", box()) for i in range(MAX_BOXES + 1))
    Scene(camera(), many[:-1])
    with pytest.raises(ProtocolError, match="33 boxes and 32 are the most"):
        Scene(camera(), many)
    with pytest.raises(ProtocolError, match="no frames"):
        Sequence()


@pytest.mark.parametrize("asset", ["", "../etc/passwd", "a/b", "a" * 65, "a b", None, 3, "ä"])
def test_asset_ids_are_safe_as_file_names(asset):
    with pytest.raises(ProtocolError) as caught:
        Placement("Box", asset, box())
    assert caught.value.code is ErrorCode.ASSET_MISSING


@pytest.mark.parametrize("name", ["", "x" * 121, "two\nlines", None])
def test_names_are_one_line(name):
    with pytest.raises(ProtocolError):
        Placement(name, "asset", box())


def test_equal_scenes_are_equal_whatever_they_were_made_from():
    matrix = turned(20, (1, 2, 3))
    one, other = Box(matrix, np.float32([1, 2, 3])), Box(tuple(map(tuple, matrix.tolist())), [1, 2, 3])  # type: ignore
    assert one == other and hash(one) == hash(other)
    assert scene(degrees=10) == scene(degrees=10) != scene(degrees=11)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": np.zeros((64, 64), np.uint8)}, "8-bit RGB"),
        ({"image": np.zeros((64, 64, 3), np.float32)}, "8-bit RGB"),
        ({"image": np.zeros((64, 64, 4), np.uint8)}, "8-bit RGB"),
        ({"image": np.zeros((8, 64, 3), np.uint8)}, "64 x 8 pixels"),
        ({"image": None}, "8-bit RGB"),
        ({"camera": None}, "no camera"),
        ({"names": ("a", "b")}, "1 boxes, 2 names"),
        ({"masks": (None, None)}, "2 masks"),
        ({"masks": (np.zeros((3, 3), np.uint8),)}, "as large as the picture"),
        ({"ground": float("nan")}, "not finite"),
        ({"boxes": (box(),) * 33, "names": ()}, "33 boxes"),
        ({"provenance": {"a": 3}}, "Provenance"),
    ],
)
def test_bad_reference_pictures_are_refused(change, words):
    good = {"image": picture(), "boxes": (box(),), "camera": camera(), "names": ("a",)}
    Encode(1, **good)
    with pytest.raises(ProtocolError, match=words):
        Encode(1, **{**good, **change})


def test_limits_are_changed_by_name():
    assert Limits().changed(["clients=3", "assets=7"]) == Limits(clients=3, assets=7)
    for wrong in ("nonsense=3", "clients=many", "clients=0", "clients"):
        with pytest.raises(ProtocolError) as caught:
            Limits().changed([wrong])
        assert caught.value.code is ErrorCode.SETTINGS
