"""Files on another computer: which assets they miss, and how they get them back; and the store's own operators."""

from __future__ import annotations

import struct

import bpy
import pytest

from server.protocol.events import AssetInfo

from .conftest import part, until
from .stores import StoreServer, asset_bytes

CHAIR, LAMP = AssetInfo("id-chair", "object", "Chair"), AssetInfo("id-lamp", "object", "Lamp")
ROOM = AssetInfo("id-room", "background", "Room")


@pytest.fixture
def store():
    """A connected server with a chair, a lamp and a room."""
    with StoreServer(CHAIR, LAMP, ROOM) as server:
        bpy.ops.neural_assets.connect(address=server.address)
        bridge = part("connection.session").bridge
        until(lambda: bridge.knows_assets and not bridge.is_busy)
        yield server
        bridge.close()


@pytest.fixture
def missing(addon):
    return addon("assets.missing")


@pytest.fixture
def scene_of_four(scene, box):
    """Two boxes with a chair, one with a bed, and a room behind."""
    for name, asset in (("A", "Chair"), ("B", "Chair"), ("C", "Bed")):
        thing = box(name, f"id-{asset.lower()}")
        thing.neural_assets.asset_name = asset
    scene.neural_assets.background, scene.neural_assets.background_name = "id-room", "Room"
    return scene


def _assets() -> dict[str, str]:
    return {thing.name: thing.neural_assets.asset for thing in bpy.data.objects if thing.neural_assets.is_box}


