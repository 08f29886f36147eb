"""The camera of a background."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from server.fake import Say
from server.protocol.events import AssetInfo, AssetList

from .conftest import part

LENS = (0.95, 0.95 * 640 / 480, 0.47, 0.55)
MATRIX = (1, 0, 0, 0.2, 0, -0.28, -0.96, 1.4, 0, 0.96, -0.28, 3.0, 0, 0, 0, 1)


def keep(server, scene, **told: object) -> None:
    """The store holds a background of 640 x 480 pixels whenever it is asked, and the scene has it."""
    info = AssetInfo("id-room", "background", "Room", (640.0, 480.0), **told)
    for _ in range(20):
        server.answer("list_assets", Say(AssetList(0, (info,))))
    bpy.ops.neural_assets.refresh_assets()
    scene.neural_assets.background = "id-room"


@pytest.fixture
def room(server, scene):
    keep(server, scene, camera=(*LENS, *MATRIX), ground=0.5)


@pytest.mark.parametrize("metres", [1.0, 0.01])
def test_the_renders_camera_is_the_backgrounds(room, scene, metres: float):
    scene.unit_settings.scale_length = metres
    assert bpy.ops.neural_assets.view_background() == {"FINISHED"}
    bpy.context.view_layer.update()
    sent, settings = part("scene.reader").read_render(bpy.context.evaluated_depsgraph_get())
    assert np.allclose(sent.camera.intrinsics, LENS, atol=1e-5)
    assert np.allclose(sent.camera.world_to_camera, MATRIX, atol=1e-4)
    assert (settings.width, settings.height) == (640, 480)
    assert scene.neural_assets.ground * metres == pytest.approx(0.5)


def test_a_scene_without_a_camera_gets_one(room, scene):
    bpy.data.objects.remove(scene.camera)
    bpy.ops.neural_assets.view_background()
    assert scene.camera is not None and scene.camera.data.type == "PERSP"


def test_without_a_background_there_is_nothing_to_look_at(server, scene):
    assert not bpy.ops.neural_assets.view_background.poll()


def test_a_server_that_does_not_tell_is_said(server, scene):
    keep(server, scene)
    before = scene.camera.matrix_world.copy()
    with pytest.raises(RuntimeError, match="does not tell"):
        bpy.ops.neural_assets.view_background()
    assert scene.camera.matrix_world == before
