"""The file to start from: what is in it, how the screen is laid out, and that no other file is touched."""

from __future__ import annotations

import bpy
import pytest


@pytest.fixture
def fresh(scene) -> bpy.types.Scene:
    bpy.ops.mesh.primitive_cube_add()
    assert bpy.ops.neural_assets.new_scene() == {"FINISHED"}
    return bpy.context.scene


def test_the_new_file_is_ready_to_render(fresh, box, server):
    assert not bpy.data.filepath
    assert {thing.name for thing in fresh.objects} == {"Camera", "Floor"}
    assert fresh.render.engine == "NEURAL_ASSETS" and fresh.view_settings.view_transform == "Standard"
    assert fresh.unit_settings.system == "METRIC" and fresh.unit_settings.scale_length == 1.0
    assert (fresh.frame_start, fresh.frame_end) == (1, 72)
    assert fresh.camera.location.z == pytest.approx(1.6)
    box()
    fresh.neural_assets.background = "room"
    fresh.render.resolution_percentage = 10
    bpy.ops.render.render()
    assert [request.scene.placements[0].name for request in server.wait_for("render")] == ["Box"], "the floor is no box"


def test_the_floor_lies_before_the_camera(fresh):
    from bpy_extras.object_utils import world_to_camera_view

    x, y, depth = world_to_camera_view(fresh, fresh.camera, fresh.objects["Floor"].location)
    assert 0.4 < x < 0.6 and 0.2 < y < 0.6 and depth == pytest.approx(4.7, abs=0.2)
    assert fresh.objects["Floor"].hide_select and fresh.objects["Floor"].hide_render


def test_the_workspace_has_what_is_needed(fresh):
    window = bpy.context.window_manager.windows[0]
    kinds = [area.ui_type for area in window.screen.areas]
    assert window.workspace.name == "Neural Assets"
    assert sorted(kinds) == ["ASSETS", "OUTLINER", "PROPERTIES", "TIMELINE", "VIEW_3D"]
    space = next(area for area in window.screen.areas if area.type == "VIEW_3D").spaces.active
    assert space.show_region_ui and space.region_3d.view_perspective == "CAMERA" and space.shading.type == "SOLID"
    assert next(area for area in window.screen.areas if area.type == "PROPERTIES").spaces.active.context == "RENDER"
    assert "Layout" not in bpy.data.workspaces and "Animation" in bpy.data.workspaces


def test_other_files_are_left_alone(fresh, tmp_path):
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    assert "Cube" in bpy.data.objects and bpy.context.scene.render.engine != "NEURAL_ASSETS"
    assert bpy.context.window_manager.windows[0].workspace.name == "Layout"
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert not bpy.data.objects


@pytest.mark.parametrize("load", [{}, {"app_template": "Video_Editing"}])
def test_a_cancelled_new_file_does_not_change_the_next_one(scene, addon, load):
    """The artist said no to losing changes; what is loaded later is loaded as it is."""
    addon("new_scene")._wanted = True
    try:
        bpy.ops.wm.read_homefile(use_factory_startup=True, **load)
        assert bpy.context.scene.render.engine != "NEURAL_ASSETS" and not addon("new_scene")._wanted
        assert "Neural Assets" not in bpy.data.workspaces
    finally:
        bpy.ops.wm.read_homefile(use_factory_startup=True, app_template="")


def test_a_saved_file_opens_as_it_was(fresh, tmp_path):
    path = str(tmp_path / "new.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bpy.context.scene.render.engine == "NEURAL_ASSETS" and len(bpy.context.scene.objects) == 2


def test_it_stands_in_the_menu_of_new_files(addon):
    assert addon("new_scene").draw_in_menu in bpy.types.TOPBAR_MT_file_new._dyn_ui_initialize()
