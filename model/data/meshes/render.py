"""Deferred rendering of mesh scenes: z-buffer, then shading of the samples that are seen.

One z-buffer of twice the resolution holds everything: its even samples are the pixels' centres (the truth maps),
the odd ones smooth the edges: pixels with an edge take a tent filter over nine samples, the others one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...geometry import Boxes, Camera, rigid_inverse
from ..frames import Frame
from .library import MeshLibrary
from .lighting import Lights, fan_directions, turn_about_z
from .raster import barycentric, rasterise, unpack
from .scene import SceneBatch
from .shading import Samples, shade
from .shadows import ShadowMaps, cast_shadows
from .surfaces import FAR, Hits, hit_surfaces

_TENT = ((-1, -1, 1), (-1, 0, 2), (-1, 1, 1), (0, -1, 2), (0, 0, 4), (0, 1, 2), (1, -1, 1), (1, 0, 2), (1, 1, 1))


@dataclass(frozen=True)
class Geometry:
    """The triangles of F frames. world [Q, 3] and frame [Q] of the vertices, source [Q] their index in the library;
    faces [P, 3] into Q; face [P] in the library; slot [P] = frame * N + object slot."""

    world: Tensor
    frame: Tensor
    source: Tensor
    faces: Tensor
    face: Tensor
    slot: Tensor


def gather_geometry(library: MeshLibrary, scene: SceneBatch) -> Geometry:
    """All triangles of the objects that are present, in world space."""
    slots = scene.mesh.shape[1]
    instance = scene.boxes.present.flatten().nonzero()[:, 0]
    mesh = scene.mesh.flatten()[instance]
    owner, within = _enumerate(library.vertex_count[mesh])
    source = library.first_vertex[mesh][owner] + within
    pose, size = scene.boxes.pose.flatten(0, 1)[instance], scene.boxes.size.flatten(0, 1)[instance]
    linear = (pose[:, :3, :3] * size[:, None, :])[owner]
    world = (linear @ library.vertices[source][..., None])[..., 0] + pose[owner, :3, 3]
    start = library.vertex_count[mesh].cumsum(0) - library.vertex_count[mesh] - library.first_vertex[mesh]
    face_owner, face_within = _enumerate(library.face_count[mesh])
    face = library.first_face[mesh][face_owner] + face_within
    faces = library.faces[face] + start[face_owner][:, None]
    return Geometry(world, instance[owner] // slots, source, faces, face, instance[face_owner])


def _enumerate(counts: Tensor) -> tuple[Tensor, Tensor]:
    """(owner, index within it) of the items of groups with these counts."""
    owner = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    return owner, torch.arange(len(owner), device=counts.device) - (counts.cumsum(0) - counts)[owner]


@dataclass(frozen=True)
class Visible:
    """The z-buffer's answer on the double grid: triangle [F, 2H, 2W] (-1: none), depth, and the triangles'
    corners [P, 3, 2] on the double grid with their inverse depths [P, 3]."""

    triangle: Tensor
    depth: Tensor
    corners: Tensor
    inverse: Tensor


def draw(geometry: Geometry, library: MeshLibrary, scene: SceneBatch, size: int) -> Visible:
    """Project and rasterise; triangles that reach behind the camera are dropped."""
    matrix = scene.camera.world_to_camera[geometry.frame]
    local = (matrix[:, :3, :3] @ geometry.world[..., None])[..., 0] + matrix[:, :3, 3]
    depth = local[:, 2].clamp_min(0.02)
    intrinsics = scene.camera.intrinsics[geometry.frame]
    screen = (local[:, :2] / depth[:, None] * intrinsics[:, :2] + intrinsics[:, 2:]) * (2 * size) - 0.5
    corners, inverse = screen[geometry.faces], (1 / depth)[geometry.faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    mesh = scene.mesh.flatten()[geometry.slot]
    hidden = (local[:, 2] < 0.05)[geometry.faces].any(1) | (library.closed[mesh] & (area > 0))
    corners = torch.where(hidden[:, None, None], -1e4, corners)
    frames = scene.mesh.shape[0]
    frame = geometry.slot // scene.mesh.shape[1]
    buffer = rasterise(corners, inverse, frame, (frames, 2 * size, 2 * size))
    return Visible(*unpack(buffer), corners, inverse)


def render(library: MeshLibrary, lights: Lights, scene: SceneBatch, size: int) -> Frame:
    """Frames of `size` x `size` pixels; the ground of every frame is at z = 0."""
    geometry = gather_geometry(library, scene)
    visible = draw(geometry, library, scene, size)
    centre_rays = _rays(scene.camera, _sample_places(size, scene.mesh.device), size)
    hits = hit_surfaces(scene.around, _eye(scene.camera), centre_rays)
    edges = _edge_pixels(visible, hits, geometry, size)
    samples, chosen = _samples(scene, geometry, visible, library, edges, hits, size)
    colour = shade(library, lights, scene, samples, _shadows(lights, scene, geometry))
    image = _resolve(colour, chosen, edges, size)
    return _truth(scene, geometry, visible, hits, samples, image, size)


def _sample_places(size: int, device: torch.device) -> Tensor:
    """Indices of the pixels' centres on the double grid, [H*W]."""
    steps = torch.arange(size, device=device) * 2
    return (steps[:, None] * (2 * size) + steps).flatten()


