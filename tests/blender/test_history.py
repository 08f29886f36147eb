"""The history's folder: what is kept, what goes, and what damage does to it. And its operators."""

from __future__ import annotations

import os
import threading
from datetime import datetime, timedelta

import bpy
import gpu
import numpy as np
import pytest
from mathutils import Matrix

from .conftest import full_disk
from .drawing import Layout, shown
from .test_colour import golden
from .test_stamp import stamp  # noqa: F401 - a fixture

NOW = datetime(2026, 5, 1, 12, 30, 15, 250_000)


@pytest.fixture
def history(addon, tmp_path):
    return addon("pictures.history").History(tmp_path / "pictures", megabytes=1)


def noise(seed: int = 0, side: int = 256, channels: int = 3) -> np.ndarray:
    """About side^2 * channels bytes as PNG."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, channels), np.uint8)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_kept_picture_has_its_pixels_and_its_stamp(addon, history, stamp, channels):  # noqa: F811
    entry = history.keep(noise(1, 33, channels), stamp, NOW)
    assert (addon("pictures.history").pixels_of(entry.path) == noise(1, 33, channels)).all()
    assert addon("pictures.stamp_files").of_file(entry.path) == stamp
    assert (entry.kind, entry.pinned, entry.time) == ("render", False, NOW)


def test_blender_reads_the_file(history, stamp):  # noqa: F811
    image = bpy.data.images.load(str(history.keep(golden(), stamp, NOW).path))
    values = np.empty(golden().size // 3 * 4, np.float32)
    image.pixels.foreach_get(values)
    rows = np.round(values.reshape(64, 96, 4)[::-1] * 255).astype(np.uint8)
    assert (rows[..., :3] == golden()).all()


def test_the_newest_is_first_and_another_start_sees_all(addon, history, stamp):  # noqa: F811
    for n in (0, 2, 1):
        history.keep(noise(n, 16), stamp, NOW + timedelta(seconds=n))
    again = addon("pictures.history").History(history.folder)
    assert [entry.time.second for entry in again.entries()] == [17, 16, 15]


def test_the_oldest_unpinned_go_when_the_room_is_used_up(history, stamp):  # noqa: F811
    kept = [history.keep(noise(n), stamp, NOW + timedelta(seconds=n), pinned=n == 0) for n in range(8)]
    left = history.entries()
    assert sum(entry.bytes for entry in left) <= 1_000_000
    assert kept[0].id in {entry.id for entry in left} and left[0].id == kept[-1].id
    assert kept[1].id not in {entry.id for entry in left}


def test_pins_can_be_set_and_taken_away(history, stamp):  # noqa: F811
    entry = history.keep(noise(0, 16), stamp, NOW)
    history.pin(entry.id, True)
    assert history.get(entry.id).pinned
    history.pin(entry.id, False)
    assert not history.get(entry.id).pinned and len(history.entries()) == 1


def test_when_pins_fill_it_nothing_more_is_kept_and_that_is_said(history, stamp):  # noqa: F811
    with pytest.raises(ValueError, match="1 MB are full of pinned ones"):
        for n in range(8):
            history.keep(noise(n), stamp, NOW + timedelta(seconds=n), pinned=n < 5)


def test_a_full_disk_is_said_and_leaves_nothing(history, stamp, monkeypatch):  # noqa: F811
    history.keep(noise(0, 16), stamp, NOW)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ValueError, match="not kept in the history .No space left on device"):
        history.keep(noise(1, 16), stamp, NOW + timedelta(seconds=1))
    assert len(list(history.folder.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_said(addon, stamp, tmp_path):  # noqa: F811
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ValueError, match="not kept in the history"):
        addon("pictures.history").History(tmp_path / "file" / "pictures").keep(noise(0, 16), stamp, NOW)


def test_strange_files_are_left_out_and_left_alone(history, stamp):  # noqa: F811
    entry = history.keep(noise(0, 16), stamp, NOW)
    for name in ("holiday.png", "20260501-123015-250000-other.png", "index.json", ".part"):
        (history.folder / name).write_bytes(b"x" * 2_000_000)
    history.keep(noise(1, 16), stamp, NOW + timedelta(seconds=1))
    assert len(history.entries()) == 2 and len(list(history.folder.iterdir())) == 6
    assert history.get(entry.id)


@pytest.mark.parametrize("damage", [b"", b"\x89PNG", b"\x89PNG\r\n\x1a\n" + b"\0" * 100])
def test_damaged_pictures_are_refused(addon, history, stamp, damage):  # noqa: F811
    entry = history.keep(noise(0, 16), stamp, NOW)
    entry.path.write_bytes(damage)
    with pytest.raises(ValueError, match="damaged"):
        addon("pictures.history").pixels_of(entry.path)
    assert history.entries()


def test_a_folder_that_is_none_has_no_pictures(history):
    assert history.entries() == []
    history.folder.write_text("a file in its place")
    assert history.entries() == []


def test_all_unpinned_go_after_one_look_at_the_folder(history, stamp, monkeypatch):  # noqa: F811
    for n in range(4):
        history.keep(noise(n, 16), stamp, NOW + timedelta(seconds=n), pinned=n == 2)
    looks, entries = [], type(history).entries
    monkeypatch.setattr(type(history), "entries", lambda self: (looks.append(1), entries(self))[1])
    history.delete_unpinned()
    assert len(looks) == 1 and [entry.pinned for entry in history.entries()] == [True]


def test_what_is_gone_is_said(history):
    for act in (history.get, history.delete, lambda name: history.pin(name, True)):
        with pytest.raises(ValueError, match="no longer in the history"):
            act("20260501-123015-250000")


# --- in Blender ---


@pytest.fixture
def kept(addon, monkeypatch, tmp_path):
    """The add-on's own history in an empty folder; call it for the entries when all is written."""
    keeping = addon("pictures.keeping")
    monkeypatch.setattr(keeping, "_history", addon("pictures.history").History(tmp_path / "user", 50))

    def entries():
        keeping.flush()
        keeping.sync()
        return keeping.history().entries()

    keeping.changed()
    yield entries
    keeping.flush()


