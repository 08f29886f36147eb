"""Whatever moves the evaluated object moves its asset: each mover, up to the contract's Scene."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Matrix


@pytest.fixture
def boxes(addon, scene):
    """The placements of the contract's scene, by name, after an update: lists, since instances share a name."""

    def read() -> dict[str, list]:
        bpy.context.view_layer.update()
        depsgraph = bpy.context.evaluated_depsgraph_get()
        reader = addon("scene.reader")
        contents = reader.read_contents(depsgraph)
        _require_equal_arrays(contents.boxes)
        frame = addon("scene.camera").frame_of(scene.render)
        found: dict[str, list] = {}
        for placement in contents.through(reader.read_camera(depsgraph, scene.camera, frame)).placements:
            found.setdefault(placement.name, []).append(placement)
        return found

    return read


def _require_equal_arrays(boxes) -> None:
    """The arrays, read from all instances at once, say the same as each box."""
    for posed, centre, edges in zip(boxes, boxes.frames.centres, boxes.frames.edges, strict=True):
        matrix, low, high = np.array(posed.matrix.copy()), np.array(posed.low), np.array(posed.high)
        assert edges == pytest.approx((matrix[:3, :3] * (high - low)).T, abs=1e-5, nan_ok=True)
        assert centre == pytest.approx(matrix[:3, :3] @ (low + high) / 2 + matrix[:3, 3], abs=1e-5, nan_ok=True)


def _pose(placement) -> np.ndarray:
    return np.reshape(placement.box.pose, (4, 4))


def _centre(placement) -> np.ndarray:
    return _pose(placement)[:3, 3]


def _empty(scene, name="Empty", **changes) -> bpy.types.Object:
    thing = bpy.data.objects.new(name, None)
    scene.collection.objects.link(thing)
    for key, value in changes.items():
        setattr(thing, key, value)
    return thing


def test_grab_turn_and_scale(box, boxes):
    thing = box(location=(1, 2, 3), rotation_euler=(0, 0, math.pi / 2), scale=(1, 2, 3))
    thing.rotation_mode = "QUATERNION"
    thing.rotation_quaternion = (1, 0, 0, 0)
    thing.delta_location = (0, 0, 1)
    (placement,) = boxes()["Box"]
    assert placement.box.size == pytest.approx((0.5, 1, 1.5))
    assert _pose(placement) == pytest.approx(np.array(Matrix.Translation((1, 2, 4.75))))


def test_parents_with_scale(scene, box, boxes):
    root = _empty(scene, scale=(2, 2, 2), location=(0, 1, 0))
    middle = _empty(scene, "Middle", parent=root, rotation_euler=(0, 0, math.pi / 2))
    box(parent=middle, location=(1, 0, 0))
    (placement,) = boxes()["Box"]
    assert placement.box.size == pytest.approx((1, 1, 1))
    assert _centre(placement) == pytest.approx((0, 3, 0.5), abs=1e-5)
    assert _pose(placement)[:3, 0] == pytest.approx((0, 1, 0), abs=1e-5), "right is along the turned parent's x"


