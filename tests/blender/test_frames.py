"""Animations that were stopped: whole files stay, the missing frames are rendered, also after a killed Blender."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bpy
import pytest

from server.fake import Die, Say, Wait, flat_picture

from . import exr
from .conftest import PACKAGE, read_png

SCRIPT = """
import os, sys, bpy
bpy.ops.preferences.addon_enable(module="{package}")
bpy.ops.wm.open_mainfile(filepath="{blend}")
bpy.ops.neural_assets.connect(address="{address}")
try:
    {call}
except RuntimeError as error:
    print("stopped:", error)
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture
def animation(scene, box, tmp_path) -> Path:
    """Five frames into a folder, which is returned."""
    box()
    folder = tmp_path / "frames"
    scene.frame_end, scene.render.filepath = 5, str(folder / "f_")
    return folder


def missing() -> None:
    bpy.ops.neural_assets.render_missing()


def renders(server) -> int:
    return len([request for request in server.requests if request.kind == "render"])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def another_blender(address: str, blend: Path, call: str) -> subprocess.Popen:
    """Blender in a process of its own, which can be killed."""
    script = SCRIPT.format(package=PACKAGE, blend=blend, address=address, call=call)
    return subprocess.Popen([sys.executable, "-c", script], env=dict(os.environ), stdout=subprocess.DEVNULL)


def test_only_missing_frames_are_rendered_and_overwrite_stays_as_it_was(scene, server, animation):
    bpy.ops.render.render(animation=True)
    for n in (2, 4):
        (animation / f"f_000{n}.png").unlink()
    server.requests.clear()
    missing()
    assert renders(server) == 2 and len(names(animation)) == 5 and scene.render.use_overwrite


def test_nothing_is_asked_when_all_are_there(server, animation):
    bpy.ops.render.render(animation=True)
    server.requests.clear()
    missing()
    assert renders(server) == 0


def test_frames_between_the_steps_are_not_missing(scene, server, animation):
    scene.frame_step = 2
    missing()
    assert names(animation) == ["f_0001.png", "f_0003.png", "f_0005.png"]


@pytest.mark.parametrize(
    ("suffix", "file_format"),
    [("png", "PNG"), ("jpg", "JPEG"), ("exr", "OPEN_EXR"), ("exr", "OPEN_EXR_MULTILAYER")],
)
def test_empty_and_cut_off_files_are_rendered_again(scene, server, animation, suffix, file_format):
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE" if "MULTI" in file_format else "IMAGE"
    settings.file_format = file_format
    bpy.ops.render.render(animation=True)
    first, second = (animation / f"f_000{n}.{suffix}" for n in (1, 2))
    first.write_bytes(b"")
    whole = second.read_bytes()
    second.write_bytes(exr.as_when_killed(whole) if suffix == "exr" else whole[:-40])
    server.requests.clear()
    missing()
    assert renders(server) == 2 and min(first.stat().st_size, second.stat().st_size) > 100
    server.requests.clear()
    missing()
    assert renders(server) == 0


def test_blenders_own_overwrite_off_skips_files_too(scene, server, animation):
    animation.mkdir()
    (animation / "f_0003.png").write_bytes(b"mine")
    scene.render.use_overwrite, scene.render.use_placeholder = False, True
    bpy.ops.render.render(animation=True)
    assert renders(server) == 4 and (animation / "f_0003.png").read_bytes() == b"mine"


def test_overwrite_comes_back_after_an_error(scene, server, animation):
    server.answer("render", Die())
    with pytest.raises(RuntimeError, match="is gone"):
        missing()
    assert scene.render.use_overwrite
    server.start()
    missing()
    assert len(names(animation)) == 5


def test_a_video_cannot_be_filled_in(scene, server, animation):
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    with pytest.raises(RuntimeError, match="A video is one file"):
        missing()


@pytest.mark.parametrize("placeholders", [True, False])
def test_after_a_killed_blender_only_the_missing_frames_are_rendered(scene, server, animation, tmp_path, placeholders):
    scene.render.use_placeholder = placeholders
    blend = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    for _ in range(2):
        server.answer("render", Say(flat_picture(96, 64)))
    server.answer("render", Wait(60), Say(flat_picture(96, 64)))
    killed = another_blender(server.address, blend, "bpy.ops.render.render(animation=True)")
    try:
        server.wait_for("render", 3, seconds=60)
    finally:
        killed.kill()
        killed.wait(10)
    done = {f"f_000{n}.png": (animation / f"f_000{n}.png").stat().st_mtime_ns for n in (1, 2)}
    assert len(names(animation)) == 2 + placeholders
    server.requests.clear()
    assert another_blender(server.address, blend, "bpy.ops.neural_assets.render_missing()").wait(60) == 0
    assert renders(server) == 3 and len(names(animation)) == 5
    assert all((animation / name).stat().st_mtime_ns == time for name, time in done.items())
    assert all(read_png(animation / name).mean() > 50 for name in names(animation))


def test_after_a_killed_server_finished_frames_stay(server, animation):
    for _ in range(2):
        server.answer("render", Say(flat_picture(96, 64)))
    server.answer("render", Die())
    with pytest.raises(RuntimeError, match="is gone"):
        bpy.ops.render.render(animation=True)
    assert [name for name in names(animation)] == ["f_0001.png", "f_0002.png"]
    server.start()
    server.requests.clear()
    missing()
    assert renders(server) == 3 and len(names(animation)) == 5


@pytest.mark.parametrize(("noise", "seeds"), [("SHOT", [9, 9, 9]), ("FRAME", [12, 13, 14])])
def test_one_seed_for_the_shot_or_one_for_each_frame(scene, server, animation, noise, seeds):
    scene.neural_assets.seed, scene.neural_assets.noise = 9, noise
    scene.frame_start = 3
    bpy.ops.render.render(animation=True)
    assert [request.settings.seed for request in server.wait_for("render", 3)] == seeds


def test_negative_frames_have_a_seed_too(scene, server, animation):
    scene.use_preview_range = False
    scene.neural_assets.noise = "FRAME"
    scene.frame_set(-20)
    bpy.ops.render.render()
    assert server.wait_for("render")[0].settings.seed == 0


def test_a_video_has_all_frames(scene, server, animation):
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    scene.render.ffmpeg.format, scene.render.ffmpeg.codec = "MPEG4", "H264"
    for n in range(5):
        server.answer("render", Say(flat_picture(96, 64, (40 * n, 100, 200 - 40 * n))))
    bpy.ops.render.render(animation=True)
    (video,) = animation.glob("*.mp4")
    clip = bpy.data.movieclips.load(str(video))
    assert clip.frame_duration == 5 and tuple(clip.size) == (96, 64)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_a_file_that_a_full_disk_cut_off_is_said(addon, scene, server, box, tmp_path, capfd):
    box()
    full = tmp_path / "full.png"
    full.symlink_to("/dev/full")
    scene.render.filepath = str(full)
    bpy.ops.render.render(write_still=True)
    assert "full.png' is cut off: its disk is full" in addon("rendering.written").problem
    assert "full.png' is cut off" in capfd.readouterr().err
    scene.render.filepath = str(tmp_path / "whole.png")
    bpy.ops.render.render(write_still=True)
    assert addon("rendering.written").problem == ""
