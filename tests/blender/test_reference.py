"""Reference pictures of every kind, and what becomes of boxes over them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import bpy
import numpy as np
import pytest

from server.fake import Say
from server.protocol.errors import ErrorCode
from server.protocol.events import AssetInfo, AssetList, Done, Encoded, Failed, Mask

from .conftest import until
from .test_exif import jpeg_with

RED, BLUE = (200, 0, 0), (0, 0, 100)


def png(path: Path, rows: np.ndarray) -> Path:
    """uint8 or uint16 [h, w, 3 or 4] as a PNG."""
    height, width, channels = rows.shape
    depth = 8 * rows.dtype.itemsize
    raw = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in rows)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, {3: 2, 4: 6}[channels], 0, 0, 0)),
        (b"IDAT", zlib.compress(raw)),
        (b"IEND", b""),
    )
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    return path


def flat(height: int, width: int, colour: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    return np.tile(np.array(colour, dtype), (height, width, 1))


def load(path: Path) -> bpy.types.Image:
    bpy.ops.neural_assets.load_reference(filepath=str(path), focal_length=28)
    return bpy.context.scene.neural_assets.reference


@pytest.fixture
def photo(tmp_path) -> Path:
    """60 x 40 pixels, red above and blue below."""
    return png(tmp_path / "photo.png", np.concatenate([flat(20, 60, RED), flat(20, 60, BLUE)]))


@pytest.mark.parametrize(
    ("orientation", "size", "top_left", "top_right"),
    [
        (1, (60, 40), RED, RED),
        (2, (60, 40), RED, RED),
        (3, (60, 40), BLUE, BLUE),
        (4, (60, 40), BLUE, BLUE),
        (5, (40, 60), RED, BLUE),
        (6, (40, 60), BLUE, RED),
        (7, (40, 60), BLUE, RED),
        (8, (40, 60), RED, BLUE),
    ],
)
def test_a_photo_of_a_turned_camera_stands_upright(
    scene, addon, photo, tmp_path, orientation, size, top_left, top_right
):
    scene.render.image_settings.file_format = "JPEG"
    image = bpy.data.images.load(str(photo))
    image.save_render(str(tmp_path / "plain.jpg"), scene=scene)
    bpy.data.images.remove(image)
    header = jpeg_with(tmp_path / "exif", [(0x0112, 3, struct.pack("<H", orientation))]).read_bytes()[:-2]
    (tmp_path / "turned.jpg").write_bytes(header + (tmp_path / "plain.jpg").read_bytes()[2:])
    loaded = load(tmp_path / "turned.jpg")
    assert tuple(loaded.size) == size and len(bpy.data.images) == 1 and loaded.name == "turned.jpg"
    rows = addon("reference.images").pixels(loaded).astype(int)
    assert np.abs(rows[3, 3] - top_left).max() < 40 and np.abs(rows[3, -4] - top_right).max() < 40
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    kept = bpy.context.scene.neural_assets.reference
    assert tuple(kept.size) == size, "it is in the file"


def test_mirrored_photos_are_mirrored_back(addon, scene, tmp_path):
    rows = np.concatenate([flat(40, 30, RED), flat(40, 30, BLUE)], axis=1)
    image = bpy.data.images.load(str(png(tmp_path / "photo.png", rows)))
    copy = addon("reference.images")._turned(image, 2)
    assert tuple(addon("reference.images").pixels(copy)[0, 0]) == BLUE


def test_deep_pngs_keep_their_colours(addon, scene, tmp_path):
    image = load(png(tmp_path / "deep.png", flat(40, 60, (200 * 257, 100 * 257, 50 * 257), np.uint16)))
    assert image.is_float and tuple(addon("reference.images").pixels(image)[5, 5]) == (200, 100, 50)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparent_pictures_lie_on_white(addon, scene, tmp_path, dtype):
    most = np.iinfo(dtype).max
    unit = most // 255
    rows = flat(40, 60, (200 * unit, 100 * unit, 50 * unit, most), dtype)
    rows[:20] = (10 * unit, 20 * unit, 30 * unit, 0)
    image = load(png(tmp_path / "cut.png", rows))
    found = addon("reference.images").pixels(image)
    assert tuple(found[5, 5]) == (255, 255, 255) and tuple(found[30, 5]) == (200, 100, 50)


def test_half_transparent_pixels_are_mixed(addon, scene, tmp_path):
    image = load(png(tmp_path / "cut.png", flat(40, 60, (200, 100, 50, 51))))
    assert np.abs(addon("reference.images").pixels(image)[5, 5].astype(int) - (244, 224, 214)).max() <= 1


def test_huge_pictures_are_sent_as_large_as_the_server_takes(addon, scene, tmp_path):
    rows = np.concatenate([flat(30, 9000, RED), flat(300, 9000, BLUE)])
    image = load(png(tmp_path / "huge.png", rows))
    found = addon("reference.images").pixels(image)
    assert found.shape == (300, 8192, 3) and tuple(found[5, 5]) == RED and tuple(found[-5, -5]) == BLUE
    assert tuple(image.size) == (9000, 330) and len(bpy.data.images) == 1, "the picture itself stays"
    assert (scene.render.resolution_x, scene.render.resolution_y) == (2048, 75)


@pytest.mark.parametrize(("width", "height"), [(15, 40), (2000, 20)])
def test_pictures_that_are_too_small_are_refused(scene, tmp_path, width, height):
    with pytest.raises(RuntimeError, match=f"has {width} x {height} pixels: too few"):
        load(png(tmp_path / "small.png", flat(height, width, RED)))
    assert not bpy.data.images and scene.neural_assets.reference is None


def test_the_renders_shape_is_the_pictures_again(scene, photo):
    load(photo)
    size = scene.render.resolution_x, scene.render.resolution_y
    scene.render.resolution_x, scene.render.pixel_aspect_x = 1000, 2.0
    assert bpy.ops.neural_assets.match_reference() == {"FINISHED"}
    assert (scene.render.resolution_x, scene.render.resolution_y, scene.render.pixel_aspect_x) == (*size, 1.0)
    scene.neural_assets.reference = None
    assert not bpy.ops.neural_assets.match_reference.poll()


def test_dropping_is_offered_for_pictures_in_3d_views(scene, addon):
    handler = addon("operators.reference").DroppedReference
    assert handler.is_registered and handler.bl_import_operator == "neural_assets.load_reference"
    assert {".jpg", ".png", ".webp"} <= set(handler.bl_file_extensions.split(";"))


# --- encoding ---


def test_one_box_is_encoded_again(scene, server, photo, box):
    load(photo)
    chair, lamp = box("Chair", "old-chair"), box("Lamp", "old-lamp")
    scene.neural_assets.background = "old"
    bpy.ops.neural_assets.encode(box="Lamp")
    assert server.wait_for("encode")[0].names == ("Lamp",)
    assert (chair.neural_assets.asset, scene.neural_assets.background) == ("old-chair", "old")
    assert lamp.neural_assets.asset == lamp.neural_assets.seen_as != "old-lamp"
    assert lamp.neural_assets.seen_in == "photo.png"
    with pytest.raises(RuntimeError, match="There is no box 'None'. Select one"):
        bpy.ops.neural_assets.encode(box="None")


def test_a_box_that_the_camera_cannot_see_is_refused(scene, server, photo, box):
    load(photo)
    box("Chair", "").visible_camera = False
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="'Chair' cannot be seen by the camera"):
        bpy.ops.neural_assets.encode()


def view_of(server, merged: object) -> None:
    """The server makes 'second' of the next box, and this of the merge."""
    server.answer("encode", Say(Encoded(0, (AssetInfo("second", "object", "Chair", (1.0, 1.0, 1.0)),))))
    server.answer("merge_assets", Say(merged))


def test_another_view_goes_into_every_box_that_carries_the_asset(scene, server, photo, box):
    load(photo)
    chair, twin, lamp = box("Chair", "first"), box("Twin", "first"), box("Lamp", "lamp")
    view_of(server, AssetList(0, (AssetInfo("both", "object", "Chair", (1.0, 1.0, 1.0), 2),)))
    server.answer("delete_asset", Say(Done()))
    bpy.ops.neural_assets.add_view(box="Chair")
    assert (merge := server.wait_for("merge_assets")[0]).first == "first" and merge.second == "second"
    assert [thing.neural_assets.asset for thing in (chair, twin, lamp)] == ["both", "both", "lamp"]
    assert server.wait_for("delete_asset")[0].asset == "second", "what was made for the merge alone does not stay"
    assert chair.neural_assets.seen_in == "photo.png" and not twin.neural_assets.seen_in


def test_a_new_box_may_be_a_view_of_any_asset(scene, server, photo, box):
    load(photo)
    thing = box("Chair", "")
    with pytest.raises(RuntimeError, match="'Chair' has no asset yet. Say which asset"):
        bpy.ops.neural_assets.add_view()
    view_of(server, AssetList(0, (AssetInfo("both", "object", "Stool", (1.0, 1.0, 1.0), 2),)))
    bpy.ops.neural_assets.add_view(asset="stool")
    assert server.wait_for("merge_assets")[0].first == "stool"
    assert (thing.neural_assets.asset, thing.neural_assets.asset_name) == ("both", "Stool")


def test_a_merge_that_is_refused_changes_nothing_and_leaves_nothing(scene, server, photo, box):
    load(photo)
    chair = box("Chair", "first")
    view_of(server, Failed(0, ErrorCode.ASSET_MISSING, "The two show other objects.", "Choose another."))
    with pytest.raises(RuntimeError, match="The two show other objects. Choose another."):
        bpy.ops.neural_assets.add_view()
    assert chair.neural_assets.asset == "first"
    assert server.wait_for("delete_asset")[0].asset == "second"


def test_the_same_view_is_not_added_twice(scene, server, photo, box):
    load(photo)
    chair = box("Chair", "second")
    view_of(server, Failed(0, ErrorCode.INTERNAL, "Not asked.", ""))
    with pytest.raises(RuntimeError, match="the view that the asset has already"):
        bpy.ops.neural_assets.add_view()
    assert chair.neural_assets.asset == "second"


# --- what the model took ---


def test_masks_are_fetched_once_when_they_are_looked_at(addon, scene, server, photo, box):
    load(photo)
    thing = box("Chair", "")
    bpy.ops.neural_assets.encode()
    masks, asset = addon("reference.masks"), thing.neural_assets.asset
    shape = np.zeros((4, 6), np.uint8)
    shape[1:3, 2:5] = 255
    server.answer("fetch_mask", Say(Mask(0, asset, np.zeros((4, 6, 3), np.uint8), shape, (0.1, 0.2, 0.5, 0.6))))
    assert masks.mask(asset) is None and masks.mask("") is None, "on its way, nothing waits"
    until(lambda: masks.mask(asset) is not None)
    assert (masks.mask(asset).mask == shape).all() and len(server.wait_for("fetch_mask")) == 1


def test_a_mask_that_cannot_be_had_is_not_asked_for_at_every_redraw(addon, scene, server):
    server.answer("fetch_mask", Say(Failed(0, ErrorCode.ASSET_MISSING, "It is gone.", "Encode it.")))
    masks, bridge = addon("reference.masks"), addon("connection.session").bridge
    masks.mask("gone")
    until(lambda: not bridge.is_busy)
    for _ in range(5):
        assert masks.mask("gone") is None
    assert len(server.wait_for("fetch_mask")) == 1


def test_masks_belong_to_the_picture_and_the_asset_that_they_were_made_of(addon, scene, server, photo, box, tmp_path):
    load(photo)
    chair, lamp = box("Chair", ""), box("Lamp", "")
    bpy.ops.neural_assets.encode()
    shown_boxes = addon("reference.masks").shown_boxes
    assert [thing.name for thing in shown_boxes(scene)] == ["Chair", "Lamp"]
    lamp.neural_assets.asset = "another"
    assert shown_boxes(scene) == [chair]
    load(png(tmp_path / "other.png", flat(40, 60, RED)))
    assert not shown_boxes(scene)


def test_a_mask_is_tinted_with_an_outline_as_thin_as_that_of_a_fine_one(addon):
    shape = np.zeros((6, 7), np.uint8)
    shape[1:5, 2:6] = 255
    rows = addon("reference.masks").tinted(shape, (1.0, 0.5, 0.0), 256)[::-1]
    height, width = rows.shape[:2]
    middle = rows[height // 2, :, 3]
    assert (height, width) == (256, 256) and not rows[0].any() and not rows[:, : width // 7].any()
    assert middle[width // 2] == pytest.approx(0.4) and 2 <= (middle > 0.9).sum() <= 4, "a thin rim at either side"
    assert rows[height // 2, width // 2] == pytest.approx(0.4 * np.array([1.0, 0.2159, 0.0, 1.0]), abs=1e-3), "linear"
    fine = addon("reference.masks").tinted(np.full((600, 500), 255, np.uint8), (1.0, 1.0, 1.0), 64)[::-1, :, 3]
    assert fine.shape == (64, 64) and (fine[32] > 0.9).sum() == 4, "a fine one that is drawn small has as wide a rim"
