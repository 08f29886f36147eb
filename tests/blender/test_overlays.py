"""The marks of boxes in 3D views: shapes and colours as arrays, and as pixels where this Blender draws."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Matrix


@pytest.fixture
def marks(addon):
    """The marks of the scene's boxes, by what is said of each."""

    def read():
        bpy.context.view_layer.update()
        depsgraph = bpy.context.evaluated_depsgraph_get()
        boxes = addon("scene.posed").read_boxes(depsgraph)
        found = addon("drawing.overlays").standings(boxes, depsgraph)
        made = addon("drawing.marks").marks_of(boxes, [(1, 1, 1, 1)] * len(boxes))
        return {box.name: standing.name for box, standing in zip(boxes, found, strict=True)}, made

    return read


def test_what_is_said_of_each_box(box, marks, scene):
    box("Shown")
    box("Without", asset="")
    box("Behind", location=(0, -9, 0))
    box("Beside", location=(9, 0, 0))
    box("Mirrored", scale=(-1, 1, 1))
    box("Flat", scale=(1, 0, 1))
    box("Hidden", hide_viewport=True)
    assert marks()[0] == {
        "Shown": "SHOWN",
        "Without": "EMPTY",
        "Behind": "OUT_OF_VIEW",
        "Beside": "OUT_OF_VIEW",
        "Mirrored": "REFUSED",
        "Flat": "REFUSED",
    }
    scene.camera = None
    assert marks()[0]["Behind"] == "SHOWN", "there is no view to be out of"


def test_the_quick_test_of_many_boxes_agrees_with_the_one_that_says_why(addon, box, scene):
    parent = bpy.data.objects.new("Parent", None)
    scene.collection.objects.link(parent)
    rng = np.random.default_rng(3)
    for i in range(40):
        thing = box(f"Box {i}", rotation_euler=rng.uniform(-3, 3, 3), scale=rng.uniform(0.1, 2, 3))
        if i % 4 == 1:
            thing.scale[i % 3] *= -1
        elif i % 4 == 2:
            thing.parent, thing.matrix_parent_inverse = parent, Matrix.Shear("XY", 4, (0.1 * (i % 3), 0.0))
        elif i == 3:
            thing.location.x = float("nan")
    bpy.context.view_layer.update()
    boxes = addon("scene.posed").read_boxes(bpy.context.evaluated_depsgraph_get())

    def taken(posed) -> bool:
        try:
            return bool(posed.box(1.0))
        except ValueError:
            return False

    wanted = [taken(posed) for posed in boxes]
    assert boxes.frames.are_boxes.tolist() == wanted and 15 < sum(wanted) < 35


def test_edges_lie_on_the_box_and_are_dashed_without_an_asset(addon, box, marks):
    thing = box(location=(1, 2, 3), rotation_euler=(0.1, 0.2, 0.3), scale=(1, 2, 1))
    _, made = marks()
    assert len(made.lines) == 2 * (12 + 3) and made.lines.dtype == np.float32
    corners = [thing.matrix_world @ vertex.co for vertex in thing.data.vertices[:8]]
    for end in made.lines[: 2 * 12]:
        assert min(np.linalg.norm(np.array(corner) - end) for corner in corners) < 1e-5
    arrow = [thing.matrix_world @ vertex.co for vertex in thing.data.vertices[8:]]
    for end in made.lines[2 * 12 :]:
        assert min(np.linalg.norm(np.array(point) - end) for point in arrow) < 1e-5, "the same arrow as the mesh has"
    length = np.linalg.norm(made.lines[0::2] - made.lines[1::2], axis=-1)[:12].sum()
    thing.neural_assets.asset = ""
    _, made = marks()
    dashes = np.linalg.norm(made.lines[0::2] - made.lines[1::2], axis=-1)[:-3]
    assert len(dashes) == 12 * 8 and 0.5 < dashes.sum() / length < 0.65
    assert made.front_colours == pytest.approx(np.tile((1, 1, 1, 0.14), (6, 1)))


def test_the_front_face_is_the_one_that_looks_along_minus_y(box, marks):
    box(location=(0, 3, 0))
    _, made = marks()
    assert made.fronts[:, 1] == pytest.approx(2.75) and len(made.fronts) == 6


def test_names_tell_object_and_asset_once(addon, box):
    name_of = addon("drawing.marks").name_of
    bpy.context.view_layer.update()
    thing = box("Stool", "id-1")
    thing.neural_assets.asset_name = "Red chair"
    box("Red chair", "id-1").neural_assets.asset_name = "Red chair"
    box("Nothing", "")
    bpy.context.view_layer.update()
    found = {name_of(b) for b in addon("scene.posed").read_boxes(bpy.context.evaluated_depsgraph_get())}
    assert found == {"Stool: Red chair", "Red chair", "Nothing"}


