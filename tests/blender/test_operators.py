"""Every operator through `execute`, as scripts and `blender -b` call them."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from server.fake import Die, Say
from server.protocol.errors import ErrorCode
from server.protocol.events import AssetInfo, AssetList, Failed

from .conftest import until
from .test_exif import jpeg_with


@pytest.fixture
def photo(tmp_path):
    """A PNG of 60 x 40 pixels, red above and blue below, and its pixels."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20], pixels[20:] = (200, 0, 0), (0, 0, 100)
    image = bpy.data.images.new("photo", 60, 40)
    rgba = np.ones((40, 60, 4), np.float32)
    rgba[..., :3] = pixels[::-1] / 255
    image.pixels.foreach_set(rgba.ravel())
    path = tmp_path / "photo.png"
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return path, pixels


@pytest.fixture
def store(server):
    """Three assets and a background in the server's store, whenever it is asked."""
    assets = [AssetInfo(f"id-{name}", "object", name.title()) for name in ("chair", "lamp", "cup")]
    for _ in range(20):
        server.answer("list_assets", Say(AssetList(0, (*assets, AssetInfo("id-room", "background", "Room")))))
    bpy.ops.neural_assets.refresh_assets()
    return server


def _select(*things: bpy.types.Object) -> None:
    bpy.ops.object.select_all(action="DESELECT")
    for thing in things:
        thing.select_set(True)
        bpy.context.view_layer.objects.active = thing


def test_a_reference_is_shown_in_a_camera_with_its_lens_and_shape(scene, photo):
    path, _ = photo
    bpy.ops.neural_assets.load_reference(filepath=str(path), focal_length=28)
    camera = scene.camera.data
    assert camera.lens == pytest.approx(28) and camera.sensor_width == 36 and camera.show_background_images
    (background,) = camera.background_images
    assert background.image == scene.neural_assets.reference and background.show_background_image
    assert background.image.use_view_as_render, "else it covers the rendered view"
    assert (scene.render.resolution_x, scene.render.resolution_y) == (96, 64), "60 x 40, and no side below the least"


def test_a_reference_makes_the_camera_that_is_missing(scene, photo):
    scene.camera = None
    bpy.ops.neural_assets.load_reference(filepath=str(photo[0]), focal_length=28)
    assert scene.camera is not None and scene.camera.data.background_images[0].image is not None


def test_the_focal_length_comes_out_of_the_file(scene, photo, tmp_path):
    header = jpeg_with(tmp_path / "exif", [(0xA405, 3, b"\x32\0")]).read_bytes()[:-2]
    image = bpy.data.images.load(str(photo[0]))
    scene.render.image_settings.file_format = "JPEG"
    image.save_render(str(tmp_path / "plain.jpg"), scene=scene)
    (tmp_path / "photo.jpg").write_bytes(header + (tmp_path / "plain.jpg").read_bytes()[2:])
    bpy.ops.neural_assets.load_reference(filepath=str(tmp_path / "photo.jpg"))
    assert scene.camera.data.lens == pytest.approx(50)


def test_a_picture_without_focal_length_asks_for_it(scene, photo):
    with pytest.raises(RuntimeError, match="does not say with which focal length.* Give focal_length"):
        bpy.ops.neural_assets.load_reference(filepath=str(photo[0]))
    assert scene.neural_assets.reference is None
    bpy.ops.neural_assets.set_focal_length(focal_length=33)
    assert scene.camera.data.lens == pytest.approx(33)


@pytest.mark.parametrize("content", [None, b"no picture at all", b""])
def test_unreadable_pictures_are_refused_and_leave_nothing(scene, tmp_path, content):
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RuntimeError, match="bad.png' cannot be read .* Choose a JPEG"):
        bpy.ops.neural_assets.load_reference(filepath=str(path), focal_length=28)
    assert not bpy.data.images and scene.neural_assets.reference is None


