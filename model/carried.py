"""The carried picture: boxes carry the appearance that their sources saw to where they stand now.

This project's own part (method notes, section 2). Every source pixel of an object is a point in its box's
coordinates. In the target camera

1. these points are splatted with a depth test on a coarse grid, which gives a surface (`seen`);
2. where a ray enters a box but no point fell, a point `FALLBACK` of the way through the box stands in (`unseen`);
3. the colours are read back from the sources at those surface points, at any resolution;
4. the background comes through the ground plane, or from infinitely far above it; holes are filled from around.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .atlas import BACKGROUND, Atlas, fetch
from .cast_shadows import Shadows, cast_shadows
from .contact import VISIBLE, contact_shade
from .filters import box_max, box_mean
from .geometry import (
    FAR,
    NEAR,
    Boxes,
    Camera,
    between_slabs,
    box_to_camera,
    camera_rays,
    floor_points,
    into_box,
    maps_of,
    moved_boxes,
    pixel_centres,
    project_each,
    projected,
    rigid_inverse,
    transform_each,
    turned,
)
from .hidden_sides import asked
from .holes import RIM, fill_background, fill_holes
from .layers import BoxLayers, box_layers
from .plate import REPLACED
from .several_views import choose_views
from .sources import Sources, best_entries, projections_back
from .splatting import splat

FALLBACK = 0.3  # share of the way from a ray's entry to its exit where an unseen surface is assumed
_RELIT = 12  # times the light that a shadow takes: an edit reaches as far as one sees it
_SHADE_GRID = 128  # points along the longer side at which soft shadows are worked out


@dataclass(frozen=True)
class Planes:
    """What a pixel may turn out to show, [B, 3, H, W] 0..1 each: the carried image; front, the objects' colours
    continued beyond their silhouettes; behind, the picture without any object."""

    image: Tensor
    front: Tensor
    behind: Tensor


@dataclass(frozen=True)
class Carried:
    """image [B, 3, H, W] 0..1; seen, unseen, background [B, 1, H, W] shares of what each pixel is made of
    (the rest is invented fill);
    behind [B, 3, H, W] the picture without any object, its holes filled, and plated [B, 1, H, W] 0..1 where the clean
    plate [B, 3, H, W] knows better what is behind (None: there is no plate);
    light [B, 3, H, W] what cast shadows leave of the light of what is behind (None: the light is not known);
    slot [B, H, W] the front object or -1; depth [B, H, W] metres of that object."""

    image: Tensor
    seen: Tensor
    unseen: Tensor
    background: Tensor
    behind: Tensor
    slot: Tensor
    depth: Tensor
    plate: Tensor | None = None
    plated: Tensor | None = None
    light: Tensor | None = None

    def maps(self) -> Tensor:
        """[B, 3, H, W]: seen, unseen, background."""
        return torch.cat([self.seen, self.unseen, self.background], 1)

    @property
    def covered(self) -> Tensor:
        """Share of each pixel that objects cover, [B, 1, H, W]."""
        return self.seen + self.unseen

    def planes(self) -> Planes:
        share = self.covered
        colours = (self.image - (1 - share) * self.behind) / share.clamp_min(1e-3)
        front = fill_holes(colours, torch.where(share > 0.999, 1.0, share * (share > 0.05)))
        return Planes(self.image, front, self.behind)

    def finished(self, planes: Planes, region: Tensor) -> Planes:
        """The planes with the clean plate in their holes and with cast shadows, within an edit region [B, 1, H, W]. The
        networks see the planes without: they were trained on smooth holes, of which they make what is right on average.
        """
        behind = planes.behind
        if self.plate is not None and self.plated is not None:
            behind = behind + region * self.plated * (self.plate - self.behind)
        if self.light is not None:
            behind = behind * (1 - region * (1 - self.light))
        change = behind - planes.behind
        return Planes(planes.image + (1 - self.covered) * change, planes.front, behind)

    def relit(self) -> Tensor:
        """Where the clean plate or cast shadows change what is behind, [B, 1, H, W] 0..1."""
        if self.light is None:
            return torch.zeros_like(self.seen)
        darker = (_RELIT * (1 - self.light.amin(1, keepdim=True))).clamp(0, 1)
        return darker if self.plated is None else torch.maximum(self.plated, darker)


def carry(
    sources: Sources,
    camera: Camera,
    boxes: Boxes,
    height: int,
    width: int,
    grid: int = 128,
    layers: BoxLayers | None = None,
) -> Carried:
    """The carried picture of boxes [B, N] in cameras [B] at height x width; `grid` is the splat's longer side.

    `layers`: the box layers at the splat's size, where the caller has them.
    """
    scale = min(1.0, grid / max(height, width))
    rows, columns = max(8, round(height * scale)), max(8, round(width * scale))
    sources = asked(sources, camera, boxes)
    entry_map, depth_map = splat(sources, camera, boxes, rows, columns)
    entry_map = choose_views(sources, camera, boxes, entry_map, depth_map, 1 / columns, otherwise=None)
    if layers is None or layers.slot.shape[-2:] != (rows, columns):
        layers = box_layers(camera, boxes, rows, columns, maps=False)
    best = best_entries(sources, camera, boxes)  # [B, N]
    pixels = _Pixels(camera, boxes, height, width)
    candidates = [_seen_candidate(sources, pixels, entry_map, depth_map)]
    for k in range(2):
        candidates.append(_box_candidate(sources, pixels, layers.slot[:, k], best, candidates[0]))
    backdrop, shade = _background(sources, camera, pixels), _shade(sources, camera, boxes, pixels)
    carried = _composite(candidates, backdrop, shade, pixels)
    shadows, casting = None, sources.casting
    if casting is not None:
        before, taken_by = sources.before, sources.background_camera
        shadows = cast_shadows(casting, camera, boxes, before, taken_by, sources.ground, height, width)
    if sources.plate_view is not None:
        plate, plated = _plate(sources, camera, boxes, pixels, backdrop, carried, shadows)
        carried = replace(carried, plate=plate * shade, plated=plated)
    if shadows is not None and casting is not None:
        carried = replace(carried, light=shadows.light(casting.sun.left, carried.plated))
    return carried


class _Pixels:
    """Rays and per-pixel box look-ups of the output grid."""

    def __init__(self, camera: Camera, boxes: Boxes, height: int, width: int) -> None:
        self.batch, self.count = boxes.size.shape[:2]
        self.height, self.width = height, width
        self.camera, self.boxes = camera, boxes
        device = boxes.pose.device
        rays = camera_rays(pixel_centres(height, width, device).view(1, -1, 2), camera.intrinsics)
        self.rays = rays.reshape(-1, 3)  # [B*P, 3]
        self.inside = into_box(box_to_camera(camera, boxes), boxes.size)  # [B, N, 3, 4]
        self.frame = torch.arange(self.batch, device=device).repeat_interleave(height * width)

    def upsample(self, values: Tensor) -> Tensor:
        """Nearest upsampling of [B, h, w] to [B*P]."""
        full = torch.nn.functional.interpolate(
            values[:, None].double(), (self.height, self.width), mode="nearest-exact"
        )
        return full.reshape(-1).to(values.dtype)


@dataclass
class _Backdrop:
    """What lies behind all objects: image [B, 3, H, W], weight [B, 1, H, W] (0: not seen), in_picture [B, 1, H, W]
    bool (where its picture has pixels, seen or hidden by objects), uv [B*P, 2] where in it, valid [B] (whether there
    is a background)."""

    image: Tensor
    weight: Tensor
    in_picture: Tensor
    uv: Tensor
    valid: Tensor


@dataclass
class _Candidate:
    slot: Tensor  # [B*P], -1 none
    depth: Tensor  # [B*P]
    colour: Tensor  # [B*P, 3]
    alpha: Tensor  # [B*P]
    seen: bool


def _read(sources: Sources, pixels: _Pixels, entry: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Colours [B*P, 3] and alpha [B*P] of surfaces at `depth` [B*P] that belong to `entry` [B*P] (-1: none)."""
    chosen = (entry >= 0).nonzero()[:, 0]
    colour = torch.zeros(entry.shape[0], 3, device=depth.device)
    alpha = torch.zeros(entry.shape[0], device=depth.device)
    if chosen.numel() == 0:
        return colour, alpha
    who = entry[chosen]
    points = pixels.rays[chosen] * depth[chosen, None]
    back = projections_back(sources, pixels.camera, pixels.boxes)
    uv, away = projected(maps_of(back, who), points)
    view = torch.where(away > NEAR, sources.view[who], -1)
    values, share = fetch(sources.atlas, view, uv, sources.label[who])
    colour[chosen], alpha[chosen] = values, share
    return colour, alpha


