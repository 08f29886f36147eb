"""Objects seen from several sides: which view shows a surface point best, and which points are none.

A splat takes the nearest point of any view, so that neighbouring pixels would take turns between views of different
light, and depth errors of one view would stand before the surface of another. Here each splatted cell keeps a view
that has a surface at its point, of these the one that looks at it most nearly as the target does (view selection of
image-based rendering: Debevec et al. 1996, section 4; Buehler et al. 2001, section 3).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, max_pool2d, normalize

from .atlas import fetch
from .filters import box_mean
from .geometry import (
    NEAR,
    Boxes,
    Camera,
    box_to_camera,
    camera_rays,
    from_box_coordinates,
    pixel_centres,
    project_each,
    rigid_inverse,
    to_box_coordinates,
)
from .sources import GUESSED, Sources

TOLERANCE = 0.015  # of the box's diagonal, between a point and the surface of a view that shows it
SLOPE = 1.5  # cells of the splat added to it: a gap is closed with a neighbour's depth
AGREEMENT = 0.03  # of the picture's width: how far around a cell guesses are compared
_HIDDEN = -2.0  # below every cosine
_AIR = (0.03, 0.25)  # of the box's diagonal before a view's surface: nothing is there, though it be off by as much;
_SAMPLED, _CONTRADICTED = 2000, 0.95  # of this share of so many points twice how far other views put them in the air
_PAST = 0.25  # share of an object's pixels around a point below which its view sees past the object there
JUMP, STEEP = 0.03, 5.0  # of the box's diagonal, plus pixel widths: neighbours further apart are two surfaces


def choose_views(
    sources: Sources, camera: Camera, boxes: Boxes, entry: Tensor, depth: Tensor, cell: float, otherwise: int | None
) -> Tensor:
    """Entries [B, h, w] of splatted surfaces at depth [B, h, w] metres, with the best view in each pixel of an object
    of several views.

    cell: width of the splat's cells in widths of the picture; otherwise: the entry where no view has a surface there
    (None: it stays)."""
    count = boxes.size.shape[1]
    if sources.depth is None:
        return entry
    table = _views_of(sources, entry.shape[0] * count, count)  # [B*N, V]
    if table.shape[1] < 2:
        return entry
    batch, rows, columns = entry.shape
    rays = camera_rays(pixel_centres(rows, columns, depth.device).view(1, -1, 2), camera.intrinsics)
    flat = entry.reshape(-1)
    box = torch.where(flat >= 0, sources.frame[flat] * count + sources.slot[flat], -1)
    several = (box >= 0) & (table[box, 1] >= 0)
    guessing = torch.zeros_like(several)
    if sources.guessed is not None:
        guessing = several & sources.guessed[table[box, 1]]
        several = several & ((otherwise is None) | ~guessing)  # among guesses is chosen once, on the splat's grid
    cells = several.nonzero()[:, 0]
    whole, box = box, box[cells]
    to_camera, size = box_to_camera(camera, boxes).flatten(0, 1)[box], boxes.size.flatten(0, 1)[box]
    points = rays.reshape(-1, 3)[cells] * depth.reshape(-1)[cells, None]
    coordinates = to_box_coordinates(points, to_camera, size)
    towards = _direction(coordinates, to_camera, size)
    gap = SLOPE * cell * points[:, 2] / camera.intrinsics[sources.frame[flat[cells]], 0]
    near = TOLERANCE * size.norm(dim=-1) + gap
    best = torch.full((len(cells),), _HIDDEN, device=depth.device)
    closest, carved = best, torch.zeros_like(cells, dtype=torch.bool)
    chosen = flat[cells] if otherwise is None else torch.full_like(cells, otherwise)
    for number in range(table.shape[1]):
        who = table[box, number]
        cosine, shown, empty = _look(sources, who.clamp_min(0), coordinates, towards, size, near)
        better = (who >= 0) & shown & (cosine > best)
        best, chosen = torch.where(better, cosine, best), torch.where(better, who, chosen)
        nearer = (who >= 0) & (cosine > closest)
        closest, carved = torch.where(nearer, cosine, closest), torch.where(nearer, empty, carved)
    if otherwise is not None:  # the view that looks most as the target does sees past it, and not all views are right
        doubted = carved if sources.air is None else carved & (sources.air[sources.view[table[box, 0]]] > 2 * _AIR[0])
        chosen = torch.where(doubted, otherwise, chosen)
    if sources.guessed is not None:  # nor does a guess stand where the likeliest guess sees past the object
        chosen = torch.where(guessing[cells] & carved & sources.guessed[chosen], -1, chosen)
    flat = flat.clone()
    flat[cells] = chosen
    flat = flat.view(batch, rows, columns)
    if otherwise is None and bool(guessing.any()):
        flat = _agreed(flat, table[whole].view(batch, rows, columns, -1), guessing.view_as(flat))
    return flat


def seen_past(sources: Sources, boxes: Boxes, box: Tensor, coordinates: Tensor) -> Tensor:
    """Which points [P, 3] (box coordinates) of boxes [P] (frame * N + slot) their object cannot reach: one of its
    views, or of their twins, sees past it there (visual hull: Laurentini 1994), or its surface well behind (space
    carving: Kutulakos and Seitz 2000). Never of objects of one view alone."""
    past = torch.zeros_like(box, dtype=torch.bool)
    if sources.depth is None:
        return past
    table = _views_of(sources, boxes.size.shape[:2].numel(), boxes.size.shape[1])  # [B*N, V]
    chosen = ((table >= 0).sum(1) > 1)[box].nonzero()[:, 0]
    box, coordinates = box[chosen], coordinates[chosen]
    empty = past[chosen]
    air = torch.full_like(sources.intrinsics[:, 0], _AIR[1]) if sources.air is None else sources.air
    for number in range(table.shape[1]):
        entry = table[box, number]
        before, share, shown = _before_surface(sources, entry.clamp_min(0), coordinates)
        in_air = before > air[sources.view[entry.clamp_min(0)]]
        empty = empty | ((entry >= 0) & shown & ((share < _PAST) | in_air))
    past[chosen] = empty
    return past


def _before_surface(sources: Sources, who: Tensor, coordinates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How far before the surface that entries `who` [P] see points [P, 3] lie, in box diagonals; the share of their
    object's pixels there; and whether they see the points at all."""
    assert sources.depth is not None
    back = from_box_coordinates(coordinates, sources.to_camera[who], sources.size[who])
    uvd = project_each(back, sources.intrinsics[sources.view[who]])
    shown = (uvd[:, 2] > NEAR) & ((uvd[:, :2] > 0) & (uvd[:, :2] < 1)).all(-1)
    surfaces, view = replace(sources.atlas, rows=sources.depth), torch.where(shown, sources.view[who], -1)
    surface, share = fetch(surfaces, view, uvd[:, :2], sources.label[who])
    return (surface[:, 0] - uvd[:, 2]) / sources.size[who].norm(dim=-1), share, shown