def test_stills_of_background_mode_are_not_kept(scene, server, box, kept):
    box()
    bpy.ops.render.render()
    assert kept() == []


def test_a_finished_still_is_in_the_list_with_its_thumbnail(addon, kept, stamp):  # noqa: F811
    addon("pictures.keeping").keep(golden(), stamp)
    (entry,) = kept()
    (item,) = bpy.context.window_manager.neural_assets_history
    assert (item.name, item.kind, item.path) == (entry.id, "render", str(entry.path))
    addon("pictures.keeping").icon(item)
    assert entry.id in addon("pictures.keeping")._icons


def test_only_lines_that_differ_are_written(addon, kept, stamp, monkeypatch):  # noqa: F811
    """The list may have thousands of pictures, and one more comes with every rest of the view."""
    keeping, manager, written = addon("pictures.keeping"), bpy.context.window_manager, []
    for n in range(12):
        keeping.keep(noise(n, 16), stamp)
    entries = kept()
    words = keeping.words
    monkeypatch.setattr(keeping, "words", lambda entry: (written.append(entry.id), words(entry))[1])
    keeping.keep(noise(12, 16), stamp)
    newest = kept()[0].id
    assert written == [newest]
    keeping.history().delete(entries[3].id)
    keeping.history().pin(entries[5].id, True)
    keeping.changed()
    assert written == [newest, entries[5].id]
    lines = [(item.name, item.pinned, item.path) for item in manager.neural_assets_history]
    assert lines == [(entry.id, entry.pinned, str(entry.path)) for entry in kept()] and len(lines) == 12
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    keeping.sync()
    assert [item.name for item in bpy.context.window_manager.neural_assets_history] == [name for name, *_ in lines]


def test_the_thread_reads_the_folder(addon, kept, stamp, monkeypatch):  # noqa: F811
    keeping, read = addon("pictures.keeping"), []
    entries = addon("pictures.history").History.entries
    monkeypatch.setattr(
        addon("pictures.history").History, "entries",
        lambda self: (read.append(threading.current_thread() is threading.main_thread()), entries(self))[1],
    )  # fmt: skip
    keeping.keep(golden(), stamp)
    keeping.flush()
    keeping.sync()
    assert len(bpy.context.window_manager.neural_assets_history) == 1 and read and not any(read)


