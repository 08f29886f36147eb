"""A box that is drawn with rays on the floor, without Blender."""

from __future__ import annotations

import math

import numpy as np
import pytest

from .pure_addon import pure_module

module = pure_module("reference.box_sketch")
BoxSketch, Stage = module.BoxSketch, module.Stage

EYE = np.array([0.0, -4.0, 1.6])  # in front of the origin, looking along +y


def ray(*point: float) -> tuple[np.ndarray, np.ndarray]:
    return EYE, np.array(point, float) - EYE


def click(sketch, *point: float) -> None:
    sketch.move(*ray(*point))
    sketch.press((0, 0))
    sketch.release((0, 0))


def test_two_clicks_and_a_height_make_a_box_whose_front_looks_at_the_eye():
    sketch = BoxSketch(EYE, 0.0, 0.05)
    click(sketch, 0.5, 1.0, 0.0)
    click(sketch, -0.3, 0.4, 0.0)
    assert sketch.stage is Stage.HEIGHT
    click(sketch, -0.3, 0.4, 0.9)
    drawn = sketch.drawn()
    assert sketch.stage is Stage.DONE
    assert drawn.corner == pytest.approx((-0.3, 0.4)) and drawn.size == pytest.approx((0.8, 0.6, 0.9))
    assert drawn.yaw == pytest.approx(0.0)
    assert sketch.corners()[7] == pytest.approx((0.5, 1.0, 0.9))


def test_a_drag_is_the_base():
    sketch = BoxSketch(EYE, 0.5, 0.05)
    sketch.move(*ray(0.0, 0.0, 0.5))
    sketch.press((10, 10))
    sketch.move(*ray(0.4, 0.3, 0.5))
    sketch.release((60, 40))
    assert sketch.stage is Stage.HEIGHT and sketch.drawn().size[:2] == pytest.approx((0.4, 0.3))


@pytest.mark.parametrize("degrees", [0, 30, 62, 100, 185, 330])
def test_a_turned_base_keeps_both_corners_and_looks_at_the_eye(degrees):
    sketch = BoxSketch(EYE, 0.0, 0.05)
    sketch.turn(math.radians(degrees), snap=False)
    click(sketch, 0.2, 0.1, 0.0)
    click(sketch, -0.5, 0.9, 0.0)
    corners = sketch.corners()[:4, :2]
    for kept in ((0.2, 0.1), (-0.5, 0.9)):
        assert np.linalg.norm(corners - kept, axis=1).min() < 1e-9
    yaw = sketch.drawn().yaw
    front = np.array([math.sin(yaw), -math.cos(yaw)])
    assert front @ (EYE[:2] - (-0.15, 0.5)) > math.cos(math.radians(45.1)) * np.linalg.norm(EYE[:2] - (-0.15, 0.5))
    off = (math.degrees(yaw) - degrees) % 90
    assert min(off, 90 - off) == pytest.approx(0.0, abs=1e-9)


def test_an_edge_first_gives_the_direction():
    sketch = BoxSketch(EYE, 0.0, 0.05, by_edge=True)
    click(sketch, 0.0, 0.0, 0.0)
    click(sketch, 0.4, 0.3, 0.0)  # 0.5 long
    assert sketch.stage is Stage.BASE
    click(sketch, 0.4 - 0.12, 0.3 + 0.16, 0.0)  # 0.2 at a right angle to it
    drawn = sketch.drawn()
    assert drawn.size[:2] == pytest.approx((0.5, 0.2)) and drawn.corner == pytest.approx((0, 0))
    assert drawn.yaw == pytest.approx(math.atan2(3, 4))


