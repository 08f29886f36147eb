"""Drawing a box, as scripts call it."""

from __future__ import annotations

import math

import bpy
import pytest


def test_a_box_stands_where_its_corner_was_given(scene):
    scene.neural_assets.ground = 0.25
    bpy.ops.neural_assets.draw_box(corner=(1.0, 2.0), size=(0.8, 0.6, 0.9), yaw=math.radians(90))
    bpy.context.view_layer.update()
    thing = bpy.context.object
    assert thing.neural_assets.is_box and thing.select_get() and tuple(thing.scale) == (1, 1, 1)
    corners = {tuple(round(part, 4) for part in thing.matrix_world @ corner.co) for corner in thing.data.vertices}
    assert (1.0, 2.0, 0.25) in corners, "the left front corner"
    assert (0.4, 2.8, 1.15) in corners, "the right back one, above"


def test_only_in_object_mode(scene, box):
    box()
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Boxes are drawn in Object Mode"):
        bpy.ops.neural_assets.draw_box()
    bpy.ops.object.mode_set(mode="OBJECT")