def _seen_candidate(sources: Sources, pixels: _Pixels, entry_map: Tensor, depth_map: Tensor) -> _Candidate:
    entry = pixels.upsample(entry_map)
    depth = _smooth_upsample(depth_map, entry_map, entry, pixels)
    entry, depth = (x.view(pixels.batch, pixels.height, pixels.width) for x in (entry, depth))
    entry = choose_views(
        sources, pixels.camera, pixels.boxes, entry, depth, 1 / entry_map.shape[2], otherwise=-1
    ).reshape(-1)
    depth = depth.reshape(-1)
    colour, alpha = _read(sources, pixels, entry, depth)
    slot = torch.where(entry >= 0, sources.slot[entry.clamp_min(0)], -1) if sources.slot.numel() else entry
    return _Candidate(slot, depth, colour, alpha, True)


def _smooth_upsample(depth_map: Tensor, entry_map: Tensor, entry: Tensor, pixels: _Pixels) -> Tensor:
    """Bilinear depth among the cells of the same surface: [B, h, w] -> [B*P]."""
    batch, rows, columns = depth_map.shape
    if (rows, columns) == (pixels.height, pixels.width):
        return depth_map.reshape(-1)
    labels = entry_map.reshape(-1)
    ones = torch.ones(batch, dtype=torch.int64, device=labels.device)
    offset = torch.arange(batch, device=labels.device) * rows * columns
    table = Atlas(depth_map.reshape(-1, 1), labels, offset, ones * rows, ones * columns)
    uv = pixel_centres(pixels.height, pixels.width, labels.device).reshape(-1, 2).repeat(batch, 1)
    values, _ = fetch(table, pixels.frame, uv, entry)
    return values[:, 0]


