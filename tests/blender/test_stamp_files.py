"""Where a picture's file holds no settings they lie in a small file beside it, and come back from there."""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict
from pathlib import Path

import bpy
import pytest

from server.fake import Die, Say, flat_picture

from .conftest import full_disk
from .drawing import shown
from .test_stamp import FORMATS, OTHER_FORMATS, load, rendered, stamp  # noqa: F401 - a fixture

SUFFIX = ".neural_assets.json"


@pytest.fixture
def files(addon):
    return addon("pictures.stamp_files")


@pytest.fixture
def shot(scene, server, box, tmp_path) -> Path:
    """A box that moves over three frames, seeds by frame; the empty folder of its files."""
    thing = box()
    for frame, x in ((1, 0), (3, 2)):
        thing.location.x = x
        thing.keyframe_insert("location", frame=frame)
    scene.frame_end, scene.neural_assets.noise, scene.neural_assets.seed = 3, "FRAME", 5
    folder = tmp_path / "frames"
    scene.render.filepath = str(folder / "f_")
    return folder


def choose(scene, file_format: str) -> None:
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO" if file_format == "FFMPEG" else "IMAGE"
    settings.file_format = file_format
    if file_format == "FFMPEG":
        scene.render.ffmpeg.format, scene.render.ffmpeg.codec = "MPEG4", "H264"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- written ---


@pytest.mark.parametrize("file_format", OTHER_FORMATS)
def test_other_formats_have_a_file_beside_them(addon, files, scene, server, box, file_format):
    box("Stühl", "chair").neural_assets.asset_name = "Rot 椅子"
    scene.frame_set(9)
    path = rendered(scene, file_format)
    (request,) = server.wait_for("render")
    found = files.of_file(path)
    assert asdict(found.scene) == asdict(request.scene) and asdict(found.settings) == asdict(request.settings)
    assert found.names == {"chair": "Rot 椅子"} and found.frame == 9
    assert files.of_file(path.with_name(path.name + SUFFIX)) == found
    assert names(path.parent) == [path.name, path.name + SUFFIX] and addon("rendering.written").problem == ""
    assert "beside it" in shown(addon("panels.picture").OutputInSidebar)


@pytest.mark.parametrize("file_format", FORMATS)
def test_files_that_hold_their_settings_have_none(addon, scene, server, box, file_format):
    box()
    path = rendered(scene, file_format)
    assert names(path.parent) == [path.name]
    assert "beside it" not in shown(addon("panels.picture").OutputInSidebar)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("a.png", "a.tif"), ("b.tiff", "b.tiff"), ("c", "c.tif"), ("d.v2", "d.v2.tif"), ("e_####", "e_####.tif"),
        ("f.tif", "f.tif"), ("folder/", "folder/.tif|folder/Untitled.tif"),
    ],
)  # fmt: skip
def test_it_lies_beside_what_blender_wrote_whatever_was_typed(scene, server, box, tmp_path, given, written):
    box()
    choose(scene, "TIFF")
    scene.render.filepath = f"{tmp_path}/{given}"
    bpy.ops.render.render(write_still=True)
    assert [(tmp_path / name).is_file() for name in written.split("|")].count(True) == 1
    assert [(tmp_path / (name + SUFFIX)).is_file() for name in written.split("|")].count(True) == 1


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="names in braces are filled in from Blender 5.0 on")
def test_names_in_braces_are_followed(scene, server, box, tmp_path):
    box()
    choose(scene, "TIFF")
    scene.render.filepath = str(tmp_path / "{resolution_x}_shot")
    bpy.ops.render.render(write_still=True)
    assert names(tmp_path) == ["96_shot.tif", "96_shot.tif" + SUFFIX]


def test_a_name_without_ending_stays_one(scene, server, box, tmp_path):
    box()
    choose(scene, "TIFF")
    scene.render.use_file_extension, scene.render.filepath = False, str(tmp_path / "picture.v2")
    bpy.ops.render.render(write_still=True)
    assert names(tmp_path) == ["picture.v2", "picture.v2" + SUFFIX]


def test_every_frame_of_an_animation_has_its_own(files, scene, shot):
    choose(scene, "TIFF")
    bpy.ops.render.render(animation=True)
    assert names(shot) == [f"f_000{n}.tif{end}" for n in (1, 2, 3) for end in ("", SUFFIX)]
    found = [files.of_file(shot / f"f_000{n}.tif") for n in (1, 2, 3)]
    assert [each.settings.seed for each in found] == [6, 7, 8] and [each.frame for each in found] == [1, 2, 3]
    assert [each.scene.placements[0].box.pose[3] for each in found] == pytest.approx([0, 1, 2])


