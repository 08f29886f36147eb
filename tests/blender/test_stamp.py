"""What made a picture is in its file, and comes back from it. What lies beside files: test_stamp_files.py."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from server.protocol.limits import MAX_BOXES, MAX_NAME

from .conftest import part

PNG = b"\x89PNG\r\n\x1a\n"
FORMATS = {"PNG": "png", "JPEG": "jpg", "OPEN_EXR": "exr", "OPEN_EXR_MULTILAYER": "exr"}
OTHER_FORMATS = {"TIFF": "tif", "WEBP": "webp", "BMP": "bmp", "TARGA": "tga", "HDR": "hdr"}


def rendered(scene, file_format: str = "PNG") -> Path:
    """Renders into a file of this format."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE" if "MULTI" in file_format else "IMAGE"
    settings.file_format = file_format
    path = Path(scene.render.filepath).with_suffix("." + {**FORMATS, **OTHER_FORMATS}[file_format])
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return path


def load(path: Path, **options: bool) -> None:
    bpy.ops.neural_assets.load_settings(filepath=str(path), **options)
    bpy.context.view_layer.update()


@pytest.fixture
def stamp(addon):
    """A stamp with two boxes."""
    api = addon("protocol.api")
    identity = (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    boxes = tuple(api.Placement(name, f"a-{name}", api.Box(identity, (1, 2, 3))) for name in ("Chair", "Lamp"))
    scene = api.Scene(api.Camera((1, 1.5, 0.5, 0.5), identity), boxes, "room")
    settings = api.RenderSettings(96, 64, 3, 7, 2.5)
    return addon("pictures.stamp").Stamp(scene, settings, 12, 1.0, False, {"a-Chair": "Red chair"}, {"server": "1"})


# --- in files ---


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_that_keeps_texts_holds_what_was_asked_for(addon, scene, server, box, file_format):
    box("Stühl", "chair").neural_assets.asset_name = "Rot 椅子"
    scene.neural_assets.seed, scene.neural_assets.background = 41, "room"
    scene.frame_set(9)
    found = addon("pictures.stamp_files").of_file(rendered(scene, file_format))
    (request,) = server.wait_for("render")
    assert asdict(found.scene) == asdict(request.scene) and asdict(found.settings) == asdict(request.settings)
    assert found.names == {"chair": "Rot 椅子", "room": ""} and (found.frame, found.view) == (9, False)
    assert {"addon", "blender", "protocol", "server"} <= set(found.versions)


def test_every_frame_of_an_animation_has_its_own(addon, scene, server, box, tmp_path):
    thing = box()
    for frame, x in ((1, 0), (3, 2)):
        thing.location.x = x
        thing.keyframe_insert("location", frame=frame)
    scene.neural_assets.seed, scene.neural_assets.noise = 5, "FRAME"
    scene.frame_end, scene.frame_step, scene.render.filepath = 3, 2, str(tmp_path / "f_")
    bpy.ops.render.render(animation=True)
    found = [addon("pictures.stamp_files").of_file(tmp_path / f"f_000{n}.png") for n in (1, 3)]
    assert [s.settings.seed for s in found] == [6, 8] and [s.frame for s in found] == [1, 3]
    assert [s.scene.placements[0].box.pose[3] for s in found] == pytest.approx([0, 2])


def test_a_render_that_failed_is_not_stamped_on_the_next(addon, scene, server, box):
    box()
    scene.neural_assets.seed = 1
    path = rendered(scene)
    scene.neural_assets.seed = 2
    assert addon("pictures.stamp_files").of_file(rendered(scene)).settings.seed == 2 and path.exists()


def test_the_largest_stamp_fits_into_a_jpegs_comment(addon, stamp):
    (first, _) = stamp.scene.placements
    pose = (*np.random.default_rng(0).random(3), 1)
    box = replace(first.box, pose=(1, 0, 0, pose[0], 0, 1, 0, pose[1], 0, 0, 1, pose[2], 0, 0, 0, 1))
    many = tuple(
        replace(first, name="椅" * MAX_NAME, asset=f"{n:064}", box=box, seed=(1 << 31) - 1) for n in range(MAX_BOXES)
    )
    names = {placement.asset: "🪑" * MAX_NAME for placement in many}
    text = replace(stamp, scene=replace(stamp.scene, placements=many), names=names).to_text()
    assert len(text.encode()) < 60_000


# --- as text ---


def test_text_and_back(addon, stamp):
    assert addon("pictures.stamp").Stamp.from_text(stamp.to_text()) == stamp


def test_what_a_newer_contract_adds_is_left_out(addon, stamp):
    text = stamp.to_text().replace('"steps":3', '"steps":3,"mood":"blue"')
    assert addon("pictures.stamp").Stamp.from_text(text) == stamp


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('{"form":1', "{", "damaged"),
        ('"form":1', '"form":2', "newer add-on"),
        ('"form":1', '"form":"x"', "damaged"),
        ('"steps":3', '"steps":-3', "damaged .*steps of -3"),
        ('"steps":3', '"steps":null', "damaged"),
        ('"size":[1.0,2.0,3.0]', '"size":[1.0,2.0]', "damaged .*2 numbers"),
        ('"size":[1.0,2.0,3.0]', '"size":[NaN,2.0,3.0]', "damaged"),
        ('"asset":"a-Lamp"', '"asset":"../etc"', "damaged .*not an id"),
        ('"placements":[', '"placements":[7,', "damaged"),
        ('"pixel_aspect":1.0', '"pixel_aspect":0', "damaged"),
        ('"frame":12', '"frame":1e999', "damaged"),
        ('"names":{', '"names":[],"x":{', "damaged"),
    ],
)
def test_damaged_stamps_are_refused_with_a_sentence(addon, stamp, old, new, words):
    text = stamp.to_text()
    assert old in text
    with pytest.raises(ValueError, match=words):
        addon("pictures.stamp").Stamp.from_text(text.replace(old, new))