def _box_candidate(sources, pixels: _Pixels, slot_map: Tensor, best: Tensor, seen: _Candidate) -> _Candidate:
    """The box's own guess where its surface was not seen."""
    slot = pixels.upsample(slot_map)
    if pixels.count == 0:
        empty = torch.zeros_like(seen.alpha)
        return _Candidate(torch.full_like(slot, -1), empty, torch.zeros_like(seen.colour), empty, False)
    slot = torch.where((slot == seen.slot) & (seen.alpha > 0.5), -1, slot)
    depth = torch.zeros_like(seen.depth)
    chosen = (slot >= 0).nonzero()[:, 0]
    own = maps_of(pixels.inside, pixels.frame[chosen] * pixels.count + slot[chosen])
    entry_depth, leave, hit = between_slabs(own[:, 3], turned(own, pixels.rays[chosen]))
    depth[chosen] = entry_depth + FALLBACK * (leave - entry_depth).clamp_min(0)
    slot[chosen[~hit]] = -1
    entry = torch.where(slot >= 0, best[pixels.frame, slot.clamp_min(0)], -1)
    colour, alpha = _read(sources, pixels, entry, depth)
    return _Candidate(slot, depth, colour, alpha, False)


def _background(sources: Sources, camera: Camera, pixels: _Pixels) -> _Backdrop:
    frame = pixels.frame
    world, _ = floor_points(sources.ground[frame], rigid_inverse(camera.world_to_camera)[frame], pixels.rays)
    there = sources.background_camera
    uvd = project_each(transform_each(there.world_to_camera[frame], world), there.intrinsics[frame])
    ahead = uvd[:, 2] > NEAR
    view = torch.where(ahead, sources.background_view[frame], -1)
    colour, alpha = fetch(sources.atlas, view, uvd[:, :2], torch.full_like(frame, BACKGROUND))
    shape = (pixels.batch, pixels.height, pixels.width)
    image, weight = colour.view(*shape, 3).permute(0, 3, 1, 2), alpha.view(shape)[:, None]
    weight = torch.where(weight > 0.999, 1.0, weight * (weight > 0.5))
    in_picture = ahead & ((uvd[:, :2] > 0) & (uvd[:, :2] < 1)).all(-1)
    return _Backdrop(image, weight, in_picture.view(shape)[:, None], uvd[:, :2], sources.background_view >= 0)


