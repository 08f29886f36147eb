"""What an artist does all day without thinking of it: undo, files, add-ons, and a server that goes away."""

from __future__ import annotations

import time

import bpy

from tests.gui.inside.artist import PACKAGE, Artist, Pauses


def undo_redo(artist: Artist) -> Pauses:
    """Ctrl-Z and Ctrl-Shift-Z bring the picture of the scene before and after."""
    yield from artist.live_table()
    first = artist.wanted()
    artist.select("Left")
    yield from artist.move(artist.place_of((0.0, 0.0, 1.5)))
    yield from artist.key("g", "x", "1", "Return")
    yield from artist.until(lambda: abs(artist.scene.objects["Left"].location.x) < 1e-4, "the box is moved")
    yield from artist.rest()
    moved = artist.wanted()
    assert moved != first
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: artist.scene.objects["Left"].location.x < -0.9, "the move is undone")
    yield from artist.rest()
    undone = yield from artist.look("undone")
    assert artist.shown(undone)[0] == artist.wanted() == first
    yield from artist.key("ctrl+shift+z")
    yield from artist.until(lambda: artist.scene.objects["Left"].location.x > -0.1, "the move is done again")
    yield from artist.rest()
    redone = yield from artist.look("redone")
    assert artist.shown(redone)[0] == artist.wanted() == moved


def deleted_and_back(artist: Artist) -> Pauses:
    """X takes a box out of the picture, undo puts it back."""
    yield from artist.live_table()
    artist.select("Left")
    bpy.ops.ed.undo_push(message="Selected")
    yield from artist.move(artist.place_of((0.0, 0.0, 1.5)))
    yield from artist.key("Delete")
    yield from artist.until(lambda: "Left" not in artist.scene.objects, "the box is gone")
    yield from artist.rest()
    assert artist.stage.requests("preview")[-1]["boxes"] == ["Right"]
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: "Left" in artist.scene.objects, "the box is back")
    yield from artist.rest()
    seen = yield from artist.look("back")
    assert artist.stage.requests("preview")[-1]["boxes"] == ["Left", "Right"]
    assert artist.shown(seen)[0] == artist.wanted()


def saved_and_loaded(artist: Artist) -> Pauses:
    """Ctrl-S, another file, and back: assets, engine and colours are there; the rendered view shows their picture."""
    yield from artist.live_table()
    file = str(artist.out / "table.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    artist.select("Left")
    yield from artist.move(artist.place_of((0.0, 0.0, 1.5)))
    yield from artist.key("g", "x", "1", "Return")
    yield from artist.rest()
    wanted = artist.wanted()
    assert bpy.data.is_dirty
    yield from artist.key("ctrl+s")
    yield from artist.until(lambda: not bpy.data.is_dirty, "the file is saved")
    yield from artist.fresh_file()
    assert artist.scene.render.engine != "NEURAL_ASSETS" and not artist.live_views()
    bpy.ops.wm.open_mainfile(filepath=file)
    yield 0.3
    artist.space().shading.type = "RENDERED"  # which Blender does not restore
    yield from artist.rest()
    seen = yield from artist.look("loaded")
    assert artist.scene.view_settings.view_transform == "Standard"
    assert artist.shown(seen)[0] == artist.wanted() == wanted


def addon_off_and_on(artist: Artist) -> Pauses:
    """Switched off and on again while its view is shown: the scene's colours come back, then the picture."""
    yield from artist.live_table()
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    yield 1.0
    off = yield from artist.look("off")
    assert artist.scene.view_settings.view_transform == "AgX"
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    yield 0.3
    yield from artist.connect()
    yield from artist.rest()
    seen = yield from artist.look("on")
    assert artist.scene.view_settings.view_transform == "Standard"
    assert artist.shown(seen)[0] == artist.wanted()
    assert artist.stage.differs(off, seen, artist.picture_rectangle()) > 0.2


def server_killed_and_back(artist: Artist) -> Pauses:
    """The server dies while a box is moved: the window lives on and says so; with a new server the picture follows."""
    yield from artist.live_table()
    artist.stage.kill()
    yield from artist.until(lambda: not artist.bridge.is_ready, "the loss is seen")
    artist.select("Left")
    start = artist.place_of((-1.0, 0.0, 0.6))
    yield from artist.move(start)
    yield from artist.key("g")
    yield from artist.glide(start, (start[0] + 80, start[1]))
    yield from artist.hand("click", 1)
    yield from artist.until(lambda: artist.scene.objects["Left"].location.x > -0.9, "the box is moved")
    yield from artist.look("dead")
    artist.stage.revive()
    yield from artist.until(lambda: artist.bridge.is_ready, "the new server is found")
    yield from artist.rest()
    seen = yield from artist.look("back")
    assert artist.shown(seen)[0] == artist.wanted()


def server_silent(artist: Artist) -> Pauses:
    """A server that hangs stops nothing: the window draws on, and the next server is used."""
    yield from artist.live_table()
    artist.stage.silence()
    box, slowest = artist.scene.objects["Left"].name, 0.0
    for _ in range(40):
        start = time.monotonic()
        artist.scene.objects[box].location.x += 0.01
        yield 0.02
        slowest = max(slowest, time.monotonic() - start)
    artist.figures["slowest_round_seconds"] = round(slowest, 3)
    assert slowest < 2.0, f"the window stood still for {slowest:.1f} s"
    artist.stage.revive()
    yield from artist.until(lambda: artist.bridge.is_ready, "the new server is found")
    yield from artist.rest()
    seen = yield from artist.look("back")
    assert artist.shown(seen)[0] == artist.wanted()
