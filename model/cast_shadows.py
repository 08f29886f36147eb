"""Cast shadows: those that objects leave behind when they go, and those that they throw where they were put.

Where the light of a picture is known (`sunlight`), an object's points moved along it to the floor are its shadow. What
of the picture lies in shadows of objects that stand there no longer is the clean plate's; on it, and on the floor
beside it, fall the shadows of objects that were put somewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from .filters import box_max, box_mean
from .geometry import NEAR, Boxes, Camera, from_box_coordinates, moved_boxes, project_world
from .holes import fill_holes
from .sunlight import Sun, floor_seen, floor_shadow, grid_of

_RIM = 5  # cells around a shadow that goes: its soft edge, and what of it was not drawn
_AROUND = 2  # cells around over which the darkness of a shadow is averaged
_VISIBLE = 0.02  # of a shadow: what is less is none


@dataclass(frozen=True)
class Casting:
    """What the shadows of one picture are drawn from: its sun; shadows [1, 1, h, w] 0 or 1, where shadows of objects
    lie in the background's picture, and darkness [1, 1, h, w], how dark such are there, 0..1 of full shadow;
    points [Q, 3] of the objects' insides (box coordinates), slot [Q] whose they are."""

    sun: Sun
    shadows: Tensor
    darkness: Tensor
    points: Tensor
    slot: Tensor


@dataclass(frozen=True)
class Shadows:
    """As the target's camera sees the floor, [1, 1, H, W] 0..1 each: lifted, shadows of the background's picture that
    nothing throws any longer; thrown, those of objects that were put somewhere; kept, those of objects that stayed, and
    again, as dark as these are to be where the clean plate has none."""

    lifted: Tensor
    thrown: Tensor
    kept: Tensor
    again: Tensor

    def light(self, left: Tensor, plated: Tensor | None) -> Tensor:
        """What is left of the floor's light [1, 3, H, W], with share `left` [3] of it in full shadow. On the clean
        plate (plated [1, 1, H, W], None: there is none) no shadow lies yet, elsewhere those that stayed do."""
        cover = self.thrown * (1 - self.kept)
        if plated is not None:
            cover = torch.maximum(cover, plated * torch.maximum(self.thrown, self.again))
        return 1 - (1 - left.view(1, 3, 1, 1)) * torch.where(cover < _VISIBLE, 0.0, cover)


def shadows_in_picture(sun: Sun, points: Tensor, camera: Camera, ground: Tensor, height: int, width: int) -> Tensor:
    """Where shadows of world points [Q, 3] lie in a picture of that size: [1, 1, h, w], 0 or 1, on the grid."""
    return floor_shadow(points, sun.direction[None], ground, camera, *grid_of(height, width))


def darkness_seen(shadows: Tensor, sun: Sun, picture: Tensor, plate: Tensor, hidden: Tensor) -> Tensor:
    """How dark shadows [1, 1, h, w] (0 or 1) are in picture [1, 3, H, W], by the clean plate [1, 3, H, W], which has
    none: [1, 1, h, w], 1 in full shadow. Lamps are no points, and shadows fade away from what throws them. Outside, and
    where objects hide [1, 1, H, W] bool the floor, it goes on from beside there; 1 where no shadow is seen at all."""
    size = shadows.shape[-2:]
    picture, plate, hidden = (interpolate(x.float(), size, mode="area") for x in (picture, plate, hidden))
    light = ((picture + 0.02) / (plate + 0.02)).mean(1, keepdim=True)
    darkness = ((1 - light) / (1 - sun.left.mean()).clamp_min(1e-3)).clamp(0, 1)
    seen = shadows * (hidden < 0.02)
    if not bool(seen.any()):
        return torch.ones_like(shadows)
    near = box_mean(seen, _AROUND)
    return fill_holes(box_mean(darkness * seen, _AROUND) / near.clamp_min(1e-6), (seen > 0).float())


def cast_shadows(
    casting: Casting, camera: Camera, boxes: Boxes, before: Boxes, taken_by: Camera, ground: Tensor,
    height: int, width: int,
) -> Shadows:  # fmt: skip
    """The shadows of boxes [1, N] in a picture of camera [1]; `before` [1, N] is where they stood in the background's
    picture, which the camera `taken_by` [1] took; ground [1] metres."""
    rows, columns = grid_of(height, width)
    moved = moved_boxes(before, boxes)[0]
    points = from_box_coordinates(casting.points, boxes.pose[0, casting.slot], boxes.size[0, casting.slot])
    placed = boxes.present[0, casting.slot]
    put, stayed = points[placed & moved[casting.slot]], points[placed & ~moved[casting.slot]]
    drawn = lambda these, by, *size: floor_shadow(these, casting.sun.direction[None], ground, by, *size)  # noqa: E731
    thrown, kept = (drawn(these, camera, rows, columns) for these in (put, stayed))
    # in the background's own picture, where what stayed matches to the cell
    free = box_max(drawn(stayed, taken_by, *casting.shadows.shape[-2:]), 1) == 0
    gone = box_max(-box_max(-casting.shadows * free, 1), 1 + _RIM) * free  # no crumbs; with its soft edge
    world, floor = floor_seen(camera, ground, rows, columns)
    uvd = project_world(world, taken_by)
    place = torch.where(uvd[..., 2:] > NEAR, uvd[..., :2] * 2 - 1, -2).view(1, rows, columns, 2)
    lifted, darkness = grid_sample(torch.cat([gone, casting.darkness], 1), place, align_corners=False).split(1, 1)
    maps = torch.cat([box_mean(x, 1) for x in (lifted, thrown, kept)], 1) * floor
    maps = torch.cat([maps, maps[:, 2:] * darkness], 1)
    maps = interpolate(maps, (height, width), mode="bilinear", align_corners=False).clamp(0, 1)
    return Shadows(*torch.where(maps < _VISIBLE, 0.0, maps).split(1, 1))
