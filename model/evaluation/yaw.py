"""Yaw error: which way does an object of the made picture face?

No pretrained network judges it. The engine that rendered the truth renders the target once more
with one object turned about the box's vertical axis, in steps of 15 degrees, everything else
unchanged (light, shadow and occluders included). The made picture's crop is compared with all of
these candidates over one common region, the union of the object's silhouettes in all of them, so
that no candidate gains by being smaller. The nearest one, refined by a parabola through its
neighbours, is the object's yaw; the truth is 0. Guessing gives 90 degrees in the median.

It needs the scene's parameters: procedural pairs have them, recorded ones do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..data.frames import Frame
from ..geometry import Boxes, Camera, boxes_2d
from ..metrics import crop, masked_mean

CANDIDATES = 24
MOST_OBJECTS = 2  # of a picture that are judged, the largest: 24 renders each take seconds
SIDE = 64  # pixels of a crop
MARGIN = 1.15  # the crop's side over that of the box's swept rectangle


def yaw_angles() -> Tensor:
    """Candidate turns [24] in radians, 0 first."""
    return torch.arange(CANDIDATES) * (2 * torch.pi / CANDIDATES)


def turned(pose: Tensor, angles: Tensor) -> Tensor:
    """Box pose [4, 4] turned about its own z axis by angles [K] -> [K, 4, 4]."""
    turn = torch.eye(4).repeat(len(angles), 1, 1)
    turn[:, 0, 0] = turn[:, 1, 1] = angles.cos()
    turn[:, 1, 0], turn[:, 0, 1] = angles.sin(), -angles.sin()
    return pose @ turn


def crop_rectangle(rectangles: Tensor) -> Tensor:
    """A square [4] with a margin around every 2D box [K, 4] of the turned object."""
    low, high = rectangles[:, :2].amin(0), rectangles[:, 2:].amax(0)
    centre, half = (low + high) / 2, (high - low).amax() / 2 * MARGIN
    return torch.cat([centre - half, centre + half])


def zoomed(camera: Camera, rectangle: Tensor) -> Camera:
    """The camera [1] whose picture is the part `rectangle` [4] of the given one's."""
    extent = (rectangle[2:] - rectangle[:2]).repeat(2)
    shift = torch.cat([torch.zeros(2), rectangle[:2]])
    return Camera((camera.intrinsics - shift) / extent, camera.world_to_camera)


def distances(made: Tensor, candidates: Tensor, region: Tensor) -> Tensor:
    """[K]: colours and gradients apart, at three scales; made [3, S, S], candidates [K, 3, S, S],
    region [S, S] bool."""
    total = torch.zeros(len(candidates))
    weight = region.float()[None, None]
    made = made[None]
    for _ in range(3):
        inside = weight[0, 0] > 0.5
        for first, second in (
            (made, candidates),
            *zip(_gradients(made), _gradients(candidates), strict=True),
        ):
            total += masked_mean((first - second).abs().mean(1), inside)
        made, candidates, weight = (avg_pool2d(x, 2) for x in (made, candidates, weight))
    return total


def estimate(made: Tensor, candidates: Tensor, region: Tensor) -> float:
    """The yaw error in degrees, 0..180, of one object's crop (see `distances`)."""
    score = distances(made, candidates, region)
    best = int(score.argmin())
    before, here, after = (float(score[(best + i) % CANDIDATES]) for i in (-1, 0, 1))
    curvature = before - 2 * here + after
    shift = 0.5 * (before - after) / curvature if curvature > 1e-9 else 0.0
    degrees = (best + shift) * 360 / CANDIDATES
    return abs((degrees + 180) % 360 - 180)


def made_crop(image: Tensor, rectangle: Tensor) -> Tensor:
    """The part `rectangle` [4] of a made picture [1, 3, H, W] as [3, S, S]."""
    return crop(image, rectangle[None], SIDE)[0]


def _gradients(images: Tensor) -> tuple[Tensor, Tensor]:
    """Differences to the right and lower neighbour, same size (0 at the last one)."""
    right, down = torch.zeros_like(images), torch.zeros_like(images)
    right[..., :-1] = images.diff(dim=-1)
    down[..., :-1, :] = images.diff(dim=-2)
    return right, down


@dataclass(frozen=True)
class Candidates:
    """What one object is compared with. images [24, 3, S, S], region [S, S] bool, rectangle [4] of
    the crop.
    """

    images: Tensor
    region: Tensor
    rectangle: Tensor


# (slot, angles [K], camera [1]) -> one pair's target [K], S x S, with that object so turned.
Turner = Callable[[int, Tensor, Camera], Frame]


def turner(source: Any, request: Mapping[str, Any]) -> Callable[[int], Turner] | None:
    """For each pair of `source.pairs(**request)` its `Turner`; None for sources that record."""
    if not hasattr(source, "turned_target"):
        return None
    seed, split = request["seed"], request["split"]

    def of_pair(index: int) -> Turner:
        return lambda slot, angles, camera: source.turned_target(SIDE, seed, index, split, slot, angles, camera)

    return of_pair


def candidates(target: Frame, slot: int, turn: Turner) -> Candidates:
    """The target frame [1] rendered with the object in `slot` turned 24 ways, cut out around it."""
    poses = turned(target.boxes.pose[0, slot], yaw_angles())
    size = target.boxes.size[0, slot].expand(CANDIDATES, 3)
    boxes = Boxes(poses[None], size[None], torch.ones(1, CANDIDATES, dtype=torch.bool))
    rectangle = crop_rectangle(boxes_2d(target.camera, boxes)[0])
    frames = turn(slot, yaw_angles(), zoomed(target.camera, rectangle))
    return Candidates(frames.image, (frames.object_index == slot).any(0), rectangle)
