"""What .blend files keep: undo, append, link, overrides, copies of scenes, and a Blender without the add-on."""

from __future__ import annotations

import bpy
import pytest

from .conftest import PACKAGE, every_id, part


def _placements(scene: bpy.types.Scene) -> dict[str, str]:
    """What a picture of this scene would show: assets by box."""
    layer = scene.view_layers[0]
    layer.update()
    contents = part("scene.reader").read_contents(layer.depsgraph)
    return {placement.name: placement.asset for placement in contents.placements}


@pytest.fixture
def other_file(box, scene, tmp_path):
    """A saved file with a box that carries a chair, a seed and a keyframed guidance; a new one is open."""
    thing = box("Chair", "id-chair", location=(1, 2, 0))
    settings = thing.neural_assets
    settings.asset_name, settings.seed = "Chair", 7
    settings.guidance = 1.5
    settings.keyframe_insert("guidance", frame=1)
    scene.neural_assets.background = "id-room"
    path = tmp_path / "other.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return path


def _take(path, link: bool, kind: str = "objects"):
    with bpy.data.libraries.load(str(path), link=link) as (there, here):
        setattr(here, kind, getattr(there, kind))
    things = [thing for thing in getattr(here, kind) if kind != "objects" or thing.neural_assets.is_box]
    if kind == "objects":
        bpy.context.scene.collection.objects.link(things[0])
    return things[0]


def _reopen(path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))


def test_an_appended_box_carries_what_it_carried(other_file):
    thing = _take(other_file, link=False)
    carried = thing.neural_assets
    assert (carried.asset, carried.asset_name, carried.seed, carried.guidance) == ("id-chair", "Chair", 7, 1.5)
    assert _placements(bpy.context.scene) == {"Chair": "id-chair"}


def test_a_linked_box_is_drawn_and_its_asset_is_not_changed_by_us(other_file, tmp_path):
    thing = _take(other_file, link=True)
    assert _placements(bpy.context.scene) == {"Chair": "id-chair"}
    thing.select_set(True)
    bpy.context.view_layer.objects.active = thing
    with pytest.raises(RuntimeError, match="The box 'Chair' is linked from another file. Make a library override"):
        bpy.ops.neural_assets.clear_asset()
    assert thing.neural_assets.asset == "id-chair"
    with pytest.raises(RuntimeError, match="The box 'Chair' cannot be changed"):
        bpy.ops.neural_assets.replace_asset(asset="id-lamp", asset_name="Lamp", box="Chair")
    _reopen(tmp_path / "linked.blend")
    assert _placements(bpy.context.scene) == {"Chair": "id-chair"}


def test_an_override_keeps_its_own_asset(other_file, tmp_path):
    thing = _take(other_file, link=True)
    override = thing.override_create(remap_local_usages=True)
    override.neural_assets.asset = "id-lamp"
    _reopen(tmp_path / "override.blend")
    (box,) = [thing for thing in bpy.context.scene.objects if thing.neural_assets.is_box]
    assert box.override_library is not None and box.neural_assets.asset == "id-lamp"
    assert _placements(bpy.context.scene) == {"Chair": "id-lamp"}