def test_encoding_sends_picture_boxes_and_camera_and_fills_the_boxes(scene, server, photo, box):
    path, pixels = photo
    bpy.ops.neural_assets.load_reference(filepath=str(path), focal_length=28)
    chair, lamp = box("Chair", ""), box("Lamp", "")
    box("Hidden", "", hide_viewport=True)
    scene.neural_assets.ground = 0.25
    bpy.ops.neural_assets.encode()
    (request,) = server.wait_for("encode")
    assert (request.image == pixels).all()
    assert request.names == ("Chair", "Lamp") and request.ground == pytest.approx(0.25)
    assert request.camera.intrinsics == pytest.approx((28 / 36, 28 / 24, 0.5, 0.5))
    assert [t.neural_assets.asset for t in (chair, lamp)] == ["asset-Chair", "asset-Lamp"]
    assert scene.neural_assets.background == "background"


def test_pictures_of_floats_are_sent_as_srgb(scene, server, tmp_path, box):
    pixel = bytes((32, 217, 0, 129))  # Radiance: 32/128, 217/128 and 0, scene-linear
    (tmp_path / "light.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 32 +X 64\n" + pixel * 64 * 32)
    bpy.ops.neural_assets.load_reference(filepath=str(tmp_path / "light.hdr"), focal_length=28)
    box("Chair", "")
    bpy.ops.neural_assets.encode()
    assert (server.wait_for("encode")[0].image == (137, 255, 0)).all()


def test_encoding_the_selected_box_leaves_the_others_and_the_background(scene, server, photo, box):
    bpy.ops.neural_assets.load_reference(filepath=str(photo[0]), focal_length=28)
    chair, lamp = box("Chair", "old-chair"), box("Lamp", "old-lamp")
    scene.neural_assets.background = "old"
    _select(lamp)
    bpy.ops.neural_assets.encode(which="SELECTED")
    assert (chair.neural_assets.asset, lamp.neural_assets.asset) == ("old-chair", "asset-Lamp")
    assert scene.neural_assets.background == "old"


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda scene: bpy.data.objects.remove(bpy.data.objects["Chair"]), "no boxes to encode. Draw a box"),
        (lambda scene: setattr(scene.render, "resolution_x", 200), "another shape than the reference picture"),
        (lambda scene: setattr(scene.camera.data, "type", "ORTHO"), "orthographic"),
        (lambda scene: setattr(bpy.data.objects["Chair"], "scale", (1, 1, 0)), "'Chair' is flat"),
        (lambda scene: setattr(scene, "camera", None), "The scene has no camera"),
    ],
)
def test_what_cannot_be_encoded_is_refused_by_name(scene, server, photo, box, prepare, words):
    bpy.ops.neural_assets.load_reference(filepath=str(photo[0]), focal_length=28)
    box("Chair", "")
    prepare(scene)
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.neural_assets.encode()
    assert not any(request.kind == "encode" for request in server.requests)


def test_a_reference_whose_file_is_gone_is_refused(scene, server, photo, box, tmp_path):
    bpy.ops.neural_assets.load_reference(filepath=str(photo[0]), focal_length=28)
    box("Chair", "")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    photo[0].unlink()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    with pytest.raises(RuntimeError, match="photo.png' cannot be read"):
        bpy.ops.neural_assets.encode()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Say(Failed(0, ErrorCode.DISK, "The disk is full.", "Make room.")), "The disk is full. Make room."),
        (Die(), "is gone; nothing was written"),
    ],
)
def test_a_failed_encoding_changes_no_box(scene, server, photo, box, action, words):
    bpy.ops.neural_assets.load_reference(filepath=str(photo[0]), focal_length=28)
    chair = box("Chair", "old")
    server.answer("encode", action)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.neural_assets.encode()
    assert chair.neural_assets.asset == "old"


