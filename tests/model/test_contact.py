"""Contact shadows on the floor."""

from __future__ import annotations

import torch

from model.carried import carry
from model.contact import UNDER, WIDE_REACH, box_sizes, contact_shade, light_left
from model.data.contact_light import light_beside
from model.data.frames import Pairs
from model.geometry import Boxes

from .test_carried import SIZE, sources_of
from .toys import toy_boxes, toy_camera, toy_frame

GROUND = torch.zeros(1)


def along_x(boxes: Boxes, *distances: float) -> torch.Tensor:
    """Floor points to the right of box 0, which is not turned."""
    edge = boxes.pose[0, 0, :3, 3] + torch.tensor([float(boxes.size[0, 0, 0]) / 2, 0, 0])
    return torch.stack([edge + torch.tensor([d, 0.0, 0.0]) for d in distances])[None] * torch.tensor([1.0, 1.0, 0.0])


def test_light_returns_with_the_distance():
    boxes = toy_boxes([(0.0, 0.0, 0.0)])
    size = float(box_sizes(boxes))
    left = light_left(boxes, along_x(boxes, -0.1, 0.0, 0.1 * size, 0.5 * size, WIDE_REACH * size, 9.0), GROUND)[0]
    assert abs(float(left[0]) - (1 - UNDER)) < 1e-6 and abs(float(left[1]) - (1 - UNDER)) < 1e-6
    assert (left.diff() >= 0).all() and left[2] > left[1] and (left[-2:] == 1).all()


def test_a_lifted_or_absent_box_takes_no_light():
    boxes = toy_boxes([(0.0, 0.0, 0.0)])
    lifted = Boxes(boxes.pose.clone(), boxes.size, boxes.present)
    lifted.pose[0, 0, 2, 3] += 0.5
    absent = Boxes(boxes.pose, boxes.size, ~boxes.present)
    for other in (lifted, absent):
        assert (light_left(other, along_x(boxes, -0.1, 0.05), GROUND) == 1).all()


def test_what_stays_casts_no_second_shadow():
    before = toy_boxes([(-0.8, 0.0, 0.3), (0.8, 0.2, -0.2)])
    after = Boxes(before.pose.clone(), before.size, before.present)
    after.pose[0, 1, 0, 3] += 0.6
    points = torch.rand(1, 500, 3) * torch.tensor([4.0, 4.0, 0.0]) - torch.tensor([2.0, 2.0, 0.0])
    assert (contact_shade(before, before, points, GROUND) == 1).all()
    shade = contact_shade(before, after, points, GROUND)
    near_first = (points[..., :2] - before.pose[0, 0, :2, 3]).norm(dim=-1) < 0.5
    assert (shade <= 1).all() and float(shade.min()) < 0.9 and (shade[near_first] == 1).all()


def test_the_carried_floor_is_darker_beside_a_moved_box_and_nowhere_else():
    frame = toy_frame(toy_camera(), toy_boxes([(-0.8, 0, 0.3), (0.8, 0.2, -0.2)], 3), SIZE)
    moved = toy_boxes([(-0.8, 0, 0.3), (0.6, -0.8, -0.2)], 3)
    carried = carry(sources_of(frame), frame.camera, moved, SIZE, SIZE)
    floor = (carried.background[:, 0] == 1) & (frame.object_index < 0)
    ratio = (carried.image / frame.image).mean(1)[floor]
    assert float(ratio.min()) < 0.92 and float(ratio.max()) < 1.001
    assert float((ratio == 1).float().mean()) > 0.7


def test_the_measurement_finds_a_shadow_that_is_there():
    before, after = toy_boxes([(-1.2, 0.5, 0.0)]), toy_boxes([(0.9, -0.2, 0.0)])
    source, target = (toy_frame(toy_camera(), boxes, SIZE) for boxes in (before, after))
    points_dark = target.image * 0.8
    target = type(target)(**{**vars(target), "image": torch.where(target.object_index[:, None] < 0, points_dark, 0.5)})
    pairs = Pairs(source, target, torch.ones(1, dtype=torch.int64), torch.zeros(1, 1, dtype=torch.int64))
    distance, kept = light_beside(pairs)
    assert len(kept) > 100 and (distance >= 0).all()
    torch.testing.assert_close(kept.mean().exp(), torch.tensor(0.8), atol=1e-3, rtol=0)