def _save(path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


def test_what_the_file_uses_is_counted(missing, scene_of_four):
    uses = {use.asset: (use.kind, use.count, use.words) for use in missing.used()}
    assert uses == {
        "id-bed": ("object", 1, "Bed, 1 box"),
        "id-chair": ("object", 2, "Chair, 2 boxes"),
        "id-room": ("background", 1, "Room, 1 scene"),
    }


def test_what_panels_show_is_read_once_for_each_change(missing, scene_of_four, monkeypatch):
    reads, used = [], missing.used
    monkeypatch.setattr(missing, "used", lambda: reads.append(1) or used())
    bpy.context.view_layer.update()
    for _ in range(5):
        assert [use.asset for use in missing.drawn()] == ["id-bed", "id-chair", "id-room"]
    assert len(reads) == 1
    scene_of_four.objects["C"].neural_assets.asset = "id-sofa"
    bpy.context.view_layer.update()  # as Blender does before it draws
    assert "id-sofa" in [use.asset for use in missing.drawn()]
    bpy.data.objects.remove(scene_of_four.objects["C"])
    bpy.context.view_layer.update()
    assert "id-sofa" not in [use.asset for use in missing.drawn()]
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not missing.drawn() and len(reads) == 4


def test_what_the_server_lacks_is_known_only_when_the_server_was_asked(missing, scene_of_four, store):
    assert [use.asset for use in missing.missing()] == ["id-bed"]
    part("connection.session").bridge.close()
    assert not missing.missing()


def test_a_store_that_is_empty_lacks_everything(missing, scene_of_four, store):
    store.assets.clear()
    part("connection.session").bridge.refresh()
    until(lambda: len(missing.missing()) == 3)


def test_a_missing_asset_is_replaced_in_every_box(scene_of_four, store):
    bpy.ops.neural_assets.relink_asset(missing="id-chair", choice="id-lamp")
    assert _assets() == {"A": "id-lamp", "B": "id-lamp", "C": "id-bed"}
    assert bpy.data.objects["A"].neural_assets.asset_name == "Lamp"
    with pytest.raises(RuntimeError, match="The server has no asset 'id-room'"):
        bpy.ops.neural_assets.relink_asset(missing="id-bed", asset="id-room")
    with pytest.raises(RuntimeError, match="Nothing that can be changed carries the asset 'id-sofa'"):
        bpy.ops.neural_assets.relink_asset(missing="id-sofa", asset="id-lamp")


def test_an_asset_is_chosen_for_it_among_those_of_its_kind(scene_of_four, store):
    with pytest.raises(TypeError, match="'id-chair', 'id-lamp'"):
        bpy.ops.neural_assets.relink_asset(missing="id-bed", choice="id-room")
    bpy.ops.neural_assets.relink_asset(missing="id-room", kind="background", choice="id-room")


def test_a_missing_background_is_replaced(scene_of_four, store):
    scene_of_four.neural_assets.background = "id-garden"
    bpy.ops.neural_assets.relink_asset(missing="id-garden", asset="id-room", kind="background")
    assert scene_of_four.neural_assets.background == "id-room"


def test_missing_assets_are_found_in_a_folder_by_id_and_by_name(scene_of_four, store, box, tmp_path):
    box("D", "id-vase").neural_assets.asset_name = "Vase"
    (tmp_path / "id-bed.safetensors").write_bytes(asset_bytes("id-bed", "Another name"))
    (tmp_path / "old export.safetensors").write_bytes(asset_bytes("id-vase-2", "Vase"))
    (tmp_path / "unwanted.safetensors").write_bytes(asset_bytes("id-sofa", "Sofa"))
    (tmp_path / "rubbish.safetensors").write_bytes(b"rubbish")
    bpy.ops.neural_assets.find_missing(directory=str(tmp_path))
    assert {"id-bed", "id-vase-2"} <= set(store.assets) and "id-sofa" not in store.assets
    assert _assets() == {"A": "id-chair", "B": "id-chair", "C": "id-bed", "D": "id-vase-2"}


def test_a_folder_without_them_is_refused_by_name(scene_of_four, store, tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(RuntimeError, match="The folder has no file of Bed. Choose another one"):
            bpy.ops.neural_assets.find_missing(directory=str(folder))


def test_assets_are_saved_beside_the_file_and_taken_from_there(missing, scene_of_four, store, tmp_path):
    with pytest.raises(RuntimeError, match="This file was never saved"):
        bpy.ops.neural_assets.save_assets()
    _save(tmp_path / "scene.blend")
    bpy.ops.neural_assets.save_assets()
    files = sorted(path.name for path in (tmp_path / "neural_assets").iterdir())
    assert files == ["id-chair.safetensors", "id-room.safetensors"], "the server does not have the bed"
    bpy.ops.neural_assets.save_assets()
    assert len(store.wait_for("export_asset")) == 2, "what is there is not copied again"

    store.assets.clear()  # another computer
    (tmp_path / "neural_assets" / "id-bed.safetensors").write_bytes(b"cut off")
    bpy.ops.wm.read_homefile(use_empty=True)
    part("connection.session").bridge.refresh()
    until(lambda: not part("connection.session").bridge.is_busy)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    pick_up = missing.PickUp()
    pick_up.look()
    until(lambda: [use.asset for use in missing.missing()] == ["id-bed"])
    assert "'id-bed.safetensors' is no Neural Asset" in pick_up.problem
    pick_up.look()
    assert len(store.wait_for("import_asset")) == 2, "asked once"


def test_nothing_is_taken_while_nothing_is_missing_or_no_server_is_there(missing, scene_of_four, store, tmp_path):
    _save(tmp_path / "scene.blend")
    (tmp_path / "neural_assets").mkdir()
    (tmp_path / "neural_assets" / "id-chair.safetensors").write_bytes(asset_bytes("id-chair", "Chair"))
    missing.PickUp().look()
    part("connection.session").bridge.close()
    missing.PickUp().look()
    assert not [request for request in store.requests if request.kind == "import_asset"]


def test_assets_are_exported_and_imported(store, tmp_path):
    bpy.ops.neural_assets.export_asset(asset="id-lamp", filepath=str(tmp_path / "My lamp"))
    path = tmp_path / "My lamp.safetensors"
    assert path.read_bytes() == asset_bytes("id-lamp", "Lamp")
    store.assets.clear()
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    files = [{"name": "My lamp.safetensors"}, {"name": "bad.safetensors"}]
    bpy.ops.neural_assets.import_assets(directory=str(tmp_path), files=files)
    assert list(store.assets) == ["id-lamp"], "one bad file does not stop the others"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "is no Neural Asset"),
        (struct.pack("<Q", 1 << 60), "is no Neural Asset"),
        (struct.pack("<Q", 4) + b"{}[]", "is no Neural Asset"),
    ],
)
def test_files_that_are_no_assets_are_refused(store, tmp_path, content, words):
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.neural_assets.import_assets(filepath=str(path))
    assert not [request for request in store.requests if request.kind == "import_asset"]


