"""A picture that was saved in a format without texts is recognised by its pixels among the history's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from server.fake import Say
from server.protocol.events import Picture

from .test_history import kept  # noqa: F401 - a fixture
from .test_stamp import load

DEPTHS = {"CINEON": "10", "DPX": "10", "HDR": "32"}  # Blender reads its own DPX files of 8 bits with other colours
FORMATS = ["BMP", "IRIS", "JPEG2000", "TARGA", "TARGA_RAW", "CINEON", "DPX", "HDR", "TIFF", "WEBP"]


def photo(x: int = 20) -> np.ndarray:
    """A room with some grain, and a chair at x."""
    down, across = np.indices((64, 96))
    image = np.stack([100 + across, 60 + down, 160 - across + down / 2], -1)
    image += np.random.default_rng(0).normal(0, 3, image.shape)
    image[24:44, x : x + 16] = (220, 90, 30)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


@pytest.fixture
def shoot(addon, scene, server, box, kept, monkeypatch):  # noqa: F811
    """Renders a picture as F12 does in a window, where the history keeps it; seed: its settings', and where its box is.

    The stamp is returned."""
    thing, stamps, keeping = box(), [], addon("pictures.keeping")

    def finished(picture: Picture, stamp: object, transparent: bool) -> None:
        stamps.append(stamp)
        keeping.keep(np.dstack([picture.image, picture.alpha]) if transparent else picture.image, stamp)

    monkeypatch.setattr(keeping, "render_finished", finished)  # which does nothing without a window

    def shot(image: np.ndarray, seed: int) -> object:
        alpha = np.zeros(image.shape[:2], np.uint8)
        alpha[8:48, 16:72] = 255
        alpha[8:48, 14:16] = 99  # a soft edge
        nothing = np.full(image.shape[:2], -1, np.int16), np.zeros(image.shape[:2], np.float32)
        server.answer("render", Say(Picture(0, image, *nothing, alpha=alpha)))
        scene.neural_assets.seed, thing.location.x = seed, seed
        bpy.ops.render.render()
        return stamps[-1]

    return shot


def saved(scene, path: Path, file_format: str, mode: str = "RGB") -> Path:
    """The render result's file, as Save As writes it."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = file_format
    settings.color_mode = mode
    if file_format in DEPTHS:
        settings.color_depth = DEPTHS[file_format]
    file = path.with_suffix(scene.render.file_extension)
    bpy.data.images["Render Result"].save_render(str(file), scene=scene)
    return file


@pytest.mark.parametrize("file_format", FORMATS + ["AVIF"] * (bpy.app.version >= (5, 2)))
def test_it_is_recognised_in_every_format(scene, shoot, tmp_path, file_format):
    shoot(photo(20), 1)
    path = saved(scene, tmp_path / "first", file_format)
    shoot(photo(40), 2)
    scene.neural_assets.seed, bpy.data.objects["Box"].location.x = 7, 7
    load(path)
    assert scene.neural_assets.seed == 1 and bpy.data.objects["Box"].location.x == pytest.approx(1)
    assert not any(image.filepath for image in bpy.data.images), "no image is left behind"


@pytest.mark.parametrize(
    ("file_format", "mode"),
    [("BMP", "RGB"), ("TARGA", "RGB"), ("TARGA", "RGBA"), ("TIFF", "RGBA"), ("HDR", "RGB"), ("WEBP", "RGBA")],
)
def test_a_transparent_one_is_recognised_on_black_and_with_its_alpha(scene, shoot, tmp_path, file_format, mode):
    scene.render.film_transparent = True
    shoot(photo(20), 1)
    path = saved(scene, tmp_path / "first", file_format, mode)
    shoot(photo(40), 2)
    load(path)
    assert scene.neural_assets.seed == 1


def test_of_equal_pictures_it_is_the_newest(scene, shoot, tmp_path):
    for seed in (1, 2):
        shoot(photo(), seed)
    load(saved(scene, tmp_path / "both", "BMP"))
    assert scene.neural_assets.seed == 2


