"""Neural Assets as files: round trips, merging, and every way in which a file can be bad."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save_file

from model.asset_light import Light
from model.assets import (
    FORMAT_VERSION,
    AssetView,
    BackgroundAsset,
    NeuralAsset,
    load_asset,
    load_thumbnail,
    merge_views,
    save_asset,
    thumbnail,
)
from model.errors import AssetFileError, BoxError, NeuralAssetsError
from model.scene import PinholeCamera


def view(height: int = 20, width: int = 30, seed: int = 0) -> AssetView:
    random = np.random.default_rng(seed)
    pose = np.eye(4, dtype=np.float32)
    pose[:3, 3] = (0.1, 0.2, 3)
    return AssetView(
        random.integers(0, 256, (height, width, 3), np.uint8),
        random.integers(0, 256, (height, width), np.uint8),
        random.random((height, width)).astype(np.float16),
        np.array([8, 9, -2, 1.5], np.float32), pose, np.array([1, 2, 0.5], np.float32),
        np.array([0.25, 0, 0.5, 1], np.float32),
    )  # fmt: skip


def an_object(count: int = 1, **changes) -> NeuralAsset:
    tokens = np.random.default_rng(1).normal(size=(count, 4, 6)).astype(np.float32)
    asset = NeuralAsset(
        tuple(view(seed=i) for i in range(count)), tokens, np.array([1, 2, 0.5], np.float32),
        "Röd stol", {"source": "photo.png", "licence": "CC0"}, "abc123",
    )  # fmt: skip
    return replace(asset, **changes)


def a_background(**changes) -> BackgroundAsset:
    image = np.random.default_rng(2).integers(0, 256, (40, 60, 3), np.uint8)
    camera = PinholeCamera(np.array([1.2, 1.8, 0.5, 0.5], np.float32), np.eye(4, dtype=np.float32))
    mask = np.where(image[..., 0] > 200, 255, 0).astype(np.uint8)
    background = BackgroundAsset(
        image, mask, camera, -0.25, np.ones((4, 6), np.float32), "Yard", {}, "abc", 255 - image, a_light()
    )
    return replace(background, **changes)


def a_light(**changes) -> Light:
    shadows = np.zeros((8, 12), np.uint8)
    shadows[3:5] = 255
    direction, left = np.float32([0.6, 0, 0.8]), np.float32([0.4, 0.5, 0.6])
    return replace(Light(direction, left, shadows), **changes)


def same(first, second) -> bool:
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if hasattr(first, "__dataclass_fields__"):
        return type(first) is type(second) and all(same(v, vars(second)[k]) for k, v in vars(first).items())
    return first == second


def refused(action, error: type[NeuralAssetsError] = AssetFileError) -> str:
    with pytest.raises(error) as caught:
        action()
    assert str(caught.value).endswith((".", ")")) and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("asset", [an_object(), an_object(8), a_background()], ids=["one", "eight", "background"])
def test_round_trip(tmp_path, asset):
    save_asset(tmp_path / "a.safetensors", asset)
    assert same(load_asset(tmp_path / "a.safetensors"), asset)
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_float16_masks_round_trip(tmp_path):
    seen = replace(view(), mask=np.full((20, 30), 127.5, np.float16))
    save_asset(tmp_path / "a", replace(an_object(), views=(seen,)))
    loaded = load_asset(tmp_path / "a")
    assert isinstance(loaded, NeuralAsset) and same(loaded.views[0], seen)


def test_bad_assets_are_not_written(tmp_path):
    none = np.full((20, 30), np.nan, np.float16)
    views = [
        {"fraction": none}, {"fraction": none.astype(np.float32)}, {"mask": none},
        {"fraction": np.full((20, 30), 2, np.float16)}, {"image": np.zeros((20, 30, 3))},
        {"mask": np.zeros((20, 31), np.uint8)}, {"to_camera": np.zeros((4, 4))},
        {"intrinsics": np.zeros(4)}, {"size": [1, 2]}, {"image": [[1], [2, 3]]},
        {"rectangle": [0, 0, 1]}, {"rectangle": [0, 0, 0, 1]}, {"rectangle": [0, -0.1, 1, 1]},
        {"rectangle": [0, 0, np.nan, 1]},
    ]  # fmt: skip
    bad = [
        *(an_object(views=(replace(view(), **changes),)) for changes in views),
        *(an_object(1, appearance=x) for x in (np.zeros((2, 4, 6)), np.full((1, 4, 6), np.nan))),
        an_object(size=np.zeros(3)), an_object(9), an_object(name="x" * 5000),
        an_object(views=(), appearance=np.zeros((0, 4, 6))),
        a_background(ground=np.nan), a_background(mask=np.zeros((2, 2), np.uint8)),
        a_background(camera=PinholeCamera(np.zeros(4), np.eye(4))),
        a_background(provenance={"a": 1}), a_background(plate=np.zeros((2, 2, 3), np.uint8)),
        *(a_background(light=a_light(**{key: value})) for key, value in [
            ("direction", [0, 0, np.nan]), ("direction", [1, 0, 0]), ("direction", [0, 0.6, -0.8]),
            ("direction", [0, 1]), ("left", [0.5, 0.5, 1.5]), ("left", [-0.1, 0, 0]), ("left", "dark"),
            ("shadows", np.zeros((8, 12))),
            ("shadows", np.zeros(8, np.uint8)), ("shadows", np.zeros((0, 4), np.uint8)),
        ]),
    ]  # fmt: skip
    for asset in bad:
        refused(lambda asset=asset: save_asset(tmp_path / "a.safetensors", asset))
    assert not os.listdir(tmp_path)


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_asset(path, a_background())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space" in refused(lambda: save_asset(path, an_object()))
    monkeypatch.undo()
    assert same(load_asset(path), a_background()) and os.listdir(tmp_path) == ["a.safetensors"]
    refused(lambda: save_asset(tmp_path / "missing" / "a.safetensors", an_object()))


def write(path, tensors, header) -> None:
    save_file(tensors, path, header if header is None else {"neural_asset": header})


def test_foreign_and_newer_files(tmp_path):
    path = tmp_path / "a.safetensors"
    tensors = {"weight": np.zeros(3, np.float32)}
    write(path, tensors, None)
    assert "no Neural Asset" in refused(lambda: load_asset(path))
    for text in (
        "",
        "[]",
        "{}",
        "null",
        '{"kind": "object"}',
        '{"kind": "object", "version": "1"}',
        "[" * 5000,
    ):
        write(path, tensors, text)
        refused(lambda: load_asset(path))
    write(path, tensors, json.dumps({"kind": "object", "version": FORMAT_VERSION + 1}))
    assert "update" in refused(lambda: load_asset(path))
    write(path, tensors, json.dumps({"kind": "cloud", "version": 1}))
    refused(lambda: load_asset(path))
    full = {
        "kind": "object",
        "version": 1,
        "name": "a",
        "encoder": "",
        "provenance": {},
        "views": 1,
    }
    for broken in (
        full,
        full | {"views": 10**9},
        full | {"views": None},
        full | {"kind": "background", "ground": 0},
    ):
        write(path, tensors, json.dumps(broken))
        refused(lambda: load_asset(path))
    path.write_bytes(b"\x80\x04\x95pickle")
    refused(lambda: load_asset(path))
    refused(lambda: load_asset(tmp_path))
    assert "no file" in refused(lambda: load_asset(tmp_path / "b"))


def test_missing_or_wrong_tensors(tmp_path):
    path = tmp_path / "a.safetensors"
    for asset in (an_object(2), a_background()):
        save_asset(path, asset)
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"]["neural_asset"]
        tensors = load(data)
        for name in set(tensors) - {"thumbnail"}:
            write(path, {k: v for k, v in tensors.items() if k != name}, header)
            if name.endswith(".rectangle"):  # files of an earlier version have none
                older = load_asset(path)
                assert isinstance(older, NeuralAsset) and any(view.rectangle is None for view in older.views)
                save_asset(tmp_path / "again", older)
                assert same(load_asset(tmp_path / "again"), older)
            else:
                refused(lambda: load_asset(path))
            write(path, tensors | {name: np.zeros((2, 2), np.float64)}, header)
            refused(lambda: load_asset(path))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_truncated_or_flipped_bytes_never_crash(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("asset") / "a.safetensors"
    save_asset(path, an_object())
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        refused(lambda: load_asset(path))
        return
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(1500, len(content) - 1)))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        load_asset(path)
    except AssetFileError as error:
        assert "\n" not in str(error)


def test_thumbnail(tmp_path):
    asset = replace(an_object(), views=(replace(view(400, 100), mask=np.zeros((400, 100), np.uint8)),))
    small = thumbnail(asset)
    assert small.shape == (128, 32, 3) and small.dtype == np.uint8 and (small == 96).all()
    assert thumbnail(an_object()).shape == (20, 30, 3)
    assert thumbnail(a_background(plate=np.full((40, 60, 3), 7, np.uint8))).tolist()[0][0] == [
        7,
        7,
        7,
    ]
    save_asset(tmp_path / "a", asset)
    picture, header = load_thumbnail(tmp_path / "a")
    assert same(picture, small) and header["name"] == "Röd stol" and header["size"] == [1, 2, 0.5]
    one = replace(view(1, 8192), mask=np.full((1, 8192), 255, np.uint8))
    assert thumbnail(replace(an_object(), views=(one,))).shape == (1, 128, 3)


def test_merge():
    first, second = an_object(2), an_object(3, name="Other", size=np.array([1.1, 1.9, 0.55]))
    merged = merge_views(first, second)
    assert len(merged.views) == 5 and merged.appearance.shape == (5, 4, 6) and merged.name == first.name
    assert same(merged.appearance[2:], second.appearance) and same(merged.checked(), merged)
    refused(lambda: merge_views(an_object(5), an_object(4)))
    refused(lambda: merge_views(an_object(), an_object(encoder="other")))
    refused(lambda: merge_views(an_object(), an_object(size=np.array([1, 2, 0.7]))), BoxError)


def test_no_torch_needed():
    code = "import sys, model.assets; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
