"""Files dragged into the 3D view: out of Blender's own file browser beside it, and out of another program."""

from __future__ import annotations

import os
import shutil

import bpy

from tests.blender.stores import asset_bytes
from tests.gui.inside.artist import F12, Artist, Pauses, Point
from tests.gui.steps.picture import PHOTO
from tests.gui.steps.rendering import Ends

_FILE = (60, 42)  # pixels from the upper left corner of the list to its first file
_ROW = 20  # and from one to the next


def _browser(artist: Artist) -> Pauses:
    """The lower part of the 3D view becomes a file browser at a folder with one file."""
    with artist.in_view():
        bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.35)
    yield 0.3
    lower = min((area for _, area in artist.windows_areas()), key=lambda area: area.y)
    lower.ui_type = "FILES"
    yield 0.7
    browser = artist.area(0, "FILE_BROWSER").spaces.active
    browser.params.directory = str(artist.out / artist.step).encode()
    browser.params.display_type = "LIST_VERTICAL"
    browser.params.use_filter = False
    yield 1.0


def _first_file(artist: Artist) -> Point:
    region = artist.region(0, "WINDOW", "FILE_BROWSER")
    return artist.on_screen(region, _FILE[0], region.height - _FILE[1])


def asset_file_dropped(artist: Artist) -> Pauses:
    """An asset's file that is dropped onto the 3D view is in the store."""
    yield from artist.live_table()
    folder = artist.out / artist.step
    folder.mkdir()
    (folder / "stool.safetensors").write_bytes(asset_bytes("stool", "Stool"))
    yield from _browser(artist)
    yield from artist.look("browser")
    yield from artist.drag(_first_file(artist), artist.place_of((0, 0, 1)), steps=20)
    yield from artist.until(lambda: "stool" in artist.bridge.assets, "the server has the asset", 10)
    yield 0.5
    yield from artist.look("dropped")


def picture_dropped(artist: Artist) -> Pauses:
    """A picture that is dropped onto the 3D view is the reference picture, and its lens is asked for."""
    folder = artist.out / artist.step
    folder.mkdir()
    shutil.copy(PHOTO, folder)
    yield from _browser(artist)
    yield from artist.drag(_first_file(artist), artist.place_of((0, 0, 1)), steps=20)
    yield from _chosen_as_reference(artist)


def picture_dragged_in(artist: Artist) -> Pauses:
    """So is one that comes from another program, a file manager for instance."""
    folder = artist.out / artist.step
    folder.mkdir()
    file = folder / "a table, größer.jpg"
    shutil.copy(PHOTO, file)
    x, y = map(round, artist.on_screen(artist.region(), 40, 40))
    artist.stage.offer_file(os.environ["DISPLAY"], str(file), x, y)
    yield 0.5
    yield from artist.look("offered")
    yield from artist.carry((x + 16, y + 16), artist.place_of((0, 0, 1)), steps=20)
    taken = lambda: artist.stage.offered() == "taken"  # noqa: E731
    yield from artist.until(taken, f"Blender takes the file, which was {artist.stage.offered()}", 10)
    yield from _chosen_as_reference(artist)
    assert artist.scene.neural_assets.reference.filepath == str(file)


def _chosen_as_reference(artist: Artist) -> Pauses:
    """Of what can be done with a dropped picture."""
    yield 1.0
    yield from artist.look("choices")
    yield from artist.key("l")  # Load Reference Picture
    yield 1.0
    yield from artist.look("dropped")
    yield from artist.until(lambda: artist.scene.neural_assets.reference, "the reference picture is there", 10)
    assert artist.space().region_3d.view_perspective == "CAMERA", "or nobody sees it"
    yield from artist.key("Return")
    yield from artist.until(lambda: artist.scene.camera.data.lens == 28.0, "the lens that was offered is taken", 10)
    yield 0.3
    yield from artist.look("seen")


def settings_dropped(artist: Artist) -> Pauses:
    """A picture of ours that is dropped brings its scene back: boxes, camera and settings; Ctrl-Z takes that back."""
    yield from artist.table()
    yield from artist.connect()
    folder = artist.out / artist.step
    folder.mkdir()
    scene = lambda: artist.scene  # noqa: E731
    scene().render.filepath, scene().neural_assets.seed = str(folder / "picture.png"), 7
    bpy.ops.render.render(write_still=True)
    scene().objects["Left"].location.x, scene().neural_assets.seed = 0.2, 3
    with artist.in_view():
        bpy.ops.ed.undo_push(message="Moved")
    yield from _browser(artist)
    yield from artist.drag(_first_file(artist), artist.place_of((0, 0, 1)), steps=20)
    yield 1.0
    yield from artist.key("s")  # Load Settings from Picture
    yield 1.0
    yield from artist.look("asked")
    yield from artist.until(lambda: scene().objects["Left"].location.x < -0.99, "the box is where it was", 10)
    assert scene().neural_assets.seed == 7
    yield from artist.move(artist.place_of((0, 0, 1)))
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: scene().neural_assets.seed == 3, "one step back")
    assert abs(scene().objects["Left"].location.x - 0.2) < 1e-6


def settings_beside_dropped(artist: Artist) -> Pauses:
    """Frames in a format without texts have their settings beside them; a frame that is dropped brings them back, and
    so does the file beside it."""
    yield from artist.table()
    yield from artist.connect()
    folder = artist.out / artist.step
    scene = lambda: artist.scene  # noqa: E731
    box = lambda: scene().objects["Left"]  # noqa: E731
    scene().render.image_settings.file_format, scene().render.filepath = "TIFF", str(folder / "frame_")
    scene().frame_end = 1
    ends = Ends()
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key(f"ctrl+{F12}")
    yield from artist.until(lambda: ends.told, "the animation ends")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["frame_0001.tif", "frame_0001.tif.neural_assets.json"], names
    yield from _browser(artist)
    for row, name in enumerate(("picture", "beside")):
        box().location.x = 0.2
        with artist.in_view():
            bpy.ops.ed.undo_push(message="Moved")
        x, y = _first_file(artist)
        yield from artist.drag((x, y + row * _ROW), artist.place_of((0, 0, 1)), steps=20)
        yield 1.0
        yield from artist.look(name)
        if name == "picture":
            yield from artist.key("s")  # Load Settings from Picture; for the other file there is nothing to choose
        yield from artist.until(lambda: box().location.x < -0.99, f"the box is where it was, from the {name}", 10)
    yield 0.5
    yield from artist.look("back")