def test_an_export_that_cannot_be_written_leaves_nothing(store, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RuntimeError, match="was not written"):
        bpy.ops.neural_assets.export_asset(asset="id-lamp", filepath=str(tmp_path / "file" / "lamp.safetensors"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_renaming_reaches_the_store_and_the_boxes(scene_of_four, store):
    bpy.ops.neural_assets.rename_asset(asset="id-chair", name="  Throne ")
    assert store.assets["id-chair"].name == "Throne"
    assert [bpy.data.objects[name].neural_assets.asset_name for name in "ABC"] == ["Throne", "Throne", "Bed"]
    with pytest.raises(RuntimeError, match="An asset needs a name"):
        bpy.ops.neural_assets.rename_asset(asset="id-chair", name=" ")


def test_deleting_is_the_stores_and_boxes_keep_what_they_carry(scene_of_four, store, missing):
    bpy.ops.neural_assets.delete_asset(asset="id-chair")
    assert "id-chair" not in store.assets and _assets()["A"] == "id-chair"
    until(lambda: [use.name for use in missing.missing()] == ["Bed", "Chair"])
    with pytest.raises(RuntimeError, match="There is no asset id-chair"):
        bpy.ops.neural_assets.delete_asset(asset="id-chair")


def test_the_panel_finds_assets_by_name_tag_and_source(addon, store):
    choice, manager = addon("assets.choice"), bpy.context.window_manager
    choice.choose("")
    assert choice.chosen().name == "Chair"
    manager.neural_assets_search = "LAM"
    assert choice.chosen().name == "Lamp" and manager.neural_assets_chosen == "id-lamp"
    manager.neural_assets_search = "background"
    assert choice.chosen().name == "Room"
    manager.neural_assets_search = "nothing"
    assert choice.chosen() is None
    manager.neural_assets_search = ""
    manager.neural_assets_chosen = "id-room"
    assert choice.chosen().name == "Room"
    assert not [key for key in manager.keys() if "search" in key or "chosen" in key], "no file has it"


def test_the_panel_shows_what_was_imported_last(addon, store, scene_of_four, tmp_path):
    choice, manager = addon("assets.choice"), bpy.context.window_manager
    manager.neural_assets_search, manager.neural_assets_chosen = "lamp", "id-lamp"
    for name in ("Bed", "Sofa"):
        (tmp_path / f"{name}.safetensors").write_bytes(asset_bytes(f"id-{name.lower()}", name))
    _save(tmp_path / "open.blend")
    was_dirty = bpy.data.is_dirty
    files = [{"name": "Bed.safetensors"}, {"name": "Sofa.safetensors"}]
    bpy.ops.neural_assets.import_assets(directory=str(tmp_path), files=files)
    assert manager.neural_assets_chosen in ("id-chair", "id-lamp"), "a redraw before the new list is here"
    until(lambda: "id-sofa" in part("connection.session").bridge.assets)
    assert manager.neural_assets_chosen == "id-sofa" and not manager.neural_assets_search
    assert bpy.data.is_dirty == was_dirty, "the file is as it was"
    bpy.ops.neural_assets.delete_asset(asset="id-sofa")
    until(lambda: choice.chosen().name == "Bed")
