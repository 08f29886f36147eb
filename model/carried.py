"""The carried picture: boxes carry the appearance that their sources saw to where they stand now.

This project's own part (method notes, section 2). Every source pixel of an object is a point in its box's
coordinates. In the target camera

1. these points are splatted with a depth test on a grid of cells, which gives a surface (`seen`);
2. where a ray enters a box but no point fell, a point `FALLBACK` of the way through the box stands in (`unseen`);
3. the colours are read back from the sources at those surface points, at any resolution;
4. the background comes through the ground plane, or from infinitely far above it; holes are filled from around.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .atlas import Atlas, fetch
from .backdrop import Backdrop, clean_backdrop, filled_background, floor_shade, seen_background
from .cast_shadows import cast_shadows
from .geometry import (
    NEAR,
    Boxes,
    Camera,
    between_slabs,
    maps_of,
    pixel_centres,
    projected,
    turned,
)
from .hidden_sides import asked
from .holes import fill_holes
from .layers import BoxLayers, box_layers
from .pixels import Pixels
from .several_views import choose_views, seen_past
from .sources import Sources, best_entries, projections_back
from .splatting import splat
from .sunlight import grid_of

FALLBACK = 0.3  # share of the way from a ray's entry to its exit where an unseen surface is assumed
_RELIT = 12  # times the light that a shadow takes: an edit reaches as far as one sees it


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

    def finished(self, region: Tensor) -> Planes:
        """The carried picture with the clean plate in its holes and with cast shadows, where edits reach: region
        [B, 1, H, W]."""
        share, behind = self.covered, self.behind
        colours = (self.image - (1 - share) * behind) / share.clamp_min(1e-3)
        front = fill_holes(colours, torch.where(share > 0.999, 1.0, share * (share > 0.05)))
        if self.plate is not None and self.plated is not None:
            behind = behind + region * self.plated * (self.plate - behind)
        if self.light is not None:
            behind = behind * (1 - region * (1 - self.light))
        return Planes(self.image + (1 - share) * (behind - self.behind), front, behind)

    def plate_shown(self) -> Tensor:
        """Share of each pixel that is the clean plate, [B, 1, H, W]."""
        return torch.zeros_like(self.seen) if self.plated is None else self.plated * (1 - self.covered)

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
    grid: int = 256,
    layers: BoxLayers | None = None,
) -> Carried:
    """The carried picture of boxes [B, N] in cameras [B] at height x width; `grid` is the splat's longer side.

    `layers`: the box layers at the splat's size, where the caller has them.
    """
    rows, columns = grid_of(height, width, grid)
    sources = asked(sources, camera, boxes)
    entry_map, depth_map = splat(sources, camera, boxes, rows, columns)
    entry_map = choose_views(sources, camera, boxes, entry_map, depth_map, 1 / columns, otherwise=None)
    if layers is None or layers.slot.shape[-2:] != (rows, columns):
        layers = box_layers(camera, boxes, rows, columns, maps=False)
    best = best_entries(sources, camera, boxes)  # [B, N]
    pixels = Pixels(camera, boxes, height, width)
    candidates = [_seen_candidate(sources, pixels, entry_map, depth_map)]
    for k in range(2):
        candidates.append(_box_candidate(sources, pixels, layers.slot[:, k], best, candidates[0]))
    backdrop, shade = seen_background(sources, camera, pixels), floor_shade(sources, camera, boxes, pixels)
    carried = _composite(candidates, backdrop, shade, pixels)
    shadows, casting = None, sources.casting
    if casting is not None:
        before, taken_by = sources.before, sources.background_camera
        shadows = cast_shadows(casting, camera, boxes, before, taken_by, sources.ground, height, width)
    if sources.plate_view is not None:
        covered, slot = carried.covered, carried.slot
        plate, plated = clean_backdrop(sources, sources.plate_view, boxes, pixels, backdrop, covered, slot, shadows)
        carried = replace(carried, plate=plate * shade, plated=plated)
    if shadows is not None and casting is not None:
        carried = replace(carried, light=shadows.light(casting.sun.left, carried.plated))
    return carried


@dataclass
class _Candidate:
    slot: Tensor  # [B*P], -1 none
    depth: Tensor  # [B*P]
    colour: Tensor  # [B*P, 3]
    alpha: Tensor  # [B*P]
    seen: bool


def _read(sources: Sources, pixels: Pixels, entry: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
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


def _seen_candidate(sources: Sources, pixels: Pixels, entry_map: Tensor, depth_map: Tensor) -> _Candidate:
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


def _smooth_upsample(depth_map: Tensor, entry_map: Tensor, entry: Tensor, pixels: Pixels) -> Tensor:
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


def _box_candidate(sources, pixels: Pixels, slot_map: Tensor, best: Tensor, seen: _Candidate) -> _Candidate:
    """The box's own guess where its surface was not seen."""
    slot = pixels.upsample(slot_map)
    if pixels.count == 0:
        empty = torch.zeros_like(seen.alpha)
        return _Candidate(torch.full_like(slot, -1), empty, torch.zeros_like(seen.colour), empty, False)
    slot = torch.where((slot == seen.slot) & (seen.alpha > 0.5), -1, slot)
    depth = torch.zeros_like(seen.depth)
    chosen = (slot >= 0).nonzero()[:, 0]
    own = maps_of(pixels.inside, pixels.frame[chosen] * pixels.count + slot[chosen])
    along = turned(own, pixels.rays[chosen])
    entry_depth, leave, hit = between_slabs(own[:, 3], along)
    depth[chosen] = entry_depth + FALLBACK * (leave - entry_depth).clamp_min(0)
    points = (own[:, 3] + along * depth[chosen]).T  # [Q, 3] box coordinates
    empty = seen_past(sources, pixels.boxes, pixels.frame[chosen] * pixels.count + slot[chosen], points)
    slot[chosen[empty | ~hit]] = -1
    entry = torch.where(slot >= 0, best[pixels.frame, slot.clamp_min(0)], -1)
    colour, alpha = _read(sources, pixels, entry, depth)
    return _Candidate(slot, depth, colour, alpha, False)


def _composite(candidates: list[_Candidate], backdrop: Backdrop, shade: Tensor, pixels: Pixels) -> Carried:
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
    background, weight = filled_background(backdrop, left.view(shape) > 0.5)
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