def test_a_long_list_is_written_a_few_lines_at_a_time(addon, kept, stamp, monkeypatch):  # noqa: F811
    """Another file has none of the lines: thousands at once would hold Blender up."""
    manager, keeping, written = bpy.context.window_manager, addon("pictures.keeping"), []
    for n in range(8):
        keeping.keep(noise(n, 16), stamp)
    ids = [entry.id for entry in kept()]
    manager.neural_assets_history_index = 6
    monkeypatch.setattr(keeping, "_LINES", 3)
    words = keeping.words
    monkeypatch.setattr(keeping, "words", lambda entry: (written.append(entry.id), words(entry))[1])
    keeping._after_load()
    for count in (3, 6, 8):
        is_awaited = keeping._watch.tick(0.0)
        assert [item.name for item in manager.neural_assets_history] == ids[:count] == written
        assert is_awaited == (count < 8), "the session's timer comes soon again"
    assert keeping.selected(bpy.context) == ids[6], "the line that was chosen"


def test_the_folder_is_first_read_by_the_thread(addon, kept, stamp, monkeypatch):  # noqa: F811
    keeping, read = addon("pictures.keeping"), []
    keeping.keep(noise(0, 16), stamp)
    keeping._jobs.put(None)
    keeping._thread.join()
    entries = addon("pictures.history").History.entries
    monkeypatch.setattr(
        addon("pictures.history").History, "entries",
        lambda self: (read.append(threading.current_thread() is threading.main_thread()), entries(self))[1],
    )  # fmt: skip
    monkeypatch.setattr(keeping, "_entries", None)  # as after the add-on was switched on
    keeping._changed.set()
    keeping.sync()
    assert not any(read)
    keeping.flush()
    keeping.sync()
    assert len(bpy.context.window_manager.neural_assets_history) == 1 and read and not any(read)


def test_thumbnails_in_memory_are_few(addon, kept, stamp, monkeypatch):  # noqa: F811
    manager, keeping = bpy.context.window_manager, addon("pictures.keeping")
    monkeypatch.setattr(keeping, "_ICONS", 2)
    for n in range(5):
        keeping.keep(noise(n, 16), stamp)
        kept()
        for item in manager.neural_assets_history:
            keeping.icon(item)
    manager.neural_assets_history_index = 4
    oldest = manager.neural_assets_history[4].name
    keeping.keep(noise(9, 16), stamp)
    first, second, *_ = (entry.id for entry in kept())
    assert set(keeping._icons) == {second, oldest}, "of the newest two, as far as seen, and the chosen one"
    keeping.history().delete(second)
    keeping.changed()
    assert second not in keeping._icons
    keeping.icon(manager.neural_assets_history[0])
    assert first in keeping._icons


def test_the_lists_choice_stays_when_newer_ones_come(addon, kept, stamp):  # noqa: F811
    manager, keeping = bpy.context.window_manager, addon("pictures.keeping")
    for n in range(3):
        keeping.keep(noise(n, 16), stamp)
        kept()
    assert keeping.selected(bpy.context) == kept()[0].id, "the newest is followed"
    manager.neural_assets_history_index = 2
    chosen = keeping.selected(bpy.context)
    keeping.keep(noise(9, 16), stamp)
    kept()
    assert keeping.selected(bpy.context) == chosen and manager.neural_assets_history_index == 3


def test_the_list_is_there_in_the_next_file(addon, kept, stamp):  # noqa: F811
    addon("pictures.keeping").keep(golden(), stamp)
    (entry,) = kept()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    addon("connection.session").tick()
    assert [item.name for item in bpy.context.window_manager.neural_assets_history] == [entry.id]


def test_restoring_gives_the_scene_back(addon, scene, kept, stamp):  # noqa: F811
    addon("pictures.keeping").keep(golden(), stamp)
    (entry,) = kept()
    bpy.ops.neural_assets.history_restore(name=entry.id)
    assert scene.neural_assets.seed == 7 and {"Chair", "Lamp"} <= set(bpy.data.objects.keys())


