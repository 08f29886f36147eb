"""Two figures of use over time: drift of a picture that is edited again and again, and flicker of a
sequence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..data import convert
from ..data.as_scene import encode_source
from ..data.frames import Pairs
from ..geometry import Boxes, boxes_2d
from ..metrics import psnr, rectangle_masks
from ..scene import Box, Placement, RenderSettings, Scene

EDITS = 10
FRAMES = 8
STEP = 0.06  # of the box's longest ground side, per edit or frame
TURN = np.deg2rad(6.0)


def moved(box: Box, steps: float) -> Box:
    """The box slid along its own x axis and turned about its z axis by a number of steps."""
    angle, pose = steps * TURN, box.pose.astype(np.float32).copy()
    turn = np.eye(4, dtype=np.float32)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    pose[:3, 3] += pose[:3, 0] * float(max(box.size[:2])) * STEP * steps
    return Box(pose @ turn, box.size)


def drift(pipe: Any, pair: Pairs, settings: RenderSettings) -> float | None:
    """PSNR in dB to the source picture after ten edits of one object and one back to its place.

    Every edit starts from the picture that the last one made: encoded anew, as an artist would who
    keeps no assets. Assets that are kept start every edit from the first picture and cannot drift.
    """
    frame, camera = pair.source, convert.camera_of(pair.source)
    slots = convert.usable_slots(frame).nonzero()[:, 0].tolist()
    if not slots:
        return None
    first = [convert.box_of(frame, slot) for slot in slots]
    image, boxes = convert.to_uint8(frame.image[0]), first
    for edit in [*range(1, EDITS + 1), 0]:
        assets, background = pipe.encode(image, boxes, camera, ground=float(frame.ground[0]))
        boxes = [moved(first[0], edit), *first[1:]]
        placements = tuple(Placement(a, b) for a, b in zip(assets, boxes, strict=True))
        image = pipe.render(Scene(camera, placements, background), settings).image
    return float(psnr(convert.from_uint8(image)[None], frame.image))


def flicker(pipe: Any, pair: Pairs, settings: RenderSettings) -> float | None:
    """Mean change from frame to frame, in levels of 255, of pixels outside the moving object's
    swept box.

    One object slides and turns through eight frames, camera and everything else stand still.
    """
    frame, camera = pair.source, convert.camera_of(pair.source)
    encoded = encode_source(pipe, pair)
    if not encoded.slots:
        return None
    boxes = [convert.box_of(frame, slot) for slot in encoded.slots]
    frames, swept = [], []
    for step in range(FRAMES):
        now = [moved(boxes[0], step), *boxes[1:]]
        placements = tuple(Placement(a, b) for a, b in zip(encoded.assets, now, strict=True))
        made = pipe.render(Scene(camera, placements, encoded.background), settings).image
        frames.append(convert.from_uint8(made))
        swept.append(_rectangle(now[0], pair))
    still = ~rectangle_masks(torch.cat(swept, 1), *frames[0].shape[-2:]).any(1)[0]
    change = torch.stack(frames).diff(dim=0).abs().mean(1)[:, still]
    return float(change.mean() * 255) if change.numel() else None


def _rectangle(box: Box, pair: Pairs) -> torch.Tensor:
    pose, size = torch.from_numpy(box.pose)[None, None], torch.from_numpy(box.size)[None, None]
    return boxes_2d(pair.source.camera, Boxes(pose, size, torch.ones(1, 1, dtype=torch.bool)))
