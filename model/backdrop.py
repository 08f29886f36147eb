"""What lies behind all objects: the background as it was seen, its holes, the clean plate in them, and soft shadows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .atlas import BACKGROUND, fetch
from .cast_shadows import Shadows
from .contact import VISIBLE, contact_shade
from .filters import box_max, box_mean
from .geometry import (
    NEAR,
    Boxes,
    Camera,
    floor_points,
    moved_boxes,
    project_each,
    rigid_inverse,
    transform_each,
)
from .holes import RIM, fill_background
from .pixels import Pixels
from .plate import REPLACED
from .sources import Sources
from .sunlight import floor_seen, grid_of

_MIRRORED, _FADING = 1.0, 0.3  # pictures: so far beyond its border it goes on mirrored, fading at last
_RELIEF_GRID = 128  # points along the longer side at which rays are followed through the background
_SHADE_GRID = 128  # points along the longer side at which soft shadows are worked out


@dataclass
class Backdrop:
    """What lies behind all objects: image [B, 3, H, W], weight [B, 1, H, W] (0: not seen), in_picture [B, 1, H, W]
    bool (where its picture has pixels, seen or hidden by objects), beside [B, 1, H, W] (0..1, how much its mirror image
    is worth beyond its border), uv [B*P, 2] where in it, valid [B] (whether there is a background)."""

    image: Tensor
    weight: Tensor
    in_picture: Tensor
    beside: Tensor
    uv: Tensor
    valid: Tensor


def seen_background(sources: Sources, camera: Camera, pixels: Pixels) -> Backdrop:
    """The background where it stands."""
    frame, uvd = pixels.frame, _places(sources, camera, pixels)
    ahead = uvd[:, 2] > NEAR
    view = torch.where(ahead, sources.background_view[frame], -1)
    colour, alpha = fetch(sources.atlas, view, uvd[:, :2], torch.full_like(frame, BACKGROUND))
    shape = (pixels.batch, pixels.height, pixels.width)
    image, weight = colour.view(*shape, 3).permute(0, 3, 1, 2), alpha.view(shape)[:, None]
    weight = torch.where(weight > 0.999, 1.0, weight * (weight > 0.5))
    in_picture = ahead & ((uvd[:, :2] > 0) & (uvd[:, :2] < 1)).all(-1)
    outside = (uvd[:, :2] - uvd[:, :2].clamp(0, 1)).abs().amax(-1)
    beside = ((_MIRRORED - outside) / _FADING).clamp(0, 1) * (ahead & ~in_picture)
    in_picture, beside = (x.view(shape)[:, None] for x in (in_picture, beside))
    return Backdrop(image, weight, in_picture, beside, uvd[:, :2], sources.background_view >= 0)


def _places(sources: Sources, camera: Camera, pixels: Pixels) -> Tensor:
    """(u, v, depth) [B*P, 3] in the background's picture of what each pixel sees of it: through its relief, or where
    that is not known through the ground plane, or from infinitely far above it."""
    frame, there, relief = pixels.frame, sources.background_camera, sources.relief
    if relief is not None and relief.useful(camera):
        seen = relief.seen_by(camera, *grid_of(pixels.height, pixels.width, _RELIEF_GRID))
        return seen.places(relief, camera, pixels.height, pixels.width)
    world, _ = floor_points(sources.ground[frame], rigid_inverse(camera.world_to_camera)[frame], pixels.rays)
    return project_each(transform_each(there.world_to_camera[frame], world), there.intrinsics[frame])


def clean_backdrop(
    sources: Sources, plate_view: Tensor, boxes: Boxes, pixels: Pixels, backdrop: Backdrop, covered: Tensor,
    slot: Tensor, shadows: Shadows | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The clean plate [B, 3, H, W] of view `plate_view` [B] and where it is wanted [B, 1, H, W]: where an object left,
    and around there as far as the plate may differ, though not nearer to objects that stayed, whose shadows stay with
    them; where shadows lie that nothing throws any longer; and beyond the picture's border, mirrored: floors and walls
    go on there, and a camera that moves sees them.

    covered [B, 1, H, W]: what objects cover of each pixel; slot [B, H, W]: the object in front, or -1."""
    left_open = _left_open(backdrop, covered < 0.5)
    reach = max(1, round(REPLACED * max(pixels.height, pixels.width)))
    stayed = ~moved_boxes(sources.before, boxes) if pixels.count else slot.new_zeros(pixels.batch, 1).bool()
    stands = stayed.gather(1, slot.clamp_min(0).flatten(1)).view_as(slot) & (slot >= 0)
    hole, still = box_mean(torch.cat([left_open, stands[:, None]], 1).float(), reach).split(1, 1)
    nearer = (0.5 + 2 * (hole - still) / (hole + still).clamp_min(1e-6)).clamp(0, 1)
    beside = hole > 0.5 / (2 * reach + 1) ** 2  # a pixel of a hole in the window
    near_by = nearer * beside
    if shadows is not None:
        near_by = torch.maximum(near_by * (1 - shadows.kept), shadows.lifted)
    wanted = torch.where(left_open, 1.0, near_by) * backdrop.in_picture
    wanted = torch.where(covered < 0.999, torch.maximum(wanted, backdrop.beside), wanted)
    chosen = wanted.flatten().nonzero()[:, 0]
    colours = torch.zeros(pixels.rays.shape[0], 3, device=pixels.rays.device)
    view = plate_view[pixels.frame[chosen]]
    uv = 1 - (1 - backdrop.uv[chosen].abs()).abs()
    colours[chosen], _ = fetch(sources.atlas, view, uv, torch.full_like(view, BACKGROUND))
    return colours.view(pixels.batch, pixels.height, pixels.width, 3).permute(0, 3, 1, 2), wanted


def floor_shade(sources: Sources, camera: Camera, boxes: Boxes, pixels: Pixels) -> Tensor:
    """What boxes that were put somewhere take of the floor's light: a factor [B, 1, H, W], 1 where they do not."""
    size = (pixels.height, pixels.width)
    if pixels.count == 0:
        return torch.ones(pixels.batch, 1, *size, device=pixels.rays.device)
    rows, columns = grid_of(*size, _SHADE_GRID)
    world, floor = floor_seen(camera, sources.ground, rows, columns)
    factor = contact_shade(sources.before, boxes, world, sources.ground).view_as(floor)
    factor = torch.where(floor, factor, 1.0)
    if size != (rows, columns):
        factor = interpolate(factor, size, mode="bilinear", align_corners=False)
    return torch.where(factor < VISIBLE, factor, 1.0)


def filled_background(backdrop: Backdrop, shown: Tensor) -> tuple[Tensor, Tensor]:
    """The background without holes [B, 3, H, W], and what of it was seen [B, 1, H, W].

    shown [B, 1, H, W]: where no object stands before it.
    """
    weight = torch.where(_left_open(backdrop, shown), 0.0, backdrop.weight)
    filled = fill_background(backdrop.image, weight)
    return torch.where(backdrop.valid[:, None, None, None], filled, 0.5), weight


def _left_open(backdrop: Backdrop, shown: Tensor) -> Tensor:
    """Holes that show, [B, 1, H, W] bool, grown a little: the last pixels of an object that left, which its mask
    missed, would else stay behind as an outline."""
    hole = (backdrop.weight < 0.5) & shown & backdrop.in_picture
    return box_max(hole.float(), max(1, round(RIM / 2 * max(hole.shape[-2:])))) > 0
