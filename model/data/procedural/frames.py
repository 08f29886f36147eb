"""Batches of frames: scenes seen by their cameras, antialiased."""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry import Camera
from ..frames import MAX_OBJECTS, Frame
from .instances import Placed
from .shading import Seen, look, tone
from .solids import Solids, pack_solids
from .surroundings import FAR, Surroundings
from .vectors import pick, place, turn
from .visibility import Candidates, Rays, grid_candidates, sub_candidates, trace

_SHIFTS = ((0.25, 0.25), (-0.25, 0.25), (0.25, -0.25))  # of a pixel, beside its centre


@torch.no_grad()
def render_frames(scenes: list[list[Placed | None]], camera: Camera, around: Surroundings, size: int) -> Frame:
    """F scenes seen by cameras [F] in surroundings [F], on the cameras' device. Edges are sampled four times."""
    device, count = camera.intrinsics.device, len(scenes)
    solids, around = pack_solids(scenes, camera, around, size, device), around.columns(device)
    candidates = grid_candidates(solids, size)
    line, pixels = torch.arange(size, device=device) + 0.5, size * size
    frame = torch.arange(count, device=device).repeat_interleave(pixels)
    rays = _rays(camera, frame, line.repeat(count * size), line.repeat_interleave(size).repeat(count), size)
    seen = _look(solids, around, rays, candidates)
    _soften_edges(solids, around, camera, rays, candidates, seen, size)
    return _frame(solids, camera, rays, seen, size)


def _rays(camera: Camera, frame: Tensor, x: Tensor, y: Tensor, size: int) -> Rays:
    fx, fy, cx, cy = pick(camera.intrinsics.T.contiguous(), frame)
    to_camera = camera.world_to_camera.movedim(0, -1)
    to_world = pick(to_camera[:3, :3].transpose(0, 1).contiguous(), frame)
    eye = -turn(to_camera[:3, :3].transpose(0, 1), to_camera[:3, 3])
    right, down = (x * (1 / size) - cx) / fx, (y * (1 / size) - cy) / fy
    direction = torch.stack([row[0] * right + row[1] * down + row[2] for row in to_world])
    return Rays(frame, x, y, pick(eye, frame), direction, 1 / (size * camera.intrinsics[:, 0]))


def _look(solids: Solids, around: Surroundings, rays: Rays, candidates: list[Candidates]) -> Seen:
    """What rays see, in sRGB."""
    seen = look(solids, around, rays, trace(solids, candidates, rays))
    return Seen(tone(seen.colour, pick(around.exposure, rays.frame)), seen.distance, seen.object, seen.normal)


def _soften_edges(
    solids: Solids,
    around: Surroundings,
    camera: Camera,
    rays: Rays,
    candidates: list[Candidates],
    seen: Seen,
    size: int,
) -> None:
    """Colours of edge pixels become means of four samples, in place."""
    shape, samples = (-1, size, size), len(_SHIFTS)
    edge = _edges(seen.object.view(shape), seen.normal.view(3, *seen.object.view(shape).shape))
    edge = edge.flatten().nonzero()[:, 0]
    x, y = (torch.cat([v[edge] + shift[axis] for shift in _SHIFTS]) for axis, v in ((0, rays.x), (1, rays.y)))
    fine = _rays(camera, rays.frame[edge].repeat(samples), x, y, size)
    colour = _look(solids, around, fine, sub_candidates(candidates, edge, len(rays.x), _SHIFTS)).colour
    total = seen.colour.index_select(1, edge) + colour.view(3, samples, -1).sum(1)
    seen.colour.index_copy_(1, edge, total / (1 + samples))


def _edges(obj: Tensor, normal: Tensor) -> Tensor:
    """Pixels [F, H, W] beside which the object or the surface's direction [3, F, H, W] changes."""
    edge = torch.zeros_like(obj, dtype=torch.bool)
    for axis in (1, 2):
        last = obj.shape[axis] - 1
        a, b = obj.narrow(axis, 0, last), obj.narrow(axis, 1, last)
        bend = (normal.narrow(axis + 1, 0, last) * normal.narrow(axis + 1, 1, last)).sum(0) < 0.8
        change = (a != b) | bend
        edge.narrow(axis, 0, last).logical_or_(change)
        edge.narrow(axis, 1, last).logical_or_(change)
    return edge


def _frame(solids: Solids, camera: Camera, rays: Rays, seen: Seen, size: int) -> Frame:
    """Pack what the rays saw into frames; box coordinates follow from the distance."""
    depth = seen.distance.clamp_max(FAR)
    coordinates = torch.zeros_like(seen.normal)
    mine = (seen.object >= 0).nonzero()[:, 0]
    frame = rays.frame.index_select(0, mine)
    start = rays.origin if rays.origin.shape[1] == 1 else rays.origin.index_select(1, mine)
    point = start + rays.direction.index_select(1, mine) * depth.index_select(0, mine)
    slot = frame * MAX_OBJECTS + seen.object.index_select(0, mine)
    coordinates.index_copy_(1, mine, place(solids.to_box.index_select(1, slot).view(3, 4, -1), point))
    to_camera = camera.world_to_camera[:, :3, :3].movedim(0, -1).contiguous()
    maps = [
        values.view(3, -1, size, size).transpose(0, 1).contiguous()
        for values in (seen.colour, turn(pick(to_camera, rays.frame), seen.normal), coordinates)
    ]
    image, normals, coordinates = maps
    ground = torch.zeros(len(camera.intrinsics), device=depth.device)
    obj, depth = (values.view(-1, size, size) for values in (seen.object, depth))
    return Frame(image, obj, depth, normals, coordinates, camera, solids.boxes, ground)
