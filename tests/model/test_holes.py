"""Filling of what stood behind objects."""

from __future__ import annotations

import torch

from model.carried import carry
from model.conditions import batch_sources
from model.geometry import Boxes
from model.holes import fill_background, fill_holes

from .toys import toy_boxes, toy_camera, toy_frame


def test_filled_holes_keep_known_pixels_exactly():
    image = torch.rand(1, 3, 17, 23, generator=torch.Generator().manual_seed(1))
    weight = (torch.rand(1, 1, 17, 23, generator=torch.Generator().manual_seed(2)) > 0.6).float()
    filled = fill_holes(image, weight)
    known = weight.expand(-1, 3, -1, -1) > 0
    assert torch.equal(filled[known], image[known])
    assert torch.isfinite(filled).all() and 0 <= filled.min() and filled.max() <= 1


def test_rows_are_continued_through_a_hole():
    """A picture that only changes slowly along its rows comes back, though its rim is wrong."""
    across = torch.linspace(0.2, 0.8, 96).expand(1, 3, 96, 96)
    stripes = across + 0.15 * torch.sin(torch.arange(96) / 9)[:, None]
    weight = torch.ones(1, 1, 96, 96)
    weight[..., 30:60, 40:70] = 0
    ghost = stripes.clone()
    ghost[..., 29:61, 39:71] = 1.0  # the object, and one pixel of it that its mask missed
    filled = fill_background(ghost, weight)
    hole = weight.expand(-1, 3, -1, -1) == 0
    assert float((filled - stripes)[hole].abs().mean()) < 0.04
    assert float((fill_holes(ghost, weight) - stripes)[hole].abs().mean()) > 0.1
    assert torch.equal(filled[~hole], ghost[~hole])


def test_a_departed_object_leaves_no_outline():
    """Where a mask misses the object's last pixels, these do not stay behind; beside what stays nothing changes."""
    frame = toy_frame(toy_camera(), toy_boxes([(-0.8, 0, 0.3), (0.8, 0.2, -0.2)], 3), 96)
    eroded = -torch.nn.functional.max_pool2d(-(frame.object_index == 1).float()[:, None], 3, 1, 1)[:, 0]
    index = torch.where((frame.object_index == 1) & (eroded == 0), -1, frame.object_index)
    sources = batch_sources(
        frame.image, index, frame.depth, frame.camera, frame.boxes, frame.ground, torch.tensor([True])
    )
    gone = Boxes(frame.boxes.pose, frame.boxes.size, torch.tensor([[True, False, False]]))
    carried = carry(sources, frame.camera, gone, 96, 96)
    outline = ((frame.object_index == 1) & (index == -1))[:, None]
    assert float(carried.background[outline].max()) == 0
    far = torch.nn.functional.max_pool2d((frame.object_index == 1).float()[:, None], 9, 1, 4) == 0
    assert torch.equal(carried.image[far.expand(-1, 3, -1, -1)], frame.image[far.expand(-1, 3, -1, -1)])