def contradictions(sources: Sources) -> Tensor:
    """How far before a view's surface [V] its object certainly has nothing, in box diagonals: the farther, the more the
    views of an object contradict each other. Of a scene's own sources, without twins."""
    air = torch.full_like(sources.intrinsics[:, 0], _AIR[1])
    if sources.depth is None:
        return air
    for slot in sources.slot.unique():
        entries = (sources.slot == slot).nonzero()[:, 0]
        if len(entries) < 2:
            continue
        mine = (sources.slot[sources.point_entry] == slot).nonzero()[:, 0]
        mine = mine[:: max(1, len(mine) // _SAMPLED)]
        points, owner = sources.points[mine], sources.point_entry[mine]
        off = []
        for entry in entries:
            others = points[owner != entry]
            before, share, shown = _before_surface(sources, entry.expand(len(others)), others)
            off.append(before[shown & (share > 0.5)].clamp_min(0))
        off = torch.cat(off)
        if len(off):
            air[sources.view[entries]] = (2 * off.quantile(_CONTRADICTED)).clamp(*_AIR)
    return air


def _agreed(entry: Tensor, table: Tensor, guessing: Tensor) -> Tensor:
    """Cells [B, h, w] whose object has guesses, each with the view that most cells around it have: surfaces that
    nearly coincide would take turns. table [B, h, w, V]: the entries of each cell's object."""
    votes = ((table == entry[..., None]) & (entry >= 0)[..., None] & guessing[..., None]).permute(0, 3, 1, 2)
    most = box_mean(votes.float(), max(1, round(AGREEMENT * entry.shape[-1]))).argmax(1)
    agreed = table.gather(-1, most[..., None])[..., 0]
    return torch.where(guessing & (entry >= 0) & (agreed >= 0), agreed, entry)


def _views_of(sources: Sources, boxes: int, count: int) -> Tensor:
    """Entries of each box [B*N, V], -1 after the last."""
    if sources.frame.shape[0] == 0:
        return torch.full((boxes, 1), -1, device=sources.frame.device)
    owner = sources.frame * count + sources.slot
    order = owner.argsort(stable=True)
    counts = torch.bincount(owner, minlength=boxes)
    rank = torch.arange(len(owner), device=owner.device) - (counts.cumsum(0) - counts)[owner[order]]
    table = torch.full((boxes, int(counts.max())), -1, device=owner.device)
    table[owner[order], rank] = order
    return table


def _direction(coordinates: Tensor, to_camera: Tensor, size: Tensor) -> Tensor:
    """Unit directions [P, 3], in metric box axes, from points towards a camera."""
    return normalize(rigid_inverse(to_camera)[:, :3, 3] - coordinates * size, dim=-1)


def _look(
    sources: Sources, who: Tensor, coordinates: Tensor, towards: Tensor, size: Tensor, near: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """How entries `who` [P] see points: cosine between their line of sight and the target's; whether they have a
    surface within `near` [P] metres (at the target's size) of the point; whether they see past the object there."""
    assert sources.depth is not None
    back = from_box_coordinates(coordinates, sources.to_camera[who], sources.size[who])
    view = sources.view[who]
    uvd = project_each(back, sources.intrinsics[view])
    table = replace(sources.atlas, rows=sources.depth)
    surface, share = fetch(table, torch.where(uvd[:, 2] > NEAR, view, -1), uvd[:, :2], sources.label[who])
    scale = sources.size[who].norm(dim=-1) / size.norm(dim=-1)
    there = (surface[:, 0] - uvd[:, 2]).abs() < near * scale
    cosine = cosine_similarity(_direction(coordinates, sources.to_camera[who], size), towards, dim=-1)
    if sources.guessed is not None:
        cosine = cosine - GUESSED * sources.guessed[who]
    return cosine, there & (share > 0.5), share < _PAST


def on_one_surface(depth: Tensor, inside: Tensor, diagonal: float, focal: float) -> Tensor:
    """Which pixels [h, w] of a view have neighbours at about their own depth [h, w] metres (among those `inside`).
    diagonal: the box's, metres; focal: the view's focal length in its widths."""
    far = torch.where(inside, depth, -torch.inf)[None, None]
    near = torch.where(inside, -depth, -torch.inf)[None, None]
    spread = max_pool2d(far, 3, 1, 1) + max_pool2d(near, 3, 1, 1)
    pixel = depth / (focal * depth.shape[1])
    return inside & (spread[0, 0] < JUMP * diagonal + STEEP * pixel)