def test_pin_delete_and_clear(addon, kept, stamp):  # noqa: F811
    for n in range(3):
        addon("pictures.keeping").keep(noise(n, 16), stamp)
    newest, middle, oldest = kept()
    bpy.ops.neural_assets.history_pin(name=oldest.id)
    bpy.ops.neural_assets.history_delete(name=newest.id)
    assert [(e.id, e.pinned) for e in kept()] == [(middle.id, False), (oldest.id, True)]
    bpy.ops.neural_assets.history_clear()
    assert [e.id for e in kept()] == [oldest.id]
    oldest_file = kept()[0].path
    oldest_file.unlink()
    with pytest.raises(RuntimeError, match="no longer in the history"):
        bpy.ops.neural_assets.history_pin(name=oldest.id)


def test_open_as_image_survives_the_histories_deletion(addon, kept, stamp):  # noqa: F811
    addon("pictures.keeping").keep(golden(), stamp)
    (entry,) = kept()
    bpy.ops.neural_assets.history_open()
    bpy.ops.neural_assets.history_delete()
    image = bpy.data.images[entry.path.name]
    assert image.packed_file is not None and tuple(image.size) == (96, 64)


def test_a_refined_view_is_kept_and_pinned_on_demand(addon, kept, stamp):  # noqa: F811
    keeping = addon("pictures.keeping")
    keeping.view_finished(noise(0, 16), stamp)
    (entry,) = kept()
    assert not entry.pinned
    bpy.ops.neural_assets.keep_view()
    assert [(e.id, e.pinned) for e in kept()] == [(entry.id, True)]
    bpy.ops.neural_assets.history_delete()
    bpy.ops.neural_assets.keep_view()
    assert [e.pinned for e in kept()] == [True]


def test_a_view_that_is_still_being_written_is_pinned_and_not_kept_twice(addon, kept, stamp):  # noqa: F811
    addon("pictures.keeping").view_finished(noise(0, 600), stamp)
    assert bpy.ops.neural_assets.keep_view("INVOKE_DEFAULT") == {"FINISHED"}
    assert [e.pinned for e in kept()] == [True]


def test_views_are_kept_on_demand_alone_where_the_preferences_say_so(addon, kept, stamp, monkeypatch):  # noqa: F811
    keeping, preferences = addon("pictures.keeping"), addon("preferences").get()
    monkeypatch.setattr(keeping, "_view", None)
    with pytest.raises(RuntimeError, match="No 3D view has shown a refined picture yet"):
        bpy.ops.neural_assets.keep_view()
    preferences.history_views = False
    try:
        keeping.view_finished(noise(0, 16), stamp)
        assert kept() == []
        bpy.ops.neural_assets.keep_view()
        assert [e.pinned for e in kept()] == [True]
    finally:
        preferences.history_views = True


def test_a_full_disk_is_a_sentence_for_the_panel(addon, kept, stamp, monkeypatch):  # noqa: F811
    monkeypatch.setattr(os, "fsync", full_disk)
    addon("pictures.keeping").keep(golden(), stamp)
    assert kept() == [] and "No space left on device" in addon("pictures.keeping").problem
    monkeypatch.undo()


def test_the_limit_is_the_preferences(addon, monkeypatch):
    keeping, preferences = addon("pictures.keeping"), addon("preferences").get()
    monkeypatch.setattr(keeping, "_history", None)  # as Blender starts
    preferences.history_megabytes = 7
    try:
        assert keeping.history().megabytes == 7
        assert keeping.history().folder.parts[-1] == "history" and "blender_addon" not in str(keeping.history().folder)
    finally:
        preferences.history_megabytes = 500


def test_comparing_needs_two(addon, kept, stamp):  # noqa: F811
    addon("pictures.keeping").keep(golden(), stamp)
    kept()
    assert not bpy.ops.neural_assets.history_compare.poll()
    addon("pictures.keeping").keep(golden(), stamp)
    (second, first) = kept()
    assert bpy.ops.neural_assets.history_compare() == {"FINISHED"}
    first.path.write_bytes(b"")
    with pytest.raises(RuntimeError, match="damaged"):
        bpy.ops.neural_assets.history_compare(left=second.id)


