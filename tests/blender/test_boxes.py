"""Objects as the contract's boxes."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

SHEAR = Matrix(((1, 0.2, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)))


def _contents(addon):
    bpy.context.view_layer.update()
    return addon("scene.reader").read_contents(bpy.context.evaluated_depsgraph_get())


def _corners(box) -> np.ndarray:
    """World corners by the contract's convention: index bits (x, y, z) = (1, 2, 4)."""
    index = np.arange(8)
    unit = np.stack([index & 1, index >> 1 & 1, index >> 2 & 1], -1) - 0.5
    pose = np.reshape(box.pose, (4, 4))
    return unit * box.size @ pose[:3, :3].T + pose[:3, 3]


def test_a_new_box_stands_on_the_cursor_with_its_front_along_minus_y(addon, scene):
    scene.cursor.location = (1, 2, 3)
    bpy.ops.neural_assets.add_box(size=(0.4, 0.6, 0.8))
    thing = bpy.context.object
    thing.neural_assets.asset = "asset-1"
    (placement,) = _contents(addon).placements
    assert placement.name == "Box" and placement.asset == "asset-1"
    assert placement.box.size == pytest.approx((0.4, 0.6, 0.8))
    assert np.reshape(placement.box.pose, (4, 4)) == pytest.approx(np.array(Matrix.Translation((1, 2, 3.4))))
    marks = [vertex.co for vertex in thing.data.vertices[8:]]
    assert marks and all(co.y == pytest.approx(-0.3) and abs(co.x) <= 0.2 and 0 <= co.z <= 0.8 for co in marks)


def test_corners_are_where_blender_has_them(addon, box):
    thing = box(scale=(0.8, 1.2, 1.6), rotation_euler=(0.3, -0.7, 2.0), location=(1, -2, 0.5))
    (placement,) = _contents(addon).placements
    wanted = [thing.matrix_world @ Vector((x, y, z)) for z in (0, 0.5) for y in (-0.25, 0.25) for x in (-0.25, 0.25)]
    assert _corners(placement.box) == pytest.approx(np.array(wanted), abs=1e-5)


def test_children_of_turned_boxes_are_not_sheared(addon, box):
    bpy.ops.neural_assets.add_box(size=(2, 1, 0.7))
    table = bpy.context.object
    table.rotation_euler = (0, 0, 0.5)
    cup = box("Cup", parent=table, location=(0.3, 0, 0.7), rotation_euler=(0, 0, 0.4))
    (placement,) = _contents(addon).placements
    assert placement.box.size == pytest.approx((0.5, 0.5, 0.5)) and cup.parent == table


def test_parents_keyframes_and_units_move_the_box(addon, scene, box):
    thing = box(location=(1, 0, 0))
    parent = bpy.data.objects.new("Parent", None)
    scene.collection.objects.link(parent)
    parent.rotation_euler, parent.scale = (0, 0, math.pi / 2), (2, 2, 2)
    thing.parent = parent
    thing.keyframe_insert("location", frame=1)
    thing.location = (3, 0, 0)
    thing.keyframe_insert("location", frame=11)
    scene.unit_settings.scale_length = 0.01
    scene.frame_set(11)
    (placement,) = _contents(addon).placements
    assert placement.box.size == pytest.approx((0.01, 0.01, 0.01))  # 0.5 units of 1 cm, twice as large
    assert np.reshape(placement.box.pose, (4, 4))[:3, 3] == pytest.approx((0, 0.06, 0.005), abs=1e-6)


def test_hidden_boxes_and_boxes_without_asset_are_not_in_the_picture(addon, box):
    box("A")
    box("B", asset="")
    box("C", hide_viewport=True)
    box("D")
    assert [placement.name for placement in _contents(addon).placements] == ["A", "D"]


