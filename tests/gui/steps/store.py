"""The panel of the server's store: assets renamed, deleted, exported and imported, with Blender's own dialogs."""

from __future__ import annotations

import bpy

from tests.blender.stores import asset_bytes
from tests.gui.inside.artist import Artist, Pauses
from tests.gui.inside.titles import open_panel

_LIBRARY = "NEURAL_ASSETS_PT_library"


def _names(artist: Artist) -> dict[str, str]:
    """What the server's assets are called, by id."""
    return {asset: info.name for asset, info in artist.bridge.assets.items()}


_COLUMNS = {
    "rename_asset": 0.69,
    "export_asset": 0.77,
    "delete_asset": 0.84,
    "import_assets": 0.3,
    "save_assets": 0.5,
}  # of the region


def _in_library(artist: Artist, button: str) -> Pauses:
    """Click a button of the Library panel, which shows the chair."""
    place = yield from artist.find(f"neural_assets.{button}", columns=(_COLUMNS[button],))
    yield from artist.click(place)
    yield 0.6


def _library(artist: Artist) -> Pauses:
    yield from artist.live_table()
    yield from artist.open_sidebar()
    yield from open_panel(artist, _LIBRARY)
    yield from artist.until(lambda: "chair" in _names(artist), "the store is known")
    bpy.context.window_manager.neural_assets_chosen = "chair"
    yield 0.5


def asset_renamed(artist: Artist) -> Pauses:
    """The pencil asks for a name, which is typed at once; the boxes of the file know it, too."""
    yield from _library(artist)
    yield from artist.look("panel")
    yield from _in_library(artist, "rename_asset")
    yield from artist.look("asked")
    yield from artist.type("Throne")
    yield from artist.look("typed")
    yield from artist.key("Return", "Return")
    yield from artist.until(lambda: _names(artist).get("chair") == "Throne", "the server's asset has the name", 10)
    box = artist.scene.objects["Left"].neural_assets
    assert (box.asset, box.asset_name) == ("chair", "Throne")
    assert artist.scene.objects["Right"].neural_assets.asset_name != "Throne"
    yield 0.5
    yield from artist.look("renamed")


def asset_deleted(artist: Artist) -> Pauses:
    """The bin asks first, and says whether this file uses the asset; Escape deletes nothing, Return does."""
    yield from _library(artist)
    yield from _in_library(artist, "delete_asset")
    yield from artist.look("asked")
    yield from artist.key("Escape")
    yield 0.5
    assert not artist.stage.requests("delete_asset")
    yield from _in_library(artist, "delete_asset")
    yield from artist.key("Return")
    yield from artist.until(lambda: "chair" not in _names(artist), "the store has lost it", 10)
    assert artist.scene.objects["Left"].neural_assets.asset == "chair", "the file is as it was"
    yield 1.0
    yield from artist.look("deleted")
    yield from artist.find("neural_assets.relink_asset", columns=(0.7,))


