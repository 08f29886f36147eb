"""What lies over the picture, drawn without a window where this Blender can."""

from __future__ import annotations

import gpu
import numpy as np
import pytest
from mathutils import Matrix

SIZE = (240, 160)


@pytest.fixture
def paper(addon):
    """Draws with a function of no arguments over a grey, and returns float [h, w, 3], top row first."""
    if not addon("compat").can_draw_without_window():
        pytest.skip("this Blender draws in a window only")

    def draw(function, grey: float) -> np.ndarray:
        surface = gpu.types.GPUOffScreen(*SIZE, format="RGBA8")
        with surface.bind():
            frame = gpu.state.active_framebuffer_get()
            frame.clear(color=(grey, grey, grey, 1.0))
            with gpu.matrix.push_pop(), gpu.matrix.push_pop_projection():
                gpu.matrix.load_matrix(Matrix.Identity(4))
                gpu.matrix.load_projection_matrix(
                    Matrix(((2 / SIZE[0], 0, 0, -1), (0, 2 / SIZE[1], 0, -1), (0, 0, -1, 0), (0, 0, 0, 1)))
                )
                function()
            pixels = frame.read_color(0, 0, *SIZE, 4, 0, "FLOAT")
        surface.free()
        return np.array(pixels.to_list()).reshape(SIZE[1], SIZE[0], 4)[::-1, :, :3]

    return draw


def view(addon, down: float, height: float):
    """The whole surface as a camera's picture that looks `down` (radians) from a height."""
    c, s = np.cos(down), np.sin(down)
    rotation = np.array([[1, 0, 0], [0, -s, -c], [0, c, -s]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ (0, 0, height)
    return addon("drawing.picture_view").PictureView((0.0, 0.0, *map(float, SIZE)), (1.0, 1.5, 0.5, 0.5), matrix)


@pytest.mark.parametrize("grey", [0.02, 0.98])
def test_lines_are_seen_on_dark_and_on_light_pictures(addon, paper, grey):
    line = np.array([[[20.0, 80.0], [220.0, 80.0]]])
    seen = paper(lambda: addon("drawing.strokes").lines(line, (1.0, 1.0, 1.0), 2.0), grey)
    column = seen[70:90, 120].mean(-1)
    assert column.max() > 0.9 and column.min() < 0.45, "light with a dark rim"
    assert np.abs(seen[10, 120] - grey).max() < 0.01


def test_the_horizon_and_the_floor_are_where_they_belong(addon, paper):
    seen = paper(lambda: addon("reference.guides").draw_floor(view(addon, 0.2, 1.6), 0.0), 0.5)
    changed = np.abs(seen - 0.5).max(-1) > 0.05
    horizon = round((0.5 - np.tan(0.2) * 1.5) * SIZE[1])
    assert changed[horizon - 1 : horizon + 2, 100:].any(0).all(), "all the way along"
    assert not changed[: horizon - 20, 100:].any(), "nothing in the sky"
    assert 0.02 < changed[horizon + 10 :].mean() < 0.6, "a grid, not a surface"


def test_below_the_floor_there_is_no_grid(addon, paper):
    seen = paper(lambda: addon("reference.guides").draw_floor(view(addon, 0.2, 1.6), 2.0), 0.5)
    horizon = round((0.5 - np.tan(0.2) * 1.5) * SIZE[1])
    assert not (np.abs(seen[horizon + 10 :] - 0.5).max(-1) > 0.05).any()


def test_a_mask_lies_in_its_rectangle(addon, paper):
    masks, draw = addon("reference.masks"), addon("drawing.textures")
    shape = np.full((10, 10), 255, np.uint8)

    def paint() -> None:
        draw.draw(draw.upload(masks.tinted(shape, (0.0, 0.0, 1.0), 128)), (60.0, 40.0, 180.0, 120.0))

    seen = paper(paint, 0.5)
    assert (seen[80, 120] - 0.5)[2] > 0.1 > (seen[80, 120] - 0.5)[0], "blue in the middle"
    assert np.abs(seen[20, 120] - 0.5).max() < 0.01 and np.abs(seen[80, 30] - 0.5).max() < 0.01