def test_edges_and_turns_snap_to_axes_and_to_other_boxes():
    sketch = BoxSketch(EYE, 0.0, 0.05, yaws=(math.radians(110),), by_edge=True)
    click(sketch, 0.0, 0.0, 0.0)
    sketch.move(*ray(math.cos(math.radians(18.2)), math.sin(math.radians(18.2)), 0.0))
    assert math.degrees(sketch.yaw) == pytest.approx(20), "the other box's direction, a quarter back"
    sketch.move(*ray(math.cos(math.radians(-2.0)), math.sin(math.radians(-2.0)), 0.0))
    assert math.degrees(sketch.yaw) == pytest.approx(0), "the solved axes"
    sketch = BoxSketch(EYE, 0.0, 0.05, yaws=(math.radians(112),))
    for expected in (5, 10, 15, 22, 27):
        sketch.turn(math.radians(5))
        assert math.degrees(sketch.yaw) == pytest.approx(expected, abs=1e-3)
    sketch.next_direction()
    assert math.degrees(sketch.yaw) == pytest.approx(90)
    sketch.next_direction()
    assert math.degrees(sketch.yaw) == pytest.approx(112, abs=1e-3)


def test_steps_are_whole():
    sketch = BoxSketch(EYE, 0.0, 0.05)
    sketch.move(*ray(0.113, 0.24, 0.0), snap=True)
    sketch.press((0, 0))
    sketch.move(*ray(0.71, 0.48, 0.0), snap=True)
    sketch.press((0, 0))
    sketch.move(*ray(0.7, 0.5, 0.33), snap=True)
    assert sketch.drawn().size == pytest.approx((0.6, 0.25, 0.35)) and sketch.drawn().corner == pytest.approx(
        (0.1, 0.25)
    )


def test_typed_sides_replace_drawn_ones():
    sketch = BoxSketch(EYE, 0.0, 0.05)
    click(sketch, 0.5, 0.5, 0.0)
    sketch.move(*ray(0.2, 0.8, 0.0))
    sketch.typed = [1.2, 0.6, None]
    assert sketch.enter() and sketch.stage is Stage.HEIGHT
    assert not sketch.enter(), "the height is missing"
    sketch.typed = [1.2, 0.6, 0.9]
    assert sketch.enter() and sketch.stage is Stage.DONE
    drawn = sketch.drawn()
    assert drawn.size == pytest.approx((1.2, 0.6, 0.9))
    assert drawn.corner == pytest.approx((0.5 - 1.2, 0.5)), "it grows to the side where the mouse is"


def test_with_all_sides_typed_one_click_is_enough():
    sketch = BoxSketch(EYE, 0.0, 0.05)
    sketch.typed = [1.2, 0.6, 0.9]
    assert not sketch.enter()
    click(sketch, 0.1, 0.2, 0.0)
    assert sketch.stage is Stage.DONE and sketch.drawn().corner == pytest.approx((0.1, 0.2))


def test_above_the_horizon_nothing_happens():
    sketch = BoxSketch(EYE, 0.0, 0.05)
    sketch.move(EYE, np.array([0, 1.0, 0.2]))
    sketch.press((0, 0))
    assert sketch.stage is Stage.CORNER and sketch.hover is None
    click(sketch, 0.0, 0.0, 0.0)
    sketch.move(*ray(0.4, 0.4, 0.0))
    sketch.move(EYE, np.array([0, 1.0, 0.2]))
    assert sketch.drawn().size[:2] == pytest.approx((0.4, 0.4)), "the last one stays"


def test_steps_back():
    sketch = BoxSketch(EYE, 0.0, 0.05)
    click(sketch, 0.0, 0.0, 0.0)
    click(sketch, 0.4, 0.4, 0.0)
    sketch.move(*ray(0.4, 0.4, 0.3))
    sketch.back()
    assert sketch.stage is Stage.BASE and sketch.drawn().size[2] == 0
    sketch.back()
    assert sketch.stage is Stage.CORNER
    sketch.back()
    assert sketch.stage is Stage.CORNER


def test_a_point_is_no_base():
    sketch = BoxSketch(EYE, 0.0, 0.05)
    click(sketch, 0.0, 0.0, 0.0)
    click(sketch, 0.0, 0.0, 0.0)
    assert sketch.stage is Stage.BASE
