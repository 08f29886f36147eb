"""F12 and its friends, with keys."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import bpy
import numpy as np

from tests.blender import exr
from tests.gui.colours import BOXES
from tests.gui.inside.artist import F12, Artist, Pauses
from tests.gui.inside.titles import open_panel


class Ends:
    """What Blender tells of its renders: "complete" or "cancel", in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        bpy.app.handlers.render_complete.append(lambda *_: self.told.append("complete"))
        bpy.app.handlers.render_cancel.append(lambda *_: self.told.append("cancel"))


def _saved(artist: Artist) -> str:
    """The render result as a screenshot of its own, for the stage's questions."""
    name = f"{artist.step}-result"
    bpy.data.images["Render Result"].save_render(str(artist.out / f"{name}.png"))
    return name


def still(artist: Artist) -> Pauses:
    """F12 renders the scene through the server, in exact colours."""
    ends = yield from _rendered(artist)
    assert ends.told == ["complete"]
    width, height = artist.scene.render.resolution_x, artist.scene.render.resolution_y
    asked = artist.stage.requests("render")
    assert len(asked) == 1 and (asked[0]["width"], asked[0]["height"]) == (width, height)
    assert asked[0]["boxes"] == ["Left", "Right"]
    assert artist.stage.mark(_saved(artist), (0, 0, width, height)) == [asked[0]["digest"], asked[0]["steps"]]


def still_stopped(artist: Artist) -> Pauses:
    """Escape ends a render soon, while the window lives on."""
    yield from artist.table()
    yield from artist.connect()
    artist.stage.slow_down(2.0)
    ends = Ends()
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key(F12)
    yield from artist.until(lambda: artist.stage.requests("render"), "the render is asked for")
    yield 0.3
    yield from artist.key("Escape")
    yield from artist.until(lambda: ends.told, "the render ends", seconds=3)
    assert ends.told == ["cancel"]


def still_with_passes(artist: Artist) -> Pauses:
    """A border drawn with Ctrl-B, Transparent and the passes ticked, F12: all of it is in the picture."""
    yield from artist.table()
    yield from artist.connect()
    artist.space().region_3d.view_perspective = "CAMERA"
    yield from artist.open_sidebar()
    yield from open_panel(artist, "NEURAL_ASSETS_PT_picture_film", within="NEURAL_ASSETS_PT_picture")
    field = yield from artist.find("render.film_transparent", columns=(0.5, 0.7))
    yield from artist.click(field)
    yield from artist.until(lambda: artist.scene.render.film_transparent, "the film is transparent", 10)
    artist.area(kind="PROPERTIES").spaces.active.context = "VIEW_LAYER"
    yield 0.5
    for name in ("use_pass_z", "use_pass_object_index"):
        field = yield from artist.find(name, "WINDOW", kind="PROPERTIES", columns=(0.5, 0.6))
        yield from artist.click(field)
        wanted = lambda name=name: getattr(artist.scene.view_layers[0], name)  # noqa: E731
        yield from artist.until(wanted, f"{name} is ticked", 10)
    yield from artist.look("ticked")
    left, top, right, bottom = artist.within_picture(0.1, 0.2, 0.5, 0.9)
    yield from artist.move((left, top))
    yield from artist.key("ctrl+b")
    yield from artist.hand("mousedown", 1)
    yield from artist.glide((left, top), (right, bottom))
    yield from artist.hand("mouseup", 1)
    render = lambda: artist.scene.render  # noqa: E731
    yield from artist.until(lambda: render().use_border, "the border is drawn", 10)
    yield from artist.look("border")
    ends = Ends()
    yield from artist.key(F12)
    yield from artist.until(lambda: ends.told, "the render ends")
    assert ends.told == ["complete"]
    yield from _in_image_editor(artist)
    yield from artist.look("rendered")

    settings = render().image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"
    file = artist.out / f"{artist.step}.exr"
    bpy.data.images["Render Result"].save_render(str(file))
    channels = {name.partition(".")[2]: values for name, values in exr.channels(file).items()}
    alpha, depth = channels["Combined.A"], channels["Depth.Z"]
    index = next(values for name, values in channels.items() if name.startswith(("Object Index", "IndexOB")))
    height, width = alpha.shape
    assert (width, height) == (render().resolution_x, render().resolution_y), "Crop to Border is off"
    inside = np.zeros((height, width), bool)
    rows = [round((1 - part) * height) for part in (render().border_max_y, render().border_min_y)]
    columns = [round(part * width) for part in (render().border_min_x, render().border_max_x)]
    inside[rows[0] + 1 : rows[1] - 1, columns[0] + 1 : columns[1] - 1] = True
    seen = alpha == 1
    assert 0.05 < seen.mean() < 0.4, "the left box alone"
    assert not alpha[:, columns[1] + 1 :].any() and set(np.unique(alpha)) == {0, 1}
    assert (seen & inside == (index == 1) & inside).all() and not (index == 2).any()
    eye = artist.scene.camera.matrix_world.inverted() @ artist.scene.objects["Left"].matrix_world.translation
    assert abs(float(np.median(depth[seen])) + eye.z) < 0.3, "in front of the camera by as much as the box is"
    assert (depth[inside & ~seen] >= 1e9).all()
    front = max(channels[f"Combined.{letter}"][seen].max() for letter in "RGB")
    assert abs(front - 1.0) < 1e-3 and BOXES["chair"][0] == 255