def asset_exported_and_imported(artist: Artist) -> Pauses:
    """The file browser writes an asset's file under a name that is typed; another store takes it from there."""
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
    folder = artist.out / artist.step
    folder.mkdir()
    yield from _library(artist)
    yield from _in_library(artist, "export_asset")
    yield from artist.until(lambda: artist.windows_areas("FILE_BROWSER"), "the file browser is open")
    yield 1.0
    yield from artist.look("exporting")
    parameters = lambda: artist.area(0, "FILE_BROWSER").spaces.active.params  # noqa: E731
    assert parameters().filename == "Chair.safetensors"
    parameters().directory = str(folder).encode()
    yield 0.7
    field = artist.region(0, "EXECUTE", "FILE_BROWSER")
    yield from artist.hand("mousemove", *map(round, artist.on_screen(field, 0.2 * field.width, field.height / 2)))
    yield from artist.hand("click", "--repeat", 2, "--delay", 80, 1)
    yield from artist.key("ctrl+a")
    yield from artist.type("throne")
    yield from artist.key("Return")
    yield from artist.look("named")
    yield from artist.key("Return")
    file = folder / "throne.safetensors"
    yield from artist.until(file.exists, "the file is written", 10)
    yield from artist.until(lambda: not artist.windows_areas("FILE_BROWSER"), "the file browser is closed")

    artist.stage.forget("chair")
    artist.bridge.refresh()
    yield from artist.until(lambda: "chair" not in _names(artist), "the store has lost it")
    yield 0.5
    yield from _in_library(artist, "import_assets")
    yield from artist.until(lambda: artist.windows_areas("FILE_BROWSER"), "the file browser is open")
    parameters().directory = str(folder).encode()
    yield 1.5
    yield from artist.look("importing")
    listed = artist.region(0, "WINDOW", "FILE_BROWSER")
    yield from artist.click(artist.on_screen(listed, 60, listed.height - 42))
    yield from artist.look("chosen")
    yield from artist.key("Return")
    yield from artist.until(lambda: "chair" in _names(artist), "the store has it again", 10)
    shown = lambda: bpy.context.window_manager.neural_assets_chosen  # noqa: E731
    yield from artist.until(lambda: shown() == "chair", "the panel shows it")
    yield 0.5
    yield from artist.look("imported")


def missing_found(artist: Artist) -> Pauses:
    """What the server lacks is taken out of a folder that is chosen in the file browser; the panel of it goes."""
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
    folder = artist.out / artist.step
    folder.mkdir()
    (folder / "bed.safetensors").write_bytes(asset_bytes("bed-of-another-computer", "Bed"))
    yield from artist.live_table()
    box = artist.scene.objects["Left"].neural_assets
    box.asset, box.asset_name = "bed-of-another-computer", "Bed"
    yield from artist.open_sidebar()
    button = yield from artist.find("neural_assets.find_missing", columns=(0.5,))
    yield from artist.click(button)
    yield from artist.until(lambda: artist.windows_areas("FILE_BROWSER"), "the file browser is open")
    artist.area(0, "FILE_BROWSER").spaces.active.params.directory = str(folder).encode()
    yield 1.0
    yield from artist.look("choosing")
    listed = artist.region(0, "WINDOW", "FILE_BROWSER")
    yield from artist.move(artist.on_screen(listed, listed.width / 2, listed.height / 2))
    yield from artist.key("Return")
    yield from artist.until(lambda: "bed-of-another-computer" in _names(artist), "the store has it", 10)
    yield from artist.rest()
    yield from artist.look("found")
    assert not artist.part("assets.missing").missing()


def assets_saved_beside(artist: Artist) -> Pauses:
    """A file that was never saved is told to be; once it is, the files of what it uses lie beside it. A server that
    lacks one gets it from there by itself."""
    folder = artist.out / artist.step
    folder.mkdir()
    yield from artist.live_table()
    yield from artist.open_sidebar()
    yield from open_panel(artist, "NEURAL_ASSETS_PT_file", _LIBRARY)
    yield from _in_library(artist, "save_assets")
    yield from artist.look("refused")
    assert not artist.stage.requests("export_asset")
    yield from artist.key("Escape")  # the report, which lies over the button
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "table.blend"))
    yield from _in_library(artist, "save_assets")
    files = {folder / "neural_assets" / f"{asset}.safetensors" for asset in ("chair", "lamp", "room")}
    yield from artist.until(lambda: all(file.exists() for file in files), "the assets lie beside the file", 10)
    yield 0.5
    yield from artist.look("saved")
    assert set((folder / "neural_assets").iterdir()) == files
    artist.stage.forget("chair")
    artist.bridge.refresh()
    yield from artist.until(lambda: artist.stage.requests("import_asset"), "the chair's file is taken", 10)
    yield from artist.until(lambda: "chair" in _names(artist), "the store has it again", 10)
