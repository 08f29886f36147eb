"""The file to start from, the server's panel in its states, and the preferences."""

from __future__ import annotations

import sys

import bpy

from tests.another_program import another_program
from tests.gui.inside.artist import PACKAGE, Artist, Pauses


def new_file_made(artist: Artist) -> Pauses:
    """File > New > Neural Assets asks about unsaved changes, and then lays everything out."""
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.ed.undo_push(message="Change")
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key("ctrl+n")
    yield 0.5
    yield from artist.look("menu")
    yield from artist.key("Escape")
    yield 0.3
    with artist.in_view():
        bpy.ops.neural_assets.new_scene("INVOKE_DEFAULT")
    yield 0.7
    yield from artist.look("asks")
    assert "Cube" in bpy.data.objects, "nothing is lost before the answer"
    yield from artist.key("d")  # Don't Save
    yield from artist.until(lambda: "Floor" in bpy.data.objects, "the new file is there")
    region = lambda: artist.region(region="UI")  # noqa: E731
    yield from artist.until(lambda: region().active_panel_category == "Neural Assets", "our tab is open")
    yield 1.0
    browser = artist.area(kind="FILE_BROWSER").spaces.active
    assert browser.params.asset_library_reference == "Neural Assets"
    assert artist.space().region_3d.view_perspective == "CAMERA" and not bpy.data.is_dirty
    yield from artist.look("laid-out")


def server_states_seen(artist: Artist) -> Pauses:
    """The panel says where the server stands, and what can be done about it."""
    bridge = artist.bridge
    bridge.close()
    yield from artist.open_sidebar()
    yield 0.5
    yield from artist.look("offline")
    target = artist.part("connection.target").Target
    slow, broken = ("-c", "import time; time.sleep(20)"), ("-c", "raise SystemExit('There are no weights here.')")
    known = {"folder": "/tmp", "logs": "/tmp", "installed": True}
    bridge.target = target(command=(sys.executable, *slow), **known)
    bridge.start_server()
    yield from artist.until(lambda: bridge.state == "starting", "it starts")
    yield 0.6
    yield from artist.look("starting")
    bridge.target = target(command=(sys.executable, *broken), **known)
    bridge.start_server()
    yield from artist.until(lambda: bridge.state == "failed", "it fails")
    yield 0.6
    yield from artist.look("failed")


def other_version_refused(artist: Artist) -> Pauses:
    """A server of another version is refused, and the panel names the side to update."""
    artist.bridge.close()
    artist.stage.speak(9, 0)
    yield from artist.open_sidebar()
    artist.bridge.connect(artist.address)
    yield from artist.until(lambda: artist.bridge.state == "refused", "it is refused")
    yield 0.6
    yield from artist.look("refused")
    assert "Update the Blender add-on" in artist.bridge.problem, artist.bridge.problem


def wrong_address_said(artist: Artist) -> Pauses:
    """Another program at the address is told from a server that is gone; the right address helps."""
    artist.bridge.close()
    preferences = artist.part("preferences").get()
    yield from artist.open_sidebar()
    with another_program() as address:
        preferences.address = address
        yield from _connect_by_button(artist)
        said = lambda: "ends every connection at once" in artist.bridge.problem  # noqa: E731
        yield from artist.until(said, "the panel says what is there", 10)
        yield 0.6
        yield from artist.look("said")
    preferences.address = artist.address
    yield from _connect_by_button(artist)
    yield from artist.until(lambda: artist.bridge.is_ready, "it is connected", 10)
    preferences.property_unset("address")


def _connect_by_button(artist: Artist) -> Pauses:
    button = yield from artist.find("neural_assets.connect")
    yield from artist.click(button)


def queue_shown(artist: Artist) -> Pauses:
    """What the server works on is listed; the cross in the line of an own job cancels it, and its line goes."""
    artist.stage.fill_queue()
    yield from artist.connect()
    yield from artist.open_sidebar()
    jobs = lambda: artist.bridge.status.jobs if artist.bridge.status else ()  # noqa: E731
    yield from artist.until(lambda: len(jobs()) == 3, "the jobs are known")
    yield 0.6
    yield from artist.look("queue")
    cross = yield from artist.find("neural_assets.cancel_job", columns=(0.86,))
    yield from artist.click(cross)
    yield from artist.until(lambda: len(jobs()) == 2, "the job is gone")
    assert [job.kind for job in jobs()] == ["render", "encode"]
    (cancelled,) = artist.stage.requests("cancel")
    assert cancelled == {"target": 0, "job": "shot"}
    yield 0.6
    yield from artist.look("cancelled")


def german_shown(artist: Artist) -> Pauses:
    """In a German Blender the add-on speaks German."""
    view = bpy.context.preferences.view
    known = [item.identifier for item in view.bl_rna.properties["language"].enum_items_static]
    german = next((name for name in ("de_DE", "de") if name in bpy.app.translations.locales), "")
    assert german, f"this Blender knows no German: {known}"
    view.language, view.use_translate_interface, view.use_translate_tooltips = german, True, True
    try:
        yield from artist.connect()
        yield from artist.open_sidebar()
        assert bpy.app.translations.pgettext_iface("Load Reference Picture") == "Vorlage laden"
        yield 0.8
        yield from artist.look("panel")
    finally:
        view.language = "en_US"


def preferences_shown(artist: Artist) -> Pauses:
    """The preferences fit on the screen and the button tells what it found."""
    artist.part("preferences").get().address = artist.address
    bpy.ops.preferences.addon_show(module=PACKAGE)
    yield 0.7
    with artist.in_view():
        bpy.ops.neural_assets.test_connection("INVOKE_DEFAULT")
    bridge = artist.bridge
    yield from artist.until(lambda: bridge.test is not None and bridge.test.is_done, "the test is over")
    assert bridge.test.words.startswith("Server ") and not bpy.app.online_access, "which a server here does not need"
    yield 0.8
    yield from artist.look("shown")
    for window in list(bpy.context.window_manager.windows)[1:]:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()