def test_assets_are_assigned_swapped_and_cleared(store, box):
    first, second = box("A", ""), box("B", "")
    _select(first)
    bpy.ops.neural_assets.assign_asset(asset="id-chair")
    _select(second)
    bpy.ops.neural_assets.assign_asset(asset="id-lamp")
    assert (first.neural_assets.asset_name, second.neural_assets.asset_name) == ("Chair", "Lamp")
    _select(first, second)
    bpy.ops.neural_assets.swap_assets()
    assert (first.neural_assets.asset, second.neural_assets.asset) == ("id-lamp", "id-chair")
    assert (first.neural_assets.asset_name, second.neural_assets.asset_name) == ("Lamp", "Chair")
    _select(first)
    bpy.ops.neural_assets.clear_asset()
    assert not first.neural_assets.asset and second.neural_assets.asset == "id-chair"


def test_a_missing_asset_is_refused(store, box):
    thing = box("A", "old")
    for asset in ("id-none", "id-room"):
        with pytest.raises(RuntimeError, match=f"The server has no asset '{asset}'. Choose one"):
            bpy.ops.neural_assets.assign_asset(asset=asset)
    assert thing.neural_assets.asset == "old"


def test_swapping_needs_two_boxes(store, box):
    _select(box("A"))
    with pytest.raises(RuntimeError, match="1 boxes are selected. Select the two"):
        bpy.ops.neural_assets.swap_assets()


def test_backgrounds_are_set_and_removed(scene, store):
    bpy.ops.neural_assets.set_background(asset="id-room")
    assert (scene.neural_assets.background, scene.neural_assets.background_name) == ("id-room", "Room")
    with pytest.raises(RuntimeError, match="The server has no background 'id-chair'"):
        bpy.ops.neural_assets.set_background(asset="id-chair")
    bpy.ops.neural_assets.set_background()
    assert not scene.neural_assets.background


def test_assigning_without_a_server_says_so(box):
    box("A", "")
    with pytest.raises(RuntimeError, match="There is no connection to a server. Connect or start one."):
        bpy.ops.neural_assets.assign_asset(asset="id-chair")


def test_what_a_box_carries_reaches_the_evaluated_scene(addon, store, box):
    thing = box("A", "")
    reader = addon("scene.reader")
    assert not reader.read_contents(bpy.context.evaluated_depsgraph_get()).placements
    _select(thing)
    bpy.ops.neural_assets.assign_asset(asset="id-cup")
    assert reader.read_contents(bpy.context.evaluated_depsgraph_get()).placements[0].asset == "id-cup"


def test_thumbnails_are_fetched_once_when_they_are_looked_at(addon, store):
    thumbnails = addon("assets.thumbnails")
    assert thumbnails.icon("id-chair") == 0 and thumbnails.icon("") == 0, "on its way, nothing waits"
    until(lambda: "id-chair" in thumbnails._icons)
    thumbnails.icon("id-chair")
    assert len(store.wait_for("fetch_thumbnail")) == 1
    preview = thumbnails._icons["id-chair"]
    assert tuple(preview.image_size) == (8, 8) and preview.image_pixels_float[0] == pytest.approx(96 / 255, abs=1e-2)
    assert tuple(preview.icon_size) == (8, 8) and preview.icon_pixels_float[0] == pytest.approx(96 / 255, abs=1e-2)


def test_lists_have_small_thumbnails_of_their_own(addon):
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:32, :64] = 255  # above, at the left
    preview = bpy.data.worlds.new("World").preview_ensure()
    addon("assets.thumbnails").show(preview, wide)
    assert tuple(preview.image_size) == (128, 64) and tuple(preview.icon_size) == (32, 16)
    shown = np.empty(32 * 16 * 4, np.float32)
    preview.icon_pixels_float.foreach_get(shown)
    assert np.array_equal(shown.reshape(16, 32, 4)[::-1, :, 0] > 0.5, wide[::4, ::4, 0] > 0)


def test_a_thumbnail_that_cannot_be_had_is_asked_for_again(addon, store):
    store.answer("fetch_thumbnail", Say(Failed(0, ErrorCode.ASSET_MISSING, "It is gone.", "Encode it.")))
    thumbnails = addon("assets.thumbnails")

    def is_there() -> bool:
        thumbnails.icon("id-lamp")
        return "id-lamp" in thumbnails._icons

    until(is_there)
    assert len(store.wait_for("fetch_thumbnail", 2)) == 2
