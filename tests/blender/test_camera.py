"""The camera of the contract against Blender's own projection."""

from __future__ import annotations

import random

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector


def _projected(camera, point) -> tuple[float, float]:
    """u, v in 0..1 from the left and the top, by the contract's convention."""
    fx, fy, cx, cy = camera.intrinsics
    x, y, z, _ = np.reshape(camera.world_to_camera, (4, 4)) @ [*point, 1]
    return fx * x / z + cx, fy * y / z + cy


def _random_setup(scene, rng: random.Random) -> None:
    data, render = scene.camera.data, scene.render
    data.sensor_fit = rng.choice(["AUTO", "HORIZONTAL", "VERTICAL"])
    data.lens, data.sensor_width, data.sensor_height = (rng.uniform(10, 120) for _ in range(3))
    data.shift_x, data.shift_y = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5)
    render.resolution_x, render.resolution_y = rng.choice([640, 332, 1000]), rng.choice([480, 900, 1000])
    render.resolution_percentage = rng.choice([100, 50])
    render.pixel_aspect_x, render.pixel_aspect_y = rng.choice([1, 1.5]), rng.choice([1, 2.0])
    scene.camera.location = [rng.uniform(-5, 5) for _ in range(3)]
    scene.camera.rotation_euler = [rng.uniform(-3, 3) for _ in range(3)]
    scene.camera.scale = [rng.uniform(0.5, 2)] * 3
    bpy.context.view_layer.update()


def test_every_lens_projects_as_blender_does(addon, scene):
    rng = random.Random(0)
    reader, cameras = addon("scene.reader"), addon("scene.camera")
    compared = 0
    for _ in range(100):
        _random_setup(scene, rng)
        frame = cameras.frame_of(scene.render)
        camera = reader.read_camera(bpy.context.evaluated_depsgraph_get(), scene.camera, frame)
        for _ in range(5):
            point = Vector([rng.uniform(-8, 8) for _ in range(3)])
            wanted = world_to_camera_view(scene, scene.camera, point)
            if abs(wanted.z) > 0.5:
                assert _projected(camera, point) == pytest.approx((wanted.x, 1 - wanted.y), rel=1e-4, abs=1e-4)
                compared += 1
    assert compared > 300


def test_the_percentage_rounds_as_blender_does(addon, scene):
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 1921, 1079, 33
    frame = addon("scene.camera").frame_of(scene.render)
    assert (frame.width, frame.height) == (633, 356)


def test_the_frame_lies_in_a_zoomed_and_moved_camera_view(addon, scene):
    """A viewport's projection is the camera's, scaled and moved; the frame's corners must follow it."""
    cameras = addon("scene.camera")
    intrinsics = cameras.intrinsics(cameras.Lens(35, 36, 24, "AUTO", (0.1, -0.05)), cameras.Frame(1500, 1000))
    projection = np.array(scene.camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=1500, y=1000))
    scene.camera.data.lens, scene.camera.data.shift_x, scene.camera.data.shift_y = 35, 0.1, -0.05
    bpy.context.view_layer.update()
    projection = np.array(scene.camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=1500, y=1000))
    zoomed = np.array(Matrix.Translation((0.25, 0.5, 0)) @ Matrix.Diagonal((0.5, 0.25, 1, 1))) @ projection
    # the whole picture is -1..1 of the projection: half as wide, a quarter as high, moved right and up
    region = (800, 600)
    assert cameras.frame_rectangle(zoomed, intrinsics, region) == pytest.approx((300, 375, 700, 525), abs=0.01)
    assert cameras.frame_rectangle(projection, intrinsics, region) == pytest.approx((0, 0, 800, 600), abs=0.01)


def test_a_free_views_intrinsics_are_those_of_its_projection(addon, scene):
    scene.camera.data.shift_x, scene.camera.data.shift_y, scene.camera.data.lens = 0.2, 0.1, 40
    cameras = addon("scene.camera")
    projection = np.array(scene.camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=900, y=600))
    wanted = cameras.intrinsics(cameras.lens_of(scene.camera), cameras.Frame(900, 600))
    assert cameras.view_intrinsics(projection) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(("kind", "word"), [("ORTHO", "orthographic"), ("PANO", "panoramic")])
def test_other_projections_are_refused_by_name(addon, scene, kind, word):
    scene.camera.data.type = kind
    with pytest.raises(ValueError, match=f"'Camera' is {word}, and only perspective .* Set its lens type"):
        addon("scene.camera").lens_of(scene.camera)


def test_an_object_that_is_no_camera_is_refused(addon, scene):
    scene.camera = bpy.data.objects.new("Empty", None)
    with pytest.raises(ValueError, match="'Empty' is the scene's camera but no camera object"):
        addon("scene.camera").lens_of(scene.camera)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.diag([1.0, 1, 1, 1]) * np.nan, "not a number"),
        (np.diag([0.0, 1, 1, 1]), "scaled to zero"),
        (np.diag([-1.0, 1, 1, 1]), "sheared or mirrored"),
        (np.array([[1, 0.1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "sheared or mirrored"),
    ],
)
def test_cameras_that_cannot_be_are_refused(addon, matrix, words):
    with pytest.raises(ValueError, match=words):
        addon("scene.camera").world_to_camera(matrix)