def test_frames_that_the_server_rendered_have_theirs(addon, files, scene, server, shot, tmp_path, monkeypatch):
    monkeypatch.setattr(addon("rendering.sequences"), "notes", addon("rendering.sequences").Notes(tmp_path / "notes"))
    choose(scene, "TIFF")
    scene.neural_assets.noise = "SHOT"
    bpy.ops.neural_assets.render_on_server()
    assert not shot.exists()
    for _ in range(3):
        server.answer("fetch_frame", Say(flat_picture(96, 64)))
    bpy.ops.render.render(animation=True)
    assert len(server.wait_for("fetch_frame", 3)) == 3 and files.of_file(shot / "f_0002.tif").frame == 2


def test_missing_frames_get_theirs_and_the_others_keep_them(files, scene, shot):
    choose(scene, "BMP")
    bpy.ops.render.render(animation=True)
    (shot / "f_0002.bmp").unlink()
    kept = (shot / f"f_0001.bmp{SUFFIX}").stat().st_mtime_ns
    scene.neural_assets.seed = 90
    bpy.ops.neural_assets.render_missing()
    assert [files.of_file(shot / f"f_000{n}.bmp").settings.seed for n in (1, 2, 3)] == [6, 92, 8]
    assert (shot / f"f_0001.bmp{SUFFIX}").stat().st_mtime_ns == kept


def test_a_video_has_one_file_with_all_frames(files, scene, shot):
    choose(scene, "FFMPEG")
    for _ in range(2):  # the second time over the first
        bpy.ops.render.render(animation=True)
    video = shot / "f_0001-0003.mp4"
    assert names(shot) == [video.name, video.name + SUFFIX]
    assert [files.of_file(video, frame).settings.seed for frame in (-7, 1, 2, 3, 99)] == [6, 6, 7, 8, 8]
    assert len(json.loads((shot / (video.name + SUFFIX)).read_text())["stamps"]) == 3
    bpy.data.objects["Box"].animation_data_clear()
    scene.frame_set(2)
    scene.neural_assets.seed = 0
    load(video)
    assert bpy.data.objects["Box"].location.x == pytest.approx(1) and scene.neural_assets.seed == 7


def test_a_video_that_broke_off_keeps_the_frames_that_it_has(files, scene, server, shot):
    choose(scene, "FFMPEG")
    for _ in range(2):
        server.answer("render", Say(flat_picture(96, 64)))
    server.answer("render", Die())
    with pytest.raises(RuntimeError, match="is gone"):
        bpy.ops.render.render(animation=True)
    assert files.of_file(shot / "f_0001-0003.mp4", 3).frame == 2


# --- read ---


def test_it_brings_the_scene_back_from_the_picture_and_from_itself(scene, server, box):
    thing = box(location=(1, 2, 0))
    scene.neural_assets.seed = 41
    path = rendered(scene, "TIFF")
    for chosen in (path, path.with_name(path.name + SUFFIX)):
        thing.location, scene.neural_assets.seed = (0, 0, 0), 1
        assert bpy.ops.neural_assets.load_settings("INVOKE_DEFAULT", filepath=str(chosen)) == {"FINISHED"}
        assert tuple(thing.location) == pytest.approx((1, 2, 0)) and scene.neural_assets.seed == 41


def test_both_can_be_dropped():
    endings = bpy.types.NEURAL_ASSETS_FH_settings.bl_file_extensions.split(";")
    assert {".tif", ".webp", ".bmp", ".tga", ".mp4", ".json", ".png"} <= set(endings)


def test_a_picture_that_was_written_over_has_other_settings(scene, server, box):
    box()
    path = rendered(scene, "BMP")
    data = bytearray(path.read_bytes())
    data[-1] ^= 255  # of the same size
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match=f"'picture.bmp' was changed .* Choose 'picture.bmp{SUFFIX}' to load them"):
        load(path)
    load(path.with_name(path.name + SUFFIX))


CHANGES = {
    "start": lambda data: b"\xff" + data[1:],
    "end": lambda data: data[:-1] + b"\xff",
    "longer": lambda data: data + b"\0",
    "shorter": lambda data: data[:-1],
    "half": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "moved": lambda data: data[1 << 20 :] + data[: 1 << 20],
}


@pytest.mark.parametrize("mebibytes", [1, 24])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_video_is_noticed(files, stamp, tmp_path, change, mebibytes):  # noqa: F811
    video = tmp_path / "shot.mp4"
    data = random.Random(0).randbytes((mebibytes << 20) + 5)
    video.write_bytes(data)
    files.write_beside(video, [stamp.to_text()])
    assert files.of_file(video) == stamp
    video.write_bytes(CHANGES[change](data))
    with pytest.raises(ValueError, match="'shot.mp4' was changed"):
        files.of_file(video)