def _eye(camera: Camera) -> Tensor:
    return rigid_inverse(camera.world_to_camera)[:, :3, 3]


def _rays(camera: Camera, places: Tensor, size: int) -> Tensor:
    """World rays (camera z = 1) of double-grid samples: places [S] or [F, S] -> [F, S, 3]."""
    x, y = places % (2 * size), places // (2 * size)
    uv = torch.stack([x, y], -1).float() / (2 * size) + 0.5 / size
    uv = uv.expand(camera.intrinsics.shape[0], -1, -1)
    xy = (uv - camera.intrinsics[:, None, 2:]) / camera.intrinsics[:, None, :2]
    rays = torch.cat([xy, torch.ones_like(xy[..., :1])], -1)
    return rays @ camera.world_to_camera[:, :3, :3]


def _edge_pixels(visible: Visible, hits: Hits, geometry: Geometry, size: int) -> Tensor:
    """Pixels [F, H, W] whose nine samples see different things, bool."""
    slot = torch.cat([geometry.slot, geometry.slot.new_full((1,), -1)])
    label = slot[visible.triangle]  # triangle -1 reads the last entry
    near = 1 / visible.depth  # 0 where empty
    label = functional.pad(label[:, None].float(), (1, 0, 1, 0), mode="replicate")[:, 0]
    near = functional.pad(near[:, None], (1, 0, 1, 0), mode="replicate")[:, 0]
    middle, depth = label[:, 1::2, 1::2], near[:, 1::2, 1::2]
    edge = torch.zeros_like(middle, dtype=torch.bool)
    for dy, dx, weight in _TENT:
        if weight < 4:
            rows = slice(1 + dy, 1 + dy + 2 * size, 2)
            columns = slice(1 + dx, 1 + dx + 2 * size, 2)
            edge |= label[:, rows, columns] != middle
            edge |= (near[:, rows, columns] - depth).abs() > 0.03 * depth
    kind = hits.kind.view(-1, size, size)
    bare = middle < 0
    for step in (1, -1):  # borders of the surroundings themselves
        down, right = torch.roll(kind, step, 1), torch.roll(kind, step, 2)
        edge |= ((down != kind) | (right != kind)) & bare
    return edge


