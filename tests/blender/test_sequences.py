"""Animations as jobs of the server, and renders that take its finished frames."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from server.fake import Die, Say, flat_picture
from server.protocol.errors import ErrorCode
from server.protocol.events import Done, Failed, ModelState, SequenceInfo, SequenceList, Status

from .conftest import read_png, until


@pytest.fixture
def shot(addon, scene, server, box, tmp_path, monkeypatch) -> Path:
    """A box that moves over three frames, and the folder of its files."""
    monkeypatch.setattr(addon("rendering.sequences"), "notes", addon("rendering.sequences").Notes(tmp_path / "notes"))
    thing = box()
    for frame, x in ((1, 0), (3, 2)):
        thing.location.x = x
        thing.keyframe_insert("location", frame=frame)
    scene.frame_end, scene.render.filepath = 3, str(tmp_path / "frames" / "f_")
    scene.frame_set(2)
    return tmp_path / "frames"


def counts(server) -> dict[str, int]:
    kinds = [request.kind for request in server.requests]
    return {kind: kinds.count(kind) for kind in ("sequence", "fetch_frame", "render")}


def test_the_job_has_every_frame_as_a_render_sees_it(scene, server, shot, box):
    box("Only in views", "b").hide_render = True
    box("Only in renders", "c").hide_set(True)
    bpy.ops.neural_assets.render_on_server()
    (request,) = server.wait_for("sequence")
    assert [[p.name for p in frame.placements] for frame in request.frames] == [["Box", "Only in renders"]] * 3
    assert [frame.placements[0].box.pose[3] for frame in request.frames] == pytest.approx([0, 1, 2])
    assert counts(server)["render"] == 0 and scene.frame_current == 2 and not shot.exists()
    assert request.name == scene.name and (request.settings.width, request.settings.height) == (96, 64)


def test_a_later_animation_takes_the_finished_frames(scene, server, shot):
    bpy.ops.neural_assets.render_on_server()
    for n in range(3):
        server.answer("fetch_frame", Say(flat_picture(96, 64, (n, 100, 100))))
    bpy.ops.render.render(animation=True)
    fetched = server.wait_for("fetch_frame", 3)
    assert [(request.job, request.frame) for request in fetched] == [("fake-job", n) for n in range(3)]
    assert counts(server)["render"] == 0
    assert [read_png(shot / f"f_000{n}.png")[0, 0, 0] for n in (1, 2, 3)] == [0, 1, 2]


def test_frames_that_are_not_finished_or_deleted_are_rendered(server, shot):
    bpy.ops.neural_assets.render_on_server()
    server.answer("fetch_frame", Say(flat_picture(96, 64)))
    for _ in range(2):
        server.answer("fetch_frame", Say(Failed(0, ErrorCode.JOB_MISSING, "There is no sequence.", "Start it again.")))
    bpy.ops.render.render(animation=True)
    assert counts(server) == {"sequence": 1, "fetch_frame": 3, "render": 2} and len(list(shot.iterdir())) == 3


def test_another_scene_or_seed_is_another_picture(scene, server, shot):
    bpy.ops.neural_assets.render_on_server()
    scene.neural_assets.seed = 3
    bpy.ops.render.render(animation=True)
    assert counts(server) == {"sequence": 1, "fetch_frame": 0, "render": 3}


def test_other_weights_are_another_picture(addon, scene, server, shot):
    bpy.ops.neural_assets.render_on_server()
    bridge = addon("connection.session").bridge
    events = addon("protocol.events")
    bridge.status = events.Status(model=events.ModelState.READY, versions={"model": "newer"})
    bpy.ops.render.render()
    assert counts(server)["fetch_frame"] == 0


def test_the_job_waits_for_the_servers_model(addon, scene, server, shot):
    """Which weights draw the frames is known only when they are loaded."""
    for model, versions in ((ModelState.STARTING, {}), (ModelState.READY, {"model": "new"})):
        server.answer("ask_status", Say(Status(0, model, versions=versions)))
    server.answer("fetch_frame", Say(flat_picture(96, 64)))
    addon("connection.session").bridge.status = None
    bpy.ops.neural_assets.render_on_server()
    bpy.ops.render.render()
    assert addon("connection.session").bridge.versions()["model"] == "new" and counts(server)["fetch_frame"] == 1


def test_the_notes_outlive_blender(addon, scene, server, shot):
    bpy.ops.neural_assets.render_on_server()
    notes, reader = addon("rendering.sequences").notes, addon("scene.reader")
    picture, settings = reader.read_render(bpy.context.evaluated_depsgraph_get())
    again = addon("rendering.sequences").Notes(notes.folder)
    assert again.find(picture, settings, "") == ("fake-job", 1)
    (note,) = notes.folder.glob("*.json")
    for damage in ("", "[]", '{"frames": 7}', '{"frames": [7, null]}'):
        note.write_text(damage)
        assert addon("rendering.sequences").Notes(notes.folder).find(picture, settings, "") is None


def test_frames_that_differ_in_settings_are_refused(scene, server, shot):
    scene.neural_assets.noise = "FRAME"
    with pytest.raises(RuntimeError, match="one job at the server has one of each"):
        bpy.ops.neural_assets.render_on_server()
    assert counts(server)["sequence"] == 0


def test_a_frame_that_cannot_be_drawn_is_named(scene, server, shot):
    settings = bpy.data.objects["Box"].neural_assets
    settings.is_box = False
    with pytest.raises(RuntimeError, match="Frame 1: The scene has neither boxes nor a background"):
        bpy.ops.neural_assets.render_on_server()
    assert scene.frame_current == 2
    settings.is_box = True
    bpy.ops.render.render()
    assert counts(server)["render"] == 1, "renders render again"


def test_the_servers_refusal_is_the_error(addon, server, shot):
    server.answer("sequence", Say(Failed(0, ErrorCode.DISK, "The disk of the store is full.", "Make room.")))
    with pytest.raises(RuntimeError, match="The disk of the store is full"):
        bpy.ops.neural_assets.render_on_server()
    server.answer("sequence", Die())


def test_the_list_is_asked_for_and_frames_can_be_deleted(addon, server, shot):
    bpy.ops.neural_assets.render_on_server()
    sequences = addon("rendering.sequences")
    info = SequenceInfo("fake-job", "Shot", 3, 2, True)
    server.answer("list_sequences", Say(SequenceList(0, (info,))))
    sequences._looked = -np.inf
    sequences.look()
    until(lambda: [i.finished for i in sequences.infos] == [2])
    server.answer("delete_sequence", Say(Done()))
    bpy.ops.neural_assets.delete_sequence(job="fake-job")
    assert server.wait_for("delete_sequence")[0].job == "fake-job"
    assert sequences.infos == () and not list(sequences.notes.folder.glob("*.json"))
