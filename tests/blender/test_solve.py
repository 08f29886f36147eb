"""The camera from what was drawn on the reference picture, as scripts call it; and the drawing, without a window."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Vector

# Edges of a room: two of one direction, two at a right angle, at several heights.
X_LINES = [((-1, 0, 0), (1.2, 0, 0)), ((-1, 1.5, 0.6), (1.2, 1.5, 0.6))]
Y_LINES = [((0.9, -1, 0), (0.9, 1.4, 0)), ((-0.8, -1, 0.4), (-0.8, 1.4, 0.4))]
RECTANGLE = [(-0.6, -0.5, 0), (0.7, -0.5, 0), (0.7, 0.9, 0), (-0.6, 0.9, 0)]


@pytest.fixture
def picture(scene, tmp_path):
    """A reference picture of 240 x 160 pixels in a camera that looks obliquely into the room."""
    image = bpy.data.images.new("photo", 240, 160)
    image.filepath_raw, image.file_format = str(tmp_path / "photo.png"), "PNG"
    image.save()
    bpy.data.images.remove(image)
    bpy.ops.neural_assets.load_reference(filepath=str(tmp_path / "photo.png"), focal_length=41.0)
    scene.camera.location, scene.camera.rotation_euler = (2.4, -3.4, 1.9), Euler((1.2, 0.05, 0.62))
    bpy.context.view_layer.update()
    return scene.neural_assets.reference


def seen(scene, points) -> list[tuple[float, float]]:
    """(u, v) of world points in the camera as it is."""
    found = (world_to_camera_view(scene, scene.camera, Vector(point)) for point in points)
    return [(place.x, 1 - place.y) for place in found]


def lines(scene) -> list[dict]:
    return [
        {"name": "", "start": start, "end": end, "direction": direction}
        for direction, edges in enumerate((X_LINES, Y_LINES))
        for start, end in (seen(scene, edge) for edge in edges)
    ]


def forget(scene) -> None:
    """Another camera, which knows nothing."""
    scene.camera.location, scene.camera.rotation_euler = (0, -4, 1), (1.5, 0, 0)
    scene.camera.data.lens = 24
    bpy.context.view_layer.update()


@pytest.mark.parametrize("draw", ["lines", "rectangle"])
def test_what_was_drawn_gives_back_lens_tilt_and_height(scene, picture, draw):
    drawn, corners = lines(scene), seen(scene, RECTANGLE)
    up = scene.camera.matrix_world.to_3x3().inverted().col[2].copy()
    forget(scene)
    if draw == "lines":
        bpy.ops.neural_assets.set_camera_from_lines(lines=drawn, height=1.9)
    else:
        bpy.ops.neural_assets.set_camera_from_rectangle(corners=sum(map(list, corners), []), length=1.3)
    bpy.context.view_layer.update()
    assert scene.camera.data.lens == pytest.approx(41.0, rel=1e-3)
    assert scene.camera.location.z == pytest.approx(1.9, rel=1e-3)
    assert tuple(scene.camera.matrix_world.to_3x3().inverted().col[2]) == pytest.approx(tuple(up), abs=1e-3)
    yaw = np.degrees(scene.camera.matrix_world.to_euler().z) % 90
    assert min(abs(yaw - np.degrees(0.62)), 90 - abs(yaw - np.degrees(0.62))) < 0.1, "the axes lie along the lines"
    if draw == "rectangle":
        middle = (Vector(corner) for corner in ((0, 0, 0),))
        (u, v) = seen(scene, middle)[0]
        a, b = np.array(corners[0]), np.array(corners[2])
        assert abs((b - a)[0] * (v - a[1]) - (b - a)[1] * (u - a[0])) < 1e-3, "the origin is the rectangle's middle"


def test_the_floor_may_be_higher_than_zero(scene, picture):
    drawn = lines(scene)
    scene.neural_assets.ground = 0.7
    bpy.ops.neural_assets.set_camera_from_lines(lines=drawn, height=1.5)
    assert scene.camera.location.z == pytest.approx(2.2)


def test_the_lens_is_kept_when_it_is_known(scene, picture):
    drawn = lines(scene)
    scene.camera.data.lens = 41.5
    bpy.ops.neural_assets.set_camera_from_lines(lines=drawn, keep_lens=True)
    assert scene.camera.data.lens == 41.5


def test_a_camera_with_a_parent_is_set_in_the_world(scene, picture):
    drawn = lines(scene)
    parent = bpy.data.objects.new("Dolly", None)
    scene.collection.objects.link(parent)
    parent.location, parent.rotation_euler = (3, 1, 1), (0.2, 0.4, 1)
    scene.camera.parent = parent
    bpy.context.view_layer.update()
    bpy.ops.neural_assets.set_camera_from_lines(lines=drawn, height=1.9)
    bpy.context.view_layer.update()
    assert scene.camera.matrix_world.translation.z == pytest.approx(1.9, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda drawn: drawn.pop(), "One line tells no direction. Draw two"),
        (lambda drawn: drawn[1].update(drawn[0]), "lie on each other"),
        (lambda drawn: drawn[2].update(end=drawn[2]["start"]), "too short"),
        (lambda drawn: drawn.clear(), "One line tells no direction"),
    ],
)
def test_a_drawing_that_tells_nothing_changes_nothing(scene, picture, change, words):
    drawn, before = lines(scene), (scene.camera.matrix_world.copy(), scene.camera.data.lens)
    change(drawn)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.neural_assets.set_camera_from_lines(lines=drawn)
    assert (scene.camera.matrix_world, scene.camera.data.lens) == before


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda scene: setattr(scene.render, "resolution_x", 600), "another shape .* Press 'Match"),
        (lambda scene: setattr(scene.camera.data, "shift_x", 0.1), "lens is shifted"),
        (lambda scene: setattr(scene.camera.data, "type", "ORTHO"), "orthographic"),
        (lambda scene: setattr(scene, "camera", None), "no camera"),
    ],
)
def test_cameras_that_took_no_such_picture_are_refused(scene, picture, prepare, words):
    drawn = lines(scene)
    prepare(scene)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.neural_assets.set_camera_from_lines(lines=drawn, keep_lens=True)


def test_without_a_picture_there_is_nothing_to_draw_on(scene):
    with pytest.raises(RuntimeError, match="poll.. Load a reference picture first"):
        bpy.ops.neural_assets.set_camera_from_lines()


# --- drawing ---


def at(x: float, y: float) -> np.ndarray:
    return np.array([x, y], float)


def test_lines_are_drawn_by_dragging_or_by_two_clicks(addon):
    handles = addon("reference.handles").Handles(per_stroke=2, most=2)
    pixels = lambda: handles.points * 100  # noqa: E731 - the view
    handles.press(at(0.1, 0.1), at(10, 10), pixels())
    handles.move(at(0.5, 0.1), at(50, 10), pixels())
    handles.release(at(50, 10))
    assert handles.held is None and handles.strokes.tolist() == [[[0.1, 0.1], [0.5, 0.1]]]
    handles.press(at(0.1, 0.6), at(10, 60), pixels())
    handles.release(at(11, 60))
    handles.move(at(0.7, 0.6), at(70, 60), pixels())
    handles.press(at(0.7, 0.6), at(70, 60), pixels())
    handles.release(at(70, 60))
    handles.move(at(0.9, 0.9), at(90, 90), pixels())
    assert handles.strokes[1].tolist() == [[0.1, 0.6], [0.7, 0.6]] and handles.is_full
    handles.press(at(0.3, 0.9), at(30, 90), pixels())
    assert len(handles.points) == 4 and handles.held is None, "no more than the most"


def test_handles_are_moved_and_the_last_stroke_goes(addon):
    handles = addon("reference.handles").Handles(per_stroke=1, most=4)
    for point in ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5)):
        handles.press(at(*point), at(*point) * 100, handles.points * 100)
        handles.release(at(*point) * 100)
    handles.move(at(0.52, 0.1), at(52, 10), handles.points * 100)
    assert handles.hot == 1
    handles.press(at(0.52, 0.1), at(52, 10), handles.points * 100)
    handles.move(at(2.0, 0.2), at(200, 20), handles.points * 100)
    handles.release(at(200, 20))
    assert handles.points[1].tolist() == [1.0, 0.2], "handles stay in the picture"
    handles.remove_last()
    assert len(handles.points) == 2
    for _ in range(3):
        handles.remove_last()
    assert len(handles.points) == 0


def keys(typed, text: str) -> None:
    names = dict(
        zip("0123456789.-", "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE PERIOD MINUS".split(), strict=True)
    )
    for letter in text:
        event = SimpleNamespace(type=names.get(letter, "BACK_SPACE"), value="PRESS", ctrl=False, alt=False, oskey=False)
        assert typed.take(event)


@pytest.mark.parametrize(
    ("text", "unit", "scale", "length"),
    [
        ("1.25", "METERS", 1.0, 1.25), ("120", "CENTIMETERS", 1.0, 1.2), ("1.2", "METERS", 0.01, 120.0),
        ("3<2", "ADAPTIVE", 1.0, 2.0), ("5-", "METERS", 1.0, -5.0), ("", "METERS", 1.0, None),
        ("-", "METERS", 1.0, None),
    ],
)  # fmt: skip
def test_typed_lengths_are_in_the_unit_that_the_scene_shows(addon, scene, text, unit, scale, length):
    scene.unit_settings.length_unit, scene.unit_settings.scale_length = unit, scale
    typed = addon("reference.typing_in").Typed()
    keys(typed, text)
    assert typed.length(scene) == (None if length is None else pytest.approx(length))


def test_typed_feet(addon, scene):
    scene.unit_settings.system, scene.unit_settings.length_unit = "IMPERIAL", "FEET"
    typed = addon("reference.typing_in").Typed()
    keys(typed, "10")
    assert typed.length(scene) == pytest.approx(3.048)


def test_a_sketch_knows_its_camera_as_soon_as_it_is_complete(addon, scene, picture):
    sketch = addon("reference.camera_sketch").LinesSketch(scene, keep_lens=False)
    edges = [seen(scene, edge) for edge in (*X_LINES, *Y_LINES)]
    sketch.handles.points = np.array(edges[:3]).reshape(-1, 2)
    sketch.solve(scene)
    assert sketch.solution is None and "(2 of 2)" in sketch.header(bpy.context)
    extra = seen(scene, ((0.2, -1, 0.2), (0.2, 1.4, 0.2)))
    sketch.handles.points = np.array([*edges, extra]).reshape(-1, 2)
    sketch.solve(scene)
    assert sketch.directions.tolist() == [0, 0, 1, 1, 1]
    assert sketch.solution.focal == pytest.approx(41 / 36, rel=1e-3)
    assert "Lens 41.0 mm, camera 1.6 m above the floor" in sketch.header(bpy.context)
    sketch.handles.points[3] = sketch.handles.points[2]
    sketch.solve(scene)
    assert sketch.solution is None and "too short" in sketch.header(bpy.context)