def test_a_bone_as_parent(scene, box, boxes):
    armature = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", armature)
    scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = armature.edit_bones.new("Bone")
    bone.head, bone.tail = (0, 0, 0), (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    box(parent=rig, parent_type="BONE", parent_bone="Bone")
    before = _centre(boxes()["Box"][0])
    rig.pose.bones["Bone"].rotation_mode = "XYZ"
    rig.pose.bones["Bone"].rotation_euler = (math.pi / 2, 0, 0)
    assert np.abs(_centre(boxes()["Box"][0]) - before).max() > 0.5


@pytest.mark.parametrize("kind", ["COPY_TRANSFORMS", "CHILD_OF", "COPY_LOCATION"])
def test_constraints(scene, box, boxes, kind):
    target = _empty(scene)
    constraint = box().constraints.new(kind)
    constraint.target = target
    boxes()
    target.location, target.rotation_euler = (3, 0, 0), (0, 0, 0.5)
    (placement,) = boxes()["Box"]
    assert _centre(placement)[:2] == pytest.approx((3, 0), abs=1e-5)
    assert _pose(placement)[0, 0] == pytest.approx(1 if kind == "COPY_LOCATION" else math.cos(0.5), abs=1e-5)


def test_a_path(scene, box, boxes):
    curve = bpy.data.curves.new("Path", "CURVE")
    curve.dimensions, curve.use_path, curve.path_duration = "3D", True, 10
    spline = curve.splines.new("POLY")
    spline.points.add(1)
    spline.points[0].co, spline.points[1].co = (0, 0, 0, 1), (10, 0, 0, 1)
    path = bpy.data.objects.new("Path", curve)
    scene.collection.objects.link(path)
    constraint = box().constraints.new("FOLLOW_PATH")
    constraint.target, constraint.use_fixed_location, constraint.offset_factor = path, True, 0.25
    assert _centre(boxes()["Box"][0])[0] == pytest.approx(2.5, abs=0.05)
    constraint.offset_factor = 0.75
    assert _centre(boxes()["Box"][0])[0] == pytest.approx(7.5, abs=0.05)


def test_drivers_move_boxes_and_their_settings(box, boxes):
    thing = box(rotation_mode="XYZ")
    for path in ("rotation_euler", "neural_assets.guidance", "neural_assets.seed"):
        curve = thing.driver_add(path, 2) if path == "rotation_euler" else thing.driver_add(path)
        curve.driver.type = "AVERAGE"
        variable = curve.driver.variables.new()
        variable.targets[0].id, variable.targets[0].data_path = thing, '["turn"]'
    thing["turn"] = 2.0
    (placement,) = boxes()["Box"]
    assert _pose(placement)[0, 0] == pytest.approx(math.cos(2.0), abs=1e-5)
    assert (placement.guidance, placement.seed) == (2.0, 2)


def test_keyframes_of_seed_and_guidance(scene, box, boxes):
    thing = box()
    for frame, value in ((1, 0), (11, 10)):
        thing.neural_assets.seed, thing.neural_assets.guidance = value, value
        thing.neural_assets.keyframe_insert("seed", frame=frame)
        thing.keyframe_insert("neural_assets.guidance", frame=frame)
    scene.frame_set(1)
    assert (boxes()["Box"][0].seed, boxes()["Box"][0].guidance) == (0, 0)
    scene.frame_set(6)
    assert boxes()["Box"][0].seed == 5 and boxes()["Box"][0].guidance == pytest.approx(5)


def test_a_rigid_body_falls(scene, box, boxes):
    thing = box(location=(0, 0, 5))
    bpy.ops.rigidbody.world_add()
    scene.rigidbody_world.collection = bpy.data.collections.new("Bodies")
    scene.rigidbody_world.collection.objects.link(thing)
    heights = []
    for frame in range(1, 13):
        scene.frame_set(frame)
        heights.append(_centre(boxes()["Box"][0])[2])
    seconds = 11 / scene.render.fps
    assert heights[0] == pytest.approx(5.25)
    assert heights[-1] == pytest.approx(5.25 - 9.81 / 2 * seconds**2, rel=0.15)
    assert thing.location.z == 5, "physics moves the evaluated object only"


def _points_that_instance(scene, name: str, count: int, instance: bpy.types.Object | None) -> bpy.types.Object:
    """An object whose geometry nodes put an object (none: a cube of their own) on points along x, 2 m apart."""
    tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    node = tree.nodes.new
    line, on_points, output = (
        node("GeometryNodeMeshLine"),
        node("GeometryNodeInstanceOnPoints"),
        node("NodeGroupOutput"),
    )
    line.inputs["Count"].default_value, line.inputs["Offset"].default_value = count, (2, 0, 0)
    if instance is None:
        source = node("GeometryNodeMeshCube")
    else:
        source = node("GeometryNodeObjectInfo")
        source.inputs["Object"].default_value, source.inputs["As Instance"].default_value = instance, True
    tree.links.new(line.outputs["Mesh"], on_points.inputs["Points"])
    tree.links.new(source.outputs["Mesh" if instance is None else "Geometry"], on_points.inputs["Instance"])
    tree.links.new(on_points.outputs["Instances"], output.inputs[0])
    thing = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    scene.collection.objects.link(thing)
    thing.modifiers.new("Nodes", "NODES").node_group = tree
    return thing


def test_geometry_nodes_instance_a_box_on_points(scene, box, boxes):
    thing = box(location=(0, 5, 0), scale=(2, 2, 2))
    _points_that_instance(scene, "Scatter", 3, thing)
    placements = boxes()["Box"]
    places = sorted(tuple(_centre(p).round(4).tolist()) for p in placements)
    assert places == [(0, 0, 0.25), (0, 5, 0.5), (2, 0, 0.25), (4, 0, 0.25)]  # the box itself, and its instances
    assert {placement.asset for placement in placements} == {"asset-1"}


def test_what_a_box_instances_is_one_joint_box(scene, boxes):
    thing = _points_that_instance(scene, "Row", 3, None)
    thing.neural_assets.is_box, thing.neural_assets.asset = True, "row"
    (placement,) = boxes()["Row"]
    assert placement.box.size == pytest.approx((5, 1, 1)) and _centre(placement) == pytest.approx((2, 0, 0))


def test_every_box_has_its_own_bounds_whatever_stands_around_it(scene, box, boxes):
    curve, balls = bpy.data.curves.new("Curve", "CURVE"), bpy.data.metaballs.new("Balls")
    curve.splines.new("POLY").points.add(3)
    curve.bevel_depth = 0.2
    balls.elements.new()
    collection = bpy.data.collections.new("Instanced")
    collection.objects.link(bpy.data.objects.new("Text", bpy.data.curves.new("Text", "FONT")))
    another = bpy.data.scenes.new("Set")
    another.collection.objects.link(bpy.data.objects.new("In the set", bpy.data.lights.new("Sun", "SUN")))
    scene.background_set = another
    things = [
        *(bpy.data.objects.new(data.name, data) for data in (curve, balls)),
        _empty(scene, "Instancer", instance_type="COLLECTION", instance_collection=collection),
        _points_that_instance(scene, "Row", 3, None),
        _empty(scene, "Hidden", hide_viewport=True),
        _empty(scene, "Solid", empty_display_type="CUBE", empty_display_size=0.75),
    ]
    expected = {"Solid": (1.5, 1.5, 1.5)}
    for number, thing in enumerate(things):  # names decide the depsgraph's order
        if thing.name not in scene.collection.objects:
            scene.collection.objects.link(thing)
        size = (1 + number, 0.5, 0.5)
        bpy.ops.neural_assets.add_box(size=size)
        bpy.context.object.name = f"{thing.name} and a box"
        bpy.context.object.neural_assets.asset = "asset-1"
        expected[bpy.context.object.name] = size
    things[-1].neural_assets.is_box, things[-1].neural_assets.asset = True, "asset-1"
    found = boxes()
    assert {name: placement.box.size for name, (placement,) in found.items()} == {
        name: pytest.approx(size, abs=1e-5) for name, size in expected.items()
    }


def test_a_collection_is_one_box_through_its_instance(scene, boxes):
    collection = bpy.data.collections.new("Chair")
    for x in (0, 1):
        part = bpy.data.objects.new("Part", bpy.data.meshes.new("Part"))
        part.data.from_pydata([(0, 0, 0), (0.5, 0.5, 0.5)], [(0, 1)], [])
        part.location.x = x
        collection.objects.link(part)
    empty = _empty(
        scene, instance_type="COLLECTION", instance_collection=collection, rotation_euler=(0, 0, math.pi / 2)
    )
    empty.neural_assets.is_box, empty.neural_assets.asset = True, "chair"
    (placement,) = boxes()["Empty"]
    assert placement.box.size == pytest.approx((1.5, 0.5, 0.5), abs=1e-5)
    assert _centre(placement) == pytest.approx((-0.25, 0.75, 0.25), abs=1e-5)


def test_nested_instances_of_a_box(scene, box, boxes):
    inner, outer = bpy.data.collections.new("Inner"), bpy.data.collections.new("Outer")
    thing = box()
    inner.objects.link(thing)
    scene.collection.objects.unlink(thing)
    middle = bpy.data.objects.new("Middle", None)
    outer.objects.link(middle)
    middle.instance_type, middle.instance_collection, middle.location = "COLLECTION", inner, (0, 0, 1)
    for x in (-1, 1):
        _empty(scene, location=(x, 0, 0), instance_type="COLLECTION", instance_collection=outer)
    assert sorted(_centre(p).round(4).tolist() for p in boxes()["Box"]) == [[-1, 0, 1.25], [1, 0, 1.25]]


def test_a_text_in_an_instance_is_one_box(scene, boxes):
    curve = bpy.data.curves.new("Text", "FONT")
    curve.body, curve.extrude = "Hi", 0.1
    text = bpy.data.objects.new("Text", curve)
    text.neural_assets.is_box, text.neural_assets.asset = True, "sign"
    scene.collection.objects.link(text)
    collection = bpy.data.collections.new("Signs")
    collection.objects.link(text)
    _empty(scene, location=(0, 0, 2), instance_type="COLLECTION", instance_collection=collection)
    placements = boxes()["Text"]
    assert sorted(_centre(p)[2] for p in placements) == pytest.approx([0, 2])
    assert all(p.box.size[2] == pytest.approx(0.2) for p in placements), "the letters' thickness"


def test_an_instanced_box_that_instances_is_one_box_each_time(scene, boxes):
    """A collection of boxed collections: the inner instancer is the box."""
    chair, room = bpy.data.collections.new("Chair"), bpy.data.collections.new("Room")
    for x in (0, 1):
        part = bpy.data.objects.new("Part", bpy.data.meshes.new("Part"))
        part.data.from_pydata([(0, 0, 0), (0.5, 0.5, 0.5)], [(0, 1)], [])
        part.location.x = x
        chair.objects.link(part)
    inner = bpy.data.objects.new("Inner", None)
    inner.instance_type, inner.instance_collection = "COLLECTION", chair
    inner.neural_assets.is_box, inner.neural_assets.asset = True, "chair"
    room.objects.link(inner)
    for z in (0, 2):
        _empty(scene, location=(0, 0, z), instance_type="COLLECTION", instance_collection=room)
    placements = boxes()["Inner"]
    assert sorted(_centre(p)[2] for p in placements) == pytest.approx([0.25, 2.25])
    assert all(p.box.size == pytest.approx((1.5, 0.5, 0.5), abs=1e-5) for p in placements)


def test_linked_duplicates_share_a_mesh_and_nothing_else(box, boxes):
    first = box("First", "chair")
    second = first.copy()
    bpy.context.collection.objects.link(second)
    second.name, second.location.x, second.neural_assets.asset = "Second", 2, "lamp"
    assert second.data is first.data
    found = boxes()
    assert (found["First"][0].asset, found["Second"][0].asset) == ("chair", "lamp")
    assert _centre(found["Second"][0])[0] == pytest.approx(2)


def test_a_deformed_mesh_counts_as_it_is_deformed(scene, boxes):
    bpy.ops.mesh.primitive_cube_add(size=1)
    thing = bpy.context.object
    thing.neural_assets.is_box, thing.neural_assets.asset = True, "blob"
    thing.shape_key_add(name="Basis")
    tall = thing.shape_key_add(name="Tall")
    for point in tall.data:
        point.co.z *= 3
    tall.value = 0
    assert boxes()["Cube"][0].box.size == pytest.approx((1, 1, 1))
    tall.value = 1
    assert boxes()["Cube"][0].box.size == pytest.approx((1, 1, 3))
    tall.value = 0
    lattice = bpy.data.objects.new("Lattice", bpy.data.lattices.new("Lattice"))
    scene.collection.objects.link(lattice)
    lattice.scale = (2, 2, 2)
    thing.modifiers.new("Lattice", "LATTICE").object = lattice
    for point in lattice.data.points:
        point.co_deform.x *= 2
    assert boxes()["Cube"][0].box.size[0] > 1.5


def _hide_the_eye(thing):
    thing.hide_set(True)


def _by_its_collection(**changes):
    def hide(thing):
        collection = bpy.data.collections.new("Away")
        bpy.context.scene.collection.children.link(collection)
        collection.objects.link(thing)
        bpy.context.scene.collection.objects.unlink(thing)
        bpy.context.view_layer.update()
        assert thing.visible_get()
        for name, value in changes.items():
            setattr(bpy.context.view_layer.layer_collection.children["Away"], name, value)

    return hide


@pytest.mark.parametrize(
    "hide",
    [
        _hide_the_eye,
        _by_its_collection(exclude=True),
        _by_its_collection(hide_viewport=True),
        _by_its_collection(holdout=True),
        lambda thing: setattr(thing, "hide_viewport", True),
        lambda thing: setattr(thing, "is_holdout", True),
        lambda thing: setattr(thing, "visible_camera", False),
        lambda thing: bpy.data.objects.remove(thing),
        lambda thing: setattr(thing.neural_assets, "is_box", False),
    ],
)
def test_hiding_removes(box, boxes, hide):
    box("Shown")
    hide(box("Hidden"))
    assert list(boxes()) == ["Shown"]


def test_hidden_in_renders_stays_in_the_viewport_and_the_other_way_round(scene, server, box, boxes):
    box("Viewport only", hide_render=True)
    box("Render only", hide_viewport=True)
    box("Both")
    assert set(boxes()) == {"Viewport only", "Both"}
    bpy.ops.render.render()
    (request,) = server.wait_for("render")
    assert {p.name for p in request.scene.placements} == {"Render only", "Both"}


def test_a_keyframed_hide_removes_from_that_frame_on(scene, box, boxes):
    box("Stays")
    thing = box("Goes")
    for frame, hidden in ((1, False), (5, True)):
        thing.hide_viewport = hidden
        thing.keyframe_insert("hide_viewport", frame=frame)
    scene.frame_set(4)
    assert "Goes" in boxes()
    scene.frame_set(5)
    assert "Goes" not in boxes()


def test_an_empty_cube_is_a_box_and_other_things_without_volume_are_refused(addon, scene, boxes):
    empty = _empty(scene, empty_display_type="CUBE", empty_display_size=0.25, location=(0, 0, 1))
    empty.neural_assets.is_box, empty.neural_assets.asset = True, "crate"
    assert boxes()["Empty"][0].box.size == pytest.approx((0.5, 0.5, 0.5))
    empty.empty_display_type = "PLAIN_AXES"
    with pytest.raises(ValueError, match="'Empty' is flat"):
        boxes()


@pytest.mark.parametrize("where", [(100, 0, 0), (0, -20, 0), (0, 0, 60)])
def test_of_too_many_boxes_those_out_of_view_are_left_out(box, boxes, where):
    shown = [box(f"Shown {i}", location=(i * 0.01, 2, 1)) for i in range(31)]
    for i in range(20):
        box(f"Away {i}", location=where)
    assert set(boxes()) == {thing.name for thing in shown}
    for i in range(2):
        box(f"More {i}", location=(0, 3, 1))
    with pytest.raises(ValueError, match="33 boxes with assets are in view, and 32 are the most. Hide some"):
        boxes()


def test_a_box_that_reaches_into_the_view_or_around_the_camera_counts(addon, box, scene):
    reader = addon("scene.reader")
    box("Edge", location=(4, 2, 1), scale=(10, 1, 1))
    box("Around", location=(0, -5, 0), scale=(20, 20, 20))
    box("Beside", location=(9, 0, 1))
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    camera = reader.read_camera(depsgraph, scene.camera, addon("scene.camera").frame_of(scene.render))
    found = reader.read_contents(depsgraph).boxes
    seen = found.frames.seen_by(camera, 1.0)
    assert dict(zip([b.name for b in found], seen, strict=True)) == {
        "Edge": True,
        "Around": True,
        "Beside": False,
    }
