"""The render result is saved with its settings: in every format, from every slot, through the compositor."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from server.fake import Die, Say, flat_picture

from .conftest import read_png
from .drawing import Layout
from .test_output_nodes import compositor_of, render_elsewhere
from .test_stamp import FORMATS, OTHER_FORMATS, load
from .test_stamp_files import SUFFIX, choose, names

save = bpy.ops.neural_assets.save_picture


def shoot(scene, seed: int = 1) -> None:
    scene.neural_assets.seed = seed
    bpy.ops.render.render()


@pytest.fixture
def folder(box, server, tmp_path) -> Path:
    """An empty one; a box stands in the scene."""
    box()
    (tmp_path / "saved").mkdir()
    return tmp_path / "saved"


@pytest.mark.parametrize("file_format", [*FORMATS, *OTHER_FORMATS])
def test_every_format_has_its_settings(addon, scene, folder, file_format):
    shoot(scene, 41)
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE" if "MULTI" in file_format else "IMAGE"
    settings.file_format = file_format
    assert save(filepath=str(folder / "picture")) == {"FINISHED"}
    name = "picture." + {**FORMATS, **OTHER_FORMATS}[file_format]
    assert names(folder) == [name] + [name + SUFFIX] * (file_format in OTHER_FORMATS)
    assert addon("pictures.stamp_files").of_file(folder / name).settings.seed == 41
    scene.neural_assets.seed = 1
    load(folder / name)
    assert scene.neural_assets.seed == 41


def test_what_the_compositor_made_of_it(scene, server, folder):
    """Which the history does not know."""
    tree, layers, end = compositor_of(scene)
    flip = tree.nodes.new("CompositorNodeInvert")
    tree.links.new(layers.outputs["Image"], flip.inputs["Color"])
    tree.links.new(flip.outputs[0], end.inputs[0])
    server.answer("render", Say(flat_picture(96, 64, (255, 0, 0))))
    shoot(scene, 41)
    choose(scene, "BMP")
    save(filepath=str(folder / "picture.bmp"))
    assert read_png(folder / "picture.bmp")[9, 9].tolist() == [0, 255, 255]
    scene.neural_assets.seed = 1
    load(folder / "picture.bmp")
    assert scene.neural_assets.seed == 41


def test_the_slot_that_is_shown(scene, server, folder):
    slots = None
    for slot, (seed, colour) in enumerate([(1, (255, 0, 0)), (2, (0, 255, 0))]):
        server.answer("render", Say(flat_picture(96, 64, colour)))
        if slots is not None:
            slots.active_index = slot
        shoot(scene, seed)
        slots = bpy.data.images["Render Result"].render_slots
    choose(scene, "BMP")
    for slot, (seed, colour) in enumerate([(1, [255, 0, 0]), (2, [0, 255, 0])]):
        slots.active_index = slot
        save(filepath=str(folder / f"{slot}.bmp"))
        load(folder / f"{slot}.bmp")
        assert scene.neural_assets.seed == seed and read_png(folder / f"{slot}.bmp")[9, 9].tolist() == colour
    slots.active_index = 2
    assert not save.poll()
    slots.active_index = 0


def test_the_last_frame_of_an_animation(scene, folder):
    scene.frame_end, scene.neural_assets.noise, scene.neural_assets.seed = 2, "FRAME", 5
    bpy.ops.render.render(animation=True)
    choose(scene, "BMP")
    save(filepath=str(folder / "picture.bmp"))
    load(folder / "picture.bmp")
    assert scene.neural_assets.seed == 7


def test_only_a_finished_picture_of_ours(scene, server, folder):
    assert not save.poll()
    shoot(scene)
    assert save.poll()
    server.answer("render", Die())
    with pytest.raises(RuntimeError, match="is gone"):
        shoot(scene)
    assert not save.poll()


def test_not_after_another_engines_render(scene, folder):
    shoot(scene)
    render_elsewhere(scene)
    assert not save.poll()


def test_another_file_has_other_pictures(scene, folder):
    shoot(scene)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not save.poll()


def test_what_cannot_be_written_is_said(scene, folder):
    shoot(scene)
    (folder / "file").write_bytes(b"")
    choose(scene, "BMP")
    with pytest.raises(RuntimeError, match="was not written .* Free space or choose another folder"):
        save(filepath=str(folder / "file" / "picture.bmp"))
    (folder / f"a.bmp{SUFFIX}").mkdir()
    with pytest.raises(RuntimeError, match="The picture is saved, but the settings that made it cannot be written"):
        save(filepath=str(folder / "a.bmp"))
    choose(scene, "FFMPEG")
    with pytest.raises(RuntimeError, match="Choose an image format"):
        save(filepath=str(folder / "picture"))


def test_it_is_in_the_menu_where_the_render_result_is_shown(addon, scene, folder):
    def entries(image: bpy.types.Image | None) -> set[str]:
        layout, context = Layout(), SimpleNamespace(space_data=SimpleNamespace(image=image), scene=scene)
        addon("operators.save").draw_in_menu(SimpleNamespace(layout=layout), context)
        return layout.buttons

    shoot(scene)
    result = bpy.data.images["Render Result"]
    assert entries(result) == {"neural_assets.save_picture"}
    assert entries(bpy.data.images.new("Other", 8, 8)) == entries(None) == set()
    scene.render.engine = "BLENDER_WORKBENCH"
    assert entries(result) == set()