def test_it_is_said_that_it_comes_from_the_history(addon, scene, shoot, tmp_path, kept, capfd):  # noqa: F811
    shoot(photo(), 1)
    load(saved(scene, tmp_path / "first", "BMP"))
    (entry,) = kept()
    assert f"Recognised as the history's picture of {addon('pictures.keeping').words(entry)}. Restored" in (
        capfd.readouterr().out
    )


def test_one_that_was_saved_over_an_older_one_has_its_own_settings(addon, scene, shoot, tmp_path):
    """What lies beside it is the older one's."""
    stamp = shoot(photo(20), 1)
    path = saved(scene, tmp_path / "picture", "BMP")
    addon("pictures.stamp_files").write_beside(path, [stamp.to_text()])
    shoot(photo(40), 2)
    saved(scene, tmp_path / "picture", "BMP")
    load(path)
    assert scene.neural_assets.seed == 2


@pytest.mark.parametrize("change", ["moved", "recoloured", "cropped", "nothing kept"])
def test_another_picture_is_not(addon, scene, shoot, tmp_path, kept, change):  # noqa: F811
    """However little of it differs: a chair that stands four pixels further to the right."""
    shoot(photo(20), 1)
    image = {"moved": photo(24), "recoloured": photo(20), "cropped": photo(20)[:, :-16], "nothing kept": photo(20)}
    wanted = image[change]
    if change == "recoloured":
        wanted = np.clip(wanted.astype(np.int16) + 12, 0, 255).astype(np.uint8)
    if change == "nothing kept":
        addon("pictures.keeping").history().delete(kept()[0].id)
    height, width = wanted.shape[:2]
    copy = bpy.data.images.new("copy", width, height)
    rows = np.ones((height, width, 4), np.float32)
    rows[..., :3] = wanted[::-1] / 255
    copy.pixels.foreach_set(rows.ravel())
    copy.filepath_raw, copy.file_format = str(tmp_path / "copy.bmp"), "BMP"
    copy.save()
    bpy.data.images.remove(copy)
    before = scene.neural_assets.seed = 7
    with pytest.raises(RuntimeError, match="'copy.bmp' holds no settings of Neural Assets"):
        load(tmp_path / "copy.bmp")
    assert scene.neural_assets.seed == before and not any(image.filepath for image in bpy.data.images)


def test_damaged_pictures_of_the_history_are_passed_over(scene, shoot, tmp_path, kept):  # noqa: F811
    shoot(photo(), 1)
    path = saved(scene, tmp_path / "first", "BMP")
    shoot(photo(40), 2)
    kept()[0].path.write_bytes(b"\x89PNG\r\n\x1a\n")
    load(path)
    assert scene.neural_assets.seed == 1


def test_a_long_history_is_looked_through_quickly(addon, shoot, kept, monkeypatch):  # noqa: F811
    """Of pictures that begin otherwise only the first rows are unpacked."""
    history = addon("pictures.history")
    for n in range(4):
        shoot(np.full((64, 96, 3), 60 * n, np.uint8), n)
    whole, pixels_of = [], history.pixels_of
    monkeypatch.setattr(
        history, "pixels_of", lambda path, rows=None: whole.append(rows is None) or pixels_of(path, rows)
    )
    kept()
    found = addon("pictures.keeping").history().find(np.full((64, 96, 3), 61, np.uint8))
    stamp = addon("pictures.stamp_files").of_file(found.path)
    assert stamp == replace(stamp, settings=replace(stamp.settings, seed=1)) and whole.count(True) == 1


def test_a_history_of_alike_pictures_is_given_up_in_time(addon, shoot, kept, monkeypatch):  # noqa: F811
    """Blender stands still meanwhile; the newest are looked at first."""
    for n in range(3):
        shoot(np.full((64, 96, 3), 20 * n, np.uint8), n)
    kept()
    history = addon("pictures.keeping").history()
    assert history.find(np.zeros((64, 96, 3), np.uint8)) is not None
    monkeypatch.setattr(addon("pictures.history"), "_PATIENCE", 0.0)
    assert history.find(np.zeros((64, 96, 3), np.uint8)) is None, "the oldest is not reached"
    assert history.find(np.full((64, 96, 3), 40, np.uint8)) is not None
