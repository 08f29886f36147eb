"""Sides of an object that its only picture does not show: most things are alike left and right, many front and back.

The seen surface, mirrored in its box, is a guess at the surface on the other side. Three *twins* of the view, the two
mirrored ones and the one turned by half, stand where nobody looked: points that the picture itself denies (it sees
past the object there, or through the air before its surface) are left out, and so are points where there is a
surface already. They are entries of the sources like any other, flagged as guesses.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import max_pool3d

from .geometry import NEAR, Boxes, Camera, from_box_coordinates, project_each
from .sources import Sources, lines_of_sight

TURNED = 0.8  # cosine: up to some 37 degrees the seen side, drawn out, is the better guess
_TWINS = ((-1.0, 1.0, 1.0), (-1.0, -1.0, 1.0), (1.0, -1.0, 1.0))  # in the order in which they are believed
_CELLS = 32  # of the box's sides: a surface fills its cell and those around it
_BEHIND = 0.04  # of the box's diagonal: how far behind the seen surface a hidden one lies at least
_MARGIN = 3  # pixels inside the object's outline: what is nearer to it would show as a rim


def with_twins(sources: Sources) -> Sources:
    """The sources with the twins of all objects of one view."""
    count, device = len(sources.frame), sources.frame.device
    owner = torch.stack([sources.frame, sources.slot], 1)
    _, object_of, views = owner.unique(dim=0, return_inverse=True, return_counts=True)
    alone = views[object_of] == 1  # [E]
    mine = alone[sources.point_entry]
    points, entry = sources.points[mine], sources.point_entry[mine]  # [Q, 3], [Q]
    if len(points) == 0:
        return sources
    pixel, away, _ = _pixels(sources, points, entry)
    surface = points.new_zeros(len(sources.atlas.labels)).index_put((pixel,), away)
    taken = points.new_zeros(count, 1, _CELLS, _CELLS, _CELLS)
    taken.view(-1)[_cells(points, entry)] = 1
    twins = alone.nonzero()[:, 0]
    rank = alone.cumsum(0) - 1
    poses, surfaces, owners = [sources.to_camera], [sources.points], [sources.point_entry]
    for number, axes in enumerate(_TWINS):
        flip = torch.tensor(axes, device=device)
        guess = points * flip
        pixel, away, inside = _pixels(sources, guess, entry)
        hidden = inside & (away > surface[pixel] + _BEHIND * sources.size[entry].norm(dim=-1))
        cells = _cells(guess, entry)
        hidden = hidden & (max_pool3d(taken, 3, 1, 1).view(-1)[cells] == 0)
        taken.view(-1)[cells[hidden]] = 1
        poses.append(sources.to_camera[twins] @ torch.diag(torch.cat([flip, flip.new_ones(1)])))
        surfaces.append(guess[hidden])
        owners.append(count + number * len(twins) + rank[entry[hidden]])
    made_of = torch.cat([torch.arange(count, device=device), twins.repeat(len(_TWINS))])  # the entry of each twin
    return replace(
        sources, frame=sources.frame[made_of], slot=sources.slot[made_of], view=sources.view[made_of],
        label=sources.label[made_of], size=sources.size[made_of], to_camera=torch.cat(poses),
        points=torch.cat(surfaces), point_entry=torch.cat(owners),
        depth=surface[:, None] if sources.depth is None else sources.depth,
        guessed=torch.arange(len(made_of), device=device) >= count,
    )  # fmt: skip


def asked(sources: Sources, camera: Camera, boxes: Boxes) -> Sources:
    """The sources without the twins of objects [B, N] that show the target the side that was seen."""
    if sources.guessed is None:
        return sources
    owner = sources.frame * boxes.size.shape[1] + sources.slot
    cosine = torch.where(sources.guessed, -1.0, lines_of_sight(sources, camera, boxes))
    best = torch.full((boxes.size.shape[:2].numel(),), -1.0, device=cosine.device)
    best = best.scatter_reduce(0, owner, cosine, "amax")
    kept = ~sources.guessed | (best < TURNED)[owner]
    shown, rank = kept[sources.point_entry], kept.cumsum(0) - 1
    entries = {k: getattr(sources, k)[kept] for k in ("frame", "slot", "view", "label", "to_camera", "size", "guessed")}
    return replace(sources, points=sources.points[shown], point_entry=rank[sources.point_entry[shown]], **entries)


def _pixels(sources: Sources, points: Tensor, entry: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where the entries [Q] see points [Q, 3] (box coordinates): row of the atlas [Q], depth [Q] in metres, and
    whether that is `_MARGIN` inside the object's outline [Q]."""
    view = sources.view[entry]
    uvd = project_each(
        from_box_coordinates(points, sources.to_camera[entry], sources.size[entry]), sources.intrinsics[view]
    )
    height, width = sources.atlas.height[view], sources.atlas.width[view]
    column, row = (uvd[:, 0] * width).floor().long(), (uvd[:, 1] * height).floor().long()
    inside = uvd[:, 2] > NEAR
    for down in (-_MARGIN, 0, _MARGIN):
        for right in (-_MARGIN, 0, _MARGIN):
            x, y = column + right, row + down
            within = (x >= 0) & (y >= 0) & (x < width) & (y < height)
            there = torch.where(within, sources.atlas.offset[view] + y * width + x, 0)
            inside = inside & within & (sources.atlas.labels[there] == sources.label[entry])
    x, y = column.clamp_min(0).minimum(width - 1), row.clamp_min(0).minimum(height - 1)
    return sources.atlas.offset[view] + y * width + x, uvd[:, 2], inside


def _cells(points: Tensor, entry: Tensor) -> Tensor:
    """Index [Q] of the cell of its entry's box that holds each point [Q, 3]."""
    place = ((points + 0.5) * _CELLS).long().clamp(0, _CELLS - 1)
    return ((entry * _CELLS + place[:, 0]) * _CELLS + place[:, 1]) * _CELLS + place[:, 2]
