"""From a picture to assets with the mouse: camera from lines and from a rectangle, boxes drawn, encoded, shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Vector

from tests.gui.inside.artist import Artist, Pauses, Point
from tests.gui.inside.titles import open_panel

PHOTO = Path(__file__).resolve().parents[3] / "blender_addon" / "examples" / "table.jpg"
EYE, TURN, LENS = (2.4, -3.4, 1.9), (1.2, 0.0, 0.62), 41.0
EDGES = (  # two of one direction, two at a right angle to it
    ((-1.0, 0.0, 0.0), (1.2, 0.0, 0.0)), ((-1.0, 1.3, 0.6), (0.8, 1.3, 0.6)),
    ((0.7, -0.9, 0.0), (0.7, 1.0, 0.0)), ((-0.8, -0.7, 0.4), (-0.8, 1.0, 0.4)),
)  # fmt: skip
RECTANGLE = ((-0.6, -0.5, 0.0), (0.7, -0.5, 0.0), (0.7, 0.9, 0.0), (-0.6, 0.9, 0.0))


def _photo(artist: Artist) -> Pauses:
    """The photograph in a camera that is known, seen through it."""
    for thing in list(bpy.data.objects):
        if thing.type in ("MESH", "LIGHT"):
            bpy.data.objects.remove(thing)
    with artist.in_view():
        bpy.ops.neural_assets.load_reference(filepath=str(PHOTO), focal_length=LENS)
    artist.scene.camera.location, artist.scene.camera.rotation_euler = EYE, Euler(TURN)
    artist.space().region_3d.view_perspective = "CAMERA"
    with artist.in_view():
        bpy.ops.ed.undo_push(message="Photo")
    yield 0.5


def _seen(artist: Artist, points: Sequence[Sequence[float]]) -> list[Point]:
    """Where the camera, as it is now, sees points of the world on the screen."""
    left, top, right, bottom = artist.picture_rectangle()
    found = (world_to_camera_view(artist.scene, artist.scene.camera, Vector(point)) for point in points)
    return [(left + place.x * (right - left), top + (1 - place.y) * (bottom - top)) for place in found]


def _forget(artist: Artist) -> Pauses:
    """Another camera, which knows nothing."""
    camera = artist.scene.camera
    camera.location, camera.rotation_euler, camera.data.lens = (0, -4, 1), (1.5, 0, 0), 24
    with artist.in_view():
        bpy.ops.ed.undo_push(message="Forget")
    yield 0.3


def _start(artist: Artist, operator: str) -> Pauses:
    with artist.in_view():
        assert getattr(bpy.ops.neural_assets, operator)("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    yield 0.3


def camera_from_lines(artist: Artist) -> Pauses:
    """Four dragged lines give lens, tilt and height; Ctrl-Z in the tool takes a line back, one after it everything."""
    yield from _photo(artist)
    lines = [_seen(artist, edge) for edge in EDGES]
    yield from _forget(artist)
    yield from _start(artist, "set_camera_from_lines")
    for start, end in lines[:3]:
        yield from artist.drag(start, end)
    yield from artist.drag((lines[3][0][0], lines[3][0][1] + 30), lines[1][1])
    yield from artist.key("ctrl+z")
    yield from artist.drag(*lines[3])
    yield from artist.type("1.9")
    yield from artist.look("drawn")
    assert artist.scene.camera.data.lens == 24, "nothing changes before it is applied"
    yield from artist.key("Return")
    yield from artist.until(lambda: artist.scene.camera.data.lens != 24, "the lens is set")
    yield 0.3
    camera = artist.scene.camera
    artist.figures |= {"lens": camera.data.lens, "true lens": LENS}
    assert abs(camera.data.lens / LENS - 1) < 0.05, camera.data.lens
    assert abs(camera.location.z - 1.9) < 1e-4
    up, true_up = (
        turn.to_matrix().inverted() @ Vector((0, 0, 1)) for turn in (camera.matrix_world.to_euler(), Euler(TURN))
    )
    assert up.angle(true_up) < 0.02
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: artist.scene.camera.data.lens == 24, "undo brings the old camera back")


def camera_from_rectangle(artist: Artist) -> Pauses:
    """Four clicks and a typed length; a first try that is left with Escape changes nothing."""
    yield from _photo(artist)
    corners = _seen(artist, RECTANGLE)
    yield from _forget(artist)
    before = artist.scene.camera.matrix_world.copy()
    floor = artist.space().overlay.show_floor
    yield from _start(artist, "set_camera_from_rectangle")
    for corner in corners[:2]:
        yield from artist.click(corner)
    yield from artist.key("Escape")
    yield 0.3
    assert artist.scene.camera.matrix_world == before and artist.space().overlay.show_floor == floor
    yield from _start(artist, "set_camera_from_rectangle")
    for corner in corners:
        yield from artist.click(corner)
    yield from artist.type("1.3")
    yield from artist.look("drawn")
    yield from artist.key("Return")
    yield from artist.until(lambda: artist.scene.camera.data.lens != 24, "the lens is set")
    assert abs(artist.scene.camera.data.lens / LENS - 1) < 0.05
    assert abs(artist.scene.camera.location.z / EYE[2] - 1) < 0.05


def box_drawn(artist: Artist) -> Pauses:
    """Base by a drag and height by a click; then one by numbers; one that is left with Escape is not there."""
    yield from _photo(artist)
    base = _seen(artist, ((-0.5, -0.4, 0.0), (0.3, 0.2, 0.0), (0.3, 0.2, 0.7), (0.9, 0.9, 0.0)))
    boxes = lambda: [thing for thing in artist.scene.objects if thing.neural_assets.is_box]  # noqa: E731
    yield from _start(artist, "draw_box")
    yield from artist.drag(base[0], base[1])
    yield from artist.move(base[2])
    yield from artist.look("height")
    yield from artist.click(base[2])
    yield from artist.until(boxes, "the box is there")
    (box,) = boxes()
    assert all(abs(a - b) < 0.06 for a, b in zip(sorted(box.dimensions), (0.6, 0.7, 0.8), strict=True)), box.dimensions
    assert abs(box.location.x + 0.1) < 0.04 and abs(box.location.y + 0.1) < 0.04 and box.location.z == 0
    to_eye = Vector(EYE).xy - box.location.xy
    assert (box.matrix_world.to_3x3() @ Vector((0, -1, 0))).xy.angle(to_eye) < 0.8, "its front looks at the camera"
    yield from _start(artist, "draw_box")
    yield from artist.click(base[3])
    yield from artist.key("0", "period", "4", "Tab", "0", "period", "2", "Tab", "0", "period", "9", "Return")
    yield from artist.until(lambda: len(boxes()) == 2, "the second box is there")
    assert all(abs(a - b) < 1e-5 for a, b in zip(bpy.context.object.dimensions, (0.4, 0.2, 0.9), strict=True))
    meshes = len(bpy.data.meshes)
    yield from _start(artist, "draw_box")
    yield from artist.click(base[0])
    yield from artist.key("Escape")
    yield 0.3
    assert len(boxes()) == 2 and len(bpy.data.meshes) == meshes
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: len(boxes()) == 1, "undo takes the second box away")


def _centre(artist: Artist, name: str) -> Point:
    """Where the camera sees the middle of a box."""
    box = artist.scene.objects[name]
    (place,) = _seen(artist, [box.matrix_world @ Vector((0.0, 0.0, 0.5 * box.dimensions.z / box.scale.z))])
    return place


def _boxes_to_encode(artist: Artist) -> Pauses:
    yield from _photo(artist)
    yield from artist.connect()
    with artist.in_view():
        for name, corner in (("Jug", (-0.7, -0.4)), ("Cup", (0.5, 0.1))):
            bpy.ops.neural_assets.draw_box(corner=corner, size=(0.5, 0.4, 0.6))
            bpy.context.object.name = name
        bpy.ops.ed.undo_push(message="Boxes")


def objects_encoded(artist: Artist) -> Pauses:
    """The button encodes all boxes: each shows what the model took for it, in a tint of its own, over the picture."""
    yield from _boxes_to_encode(artist)
    scene = artist.scene
    scene.neural_assets.show_masks = False
    yield from artist.open_sidebar()
    yield from open_panel(artist, "NEURAL_ASSETS_PT_reference")
    button = yield from artist.find("neural_assets.encode", columns=(0.3,))
    yield from artist.look("boxes")
    yield from artist.click(button)
    carried = lambda: [scene.objects[name].neural_assets.asset for name in ("Cup", "Jug")]  # noqa: E731
    yield from artist.until(lambda: carried() == ["asset-Cup", "asset-Jug"], "the boxes carry assets")
    yield 1.0
    yield from artist.look("encoded")  # with the mouse at rest: nothing may lie over anything
    artist.space().show_region_ui = False
    for thing in scene.objects:
        thing.hide_set(thing.type == "MESH")
    yield 0.5
    plain = yield from artist.look("plain")
    scene.neural_assets.show_masks = True
    masks = artist.part("reference.masks")
    yield from artist.until(lambda: all(masks.mask(asset) for asset in carried()), "the masks are there")
    yield 0.7
    tinted = yield from artist.look("tinted")
    for number, name in enumerate(("Cup", "Jug")):
        x, y = _centre(artist, name)
        before, after = (artist.stage.colour(picture, x, y + 12) for picture in (plain, tinted))
        wanted = [  # mixed as light is
            (0.6 * (old / 255) ** 2.2 + 0.4 * new**2.2) ** (1 / 2.2) * 255
            for old, new in zip(before, masks.TINTS[number], strict=True)
        ]
        assert max(abs(a - b) for a, b in zip(after, wanted, strict=True)) < 12, (name, before, after, wanted)
    outside = artist.within_picture(0.02, 0.02, 0.2, 0.2)
    assert not artist.stage.differs(plain, tinted, outside)
    scene.neural_assets.show_floor = True
    yield 0.5
    grid = yield from artist.look("floor")
    assert artist.stage.differs(tinted, grid, artist.within_picture(0.1, 0.6, 0.9, 0.95))


def view_added(artist: Artist) -> Pauses:
    """A second picture of the same object: its box, drawn anew there, makes one asset of two views; Ctrl-Z takes it
    back."""
    yield from _boxes_to_encode(artist)
    with artist.in_view():
        bpy.ops.neural_assets.encode("INVOKE_DEFAULT", box="Cup")
    yield from artist.until(lambda: artist.scene.objects["Cup"].neural_assets.asset, "the box carries an asset")
    with artist.in_view():
        bpy.ops.neural_assets.load_reference(filepath=str(PHOTO.with_name("second.jpg")), focal_length=LENS)
        artist.select("Cup")
        bpy.ops.ed.undo_push(message="Another picture")
    carried = lambda: artist.scene.objects["Cup"].neural_assets.asset  # noqa: E731
    artist.stage.encode_as("another")
    yield from artist.open_sidebar()
    yield from open_panel(artist, "NEURAL_ASSETS_PT_reference_views", within="NEURAL_ASSETS_PT_reference")
    button = yield from artist.find("neural_assets.add_view", columns=(0.7,))
    yield from artist.look("offered")
    yield from artist.click(button)
    yield from artist.until(lambda: carried() == "asset-Cup-merged", "the box carries both views", 10)
    (merged,) = artist.stage.requests("merge_assets")
    assert merged == {"first": "asset-Cup", "second": "another"}
    yield from artist.until(lambda: carried() in artist.bridge.assets, "the server's list has it")
    assert artist.bridge.assets[carried()].views == 2 and "another" not in artist.bridge.assets
    yield 1.0
    yield from artist.look("added")
    yield from artist.move(artist.within_picture(0.1, 0.1, 0.9, 0.9)[:2])
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: carried() == "asset-Cup", "one step back")


def one_encoded_again(artist: Artist) -> Pauses:
    """The button in a box's line encodes that one alone; the other box and the background stay; Ctrl-Z goes back."""
    yield from _boxes_to_encode(artist)
    scene = lambda: artist.scene  # noqa: E731
    carried = lambda: [scene().objects[name].neural_assets.asset for name in ("Cup", "Jug")]  # noqa: E731
    with artist.in_view():
        bpy.ops.neural_assets.encode("INVOKE_DEFAULT")
    yield from artist.until(lambda: carried() == ["asset-Cup", "asset-Jug"], "the boxes carry assets")
    background = scene().neural_assets.background
    assert background
    yield from artist.open_sidebar()
    yield from open_panel(artist, "NEURAL_ASSETS_PT_reference")
    button = yield from artist.find('box="Cup"', columns=(0.83,))
    yield from artist.look("before")
    artist.stage.encode_as("cup-again")
    yield from artist.click(button)
    yield from artist.until(lambda: carried() == ["cup-again", "asset-Jug"], "the cup alone carries another", 10)
    assert [request["names"] for request in artist.stage.requests("encode")] == [["Cup", "Jug"], ["Cup"]]
    assert scene().neural_assets.background == background
    yield 1.0
    yield from artist.look("again")
    yield from artist.move(artist.within_picture(0.1, 0.1, 0.9, 0.9)[:2])
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: carried() == ["asset-Cup", "asset-Jug"], "one step back")