def test_instances_of_a_collection_are_boxes_too(addon, scene, box):
    thing = box()
    collection = bpy.data.collections.new("Props")
    collection.objects.link(thing)
    scene.collection.objects.unlink(thing)
    for x in (-1, 1):
        empty = bpy.data.objects.new("Instance", None)
        empty.instance_type, empty.instance_collection, empty.location = "COLLECTION", collection, (x, 0, 0)
        scene.collection.objects.link(empty)
    places = [np.reshape(p.box.pose, (4, 4))[0, 3] for p in _contents(addon).placements]
    assert sorted(places) == pytest.approx([-1, 1])


def test_any_object_can_be_a_box(addon, scene):
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=(0, 0, 2))
    bpy.ops.neural_assets.use_as_box()
    bpy.context.object.neural_assets.asset = "ball"
    (placement,) = _contents(addon).placements
    assert placement.box.size == pytest.approx((1, 1, 1), abs=1e-5)
    bpy.ops.neural_assets.use_as_box(use=False)
    assert not _contents(addon).placements


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scale": (0.5, -0.5, 0.5)}, "'Chair' is mirrored by a negative scale. Make its scale positive"),
        ({"scale": (0.5, 0, 0.5)}, "'Chair' is flat or scaled to zero"),
        ({"location": (math.nan, 0, 0)}, "'Chair' has a transform that is not a number"),
        ({"matrix_parent_inverse": SHEAR}, "'Chair' is sheared"),
    ],
)
def test_boxes_that_cannot_be_are_refused_by_name(addon, scene, box, changes, words):
    parent = bpy.data.objects.new("Parent", None)
    scene.collection.objects.link(parent)
    box("Chair", parent=parent, **changes)
    with pytest.raises(ValueError, match=words):
        _ = _contents(addon).placements


def test_names_become_one_printable_line(addon):
    assert addon("scene.reader").plain_name("a\nb" + "c" * 300) == "a b" + "c" * 117


def test_only_a_moved_box_is_made_anew(addon, box):
    still, moved = box("A"), box("B")
    before = _contents(addon)
    moved.location.x += 1
    after = _contents(addon)
    assert after != before
    assert after.placements[0].box is before.placements[0].box and still.name == "A"


def test_things_without_volume_are_refused_as_boxes_and_others_taken(scene):
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "POINT"))
    cage = bpy.data.objects.new("Cage", None)
    cage.empty_display_type = "CUBE"
    for thing in (lamp, cage):
        scene.collection.objects.link(thing)
        thing.select_set(True)
    with pytest.raises(RuntimeError, match="'Lamp': nothing there has a bounding box. Choose an object with a volume"):
        bpy.ops.neural_assets.use_as_box()
    assert cage.neural_assets.is_box and not lamp.neural_assets.is_box
    bpy.ops.neural_assets.use_as_box(use=False)
    assert not cage.neural_assets.is_box


@pytest.mark.parametrize("metres", [1.0, 0.01])
def test_true_size_gives_the_metres_of_the_asset(addon, scene, box, metres):
    events = addon("protocol.events")
    scene.unit_settings.scale_length = metres
    parent = bpy.data.objects.new("Parent", None)
    scene.collection.objects.link(parent)
    parent.scale, parent.rotation_euler = (2, 2, 2), (0, 0, 1)
    thing = box("Chair", "chair", parent=parent, scale=(1, 3, 1), rotation_euler=(0, 0, 0.3))
    assert not bpy.ops.neural_assets.true_size.poll(), "the store tells no size"
    addon("connection.session").bridge.assets = {"chair": events.AssetInfo("chair", "object", "Chair", (0.4, 0.5, 0.9))}
    bpy.ops.neural_assets.true_size()
    (placement,) = _contents(addon).placements
    assert placement.box.size == pytest.approx((0.4, 0.5, 0.9), rel=1e-5)
    assert thing.location == Vector((0, 0, 0)), "it still stands where it stood"


def test_a_click_into_the_list_selects_that_box_alone(box):
    first, second = box("First"), box("Second")
    manager, layer = bpy.context.window_manager, bpy.context.view_layer
    assert layer.objects[manager.neural_assets_active_box] == second
    first.select_set(True)
    manager.neural_assets_active_box = layer.objects.find("First")
    assert layer.objects.active == first and first.select_get() and not second.select_get()
