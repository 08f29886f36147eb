"""Batches of frames: scenes packed into tensors, seen by their cameras, antialiased."""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry import (
    Boxes,
    Camera,
    box_to_camera,
    camera_rays,
    pixel_centres,
    rigid_inverse,
    rotate_each,
    to_box_coordinates,
)
from ..frames import MAX_OBJECTS, Frame
from .scenes import Placed, build_parts
from .shading import FAR, Surroundings, background_hit, background_normal, shade, tone
from .tracer import Solids, trace

_SHIFTS = ((0.25, 0.25), (-0.25, 0.25), (0.25, -0.25))  # of a pixel, beside its centre


def pack_solids(scenes: list[list[Placed | None]], device: torch.device) -> Solids:
    """Scenes of at most MAX_OBJECTS objects each -> solids; slots keep their numbers."""
    built = {(f, n): build_parts(p) for f, scene in enumerate(scenes) for n, p in enumerate(scene) if p is not None}
    parts = max((len(b.kinds) for b in built.values()), default=1)
    lead = (len(scenes), MAX_OBJECTS)
    pose, to_part = torch.eye(4).repeat(*lead, 1, 1), torch.eye(4).repeat(*lead, parts, 1, 1)
    size, present = torch.ones(*lead, 3), torch.zeros(lead, dtype=torch.bool)
    kind, texture = (torch.full((*lead, parts), fill) for fill in (-1, 0))
    top, colour = torch.ones(*lead, parts), torch.zeros(*lead, parts, 3)
    material = torch.ones(3, *lead)
    for at, b in built.items():
        count = len(b.kinds)
        pose[at], size[at], present[at] = torch.from_numpy(b.pose).float(), torch.from_numpy(b.size).float(), True
        to_part[at][:count] = torch.from_numpy(b.to_part).float()
        kind[at][:count], top[at][:count] = torch.tensor(b.kinds), torch.tensor(b.tops)
        texture[at][:count], colour[at][:count] = torch.tensor(b.textures), torch.from_numpy(b.colours).float()
        material[:, at[0], at[1]] = torch.tensor(b.material)
    tensors = (pose, size, present, to_part, kind, top, colour, texture, *material)
    return Solids(*(tensor.to(device) for tensor in tensors))


def uniform(ray: Tensor, seed: Tensor, channels: int = 4) -> Tensor:
    """Uniform numbers [R, channels] that depend on a ray's number and its frame's seed alone (an integer hash)."""
    channel = torch.arange(channels, device=ray.device)
    x = (ray[:, None] * 747796405 + seed[:, None] * 2891336453 + channel * 1181783497 + 12345) & 0xFFFFFFFF
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF
    return x.float() / 2**32


@torch.no_grad()
def render_frames(
    scenes: list[list[Placed | None]], camera: Camera, around: Surroundings, seeds: list[int], size: int
) -> Frame:
    """F scenes seen by cameras [F]; surroundings [F]; seeds of the shadows' rays. Edges are sampled four times."""
    device, count = camera.intrinsics.device, len(scenes)
    solids, around = pack_solids(scenes, device), around.to(device)
    seed = torch.tensor(seeds, device=device)
    uv = pixel_centres(size, size, device).view(-1, 2).repeat(count, 1)
    frame = torch.arange(count, device=device).repeat_interleave(size * size)
    number = torch.arange(size * size, device=device).repeat(count)
    colour, depth, obj, normal = _look(solids, around, camera, frame, uv, uniform(number, seed[frame]))
    edge = _edges(obj.view(count, size, size), normal.view(count, size, size, 3)).view(-1).nonzero()[:, 0]
    total = colour[edge]
    for k, shift in enumerate(_SHIFTS):
        moved = uv[edge] + torch.tensor(shift, device=device) / size
        jitter = uniform(number[edge] + (k + 1) * size * size, seed[frame[edge]])
        total = total + _look(solids, around, camera, frame[edge], moved, jitter)[0]
    colour[edge] = total / 4
    boxes = Boxes(solids.pose, solids.size, solids.present)
    return _frame(colour, depth, obj, normal, frame, uv, camera, boxes, size)


def _look(solids: Solids, around: Surroundings, camera: Camera, frame: Tensor, uv: Tensor, jitter: Tensor):
    """sRGB colour [R, 3], depth [R], object [R], world normal [R, 3] of rays through uv [R, 2] of frames [R]."""
    to_world = rigid_inverse(camera.world_to_camera)[frame]
    direction = rotate_each(to_world, camera_rays(uv[:, None], camera.intrinsics[frame])[:, 0])
    origin = to_world[:, :3, 3]
    hits = trace(solids, frame, origin, direction)
    colour = tone(shade(solids, around, frame, origin, direction, hits, jitter), around.exposure[frame])
    plane, surface = background_hit(around[frame], origin, direction)
    on_object = hits.object >= 0
    normal = torch.where(on_object[:, None], hits.normal, background_normal(surface, direction))
    return colour, torch.where(on_object, hits.distance, plane).clamp_max(FAR), hits.object, normal


def _edges(obj: Tensor, normal: Tensor) -> Tensor:
    """Pixels [F, H, W] beside which the object or the surface's direction changes."""
    edge = torch.zeros_like(obj, dtype=torch.bool)
    for axis in (1, 2):
        last = obj.shape[axis] - 1
        a, b = obj.narrow(axis, 0, last), obj.narrow(axis, 1, last)
        bend = (normal.narrow(axis, 0, last) * normal.narrow(axis, 1, last)).sum(-1) < 0.8
        change = (a != b) | bend
        edge.narrow(axis, 0, last).logical_or_(change)
        edge.narrow(axis, 1, last).logical_or_(change)
    return edge


def _frame(colour, depth, obj, normal, frame, uv, camera: Camera, boxes: Boxes, size: int) -> Frame:
    """Pack flat maps [F * P, ...] into frames; box coordinates follow from the depth."""
    rays = camera_rays(uv[:, None], camera.intrinsics[frame])[:, 0]
    slot = obj.clamp_min(0)
    to_camera = box_to_camera(camera, boxes)[frame, slot]
    coordinates = to_box_coordinates(rays * depth[:, None], to_camera, boxes.size[frame, slot])
    coordinates = torch.where((obj >= 0)[:, None], coordinates, 0.0)
    seen = rotate_each(camera.world_to_camera[frame], normal)
    as_maps = lambda x: x.view(-1, size, size, 3).permute(0, 3, 1, 2).contiguous()  # noqa: E731
    flat = lambda x: x.view(-1, size, size)  # noqa: E731
    ground = torch.zeros(len(camera.intrinsics), device=depth.device)
    return Frame(as_maps(colour), flat(obj), flat(depth), as_maps(seen), as_maps(coordinates), camera, boxes, ground)
