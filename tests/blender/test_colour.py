"""The model's colours in files and on the screen, under every view transform."""

from __future__ import annotations

import bpy
import gpu
import numpy as np
import pytest
from mathutils import Matrix

from server.fake import Say
from server.protocol.events import Picture

from .conftest import read_png


def golden(width: int = 96, height: int = 64) -> np.ndarray:
    """Every 8-bit value in every channel, pure colours, black and white."""
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    ramp = np.arange(256, dtype=np.uint8)
    image.reshape(-1, 3)[:256] = np.stack([ramp, ramp[::-1], np.roll(ramp, 85)], -1)
    image[-1, :8] = [[(n >> bit & 1) * 255 for bit in range(3)] for n in range(8)]
    return image


def picture(image: np.ndarray) -> Say:
    height, width = image.shape[:2]
    return Say(Picture(0, image, np.full((height, width), -1, np.int16), np.zeros((height, width), np.float32)))


def _rendered(scene, server, box) -> np.ndarray:
    box()
    server.answer("render", picture(golden()))
    bpy.ops.render.render(write_still=True)
    return read_png(scene.render.filepath)


@pytest.mark.parametrize("transform", ["AgX", "Standard", "Filmic", "Khronos PBR Neutral"])
def test_every_pixel_of_the_file_is_the_models(scene, server, box, transform):
    scene.render.engine = "BLENDER_WORKBENCH"
    bpy.context.view_layer.update()
    scene.view_settings.view_transform = transform
    scene.view_settings.exposure, scene.render.dither_intensity = 1.0, 2.0
    scene.render.engine = "NEURAL_ASSETS"
    assert (_rendered(scene, server, box) == golden()).all()


def test_the_scenes_own_look_lies_on_top_where_asked_for(scene, server, box):
    scene.neural_assets.colours = "SCENE"
    scene.view_settings.view_transform = "AgX"
    difference = np.abs(_rendered(scene, server, box).astype(int) - golden())
    assert scene.view_settings.view_transform == "AgX" and difference.mean() > 10


def test_the_scenes_colours_come_back_with_another_engine(scene):
    scene.render.engine = "BLENDER_WORKBENCH"
    bpy.context.view_layer.update()
    view = scene.view_settings
    view.view_transform, view.look, view.exposure, view.gamma = "AgX", "AgX - Punchy", 0.5, 1.2
    scene.render.dither_intensity = 0.7
    bpy.ops.neural_assets.use_engine()
    assert (view.view_transform, view.look, view.exposure, view.gamma) == ("Standard", "None", 0, 1)
    scene.render.engine = "BLENDER_WORKBENCH"
    bpy.context.view_layer.update()
    assert (view.view_transform, view.look) == ("AgX", "AgX - Punchy")
    assert (view.exposure, view.gamma, scene.render.dither_intensity) == pytest.approx((0.5, 1.2, 0.7))


def test_choosing_the_scenes_colours_gives_them_back_at_once(scene):
    bpy.ops.neural_assets.use_engine()
    assert scene.view_settings.view_transform == "Standard"
    scene.neural_assets.colours = "SCENE"
    assert scene.view_settings.view_transform == "AgX"
    scene.neural_assets.colours = "EXACT"
    assert scene.view_settings.view_transform == "Standard"


def test_the_scenes_colours_survive_saving_and_loading(scene, tmp_path):
    bpy.ops.neural_assets.use_engine()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    scene = bpy.context.scene
    assert scene.view_settings.view_transform == "Standard"
    scene.render.engine = "BLENDER_WORKBENCH"
    bpy.context.view_layer.update()
    assert scene.view_settings.view_transform == "AgX"


def test_a_changed_view_transform_is_noticed(addon, scene):
    bpy.ops.neural_assets.use_engine()
    assert addon("colour").is_exact(scene)
    scene.view_settings.view_transform = "AgX"
    assert not addon("colour").is_exact(scene)


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="working spaces other than Rec.709 begin with Blender 5.0")
@pytest.mark.parametrize("space", ["Linear Rec.2020", "ACEScg"])
def test_wide_working_spaces_show_the_same_colours(scene, server, box, space):
    bpy.ops.wm.set_working_color_space(working_space=space)
    difference = np.abs(_rendered(scene, server, box).astype(int) - golden())
    assert difference.max() <= 1


@pytest.mark.skipif(not hasattr(gpu, "init"), reason="Blender before 5.2 cannot draw without a window")
def test_a_drawn_picture_lies_exactly_in_its_rectangle(addon):
    assert addon("compat").can_draw_without_window()
    image = golden()[:4, :8]
    rows = addon("colour").linear_rows(image)
    target = gpu.types.GPUOffScreen(40, 30, format="RGBA32F")
    with target.bind(), gpu.matrix.push_pop():
        frame = gpu.state.active_framebuffer_get()
        frame.clear(color=(0, 0, 0, 0))
        gpu.matrix.load_matrix(Matrix.Diagonal((2 / 40, 2 / 30, 1, 1)) @ Matrix.Translation((-20, -15, 0)))
        gpu.matrix.load_projection_matrix(Matrix.Identity(4))
        addon("drawing.textures").draw(addon("drawing.textures").upload(rows), (10, 5, 18, 9))
        buffer = frame.read_color(0, 0, 40, 30, 4, 0, "FLOAT")
        buffer.dimensions = 40 * 30 * 4
    target.free()
    drawn = np.array(buffer, np.float32).reshape(30, 40, 4)
    assert addon("colour").srgb_from_linear(drawn[5:9, 10:18, :3][::-1]).tolist() == image.tolist()
    drawn[5:9, 10:18] = 0
    assert not drawn.any(), "nothing is drawn outside"