def _samples(
    scene: SceneBatch, geometry: Geometry, visible: Visible, library: MeshLibrary, edges: Tensor, hits: Hits, size: int
) -> tuple[Samples, Tensor]:
    """The samples to shade: every pixel's centre, then (padded) those around the edges. Also places [F, S]."""
    frames, wide = edges.shape[0], 2 * size
    wanted = torch.zeros(frames, wide, wide, dtype=torch.bool, device=edges.device)
    frame, y, x = edges.nonzero().unbind(-1)
    for dy, dx, _ in _TENT:
        wanted[frame, (2 * y + dy).clamp_min(0), (2 * x + dx).clamp_min(0)] = True
    wanted[:, ::2, ::2] = False
    extra_frame, extra = wanted.flatten(1).nonzero().unbind(-1)
    counts = torch.bincount(extra_frame, minlength=frames)
    within = torch.arange(len(extra), device=extra.device) - (counts.cumsum(0) - counts)[extra_frame]
    padded = torch.zeros(frames, int(counts.max()), dtype=torch.int64, device=extra.device)
    padded[extra_frame, within] = extra
    places = torch.cat([_sample_places(size, edges.device).expand(frames, -1), padded], 1)
    rays = _rays(scene.camera, places, size)
    eye = _eye(scene.camera)
    triangle = torch.gather(visible.triangle.flatten(1), 1, places)
    seen = (triangle >= 0).nonzero()
    face = triangle[seen[:, 0], seen[:, 1]]
    corners, inverse = visible.corners[face], visible.inverse[face]
    place = places[seen[:, 0], seen[:, 1]]
    points = torch.stack([place % wide, place // wide], -1).float() + 0.5
    flat = barycentric(points, corners)
    weights = flat * inverse
    depth = 1 / weights.sum(-1)
    hits = hits + hit_surfaces(scene.around, eye, rays[:, size * size :])
    samples = Samples(
        eye=eye,
        rays=rays,
        hits=hits,
        place=seen,
        slot=geometry.slot[face],
        face=geometry.face[face],
        depth=depth,
        weights=weights * depth[:, None],
        corners=corners / 2,
        pixels=size,
        vertices=library.faces[geometry.face[face]],
    )
    return samples, places


def _shadows(lights: Lights, scene: SceneBatch, geometry: Geometry) -> tuple[ShadowMaps, ShadowMaps]:
    around = scene.around
    turn = turn_about_z(around.turn)
    keys = lights.key_direction[around.environment] @ turn.transpose(1, 2)
    softness = lights.key_spread[around.environment] * 0.25
    shared = (geometry.world, geometry.faces, geometry.frame)
    key_maps = cast_shadows(*shared, keys, around.centre, around.reach, softness, 128)
    fan = fan_directions(keys.device).expand(len(keys), -1, -1)
    fan_maps = cast_shadows(*shared, fan, around.centre, around.reach, torch.full_like(fan[..., 0], 0.018), 64)
    return key_maps, fan_maps


def _resolve(colour: Tensor, places: Tensor, edges: Tensor, size: int) -> Tensor:
    """Samples' colours [F, S, 3] -> image [F, 3, H, W]: the centre's, or the tent's mean at edges."""
    frames, wide = colour.shape[0], 2 * size
    image = colour[:, : size * size].clone()
    index = torch.zeros(frames, wide * wide, dtype=torch.int64, device=colour.device)
    index.scatter_(1, places.flip(1), torch.arange(places.shape[1] - 1, -1, -1, device=colour.device).expand_as(places))
    frame, y, x = edges.nonzero().unbind(-1)
    total = colour.new_zeros(len(frame), 3)
    for dy, dx, weight in _TENT:
        place = (2 * y + dy).clamp_min(0) * wide + (2 * x + dx).clamp_min(0)
        total += colour[frame, index[frame, place]] * (weight / 16)
    image[frame, y * size + x] = total
    return image.view(frames, size, size, 3).permute(0, 3, 1, 2)


def _truth(
    scene: SceneBatch, geometry: Geometry, visible: Visible, hits: Hits, samples: Samples, image: Tensor, size: int
) -> Frame:
    """Masks, depth, normals and box coordinates at the pixels' centres."""
    frames, slots = scene.mesh.shape
    centre = samples.place[:, 1] < size * size
    frame, pixel = samples.place[centre].unbind(-1)
    slot = samples.slot[centre] % slots
    index = torch.full((frames, size * size), -1, dtype=torch.int64, device=image.device)
    index[frame, pixel] = slot
    depth = hits.distance.clone()
    depth[frame, pixel] = samples.depth[centre]
    normals = hits.normal.clone()
    towards = -functional.normalize(samples.rays[:, : size * size], dim=-1)
    normals = torch.where((hits.kind < 0)[..., None], towards, normals)
    normals[frame, pixel] = samples.normal(scene)[centre]
    normals = normals @ scene.camera.world_to_camera[:, :3, :3].transpose(1, 2)
    to_world = scene.boxes.pose[frame, slot]
    points = samples.eye[frame] + samples.rays[frame, pixel] * samples.depth[centre][:, None]
    offset = (points - to_world[:, :3, 3])[:, None]
    inside = (offset @ to_world[:, :3, :3])[:, 0] / scene.boxes.size[frame, slot]
    coordinates = torch.zeros(frames, size * size, 3, device=image.device)
    coordinates[frame, pixel] = inside.clamp(-0.5, 0.5)
    shape = (frames, size, size)
    boxes = Boxes(scene.boxes.pose, scene.boxes.size, scene.boxes.present)
    return Frame(
        image,
        index.view(shape),
        depth.clamp_max(FAR).view(shape),
        normals.view(*shape, 3).permute(0, 3, 1, 2).contiguous(),
        coordinates.view(*shape, 3).permute(0, 3, 1, 2).contiguous(),
        scene.camera,
        boxes,
        torch.zeros(frames, device=image.device),
    )