@pytest.mark.parametrize("text", ["", "null", "7", "[]", '"x"', "{}", "[" * 100_000, '{"form": 1}'])
def test_foreign_texts_are_refused(addon, text):
    with pytest.raises(ValueError, match="damaged"):
        addon("pictures.stamp").Stamp.from_text(text)


# --- texts in files, without Blender's help ---


def _png(*chunks: bytes) -> bytes:
    return PNG + b"".join(chunks)


def _jpeg(*segments: tuple[int, bytes]) -> bytes:
    return b"\xff\xd8" + b"".join(struct.pack(">BBH", 255, m, len(d) + 2) + d for m, d in segments) + b"\xff\xda"


def _exr(*attributes: tuple[bytes, bytes, bytes]) -> bytes:
    parts = (name + b"\0" + kind + b"\0" + struct.pack("<i", len(data)) + data for name, kind, data in attributes)
    return b"v/1\x01\2\0\0\0" + b"".join(parts) + b"\0"


@pytest.mark.parametrize(
    "make",
    [
        lambda chunk: _png(chunk(b"gAMA", b"1234"), chunk(b"tEXt", b"Key\0Text"), chunk(b"IEND", b"")),
        lambda chunk: _png(chunk(b"zTXt", b"Key\0\0" + zlib.compress(b"Text")), chunk(b"IEND", b"")),
        lambda chunk: _png(chunk(b"iTXt", b"Key\0\0\0de\0S\0Text"), chunk(b"IEND", b"")),
        lambda chunk: _png(chunk(b"iTXt", b"Key\0\1\0\0\0" + zlib.compress(b"Text")), chunk(b"IEND", b"")),
        lambda chunk: _jpeg((0xE0, b"JFIF"), (0xFE, b"other"), (0xFE, b"Blender:Key:Text")),
        lambda chunk: b"\xff\xd8\xff" + _jpeg((0xFE, b"Blender:Key:Text"))[2:],
        lambda chunk: _exr((b"channels", b"chlist", b"\0" * 40), (b"Key", b"string", b"Text")),
    ],
)
def test_texts_are_found(addon, tmp_path, make):
    path = tmp_path / "a.picture"
    path.write_bytes(make(addon("pictures.picture_text").png_chunk))
    assert addon("pictures.picture_text").read_text(path, "Key") == "Text"
    assert addon("pictures.picture_text").read_text(path, "Other") is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda chunk: PNG, "damaged"),
        (lambda chunk: _png(chunk(b"tEXt", b"Key\0Text")[:-6]), "damaged"),
        (lambda chunk: _png(chunk(b"tEXt", b"Key\0Text")[:-1] + b"?"), "damaged"),
        (lambda chunk: _png(chunk(b"tEXt", b"without end")), "damaged"),
        (lambda chunk: _png(chunk(b"tEXt", b"Key\0\xff\xfe"), chunk(b"IEND", b"")), "damaged"),
        (lambda chunk: _png(chunk(b"zTXt", b"Key\0\0no zlib")), "damaged"),
        (lambda chunk: _png(struct.pack(">I4s", 0xFFFFFFFF, b"IDAT")), "damaged"),
        (lambda chunk: b"\xff\xd8\xff", "damaged"),
        (lambda chunk: b"\xff\xd8nothing", "damaged"),
        (lambda chunk: b"\xff\xd8\xff\xfe\xff\xffshort", "damaged"),
        (lambda chunk: _exr((b"Key", b"string", b"Text"))[:20], "damaged"),
        (lambda chunk: b"v/1\x01\2\0\0\0" + b"x" * 5000, "damaged"),
        (lambda chunk: b"v/1\x01\2\0\0\0a\0string\0\xff\xff\xff\xff", "damaged"),
    ],
)
def test_damaged_files_are_refused(addon, tmp_path, make, words):
    path = tmp_path / "a.picture"
    path.write_bytes(make(addon("pictures.picture_text").png_chunk))
    with pytest.raises(ValueError, match=words):
        addon("pictures.picture_text").read_text(path, "Key")


