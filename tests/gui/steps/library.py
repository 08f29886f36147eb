"""The Asset Browser: the gallery in it, and what is dragged out of it into the 3D view."""

from __future__ import annotations

import bpy

from tests.gui.inside.artist import Artist, Pauses, Point
from tests.gui.inside.titles import open_panel

_TILE = (50, 60)  # pixels from the upper left corner of the browser to the middle of its first asset


def _browser(artist: Artist, catalog: str) -> Pauses:
    """The lower half of the 3D view becomes an Asset Browser that shows a catalog of our library."""
    artist.bridge.close()  # without a server the library has the gallery
    library, gallery = artist.part("assets.library"), artist.part("assets.gallery").read()
    files = [library.folder() / library.file_name(info) for info, _ in gallery.values()]
    yield from artist.until(lambda: files and all(file.exists() for file in files), "the library is made", 60)
    with artist.in_view():
        bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.4)
    yield 0.3
    lower = min((area for _, area in artist.windows_areas()), key=lambda area: area.y)
    lower.ui_type = "ASSETS"
    yield 0.5
    parameters = artist.area(0, "FILE_BROWSER").spaces.active.params
    parameters.asset_library_reference = library.NAME
    parameters.catalog_id = library._CATALOGS[catalog]
    yield 1.5


def _first_tile(artist: Artist) -> Point:
    region = artist.region(0, "WINDOW", "FILE_BROWSER")
    return artist.on_screen(region, _TILE[0], region.height - _TILE[1])


def _boxes(artist: Artist) -> list[bpy.types.Object]:
    return [thing for thing in artist.scene.objects if thing.neural_assets.is_box]


def browser_opened(artist: Artist) -> Pauses:
    """The panel's button opens an Asset Browser below the view, at our library; a second click opens no other."""
    yield from artist.connect()
    yield from artist.open_sidebar()
    yield from open_panel(artist, "NEURAL_ASSETS_PT_library")
    browsers = lambda: [area for _, area in artist.windows_areas("FILE_BROWSER") if area.ui_type == "ASSETS"]  # noqa: E731
    for _ in range(2):
        button = yield from artist.find("neural_assets.open_browser")
        yield from artist.click(button)
        yield from artist.until(browsers, "an Asset Browser is open", 10)
        yield 1.5
    yield from artist.look("opened")
    (browser,) = browsers()
    assert browser.spaces.active.params.asset_library_reference == artist.part("assets.library").NAME
    assert browser.y < artist.area().y and browser.height > 100


def asset_dragged(artist: Artist) -> Pauses:
    """An object of the gallery that is dropped on the floor stands there; dropped on a box, it replaces its asset."""
    bpy.data.meshes.remove(bpy.data.meshes["Cube"])
    yield from _browser(artist, "Neural Assets/Gallery/Objects")
    yield from artist.look("browser")
    yield from artist.drag(_first_tile(artist), artist.place_of((0, -1, 0)))
    yield from artist.until(lambda: _boxes(artist), "a box is there")
    yield 0.5
    yield from artist.look("on-the-floor")
    (box,) = _boxes(artist)
    name = box.name
    info, _ = artist.part("assets.gallery").read()[box.neural_assets.asset]
    assert max(abs(a - b) for a, b in zip(box.dimensions, info.size, strict=True)) < 1e-3
    assert abs(box.location.z) < 1e-3 and (box.location.xy - artist.scene.cursor.location.xy).length < 1.5

    with artist.in_view():
        bpy.ops.neural_assets.add_asset(asset="old", asset_name="Old", size=(2, 2, 2), location=(1, 3, 0))
        bpy.ops.ed.undo_push(message="Another box")
    yield from artist.drag(_first_tile(artist), artist.place_of((1, 3, 1)))
    old = lambda: artist.scene.objects["Old"].neural_assets.asset  # noqa: E731
    yield from artist.until(lambda: old() == info.id, "the box carries the asset")
    yield 0.3
    yield from artist.look("on-a-box")
    assert len(_boxes(artist)) == 2 and len(bpy.data.meshes) == 2, "nothing was added"
    yield from artist.move(artist.place_of((0, 0, 3)))
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: old() == "old", "one step back")
    assert len(_boxes(artist)) == 2
    yield from artist.key("ctrl+shift+z")
    yield from artist.until(lambda: old() == info.id, "and forth")
    yield 1.0
    assert len(_boxes(artist)) == 2 and old() == info.id, "nothing is dropped again"
    yield from artist.key("ctrl+z")
    for names in ({name, "Old"}, {name}, set()):  # every step back takes the newest thing away, and nothing else
        there = lambda names=names: {thing.name for thing in _boxes(artist)} == names  # noqa: E731
        yield from artist.until(there, f"the boxes are {names or 'gone'}", 10)
        yield from artist.key("ctrl+z")


def asset_dragged_in_decimetres(artist: Artist) -> Pauses:
    """A box has its asset's true size where the scene's unit is not the metre."""
    bpy.data.meshes.remove(bpy.data.meshes["Cube"])
    artist.scene.unit_settings.scale_length = 0.1
    with artist.in_view():
        bpy.ops.ed.undo_push(message="Decimetres")
    yield from _browser(artist, "Neural Assets/Gallery/Objects")
    yield from artist.drag(_first_tile(artist), artist.place_of((0, 0, 0)))
    gallery = artist.part("assets.gallery").read()

    def is_true() -> bool:
        sizes = [(thing.dimensions, gallery[thing.neural_assets.asset][0].size) for thing in _boxes(artist)]
        return bool(sizes) and all(abs(a * 0.1 - b) < 1e-4 for a, b in zip(*sizes[0], strict=True))

    yield from artist.until(is_true, "a box of its true size")
    yield 0.3
    yield from artist.look("large")
    assert len(_boxes(artist)) == 1
    yield from artist.move(artist.place_of((0, 0, 3)))
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: not _boxes(artist), "one step back")
    assert artist.scene.unit_settings.scale_length < 0.11, "and only one"


def background_dragged(artist: Artist) -> Pauses:
    """A background of the gallery becomes the scene's; its World does not stay."""
    world = artist.scene.world.name
    yield from _browser(artist, "Neural Assets/Gallery/Backgrounds")
    yield from artist.drag(_first_tile(artist), artist.place_of((0, 0, 2)))
    settings = lambda: artist.scene.neural_assets  # noqa: E731
    yield from artist.until(lambda: settings().background, "the scene has a background")
    yield 0.3
    yield from artist.look("background")
    assert settings().background in artist.part("assets.gallery").read() and settings().background_name
    assert artist.scene.world.name == world and len(bpy.data.worlds) == 1
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: not settings().background, "one step back")
    assert artist.scene.world.name == world


def missing_relinked(artist: Artist) -> Pauses:
    """The panel names what the server lacks; another asset is chosen for it by its name."""
    yield from artist.live_table()
    with artist.in_view():
        artist.scene.objects["Left"].neural_assets.asset = "id-of-another-computer"
        artist.scene.objects["Left"].neural_assets.asset_name = "Bed"
        bpy.ops.ed.undo_push(message="From another computer")
    yield from artist.open_sidebar()
    button = yield from artist.find("neural_assets.relink_asset")
    yield from artist.look("missing")
    yield from artist.click(button)
    yield 0.3
    yield from artist.type("lam")
    yield 0.5
    yield from artist.look("choosing")
    yield from artist.key("Return")
    yield from artist.until(lambda: artist.scene.objects["Left"].neural_assets.asset == "lamp", "it carries the lamp")
    yield from artist.rest()
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: artist.scene.objects["Left"].neural_assets.asset_name == "Bed", "one step back")
