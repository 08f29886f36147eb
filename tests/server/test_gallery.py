"""The shipped gallery in a store: brought once, an asset like any other, gone for good when deleted."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from model.assets import load_asset, save_asset
from server.asset_folder import LoadedAssets
from server.protocol.limits import Limits
from server.store import AssetStore

from .test_store import a_background, an_object


@pytest.fixture
def shipped(tmp_path):
    folder = tmp_path / "gallery"
    folder.mkdir()
    save_asset(folder / "cup.safetensors", an_object(0, "Cup"))
    save_asset(folder / "room.safetensors", replace(a_background(), name="Room"))
    return folder


@pytest.fixture
def opened(tmp_path, shipped):
    def start(**limits: int) -> AssetStore:
        store = AssetStore(tmp_path / "assets", Limits(**limits))
        store.bring_gallery(shipped)
        return store

    return start


def test_a_new_store_begins_with_the_gallery(opened):
    store = opened()
    assert [(info.name, info.kind, info.tags) for info in store.list()] == [
        ("Cup", "object", ("gallery",)), ("Room", "background", ("gallery",)),
    ]  # fmt: skip
    cup = store.list()[0]
    assert LoadedAssets(store.folder).load(cup.id).name == "Cup" and store.mask(cup.id).mask.max() == 255
    own = store.add(_bytes(store, an_object(5, "Mine")))
    assert own.tags == () and [info.tags for info in store.list() if info.id == own.id] == [()]
    assert opened().list() == store.list(), "a second start changes nothing"


def test_what_was_renamed_or_deleted_stays_so(opened, shipped):
    store = opened()
    cup, room = store.list()
    assert store.rename(cup.id, "Mug").tags == ("gallery",)
    store.delete(room.id)
    os.utime(shipped / "room.safetensors", (1, 1))  # unpacked again, the same inside
    again = opened()
    assert [(info.name, info.id) for info in again.list()] == [("Mug", cup.id)]
    assert load_asset(shipped / "cup.safetensors").name == "Cup", "what was shipped is never written"
    back = again.add((shipped / "room.safetensors").read_bytes())
    assert back.tags == ("gallery",) and len(again.list()) == 2, "who wants it back imports it"


def test_a_newer_gallery_brings_what_is_new_and_takes_nothing_away(opened, shipped):
    old = opened().list()
    save_asset(shipped / "cup.safetensors", an_object(7, "Better cup"))
    save_asset(shipped / "lamp.safetensors", an_object(8, "Lamp"))
    tags = {info.name: info.tags for info in opened().list()}
    assert tags == {"Better cup": ("gallery",), "Cup": (), "Lamp": ("gallery",), "Room": ("gallery",)}
    shutil.rmtree(shipped)
    assert {info.id for info in old} <= {info.id for info in opened().list()}, "scenes keep their assets"


def test_damaged_files_and_full_stores_leave_some_out(opened, shipped, caplog):
    (shipped / "broken.safetensors").write_bytes(b"nothing")
    assert len(opened(assets=1).list()) == 1
    assert "broken" in caplog.text and "room.safetensors is left out" in caplog.text
    assert len(opened().list()) == 2, "it comes when there is room"
    (shipped.parent / "assets" / "gallery.json").write_text("nonsense")
    assert [info.tags for info in opened().list()] == [("gallery",)] * 2


def test_a_folder_that_is_not_there(tmp_path):
    store = AssetStore(tmp_path / "assets", Limits())
    store.bring_gallery(tmp_path / "nowhere")
    assert store.list() == () and sorted(p.name for p in store.folder.iterdir()) == ["index.json"]


def _bytes(store: AssetStore, asset) -> bytes:
    path = store.folder.parent / "own.safetensors"
    save_asset(path, asset)
    return path.read_bytes()