def _plate(
    sources: Sources, camera: Camera, boxes: Boxes, pixels: _Pixels, backdrop: _Backdrop, carried: Carried,
    shadows: Shadows | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The clean plate [B, 3, H, W] and where it is wanted [B, 1, H, W]: where an object left, and around there as far
    as the plate may differ, though not nearer to objects that stayed, whose shadows stay with them; and where shadows
    lie that nothing throws any longer."""
    shown = carried.covered < 0.5
    left_open = ((backdrop.weight < 0.5) & shown & backdrop.in_picture).float()
    reach = max(1, round(REPLACED * max(pixels.height, pixels.width)))
    stayed = ~moved_boxes(sources.before, boxes) if pixels.count else carried.slot.new_zeros(pixels.batch, 1).bool()
    stands = stayed.gather(1, carried.slot.clamp_min(0).flatten(1)).view_as(carried.slot) & (carried.slot >= 0)
    hole, still = box_mean(torch.cat([left_open, stands[:, None].float()], 1), reach).split(1, 1)
    nearer = (0.5 + 2 * (hole - still) / (hole + still).clamp_min(1e-6)).clamp(0, 1)
    beside = hole > 0.5 / (2 * reach + 1) ** 2  # a pixel of a hole in the window
    near_by = nearer * beside
    if shadows is not None:
        near_by = torch.maximum(near_by * (1 - shadows.kept), shadows.lifted)
    wanted = torch.where(left_open > 0, 1.0, near_by) * backdrop.in_picture
    chosen = wanted.flatten().nonzero()[:, 0]
    colours = torch.zeros(pixels.rays.shape[0], 3, device=pixels.rays.device)
    assert sources.plate_view is not None
    view = sources.plate_view[pixels.frame[chosen]]
    colours[chosen], _ = fetch(sources.atlas, view, backdrop.uv[chosen], torch.full_like(view, BACKGROUND))
    return colours.view(pixels.batch, pixels.height, pixels.width, 3).permute(0, 3, 1, 2), wanted


def _shade(sources: Sources, camera: Camera, boxes: Boxes, pixels: _Pixels) -> Tensor:
    """What boxes that were put somewhere take of the floor's light: a factor [B, 1, H, W], 1 where they do not."""
    size = (pixels.height, pixels.width)
    if pixels.count == 0:
        return torch.ones(pixels.batch, 1, *size, device=pixels.rays.device)
    scale = min(1.0, _SHADE_GRID / max(size))
    rows, columns = (max(8, round(side * scale)) for side in size)
    rays = camera_rays(pixel_centres(rows, columns, boxes.pose.device).view(1, -1, 2), camera.intrinsics)
    world, depth = floor_points(sources.ground[:, None], rigid_inverse(camera.world_to_camera)[:, None], rays)
    factor = contact_shade(sources.before, boxes, world, sources.ground)
    factor = torch.where(depth < FAR, factor, 1.0).view(pixels.batch, 1, rows, columns)
    if size != (rows, columns):
        factor = torch.nn.functional.interpolate(factor, size, mode="bilinear", align_corners=False)
    return torch.where(factor < VISIBLE, factor, 1.0)


def _filled(backdrop: _Backdrop, shown: Tensor) -> tuple[Tensor, Tensor]:
    """The background without holes [B, 3, H, W], and what of it was seen [B, 1, H, W].

    shown [B, 1, H, W]: where no object stands before it. Holes that show are grown a little: the last pixels of
    an object that left, which its mask missed, would else stay behind as an outline.
    """
    weight = backdrop.weight
    reach = max(1, round(RIM / 2 * max(weight.shape[-2:])))
    left_open = (weight < 0.5) & shown & backdrop.in_picture
    grown = box_max(left_open.float(), reach) > 0
    weight = torch.where(grown, 0.0, weight)
    filled = fill_background(backdrop.image, weight)
    return torch.where(backdrop.valid[:, None, None, None], filled, 0.5), weight


def _composite(candidates: list[_Candidate], backdrop: _Backdrop, shade: Tensor, pixels: _Pixels) -> Carried:
    depths = torch.stack([torch.where(c.alpha > 0, c.depth, torch.inf) for c in candidates])  # [3, B*P]
    order = depths.argsort(0)
    alphas = torch.stack([c.alpha for c in candidates]).gather(0, order)
    colours = torch.stack([c.colour for c in candidates])
    is_seen = torch.tensor([c.seen for c in candidates], device=order.device)[order]
    left = torch.ones_like(depths[0])
    image = torch.zeros_like(candidates[0].colour)
    seen, unseen = torch.zeros_like(left), torch.zeros_like(left)
    for k in range(len(candidates)):
        share = left * alphas[k].clamp(0, 1)
        image += share[:, None] * colours.gather(0, order[k][None, :, None].expand(1, -1, 3))[0]
        seen += share * is_seen[k]
        unseen += share * ~is_seen[k]
        left = left * (1 - alphas[k].clamp(0, 1))
    left = torch.where(left < 1e-4, 0.0, left)
    shape = (pixels.batch, 1, pixels.height, pixels.width)
    background, weight = _filled(backdrop, left.view(shape) > 0.5)
    background = background * shade
    image += left[:, None] * background.permute(0, 2, 3, 1).reshape(-1, 3)
    slots = torch.stack([c.slot for c in candidates]).gather(0, order)[0]
    front = alphas[0] > 0.5
    return Carried(
        image.view(pixels.batch, pixels.height, pixels.width, 3).permute(0, 3, 1, 2).contiguous(),
        seen.view(shape), unseen.view(shape), left.view(shape) * weight, background,
        torch.where(front, slots, -1).view(shape)[:, 0],
        torch.where(front, depths.gather(0, order)[0], 0.0).view(shape)[:, 0],
    )  # fmt: skip
