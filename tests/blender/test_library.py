"""The library of the Asset Browser: what is in its files, when they are made, and that nothing else is touched."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import bpy
import numpy as np
import pytest

from server.fake import Say
from server.protocol.errors import ErrorCode
from server.protocol.events import AssetInfo, Failed, Thumbnail

from .conftest import PACKAGE, every_id, part, until
from .stores import StoreServer

CHAIR = AssetInfo("id-chair", "object", "Chair", (0.5, 0.6, 1.1), 3, {"picture": "desk.jpg", "licence": "CC0"})
ROOM = AssetInfo("id-room", "background", "Room", (640.0, 480.0))
LAMP = AssetInfo("id-lamp", "object", "Lamp", (0.2, 0.2, 0.4), 1, {}, ("gallery",))


@pytest.fixture
def library(addon):
    """The module, with an empty folder, a keeper that has seen nothing, and no gallery in the extension."""
    module = addon("assets.library")
    for path in module.folder().iterdir():
        path.unlink()
    module.keeper.__init__()
    return module


@pytest.fixture
def server():
    with StoreServer() as store:
        bpy.ops.neural_assets.connect(address=store.address)
        until(lambda: part("connection.session").bridge.knows_assets)
        yield store
        part("connection.session").bridge.close()


@pytest.fixture
def gallery(addon, tmp_path, monkeypatch):
    """The extension carries the lamp."""
    module = addon("assets.gallery")
    entries = np.frombuffer(json.dumps([asdict(LAMP)]).encode(), np.uint8)
    np.savez(tmp_path / "gallery.npz", **{"index": entries, LAMP.id: np.full((10, 20, 3), 200, np.uint8)})
    shipped = module.read.__wrapped__(tmp_path / "gallery.npz")
    monkeypatch.setattr(module, "read", lambda: shipped)


def _list(server, *infos: AssetInfo) -> None:
    """The server's store is this from now on."""
    bridge, before = part("connection.session").bridge, part("connection.session").bridge.assets
    server.assets = {info.id: info for info in infos}
    bpy.ops.neural_assets.refresh_assets()
    until(lambda: bridge.assets is not before and [asdict(i) for i in bridge.assets.values()] == [*map(asdict, infos)])


def _settled(library) -> set[str]:
    """The ids in the folder when nothing is left to do."""

    def is_done() -> bool:
        library.keeper.tick()
        part("connection.session").tick()
        return library.keeper.tick() == library._IDLE

    until(is_done)
    return {path.name.split(" ")[0] for path in library.folder().glob("*.blend")}


def _load(library, info: AssetInfo):
    with bpy.data.libraries.load(str(library.folder() / library.file_name(info)), assets_only=True) as (there, here):
        here.objects, here.worlds = there.objects, there.worlds
    return (*here.objects, *here.worlds)[0]


def test_the_folder_follows_the_store(library, server):
    _list(server, CHAIR, ROOM, LAMP)
    assert _settled(library) == {"id-chair", "id-room", "id-lamp"}
    chair = library.folder() / library.file_name(CHAIR)
    made = chair.stat().st_mtime_ns
    renamed = replace(ROOM, name="Hall")
    _list(server, CHAIR, renamed)
    assert _settled(library) == {"id-chair", "id-room"}
    assert chair.stat().st_mtime_ns == made, "made again though nothing changed"
    assert _load(library, renamed).name == "Hall" and len(list(library.folder().glob("id-room *"))) == 1


