"""Assets and sequences on disk: whole or not at all, safe names, a full disk, damaged files."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from model import asset_files
from model.assets import AssetView, BackgroundAsset, NeuralAsset, load_asset, merge_views, save_asset
from model.errors import AssetFileError, BoxError
from model.scene import PinholeCamera
from server.asset_folder import LoadedAssets, asset_id, write_all, write_asset
from server.failures import as_refusal
from server.protocol.errors import ErrorCode, ProtocolError
from server.protocol.events import Picture
from server.protocol.limits import Limits
from server.protocol.messages import Sequence
from server.sequences import SequenceStore
from server.store import AssetStore, require_free

from .scenes import SMALL, scene


def an_object(seed: int = 0, name: str = "Cup") -> NeuralAsset:
    draw = np.random.default_rng(seed)
    view = AssetView(
        draw.integers(0, 255, (12, 10, 3), np.uint8), np.full((12, 10), 255, np.uint8),
        np.full((12, 10), 0.5, np.float16), np.float32([1, 1, 0.5, 0.5]), np.eye(4, dtype=np.float32),
        np.ones(3, np.float32),
    )  # fmt: skip
    return NeuralAsset((view,), draw.normal(size=(1, 4, 8)).astype(np.float32), np.ones(3, np.float32), name)


def a_background() -> BackgroundAsset:
    camera = PinholeCamera(np.float32([1, 1, 0.5, 0.5]), np.eye(4, dtype=np.float32))
    return BackgroundAsset(
        np.full((20, 30, 3), 9, np.uint8), np.zeros((20, 30), np.uint8), camera, 0.0, np.zeros((4, 8), np.float32)
    )


@pytest.fixture
def store(tmp_path):
    return AssetStore(tmp_path / "assets", Limits())


@pytest.fixture
def full_disk(monkeypatch):
    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    return lambda: monkeypatch.setattr(asset_files.os, "fsync", fail)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_go_in_and_out(store, tmp_path):
    save_asset(tmp_path / "cup.safetensors", an_object())
    save_asset(tmp_path / "sky.safetensors", a_background())
    info = store.add((tmp_path / "cup.safetensors").read_bytes())
    sky = store.add((tmp_path / "sky.safetensors").read_bytes())
    assert (info.kind, info.name, info.size, info.views) == ("object", "Cup", (1, 1, 1), 1)
    assert (sky.kind, sky.size) == ("background", (30, 20))
    assert [i.id for i in store.list()] == [sky.id, info.id]
    assert store.add((tmp_path / "cup.safetensors").read_bytes()) == info, "the same object is the same asset"
    assert store.thumbnail(info.id).shape == (12, 10, 3)
    (tmp_path / "again.safetensors").write_bytes(store.export(info.id))
    assert asset_id(load_asset(tmp_path / "again.safetensors")) == info.id
    store.delete(sky.id)
    assert store.list() == (info,) and names(store.folder) == [f"{info.id}.safetensors", "index.json"]


def test_masks_are_of_the_newest_view(store):
    old, new = an_object(0), an_object(1)
    half = np.zeros((12, 10), np.float16)
    half[:6] = 254.6
    seen = replace(new.views[0], mask=half, rectangle=np.float32([0.25, 0, 0.5, 1]))
    info = write_asset(store.folder, merge_views(old, replace(new, views=(seen,))))
    first, behind = write_asset(store.folder, old), write_asset(store.folder, a_background())
    store.written([info, first, behind])
    made = store.mask(info.id)
    assert np.array_equal(made.image, seen.image) and made.asset == info.id and made.rectangle == (0.25, 0, 0.5, 1)
    assert made.mask.dtype == np.uint8 and (made.mask[:6] == 255).all() and (made.mask[6:] == 0).all()
    assert store.mask(first.id).rectangle == (), "a file that does not say"
    assert store.mask(behind.id).image.shape == (20, 30, 3) and store.mask(behind.id).rectangle == (0, 0, 1, 1)
    with pytest.raises(ProtocolError, match="not in the server's store"):
        store.mask("never")


def test_where_a_view_lay_does_not_change_the_id():
    cup = an_object()
    told = replace(cup, views=(replace(cup.views[0], rectangle=np.float32([0, 0, 1, 1])),))
    assert asset_id(told) == asset_id(cup)


def test_the_id_is_of_the_content_alone():
    cup = an_object()
    assert asset_id(cup) == asset_id(replace(cup, name="Mug", provenance={"licence": "CC0"}))
    assert len({asset_id(a) for a in (cup, an_object(1), a_background(), replace(cup, size=cup.size * 2))}) == 4


def test_rename_and_merge_keep_what_was_there(store):
    store.written([write_asset(store.folder, an_object(i, f"View {i}")) for i in range(2)])
    first, second = store.list()
    renamed = store.rename(first.id, "Jar")
    assert renamed.id == first.id and load_asset(store.path(first.id)).name == "Jar"
    merged = store.merge(first.id, second.id)
    assert merged.views == 2 and merged.name == "Jar" and len(store.list()) == 3
    store.written([write_asset(store.folder, replace(an_object(5), size=np.float32([2, 2, 2])))])
    with pytest.raises(BoxError):
        store.merge(first.id, store.list()[0].id)
    store.written([write_asset(store.folder, a_background())])
    with pytest.raises(ProtocolError, match="background cannot be merged"):
        store.merge(first.id, asset_id(a_background()))


def test_the_index_is_made_again_from_the_files(store):
    info = write_asset(store.folder, an_object())
    (store.folder / "broken.safetensors").write_bytes(b"nothing")
    (store.folder / ".left.part").write_bytes(b"half")
    for text in (None, "not json", "[]", '{"assets": {"x": 3}}', '{"assets": []}'):
        if text is not None:
            (store.folder / "index.json").write_text(text)
        assert AssetStore(store.folder, Limits()).list() == (info,)
    assert list(json.loads((store.folder / "index.json").read_text())["assets"]) == [info.id]
    assert not (store.folder / ".left.part").exists()


def test_what_is_no_asset_does_not_enter(store):
    for data in (b"", b"nothing", bytes(1000)):
        with pytest.raises(AssetFileError) as caught:
            store.add(data)
        assert as_refusal(caught.value).code is ErrorCode.ASSET_DAMAGED
    assert names(store.folder) == ["index.json"]


def test_missing_assets_have_their_sentence(store):
    info = write_asset(store.folder, an_object())
    store.written([info])
    (store.folder / f"{info.id}.safetensors").unlink()
    for identifier in ("never", info.id):
        with pytest.raises(ProtocolError, match="not in the server's store") as caught:
            store.path(identifier)
        assert caught.value.code is ErrorCode.ASSET_MISSING
    assert store.list() == ()


def test_a_full_disk_leaves_everything_as_it_was(store, full_disk, tmp_path):
    save_asset(tmp_path / "sky.safetensors", a_background())
    info = write_asset(store.folder, an_object())
    store.written([info])
    before = {name: (store.folder / name).read_bytes() for name in names(store.folder)}
    full_disk()
    for act in (
        lambda: store.rename(info.id, "Jar"),
        lambda: store.add((tmp_path / "sky.safetensors").read_bytes()),
        lambda: write_all(store.folder, [an_object(1), a_background()]),
    ):
        with pytest.raises((AssetFileError, OSError)) as caught:
            act()
        refusal = as_refusal(caught.value)
        assert refusal.code is ErrorCode.DISK and "is full; nothing was written" in refusal.sentence
    assert {name: (store.folder / name).read_bytes() for name in names(store.folder)} == before


def test_assets_of_one_picture_are_written_all_or_none(store, monkeypatch):
    kept = write_asset(store.folder, an_object(0))
    replaced, calls = os.replace, []

    def third_fails(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        replaced(source, target)

    monkeypatch.setattr(asset_files.os, "replace", third_fails)
    with pytest.raises(AssetFileError):
        write_all(store.folder, [an_object(0), an_object(1), a_background()])
    assert names(store.folder) == [f"{kept.id}.safetensors", "index.json"]


def test_limits_of_the_store(store, tmp_path):
    with pytest.raises(ProtocolError, match="limit 'assets'"):
        AssetStore(tmp_path / "small", Limits(assets=1)).require_room(2)
    with pytest.raises(ProtocolError, match="are kept free") as caught:
        require_free(tmp_path, Limits(free_disk_bytes=1 << 60), 0)
    assert caught.value.code is ErrorCode.DISK
    with pytest.raises(ProtocolError, match="higher limit 'store_bytes'"):
        require_free(tmp_path, Limits(store_bytes=10, free_disk_bytes=1), 11)


def test_loaded_assets_stay_the_same_object_while_their_file_does(store):
    info = write_asset(store.folder, an_object())
    loaded = LoadedAssets(store.folder, most_bytes=1)
    asset = loaded.load(info.id)
    assert loaded.load(info.id) is asset
    other = write_asset(store.folder, a_background())
    loaded.load(other.id)
    assert loaded.load(info.id) is not asset, "the oldest is given up first"
    (store.folder / f"{info.id}.safetensors").unlink()
    with pytest.raises(ProtocolError, match="not in the server's store"):
        loaded.load(info.id)


# --- sequences ---


def a_sequence(count: int = 3, **changes) -> Sequence:
    return Sequence(7, tuple(scene(degrees=5 * i) for i in range(count)), replace(SMALL, **changes), "Walk")


def a_picture(value: int) -> Picture:
    return Picture(
        0, np.full((64, 64, 3), value, np.uint8), np.full((64, 64), -1, np.int16), np.full((64, 64), value, np.float32),
        seed=5, alpha=np.full((64, 64), value, np.uint8),
    )  # fmt: skip


def test_finished_frames_survive_a_restart(tmp_path):
    store = SequenceStore(tmp_path, "weights")
    stored = store.open(a_sequence())
    store.write(stored, 0, a_picture(10))
    store.write(stored, 2, a_picture(30))
    (stored.folder / ".frame.part").write_bytes(b"half")
    again = SequenceStore(tmp_path, "weights")
    found = again.get(stored.job)
    assert found.finished == {0, 2} and found.next_frame() == 1
    assert found.request.frames == a_sequence().frames and again.bytes == store.bytes > 0
    picture = found.read(2)
    assert (
        picture.image[0, 0, 0] == 30
        and picture.depth[3, 3] == 30
        and picture.alpha[3, 3] == 30
        and picture.frame == 2
        and picture.seed == 5
    )
    assert not (stored.folder / ".frame.part").exists()
    with pytest.raises(ProtocolError, match="not finished"):
        found.read(1)
    again.delete(stored.job)
    assert again.jobs == {} and names(tmp_path) == []


def test_the_job_is_of_scenes_settings_and_weights(tmp_path):
    store = SequenceStore(tmp_path, "weights")
    job = store.job_id(a_sequence())
    assert store.job_id(replace(a_sequence(), request=99, name="Other")) == job
    others = [a_sequence(2), a_sequence(seed=1), a_sequence(steps=3)]
    assert len({job, *map(store.job_id, others), SequenceStore(tmp_path, "other").job_id(a_sequence())}) == 5


def test_other_weights_do_not_go_on_with_a_sequence(tmp_path):
    store = SequenceStore(tmp_path, "weights")
    job = store.open(a_sequence(2)).job
    assert [stored.job for stored in SequenceStore(tmp_path, "weights").unfinished()] == [job]
    assert SequenceStore(tmp_path, "other").unfinished() == []
    for frame in range(2):
        store.write(store.get(job), frame, a_picture(frame))
    assert SequenceStore(tmp_path, "weights").unfinished() == []


def test_a_damaged_frame_is_drawn_again(tmp_path):
    store = SequenceStore(tmp_path, "weights")
    stored = store.open(a_sequence())
    store.write(stored, 0, a_picture(10))
    next(stored.folder.glob("frame_*")).write_bytes(b"PK broken")
    with pytest.raises(ProtocolError, match="damaged"):
        stored.read(0)
    assert stored.next_frame() == 0


def test_a_sequence_that_cannot_be_read_is_left_out(tmp_path):
    (tmp_path / "abc").mkdir()
    (tmp_path / "abc" / "request.bin").write_bytes(b"nothing")
    assert SequenceStore(tmp_path, "weights").jobs == {}
    for job in ("abc", "../abc", ""):
        with pytest.raises(ProtocolError) as caught:
            SequenceStore(tmp_path, "weights").get(job)
        assert caught.value.code is ErrorCode.JOB_MISSING


def test_a_full_disk_keeps_the_finished_frames(tmp_path, full_disk):
    store = SequenceStore(tmp_path, "weights")
    stored = store.open(a_sequence())
    store.write(stored, 0, a_picture(10))
    full_disk()
    with pytest.raises(AssetFileError) as caught:
        store.write(stored, 1, a_picture(20))
    assert as_refusal(caught.value).code is ErrorCode.DISK
    assert stored.finished == {0} and names(stored.folder) == ["frame_00000.npz", "request.bin"]


def test_an_index_of_an_older_version_is_made_again(store):
    """Its entries do not tell the backgrounds' cameras, which the files do."""
    store.written([write_asset(store.folder, asset) for asset in (an_object(), a_background())])
    assert len(store.infos) == 2
    index = store.folder / "index.json"
    told = json.loads(index.read_text())
    for entry in told["assets"].values():
        entry["info"].pop("camera")
    index.write_text(json.dumps({**told, "version": 1}))
    again = AssetStore(store.folder, Limits())
    assert again.infos == store.infos