def test_no_name_covers_another_and_selected_ones_are_always_there(addon):
    chosen = addon("drawing.marks").chosen_names
    places = np.array([(10, 10), (30, 12), (500, 10), (31, 12)], float)
    depths = np.array([2.0, 1.0, 5.0, 9.0])
    nobody = np.zeros(4, bool)
    assert set(chosen(places, depths, nobody, (60, 12)).tolist()) == {1, 2}, "the nearer of the two"
    first = np.array([False, False, False, True])
    assert set(chosen(places, depths, first, (60, 12)).tolist()) == {3, 2}
    assert len(chosen(np.zeros((0, 2)), np.zeros(0), np.zeros(0, bool), (60, 12))) == 0


@pytest.fixture
def region(addon, scene, monkeypatch):
    """A 3D view of 200 x 200 pixels as values, and a way to draw the marks into an image of this size."""
    if not addon("compat").can_draw_without_window():
        pytest.skip("this Blender does not draw without a window")
    import gpu

    eye = Matrix.Translation((0, 0, -3)) @ Matrix.Rotation(-np.pi / 2, 4, "X")  # from (0, -3, 0) along +y
    projection = Matrix(((1.5, 0, 0, 0), (0, 1.5, 0, 0), (0, 0, -1, -0.2), (0, 0, -1, 0)))
    areas = (area for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D")
    space = next(areas).spaces.active
    space.overlay.show_overlays = True
    system = SimpleNamespace(ui_scale=1.0)
    context = SimpleNamespace(
        scene=scene,
        view_layer=bpy.context.view_layer,
        preferences=SimpleNamespace(themes=bpy.context.preferences.themes, system=system),
        evaluated_depsgraph_get=bpy.context.evaluated_depsgraph_get,
        region=SimpleNamespace(width=200, height=200),
        region_data=SimpleNamespace(perspective_matrix=projection @ eye),
        space_data=space,
    )
    overlays = addon("drawing.overlays")
    monkeypatch.setattr(overlays, "bpy", SimpleNamespace(context=context, app=bpy.app, types=bpy.types))

    def draw() -> np.ndarray:
        """float [200, 200, 4], bottom row first."""
        bpy.context.view_layer.update()
        addon("scene.changes").another()
        buffer = gpu.types.GPUOffScreen(200, 200)
        with buffer.bind():
            gpu.state.active_framebuffer_get().clear(color=(0, 0, 0.5, 1))
            with gpu.matrix.push_pop(), gpu.matrix.push_pop_projection():
                gpu.matrix.load_matrix(eye)
                gpu.matrix.load_projection_matrix(projection)
                overlays.draw_shapes()
            with gpu.matrix.push_pop(), gpu.matrix.push_pop_projection():
                gpu.matrix.load_matrix(Matrix.Translation((-1, -1, 0)) @ Matrix.Diagonal((0.01, 0.01, 1, 1)))
                gpu.matrix.load_projection_matrix(Matrix.Identity(4))
                overlays.draw_names()
            pixels = gpu.state.active_framebuffer_get().read_color(0, 0, 200, 200, 4, 0, "FLOAT")
        pixels.dimensions = 200 * 200 * 4
        return np.array(pixels).reshape(200, 200, 4)

    return SimpleNamespace(draw=draw, space=space, scene=scene, system=system)


def test_the_front_is_tinted_and_the_edges_are_drawn(box, region):
    box(location=(0, 0, -0.25), scale=(2, 2, 1)).select_set(False)
    pixels = region.draw()
    assert pixels[100, 80, 0] == pytest.approx(0.93 * 0.14, abs=0.02), "a tint of the front"
    assert pixels[:, :, 0].max() > 0.8, "edges"
    assert pixels[100, 10].tolist() == pytest.approx([0, 0, 0.5, 1], abs=0.01)


@pytest.mark.parametrize("off", ["show_boxes", "show_overlays"])
def test_nothing_is_drawn_when_it_is_switched_off(box, region, off):
    box()
    assert region.draw()[..., 0].max() > 0.5
    owner = region.scene.neural_assets if off == "show_boxes" else region.space.overlay
    setattr(owner, off, False)
    assert region.draw()[..., 0].max() == 0
    setattr(owner, off, True)


def test_selected_boxes_have_blenders_own_colours(box, region):
    thing = box("A very long name", asset="")
    thing.select_set(True)
    region.scene.neural_assets.show_box_names = False
    active = bpy.context.preferences.themes[0].view_3d.object_active
    pixels = region.draw()[..., :3].reshape(-1, 3)
    strongest = pixels[pixels[:, 0].argmax()]
    assert strongest.tolist() == pytest.approx(list(active), abs=0.06)


def test_names_are_written_unless_switched_off(box, region):
    box("Chair", location=(0, 0, 0.3))
    with_names = region.draw()
    region.scene.neural_assets.show_box_names = False
    without = region.draw()
    changed = np.argwhere(np.abs(with_names - without).max(-1) > 0.2)
    assert len(changed) > 20 and changed[:, 0].min() > 100, "above the box"


def test_lines_and_names_grow_with_the_screens_resolution(box, region):
    box("Chair", location=(0, 0, 0.3))
    once = (region.draw()[..., 0] > 0.4).sum()
    region.system.ui_scale = 2.0
    assert (region.draw()[..., 0] > 0.4).sum() > 1.5 * once