def test_an_object_comes_with_its_size_asset_picture_tags_and_catalog(library, server):
    server.answer("fetch_thumbnail", Say(Thumbnail(0, CHAIR.id, _picture())))
    _list(server, CHAIR)
    _settled(library)
    chair = _load(library, CHAIR)
    assert chair.dimensions[:] == pytest.approx(CHAIR.size) and chair.bound_box[0][2] == 0, "it stands on its origin"
    carried = chair.neural_assets
    assert (carried.is_box, carried.asset, carried.asset_name) == (True, "id-chair", "Chair")
    data = chair.asset_data
    assert {tag.name for tag in data.tags} == {"object", "3 views", "desk.jpg"}
    assert data.description == "0.5 x 0.6 x 1.1 m, seen from 3 sides, from desk.jpg" and data.license == "CC0"
    catalogs = (library.folder() / "blender_assets.cats.txt").read_text()
    assert f"{data.catalog_id}:Neural Assets/Objects:" in catalogs
    width, height = chair.preview.image_size
    pixels = np.empty(width * height * 4, np.float32)
    chair.preview.image_pixels_float.foreach_get(pixels)
    shown = pixels.reshape(height, width, 4)[::-1, :, :3] * 255
    assert np.abs(shown - _picture()).max() <= 1


def test_a_background_is_a_world_of_the_gallery_or_of_the_backgrounds(library, server):
    shipped = replace(ROOM, id="id-hall", tags=("gallery",))
    _list(server, ROOM, shipped)
    _settled(library)
    room, hall = _load(library, ROOM), _load(library, shipped)
    assert isinstance(room, bpy.types.World) and room.neural_assets.background == "id-room"
    catalogs = (library.folder() / "blender_assets.cats.txt").read_text()
    assert f"{room.asset_data.catalog_id}:Neural Assets/Backgrounds:" in catalogs
    assert f"{hall.asset_data.catalog_id}:Neural Assets/Gallery/Backgrounds:" in catalogs


def test_nothing_of_the_open_file_changes(library, server, box, tmp_path):
    box()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "open.blend"))

    def state() -> tuple:
        return {thing.session_uid for thing in every_id()}, bpy.data.is_dirty

    before = state()
    _list(server, CHAIR, ROOM)
    _settled(library)
    assert state() == before
    assert not bpy.data.libraries


def test_the_gallery_is_there_before_any_server(library, gallery):
    assert _settled(library) == {"id-lamp"}
    lamp = _load(library, LAMP)
    assert tuple(lamp.preview.image_size) == (20, 10) and "gallery" in [tag.name for tag in lamp.asset_data.tags]


def test_without_a_server_what_was_there_stays(library, gallery, server):
    _list(server, CHAIR)
    _settled(library)
    part("connection.session").bridge.close()
    assert _settled(library) == {"id-chair", "id-lamp"}


def test_a_damaged_gallery_is_no_gallery(addon, tmp_path):
    read = addon("assets.gallery").read.__wrapped__
    for number, content in enumerate((b"", b"PK\x03\x04 cut short", b"no archive")):
        path = tmp_path / f"{number}.npz"
        path.write_bytes(content)
        assert read(path) == {}
    assert read(tmp_path / "none.npz") == {}


def test_an_asset_without_a_picture_is_left_out_until_the_next_list(library, server):
    server.answer("fetch_thumbnail", Say(Failed(0, ErrorCode.ASSET_MISSING, "It is gone.", "Encode it.")))
    _list(server, CHAIR, LAMP)
    assert _settled(library) == {"id-lamp"}
    _list(server, CHAIR, LAMP)
    assert _settled(library) == {"id-chair", "id-lamp"}


def test_catalogs_of_the_users_own_stay(library, server):
    catalogs = library.folder() / "blender_assets.cats.txt"
    catalogs.write_text("VERSION 1\n\nmine\n")
    _list(server, CHAIR)
    _settled(library)
    assert "mine" in catalogs.read_text()


def test_the_library_is_in_the_preferences_once_and_leaves_with_the_addon(library):
    libraries = bpy.context.preferences.filepaths.asset_libraries

    def ours() -> list:
        return [each for each in libraries if each.path.rstrip("/") == str(library.folder())]

    library.enlist()
    assert len(ours()) == 1 and ours()[0].name == "Neural Assets" and ours()[0].import_method == "APPEND"
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    assert not ours()
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    assert len(ours()) == 1


def _picture() -> np.ndarray:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:10], picture[:, :20, 2] = (250, 120, 0), 90
    return picture
