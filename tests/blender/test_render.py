"""Stills and animations: pictures into files, and every failure ends in its sentence and no file."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from server.fake import Die, Say, Wait, flat_picture
from server.protocol.errors import ErrorCode
from server.protocol.events import Failed, Progress, Queued

from .conftest import read_png
from .test_colour import golden, picture


def _fails(words: str, **options: object) -> None:
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.render.render(write_still=True, **options)


def test_a_still_asks_for_the_scene_and_writes_the_answer(scene, server, box):
    box("Chair", "chair")
    settings = scene.neural_assets
    settings.steps, settings.seed, settings.guidance, settings.background = 3, 7, 2.5, "room"
    scene.render.resolution_percentage = 200
    bpy.ops.render.render(write_still=True)
    (request,) = server.wait_for("render")
    assert (request.settings.width, request.settings.height) == (192, 128)
    assert (request.settings.steps, request.settings.seed, request.settings.guidance) == (3, 7, 2.5)
    assert request.scene.background == "room" and [p.asset for p in request.scene.placements] == ["chair"]
    assert (read_png(scene.render.filepath) == (200, 100, 50)).all()


def test_boxes_hidden_in_renders_are_not_in_the_picture(server, box):
    box("Shown", "a")
    box("Hidden", "b").hide_render = True
    bpy.ops.render.render()
    assert [placement.name for placement in server.wait_for("render")[0].scene.placements] == ["Shown"]


def test_steps_are_shown_and_the_finished_picture_stays(scene, server, box):
    box()
    steps = (Say(Progress(step=n, steps=3, image=np.full((32, 48, 3), n, np.uint8))) for n in (1, 2))
    server.answer("render", Say(Queued(position=2)), *steps, picture(golden()))
    bpy.ops.render.render(write_still=True)
    assert (read_png(scene.render.filepath) == golden()).all()


@pytest.mark.parametrize("crop", [True, False])
def test_a_border_is_cut_out_of_the_whole_picture(scene, server, box, crop):
    box()
    render = scene.render
    render.use_border, render.use_crop_to_border = True, crop
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.26, 0.77, 0.1, 0.52
    server.answer("render", picture(golden()))
    bpy.ops.render.render(write_still=True)
    written, left, top, right, bottom = read_png(render.filepath), 24, 31, 73, 58
    if crop:
        assert (written == golden()[top:bottom, left:right]).all()
    else:
        assert (written[top:bottom, left:right] == golden()[top:bottom, left:right]).all()
        written[top:bottom, left:right] = 0
        assert not written.any()


def test_an_animation_sends_each_frames_poses_and_writes_its_file(scene, server, box, tmp_path):
    thing = box()
    for frame, x in ((1, 0), (3, 2)):
        thing.location.x = x
        thing.keyframe_insert("location", frame=frame)
    scene.neural_assets.seed = 5
    scene.neural_assets.keyframe_insert("seed", frame=1)
    scene.frame_end, scene.render.filepath = 3, str(tmp_path / "frame_")
    bpy.ops.render.render(animation=True)
    requests = server.wait_for("render", 3)
    places = [request.scene.placements[0].box.pose[3] for request in requests]
    assert places[0] == pytest.approx(0) and places[2] == pytest.approx(2) and 0 < places[1] < 2
    assert [request.settings.seed for request in requests] == [5, 5, 5]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [f"frame_000{n}.png" for n in (1, 2, 3)]


def test_a_failed_frame_stops_the_animation_with_the_reason(scene, server, box, tmp_path):
    box()
    scene.frame_end, scene.render.filepath = 4, str(tmp_path / "frame_")
    server.answer("render", Say(flat_picture(96, 64)))
    server.answer("render", Say(Failed(0, ErrorCode.MEMORY, "The device has no memory left.", "Make it smaller.")))
    with pytest.raises(RuntimeError, match="The device has no memory left. Make it smaller."):
        bpy.ops.render.render(animation=True)
    assert [path.name for path in tmp_path.glob("*.png")] == ["frame_0001.png"]
    assert len(server.wait_for("render", 2)) == 2


def test_a_full_disk_stops_the_animation_before_an_empty_file(scene, server, box, tmp_path, monkeypatch):
    box()
    scene.frame_end, scene.render.filepath = 4, str(tmp_path / "new" / "frame_")
    room = iter([10**9, 1000])  # enough for the first frame
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=next(room)))
    with pytest.raises(RuntimeError, match="has 0.0 MB left, and the frame may need 1.1 MB. Make room"):
        bpy.ops.render.render(animation=True)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["frame_0001.png"]
    assert len([request for request in server.requests if request.kind == "render"]) == 1


@pytest.mark.parametrize("code", ["disk", "asset_missing", "weights", "internal"])
def test_the_servers_refusal_is_the_error_and_no_file_is_written(scene, server, box, code):
    box()
    server.answer("render", Say(Failed(0, ErrorCode(code), "The disk of the store is full.", "Make room.")))
    _fails("The disk of the store is full. Make room.")
    assert not Path(scene.render.filepath).exists()


def test_a_server_that_dies_in_the_middle_of_a_frame_is_named(scene, server, box):
    box()
    server.answer("render", Say(Progress(step=1, steps=4, image=np.zeros((64, 96, 3), np.uint8))), Wait(0.1), Die())
    _fails("is gone; nothing was written. Start it again")
    assert not Path(scene.render.filepath).exists()


def test_after_a_death_the_next_render_works(scene, server, box):
    box()
    server.answer("render", Die())
    _fails("is gone")
    server.start()
    bpy.ops.render.render(write_still=True)
    assert (read_png(scene.render.filepath) == (200, 100, 50)).all()


def test_no_server_is_said_with_what_to_do(addon, scene, box, monkeypatch):
    monkeypatch.setattr(addon("connection.waiting"), "FIND_SECONDS", 0.2)
    box()
    _fails("No server answers at tcp://127.0.0.1:1. Start the server in the Neural Assets panel")
    assert not Path(scene.render.filepath).exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda scene: setattr(scene.camera.data, "type", "ORTHO"), "orthographic, and only perspective"),
        (lambda scene: setattr(scene.camera.data, "type", "PANO"), "panoramic, and only perspective"),
        (lambda scene: setattr(bpy.data.objects["Box"], "scale", (1, -1, 1)), "'Box' is mirrored"),
        (lambda scene: setattr(bpy.data.objects["Box"], "location", (float("nan"), 0, 0)), "'Box' has a transform"),
        (lambda scene: setattr(bpy.data.objects["Box"].neural_assets, "asset", ""), "neither boxes nor a background"),
        (lambda scene: bpy.data.objects.remove(bpy.data.objects["Box"]), "neither boxes nor a background"),
        (lambda scene: setattr(scene.render, "resolution_x", 5000), "width of 5000 is outside 64 to 2048"),
        (lambda scene: setattr(scene.render, "resolution_x", 10), "width of 10 is outside 64 to 2048"),
        (lambda scene: setattr(scene.neural_assets, "background", "../etc"), "'../etc' is not an id"),
    ],
)
def test_scenes_that_cannot_be_drawn_ask_nothing_of_the_server(scene, server, box, spoil, words):
    box()
    spoil(scene)
    _fails(words)
    assert not Path(scene.render.filepath).exists()
    assert not any(request.kind == "render" for request in server.requests)


def test_a_scene_without_camera_is_blenders_own_error(scene, server, box):
    box()
    scene.camera = None
    _fails("[Cc]amera")
    assert not Path(scene.render.filepath).exists()


def test_escape_cancels_the_request_and_leaves_the_picture_open(addon, server):
    """Nobody can press Escape here: `test_break`, Blender's word for it, is played."""
    api, session = addon("protocol.api"), addon("connection.session")
    camera = api.Camera((1, 1, 0.5, 0.5), (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1))
    server.answer("render", Wait(30), Say(flat_picture(96, 64)))
    pending = session.bridge.submit(addon("protocol.messages").Render(scene=api.Scene(camera, (), "room")))
    engine = SimpleNamespace(test_break=lambda: bool(server.wait_for("render")))
    addon("rendering.engine").NeuralAssetsEngine._follow(engine, pending, canvas=None)
    (cancel,) = server.wait_for("cancel")
    assert cancel.target == pending.number


def test_escape_ends_the_wait_for_a_server(addon):
    with pytest.raises(ValueError, match="cancelled"):
        addon("connection.waiting").for_server(addon("connection.session").bridge, lambda: True)


def test_a_fault_of_our_own_does_not_end_in_a_black_file(addon, scene, server, box, monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(addon("scene.reader"), "read_render", broken)
    _fails("The render failed .*oops")
    assert not Path(scene.render.filepath).exists()