@pytest.mark.parametrize("content", [b"", b"GIF89a........", b"II*\0"])
def test_other_files_have_no_text(addon, tmp_path, content):
    (tmp_path / "a.picture").write_bytes(content)
    assert addon("pictures.picture_text").read_text(tmp_path / "a.picture", "Key") is None


def test_a_huge_packed_text_does_not_fill_the_memory(addon, tmp_path):
    path, chunk = tmp_path / "a.png", addon("pictures.picture_text").png_chunk
    path.write_bytes(_png(chunk(b"zTXt", b"Key\0\0" + zlib.compress(b"x" * (64 << 20))), chunk(b"IEND", b"")))
    assert len(addon("pictures.picture_text").read_text(path, "Key")) == addon("pictures.picture_text").MAX_TEXT


def test_no_file_and_a_folder_are_refused(addon, tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(ValueError, match="cannot be read"):
            addon("pictures.picture_text").read_text(path, "Key")


# --- back into the scene ---


def _state(scene) -> dict[str, object]:
    """Everything that a picture depends on, as the server would get it."""
    reader = part("scene.reader")
    picture, settings = reader.read_render(bpy.context.evaluated_depsgraph_get())
    return {"settings": settings, "camera": picture.camera, **{p.name: p for p in picture.placements}}


def _same(a: dict, b: dict) -> None:
    assert a.keys() == b.keys() and a["settings"] == b["settings"]
    for name in a.keys() - {"settings"}:
        one, other = a[name], b[name]
        if name == "camera":
            assert one.intrinsics == pytest.approx(other.intrinsics, abs=1e-5)
            assert one.world_to_camera == pytest.approx(other.world_to_camera, abs=1e-4)
        else:
            assert one.box.pose == pytest.approx(other.box.pose, abs=1e-4)
            assert one.box.size == pytest.approx(other.box.size, abs=1e-4)
            assert (one.asset, one.guidance, one.seed) == (other.asset, other.guidance, other.seed)


@pytest.fixture
def furnished(scene, server, box):
    """A scene of parent and child, odd units and a shifted camera, rendered; its state and file."""
    scene.unit_settings.scale_length = 0.5
    chair, lamp = box("Chair", "chair", scale=(1, 2, 0.5)), box("Lamp", "lamp")
    chair.rotation_euler = (0.1, 0.2, 0.7)
    lamp.parent, lamp.location, chair.scale = chair, (0.4, 0, 0.5), (2, 2, 2)
    lamp.neural_assets.seed, lamp.neural_assets.guidance = 3, 0.5
    camera = scene.camera
    camera.data.lens, camera.data.shift_x, camera.data.shift_y = 35, 0.1, -0.05
    scene.render.resolution_percentage, scene.render.pixel_aspect_y = 110, 1.25
    scene.neural_assets.seed, scene.neural_assets.steps, scene.neural_assets.background = 17, 6, "room"
    bpy.context.view_layer.update()
    return _state(scene), rendered(scene)


def _spoil(scene) -> None:
    for thing in bpy.data.objects:
        thing.location, thing.rotation_euler, thing.scale = (1, 2, 3), (0.5, 0.5, 0.5), (1, 1, 1)
    scene.camera.data.lens, scene.camera.data.shift_x = 85, 0
    scene.render.resolution_x, scene.render.pixel_aspect_y = 128, 1
    settings = scene.neural_assets
    settings.seed, settings.steps, settings.background, settings.noise = 1, 1, "", "FRAME"
    bpy.data.objects["Lamp"].neural_assets.asset = "other"


def test_a_picture_brings_its_scene_back(scene, furnished):
    before, path = furnished
    _spoil(scene)
    load(path)
    _same(_state(scene), before)
    assert {thing.name for thing in bpy.data.objects} == {"Camera", "Chair", "Lamp"}


def test_missing_boxes_and_a_missing_camera_are_made(scene, furnished):
    before, path = furnished
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    load(path)
    _same(_state(scene), before)


def test_boxes_camera_or_settings_alone(scene, furnished):
    before, path = furnished
    _spoil(scene)
    load(path, camera=False, settings=False)
    state = _state(scene)
    assert state["Chair"].box.pose == pytest.approx(before["Chair"].box.pose, abs=1e-4)
    assert state["settings"].steps == 1 and state["camera"] != before["camera"]
    load(path, boxes=False, camera=False)
    assert _state(scene)["settings"] == before["settings"]


def test_what_the_picture_does_not_know_is_left_alone(scene, furnished, box):
    _, path = furnished
    box("New", "new", location=(9, 9, 9))
    chair = bpy.data.objects["Chair"]
    chair.name = "Sessel"
    plain = bpy.data.objects.new("Chair", None)  # of that name, but no box
    scene.collection.objects.link(plain)
    load(path)
    assert tuple(bpy.data.objects["New"].location) == (9, 9, 9) and tuple(plain.location) == (0, 0, 0)
    assert bpy.data.objects["Chair.001"].neural_assets.asset == "chair"


def test_a_picture_of_a_view_does_not_set_the_render_size(addon, scene, stamp, tmp_path):
    path, text = tmp_path / "a.png", addon("pictures.picture_text")
    view = replace(stamp, view=True)
    path.write_bytes(_png(text.png_text("Neural Assets", view.to_text()), text.png_chunk(b"IEND", b"")))
    scene.render.resolution_x = 500
    load(path)
    assert scene.render.resolution_x == 500 and scene.neural_assets.seed == 7
    assert bpy.data.objects["Chair"].neural_assets.asset_name == "Red chair"


def test_loading_is_one_step_of_undo(scene, furnished):
    _, path = furnished
    _spoil(scene)
    bpy.ops.ed.undo_push(message="Before")
    bpy.ops.neural_assets.load_settings("EXEC_DEFAULT", True, filepath=str(path))
    assert bpy.context.scene.neural_assets.steps == 6
    bpy.ops.ed.undo()
    assert bpy.context.scene.neural_assets.steps == 1
    assert math.isclose(bpy.data.objects["Chair"].location.x, 1)


def test_a_dropped_picture_is_loaded_without_asking_for_a_file(scene, furnished):
    _, path = furnished
    _spoil(scene)
    handler = bpy.types.NEURAL_ASSETS_FH_settings
    assert ".exr" in handler.bl_file_extensions and handler.bl_import_operator == "neural_assets.load_settings"
    assert bpy.ops.neural_assets.load_settings("INVOKE_DEFAULT", filepath=str(path)) == {"FINISHED"}
    assert scene.neural_assets.steps == 6


def test_a_foreign_picture_says_so_and_changes_nothing(scene, server, box, tmp_path):
    box()
    image = bpy.data.images.new("Plain", 8, 8)
    image.filepath_raw, image.file_format = str(tmp_path / "plain.png"), "PNG"
    image.save()
    with pytest.raises(RuntimeError, match="'plain.png' holds no settings of Neural Assets"):
        load(tmp_path / "plain.png")
    with pytest.raises(RuntimeError, match="cannot be read"):
        load(tmp_path / "none.png")
    assert len(bpy.data.objects) == 2


def test_what_keyframes_will_undo_and_what_was_added_is_said(addon, scene, furnished, box):
    _, path = furnished
    lamp = bpy.data.objects["Lamp"]
    lamp.keyframe_insert("location", frame=1)
    scene.camera.keyframe_insert("location", frame=1)
    bpy.data.objects["Chair"].name = "Sessel"
    stamp = addon("pictures.stamp_files").of_file(path)
    restored = addon("pictures.restoring").restore(bpy.context, stamp, boxes=True, camera=True, settings=True)
    assert restored.made == ("Chair",) and set(restored.keyed) == {"Lamp", "Camera"} and restored.others == ("Sessel",)
    assert restored.words.startswith("Restored. Added: Chair. Animated, so that the next frame moves them again:")
