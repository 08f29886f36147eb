"""Live on and off, paused and going on, in a 3D view of the file's own."""

from __future__ import annotations

import bpy
import pytest


@pytest.fixture
def space(scene):
    """A 3D view in wireframe shading, in the screen that scripts see."""
    areas = (area for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D")
    area = next(areas)
    area.spaces.active.shading.type = "WIREFRAME"
    scene.render.engine = "BLENDER_WORKBENCH"
    screen = next(s for s in bpy.data.screens if area in s.areas[:])
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], screen=screen, area=area):
        yield area.spaces.active


def test_live_shows_this_engine_and_gives_the_shading_back(scene, space):
    assert bpy.ops.neural_assets.live() == {"FINISHED"}
    assert (space.shading.type, scene.render.engine) == ("RENDERED", "NEURAL_ASSETS")
    assert scene.view_settings.view_transform == "Standard", "colours are exact"
    bpy.ops.neural_assets.live()
    assert (space.shading.type, scene.render.engine) == ("WIREFRAME", "NEURAL_ASSETS")


def test_a_view_that_was_rendered_before_becomes_solid(scene, space):
    scene.render.engine, space.shading.type = "NEURAL_ASSETS", "RENDERED"
    bpy.ops.neural_assets.live()
    assert space.shading.type == "SOLID"


def test_another_file_forgets_what_was_before(addon, space):
    bpy.ops.neural_assets.live()
    operators = addon("operators.live")
    assert operators._shading_before
    operators._forget()
    assert not operators._shading_before


def test_pause_and_go_on(addon, scene, space):
    bpy.ops.neural_assets.live()
    assert not bpy.ops.neural_assets.pause_live.poll(), "nothing draws here"
    engine = type("Engine", (), {"tag_redraw": lambda self: None, "update_stats": lambda self, *_: None})()
    viewport = addon("rendering.viewport").Viewport(engine)
    viewport.space = space.as_pointer()
    bpy.ops.neural_assets.pause_live()
    assert viewport.live.is_paused and viewport.words == "Paused"
    bpy.ops.neural_assets.pause_live()
    assert not viewport.live.is_paused
    viewport.live.halt("It broke.")
    bpy.ops.neural_assets.pause_live()
    assert not viewport.live.is_stopped and not viewport.live.problem
    viewport.stop()


def test_without_a_3d_view_live_says_so(scene):
    screen = next(s for s in bpy.data.screens if not any(area.type == "VIEW_3D" for area in s.areas))
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, screen=screen, area=screen.areas[0]):
        with pytest.raises(RuntimeError, match="There is no 3D view here"):
            bpy.ops.neural_assets.live()