@pytest.mark.parametrize("size", [1, 1 << 15, 1 << 21])
def test_every_byte_counts_up_to_two_mebibytes(files, tmp_path, size):
    """Those beside the seams of the pieces, too."""
    picture = tmp_path / "picture.tif"
    seams = range(0, size, 1 << 15)
    for place in {0, size // 3, size - 1, *seams, *(seam - 1 for seam in seams[1:])}:
        picture.write_bytes(bytes(size))
        before = files._digest(picture)
        picture.write_bytes(bytes(place) + b"\1" + bytes(size - place - 1))
        assert files._digest(picture) != before, place


def test_a_large_video_is_not_read_whole(files, tmp_path):
    """What lies between two pieces may change; that is what it costs."""
    video = tmp_path / "shot.mp4"
    video.write_bytes(bytes(16 << 20))
    before = files._digest(video)
    with open(video, "r+b") as file:
        file.seek(100_000)
        file.write(b"\xff" * 100_000)
    assert files._digest(video) == before


def test_one_without_settings_names_the_file_that_is_not_there(scene, server, box):
    box()
    path = rendered(scene, "TIFF")
    path.with_name(path.name + SUFFIX).unlink()
    with pytest.raises(RuntimeError, match=f"holds no settings .* no 'picture.tif{SUFFIX}' lies beside it"):
        load(path)


DAMAGED = [
    "", "null", "7", "[]", "{}", "[" * 100_000, "\x00", '{"form": 1}', '{"form": 1, "picture": "", "stamps": []}',
    '{"form": 1, "picture": "", "stamps": 7}', '{"form": 1, "picture": "", "stamps": [null]}',
    '{"form": 1, "picture": "", "stamps": {"frame": 1}}', '{"form": 1, "picture": "", "stamps": [{"frame": "x"}]}',
    '{"form": 1, "picture": "", "stamps": [{"frame": 1}]}', '{"form": "x", "picture": "", "stamps": []}',
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_refused_with_a_sentence(scene, tmp_path, content):
    path = tmp_path / "picture.tif"
    path.write_bytes(b"II*\0")
    kept = tmp_path / f"picture.tif{SUFFIX}"
    kept.write_text(content)
    for chosen in (path, kept):
        with pytest.raises(RuntimeError, match="cannot be read|damaged|was changed"):
            load(chosen)
    assert len(bpy.data.objects) == 1


def test_one_that_was_cut_off_is_refused(scene, server, box):
    box()
    kept = Path(f"{rendered(scene, 'TIFF')}{SUFFIX}")
    kept.write_text(kept.read_text()[:-20])
    with pytest.raises(RuntimeError, match="cannot be read .the file is damaged"):
        load(kept)


def test_one_of_a_newer_addon_or_that_is_no_text_or_a_folder(scene, tmp_path):
    kept = tmp_path / f"picture.tif{SUFFIX}"
    kept.write_text('{"form": 2}')
    with pytest.raises(RuntimeError, match="from a newer add-on"):
        load(kept)
    kept.write_bytes(b"\xff\xfe{}")
    with pytest.raises(RuntimeError, match="damaged"):
        load(kept)
    kept.unlink()
    kept.mkdir()
    with pytest.raises(RuntimeError, match="cannot be read"):
        load(kept)


# --- disks ---


def test_a_full_disk_is_said_and_nothing_is_lost(addon, files, scene, server, box, capfd, monkeypatch):
    box()
    scene.neural_assets.seed = 1
    path = rendered(scene, "TIFF")
    kept = path.with_name(path.name + SUFFIX)
    before = kept.read_bytes()
    scene.neural_assets.seed = 2
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        rendered(scene, "TIFF")
    words = addon("rendering.written").problem
    assert (
        words.startswith("The picture is saved, but") and "No space left" in words and words in capfd.readouterr().err
    )
    assert words.split("(")[0][:40] in shown(addon("panels.picture").OutputInSidebar)
    assert kept.read_bytes() == before and names(path.parent) == [path.name, kept.name] and path.stat().st_size > 100
    rendered(scene, "TIFF")
    assert addon("rendering.written").problem == "" and files.of_file(path).settings.seed == 2


def test_a_folder_that_takes_no_files_is_said_once_for_an_animation(addon, scene, shot, capfd):
    choose(scene, "TIFF")
    shot.mkdir()
    for n in (1, 2, 3):  # as read-only for what lies beside; root may write everywhere
        (shot / f"f_000{n}.tif{SUFFIX}").mkdir()
    bpy.ops.render.render(animation=True)
    assert capfd.readouterr().err.count("The picture is saved, but the settings") == 1
    assert all((shot / f"f_000{n}.tif").stat().st_size > 100 for n in (1, 2, 3))
    assert "cannot be written into" in addon("rendering.written").problem
