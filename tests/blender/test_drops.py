"""What a dropped asset becomes: the box under the mouse, true sizes, and the operators that do it."""

from __future__ import annotations

import bpy
import pytest
from mathutils import Vector

from server.protocol.events import AssetInfo

from .conftest import part, until
from .stores import StoreServer

CHAIR = AssetInfo("id-chair", "object", "Chair", (0.5, 0.6, 1.1))


@pytest.fixture
def store():
    with StoreServer(CHAIR, AssetInfo("id-room", "background", "Room")) as server:
        bpy.ops.neural_assets.connect(address=server.address)
        until(lambda: part("connection.session").bridge.knows_assets)
        yield server
        part("connection.session").bridge.close()


@pytest.fixture
def hit(addon):
    """The name of the box that a drop at a place hits, seen from a point."""
    drops, posed = addon("assets.drops"), addon("scene.posed")

    def look(place, origin=(0.0, -5.0, 0.4)) -> str | None:
        bpy.context.view_layer.update()
        boxes = posed.read_boxes(bpy.context.evaluated_depsgraph_get())
        found = drops.first_hit(boxes, drops.Sight(Vector(origin), Vector(place) - Vector(origin)))
        return found and found.owner

    return look


def test_the_box_before_the_place_is_hit_and_not_one_beside_or_behind(hit, box):
    box("Near", location=(0, -1, 0))
    box("Far", location=(0, 2, 0))
    assert hit((0, 5, 0)) == "Near", "seen through it, since boxes are wires"
    assert hit((2, 0, 0)) is None and hit((0, -2, 0)) is None, "on the floor beside it, and before it"
    bpy.data.objects["Near"].location.x = 3
    assert hit((0, 1, 0.1)) is None and hit((0, 4, 0)) == "Far"


def test_turned_and_scaled_boxes_are_hit_where_they_are(hit, box):
    box("Turned", location=(1, 0, 0), rotation_euler=(0, 0, 0.785), scale=(3, 0.2, 1))
    assert hit((1.4, 2, 0.2), (1.4, -5, 0.3)) == "Turned"
    assert hit((1.8, 2, 0.2), (1.8, -5, 0.3)) is None and hit((1.4, 2, 0.6), (1.4, -5, 0.6)) is None


def test_a_solid_boxs_own_surface_is_hit(hit, box):
    box("Solid", location=(0, 0, 0))
    assert hit((0, -0.25, 0.2)) == "Solid"


def test_a_box_around_the_eye_is_not_hit(hit, box):
    box("Room", scale=(40, 40, 40))
    assert hit((0, 3, 0)) is None
    box("Chair")
    assert hit((0, 3, 0)) == "Chair"


def test_a_box_that_is_flat_or_hidden_is_not_hit(hit, box):
    box("Flat", scale=(1, 0, 1))
    box("Hidden", hide_viewport=True)
    assert hit((0, 3, 0)) is None


@pytest.mark.parametrize("metres", [1.0, 0.01, 0.3048])
def test_an_asset_is_added_in_its_true_size(scene, store, metres):
    scene.unit_settings.scale_length = metres
    scene.cursor.location = (1, 2, 3)
    bpy.ops.neural_assets.add_asset(asset="id-chair")
    thing = bpy.context.object
    assert [side * metres for side in thing.dimensions] == pytest.approx(CHAIR.size, rel=1e-4)
    assert thing.location[:] == (1, 2, 3) and thing.select_get() and thing.name == "Chair"
    assert (thing.neural_assets.asset, thing.neural_assets.asset_name) == ("id-chair", "Chair")


def test_an_asset_is_added_where_it_was_dropped_without_asking_a_server():
    bpy.ops.neural_assets.add_asset(
        asset="id-lamp", asset_name="Lamp", size=(1, 2, 3), location=(4, 5, 6), rotation=(0, 0, 1)
    )
    thing = bpy.context.object
    assert thing.location[:] == (4, 5, 6) and thing.rotation_euler.z == 1
    assert thing.dimensions[:] == pytest.approx((1, 2, 3))


@pytest.mark.parametrize("asset", ["id-none", "id-room", ""])
def test_what_the_store_has_not_is_not_added(store, asset):
    with pytest.raises(RuntimeError, match=f"The server has no asset '{asset}'"):
        bpy.ops.neural_assets.add_asset(asset=asset)
    assert not [thing for thing in bpy.data.objects if thing.neural_assets.is_box]


def test_the_asset_of_the_box_below_is_replaced(box):
    thing = box("A", "old", location=(1, 0, 0), scale=(2, 2, 2))
    bpy.ops.neural_assets.replace_asset(asset="id-chair", asset_name="Chair", box="A")
    assert (thing.neural_assets.asset, thing.neural_assets.asset_name) == ("id-chair", "Chair")
    assert thing.location.x == 1 and thing.scale.x == 2
    with pytest.raises(RuntimeError, match="The box 'B' cannot be changed"):
        bpy.ops.neural_assets.replace_asset(asset="id-chair", asset_name="Chair", box="B")


def test_a_dropped_background_becomes_the_scenes(scene):
    bpy.ops.neural_assets.take_background(asset="id-room", asset_name="Room")
    assert (scene.neural_assets.background, scene.neural_assets.background_name) == ("id-room", "Room")