def test_a_collection_of_boxes_is_linked_as_an_instance(box, tmp_path):
    thing, collection = box("Chair", "id-chair"), bpy.data.collections.new("Set")
    collection.objects.link(thing)
    bpy.context.scene.collection.children.link(collection)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "set.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "set.blend"), link=True) as (there, here):
        here.collections = there.collections
    empty = bpy.data.objects.new("Set", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", here.collections[0]
    empty.location.x = 4
    bpy.context.scene.collection.objects.link(empty)
    layer = bpy.context.view_layer
    layer.update()
    (placement,) = part("scene.reader").read_contents(layer.depsgraph).placements
    assert placement.asset == "id-chair" and placement.box.pose[3] == pytest.approx(4)


def test_scenes_have_settings_of_their_own(scene, box):
    box("Chair", "id-chair")
    scene.neural_assets.background, scene.neural_assets.steps = "id-room", 9
    second = bpy.data.scenes.new("Second")
    assert not second.neural_assets.background and second.neural_assets.steps == 4
    second.neural_assets.background = "id-hall"
    second.collection.objects.link(bpy.data.objects["Chair"])
    bpy.data.objects["Chair"].neural_assets.asset = "id-throne"
    for each, background in ((scene, "id-room"), (second, "id-hall")):
        assert _placements(each) == {"Chair": "id-throne"}, "one box in two scenes is one box"
        assert part("scene.reader").read_contents(each.view_layers[0].depsgraph).background == background


@pytest.mark.parametrize(("kind", "own"), [("FULL_COPY", True), ("LINK_COPY", False)])
def test_copies_of_a_scene_keep_everything(scene, box, kind, own):
    box("Chair", "id-chair")
    scene.neural_assets.background, scene.neural_assets.seed = "id-room", 5
    bpy.ops.scene.new(type=kind)
    copy = next(each for each in bpy.data.scenes if each != scene)
    assert (copy.neural_assets.background, copy.neural_assets.seed) == ("id-room", 5)
    assert list(_placements(copy).values()) == ["id-chair"]
    bpy.data.objects["Chair"].neural_assets.asset = "id-lamp"
    assert list(_placements(copy).values()) == ["id-chair" if own else "id-lamp"]


def test_a_duplicate_carries_the_same_and_goes_its_own_way(box):
    thing = box("Chair", "id-chair")
    copy = thing.copy()
    bpy.context.collection.objects.link(copy)
    copy.neural_assets.asset = "id-lamp"
    assert _placements(bpy.context.scene) == {"Chair": "id-chair", "Chair.001": "id-lamp"}


def test_a_blender_without_the_addon_keeps_everything(scene, box, other_file, tmp_path):
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    try:
        bpy.ops.wm.open_mainfile(filepath=str(other_file))
        assert not hasattr(bpy.context.scene, "neural_assets")
        bpy.data.objects["Chair"].location.x = 3
        _reopen(tmp_path / "saved-without.blend")
    finally:
        bpy.ops.preferences.addon_enable(module=PACKAGE)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved-without.blend"))
    carried = bpy.data.objects["Chair"].neural_assets
    assert bpy.data.objects["Chair"].location.x == 3
    assert (carried.is_box, carried.asset, carried.asset_name, carried.seed) == (True, "id-chair", "Chair", 7)
    assert carried.guidance == 1.5 and bpy.data.objects["Chair"].animation_data.action is not None
    assert bpy.context.scene.neural_assets.background == "id-room"


def test_switching_the_addon_off_and_on_loses_nothing(scene, box):
    box("Chair", "id-chair")
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    assert bpy.data.objects["Chair"].neural_assets.asset == "id-chair"


def test_loading_a_file_writes_nothing_into_it(other_file, addon):
    """What runs by itself (the library, the pick-up) leaves the opened file as it was saved."""
    bpy.ops.wm.open_mainfile(filepath=str(other_file))
    before = _everything()
    addon("assets.library").keeper.tick()
    addon("assets.missing").tick()
    addon("connection.session").tick()
    assert _everything() == before


def _everything() -> dict[str, object]:
    return {
        f"{type(thing).__name__} {thing.name}": {key: str(thing[key]) for key in thing.keys()}
        for thing in every_id()
        if not isinstance(thing, bpy.types.WindowManager)  # what windows show, no part of undo
    }


def test_undo_and_redo_many_times(scene, box):
    """Back and forth over steps of ours and Blender's own, with reads between, as a live view does them."""
    bpy.ops.ed.undo_push(message="Start")
    for number in range(5):
        box(f"Box{number}", f"id-{number}")
        bpy.ops.ed.undo_push(message=f"Box {number}")
    for _ in range(4):
        for step in (bpy.ops.ed.undo,) * 5 + (bpy.ops.ed.redo,) * 5:
            if not step.poll():  # pyright: ignore[reportCallIssue]
                pytest.skip("this Blender has no undo without a window")
            step()
            shown = _placements(bpy.context.scene)
            assert shown == {f"Box{i}": f"id-{i}" for i in range(len(shown))}
        assert len(shown) == 5