def still_saved_as(artist: Artist) -> Pauses:
    """Image > Save As in a format without texts: the settings come back from the file all the same."""
    yield from _result_in_image_editor(artist)
    file = artist.out / "saved.bmp"
    yield from _saved_in_browser(artist, file, artist.key("shift+alt+s"))
    assert [each.name for each in artist.out.glob("saved*")] == [file.name]
    _settings_come_back(artist, file)


def still_saved_with_settings(artist: Artist) -> Pauses:
    """The menu's own entry lays them beside the picture."""
    yield from _result_in_image_editor(artist)
    artist.scene.render.image_settings.file_format = "TARGA"
    file = artist.out / "kept.tga"
    with artist.in_view(kind="IMAGE_EDITOR"):
        assert bpy.ops.neural_assets.save_picture("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    yield from _saved_in_browser(artist, file, iter(()))
    yield from artist.until(lambda: len(list(artist.out.glob("kept*"))) == 2, "the settings are beside it", 10)
    _settings_come_back(artist, file)


def _rendered(artist: Artist) -> Generator[float, None, Ends]:
    """F12 over the table; how it ended."""
    yield from artist.table()
    yield from artist.connect()
    ends = Ends()
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key(F12)
    yield from artist.until(lambda: ends.told, "the render ends")
    return ends


def _result_in_image_editor(artist: Artist) -> Pauses:
    """F12's picture, in the history, where the 3D view was; Save As offers BMP."""
    yield from _rendered(artist)
    artist.scene.render.image_settings.file_format = "BMP"
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"  # no second window
    yield from _in_image_editor(artist)
    region = artist.region(kind="IMAGE_EDITOR")
    yield from artist.move(artist.on_screen(region, region.width / 2, region.height / 2))


def _saved_in_browser(artist: Artist, file: Path, opening: Pauses) -> Pauses:
    """Return in the file browser that opens, with this file's name in it."""
    yield from opening
    yield from artist.until(lambda: artist.windows_areas("FILE_BROWSER"), "the file browser is open", 10)
    bpy.context.preferences.view.filebrowser_display_type = "WINDOW"
    yield 0.5
    parameters = artist.area(kind="FILE_BROWSER").spaces.active.params
    parameters.directory, parameters.filename = str(file.parent).encode(), file.name
    region = artist.region(kind="FILE_BROWSER")
    yield from artist.move(artist.on_screen(region, region.width / 2, region.height / 2))
    yield from artist.key("Return")
    yield from artist.until(file.exists, "the picture is saved", 10)
    yield 0.5


def _settings_come_back(artist: Artist, file: Path) -> None:
    artist.scene.objects["Left"].location.x = 3.0
    bpy.ops.neural_assets.load_settings("EXEC_DEFAULT", filepath=str(file))
    assert abs(artist.scene.objects["Left"].location.x + 1.0) < 1e-4


def _in_image_editor(artist: Artist) -> Pauses:
    """The render result where the 3D view was, whole."""
    area = artist.area()
    area.ui_type = "IMAGE_EDITOR"
    yield 0.5
    artist.area(kind="IMAGE_EDITOR").spaces.active.image = bpy.data.images["Render Result"]
    yield 0.3
    with artist.in_view(kind="IMAGE_EDITOR"):
        bpy.ops.image.view_all(fit_view=True)
    yield 0.7