@pytest.mark.parametrize(
    ("aspect", "inside", "expected"),
    [
        (1.0, (0, 0, 200, 100), (60, 10, 140, 90)),
        (4.0, (0, 0, 200, 100), (10, 27.5, 190, 72.5)),
        (1.0, (100, 0, 200, 100), (110, 10, 190, 90)),
    ],
)
def test_pictures_fit_into_what_is_free(addon, aspect, inside, expected):
    assert addon("drawing.comparing").fitted(aspect, inside, 10) == pytest.approx(expected)


def test_the_divider_follows_the_mouse_and_stays_inside(addon):
    comparison = addon("drawing.comparing").Comparison(golden(), golden(), ("a", "b"))
    left, _, right, _ = comparison.rectangle((0, 0, 500, 300))
    for x, expected in ((left + (right - left) / 4, 0.25), (-50, 0), (900, 1)):
        comparison.move(x, (0, 0, 500, 300))
        assert comparison.divider == pytest.approx(expected)


# --- the panels ---


def test_the_panel_shows_why_a_picture_was_not_kept_and_what_can_be_done(addon, kept, stamp, monkeypatch):  # noqa: F811
    panel = addon("panels.history").HistoryPanel
    monkeypatch.setattr(addon("pictures.keeping"), "problem", "The picture was not kept.")
    layout = Layout()
    assert "The picture was not kept." in shown(panel, layout)
    assert "neural_assets.history_restore" not in layout.buttons, "there is nothing to restore"
    addon("pictures.keeping").keep(golden(), stamp)
    kept()
    layout = Layout()
    shown(panel, layout)
    assert {"neural_assets.history_restore", "neural_assets.history_compare"} <= layout.buttons


def test_the_pictures_panels_show_every_setting(addon, scene, server):
    panels = addon("panels.picture")
    layout = Layout()
    for panel in panels.CLASSES:
        if panel is not panels.PicturePanel:
            shown(panel, layout)
    wanted = {"steps", "guidance", "seed", "noise", "view_side", "draft_side", "draft_steps", "film_transparent"}
    assert wanted | {"use_overwrite", "use_placeholder", "use_pass_z", "use_pass_object_index"} <= layout.properties
    assert {"neural_assets.render_missing", "neural_assets.render_on_server"} <= layout.buttons


@pytest.mark.skipif(not hasattr(gpu, "init"), reason="Blender before 5.2 cannot draw without a window")
def test_left_of_the_divider_is_one_picture_and_right_of_it_the_other(addon):
    assert addon("compat").can_draw_without_window()
    size, colours = (300, 200), ((200, 40, 90), (30, 120, 60))
    pictures = [np.full((64, 96, 3), colour, np.uint8) for colour in colours]
    comparison = addon("drawing.comparing").Comparison(*pictures, ("a", "b"))
    left, bottom, right, top = comparison.rectangle((0, 0, *size))
    comparison.move(left + 0.25 * (right - left), (0, 0, *size))
    target = gpu.types.GPUOffScreen(*size, format="RGBA32F")
    with target.bind(), gpu.matrix.push_pop():
        gpu.matrix.load_matrix(Matrix.Diagonal((2 / size[0], 2 / size[1], 1, 1)) @ Matrix.Translation((-150, -100, 0)))
        gpu.matrix.load_projection_matrix(Matrix.Identity(4))
        comparison.draw(size, (0, 0, *size))
        buffer = gpu.state.active_framebuffer_get().read_color(0, 0, *size, 4, 0, "FLOAT")
        buffer.dimensions = size[0] * size[1] * 4
    target.free()
    drawn = np.round(np.array(buffer, np.float32).reshape(size[1], size[0], 4) * 255)
    y = int(bottom + 0.25 * (top - bottom))
    for share, colour in ((0.02, colours[0]), (0.2, colours[0]), (0.3, colours[1]), (0.98, colours[1])):
        assert np.abs(drawn[y, int(left + share * (right - left)), :3] - colour).max() <= 1
    assert np.abs(drawn[5, 5, :3] - 18).max() <= 1, "the backdrop"
