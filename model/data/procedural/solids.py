"""Scenes packed for rendering: everything about an object or a part that no pixel changes, worked out once.

The tables are made in numpy, in double precision, and lie component first and contiguous: a ray or a shadow takes the
column of its part. For every part this holds its rays as linear functions of the pixel, the rectangle of pixels it can
be seen in, and its outline as the light sees it (`shadows`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...geometry import Boxes, Camera
from ..frames import MAX_OBJECTS
from .families import BOX, CYLINDER, ELLIPSOID
from .instances import FAMILY_NAMES, Built, Placed, build_parts, instance_of
from .surroundings import Surroundings

_NEAR = 0.05  # metres: a part that reaches nearer to the camera may be seen in any pixel
_CORNERS = np.array([[x, y, z, 1] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])


@dataclass(frozen=True)
class Solids:
    """O = F * MAX_OBJECTS object slots of F frames and their P parts, sorted by kind.

    boxes [F, MAX_OBJECTS]; to_box [12, O] world to box coordinates (rows of a 3 x 4 matrix), size [3, O] metres,
    material [3, O]: roughness, sheen, texture scale.
    kinds: where boxes, ellipsoids and cylinders lie among the parts; per part: object [P] (slot of O), to_part
    [12, P], kind, top, texture [P], colour [3, P]; pixel_rays [12, P]: direction = x [:3] + y [3:6] + [6:9] of
    the pixel (x, y) and origin [9:] in the part's coordinates; rectangle [4, P] int: left, top, width, height.
    light_axes [9, F]: two axes across the light and the one towards it; object_shade [5, N, F] and part_shade
    [5, N, K, F] of N slots and their K parts: bounds along these axes, as middles (2), half extents (2; negative where
    there is nothing) and highest point; part_number [N, K, F]; straight [25, .] and round [17, .]: outlines of boxes
    and of ellipsoids and cylinders, see `shadows`.
    """

    boxes: Boxes
    to_box: Tensor
    size: Tensor
    material: Tensor
    kinds: tuple[slice, slice, slice]
    object: Tensor
    to_part: Tensor
    kind: Tensor
    top: Tensor
    texture: Tensor
    colour: Tensor
    pixel_rays: Tensor
    rectangle: Tensor
    light_axes: Tensor
    object_shade: Tensor
    part_shade: Tensor
    part_number: Tensor
    straight: Tensor
    round: Tensor


def pack_solids(
    scenes: list[list[Placed | None]], camera: Camera, around: Surroundings, size: int, device: torch.device
) -> Solids:
    """Scenes of at most MAX_OBJECTS objects each, seen by cameras [F] in `size` x `size` pixels under `around` [F]."""
    built = {f * MAX_OBJECTS + n: build_parts(p) for f, scene in enumerate(scenes) for n, p in enumerate(scene) if p}
    slots = len(scenes) * MAX_OBJECTS
    tables = _object_tables(built, slots) | _part_tables(built)
    frame = tables["object"] // MAX_OBJECTS
    to_part, from_part = tables.pop("matrices")
    tables["to_part"] = to_part[:, :3].reshape(-1, 12).T
    tables["pixel_rays"], tables["rectangle"] = _views(to_part, from_part, frame, camera, size)
    axes = light_axes(around.light.cpu().double().numpy())
    tables["light_axes"] = axes.reshape(-1, 9).T
    tables |= _shades(tables, to_part, from_part, axes[frame], slots)
    counts = np.cumsum([0, *(int((tables["kind"] == k).sum()) for k in (BOX, ELLIPSOID, CYLINDER))]).tolist()
    kinds = tuple(slice(a, b) for a, b in zip(counts[:-1], counts[1:], strict=True))
    boxes = Boxes(*(torch.from_numpy(tables.pop(k)).to(device) for k in ("pose", "box_size", "present")))
    return Solids(boxes=boxes, kinds=kinds, **{name: _tensor(table, device) for name, table in tables.items()})


def _tensor(table: np.ndarray, device: torch.device) -> Tensor:
    kind = np.float32 if table.dtype.kind == "f" else np.int64
    return torch.from_numpy(np.ascontiguousarray(table, kind)).to(device)


def _object_tables(built: dict[int, Built], slots: int) -> dict[str, np.ndarray]:
    pose, size = np.tile(np.eye(4), (slots, 1, 1)), np.ones((slots, 3))
    present = np.zeros(slots, bool)
    material = np.zeros((slots, 3))
    for slot, b in built.items():
        pose[slot], size[slot], present[slot] = b.pose, b.size, True
        material[slot] = *b.instance.material[:2], b.texture_scale
    lead = (-1, MAX_OBJECTS)
    return {
        "pose": pose.reshape(*lead, 4, 4).astype(np.float32),
        "box_size": size.reshape(*lead, 3).astype(np.float32),
        "present": present.reshape(lead),
        "to_box": (np.linalg.inv(pose)[:, :3] / size[:, :, None]).reshape(-1, 12).T,
        "size": size.T,
        "material": material.T,
    }


def _part_tables(built: dict[int, Built]) -> dict:
    """Per part, sorted by kind; "matrices": world-to-part and part-to-world [P, 4, 4]."""
    one = [b.instance for b in built.values()]
    none = instance_of(FAMILY_NAMES[0], 0)  # gives the arrays' shapes where there are no objects
    names = ("kinds", "tops", "textures", "colours")
    kinds, tops, textures, colours = (
        np.concatenate([getattr(none, name)[:0], *(getattr(i, name) for i in one)]) for name in names
    )
    matrices = np.concatenate([none.matrices[:0], *(b.from_part for b in built.values())])
    slot = np.repeat(np.array([*built], int), [len(i.kinds) for i in one])
    order = np.argsort(kinds, kind="stable")
    return {
        "object": slot[order],
        "kind": kinds[order],
        "matrices": (np.linalg.inv(matrices)[order], matrices[order]),
        "top": tops[order],
        "texture": textures[order],
        "colour": colours[order].T,
        "place": np.concatenate([np.arange(0), *(np.arange(len(i.kinds)) for i in one)])[order],
    }


def _views(
    to_part: np.ndarray, from_part: np.ndarray, frame: np.ndarray, camera: Camera, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """`pixel_rays` and `rectangle` of parts [P] in the cameras of frames [P]."""
    world_to_camera = camera.world_to_camera.cpu().double().numpy()[frame]
    fx, fy, cx, cy = camera.intrinsics.cpu().double().numpy()[frame].T
    in_part = to_part @ np.linalg.inv(world_to_camera)
    right, down, ahead, origin = in_part[:, :3].transpose(2, 1, 0)
    ahead = ahead - right * (cx / fx) - down * (cy / fy)
    rays = np.concatenate([right / (size * fx), down / (size * fy), ahead, origin])
    corners = (world_to_camera @ from_part) @ _CORNERS.T
    depth = corners[:, 2].clip(_NEAR)
    x = (fx[:, None] * corners[:, 0] / depth + cx[:, None]) * size
    y = (fy[:, None] * corners[:, 1] / depth + cy[:, None]) * size
    close = corners[:, 2].min(1) < _NEAR
    sides = []
    for along in (x, y):  # pixels whose samples, up to 1/4 pixel beside their centres, may lie inside
        low = np.where(close, 0, np.floor(along.min(1) - 0.75).clip(0, size))
        high = np.where(close, size, np.ceil(along.max(1) + 0.75).clip(0, size))
        sides.append((low, (high - low).clip(0)))
    (left, width), (top, height) = sides
    behind = corners[:, 2].max(1) < _NEAR
    return rays, np.stack([left, top, np.where(behind, 0, width), height]).astype(int)


def light_axes(towards: np.ndarray) -> np.ndarray:
    """Orthonormal axes [F, 3, 3], in rows: two across the light and the unit vector `towards` [F, 3] it."""
    towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    other = np.where(np.abs(towards[:, 2:]) < 0.9, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    across = np.cross(other, towards)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.stack([across, np.cross(towards, across), towards], 1)


def _shades(
    tables: dict[str, np.ndarray], to_part: np.ndarray, from_part: np.ndarray, axes: np.ndarray, slots: int
) -> dict[str, np.ndarray]:
    """Bounds and outlines along the light's axes [P, 3, 3] of each part's frame."""
    middle = (axes @ from_part[:, :3, 3:])[..., 0].T
    half = (axes @ from_part[:, :3, :3] / 2).transpose(1, 2, 0)  # [light axis, part axis, P]
    reach = np.abs(half).sum(1)
    bounds = np.stack([*middle[:2], *reach[:2], middle[2] + reach[2]])
    within = tables.pop("place")  # number of each part in its object
    shade = np.full((5, slots, within.max(initial=0) + 1), -1e6)
    number = np.zeros(shade.shape[1:], int)
    shade[:, tables["object"], within], number[tables["object"], within] = bounds, np.arange(len(within))
    none = shade[2:4] < 0
    low = np.where(none, 1e6, shade[:2] - shade[2:4]).min(-1)
    high = np.where(none, -1e6, shade[:2] + shade[2:4]).max(-1)
    whole = np.concatenate([(low + high) / 2, (high - low) / 2, shade[4:].max(-1)])
    by_slot = (-1, MAX_OBJECTS)
    straight = tables["kind"] == BOX
    curved = ~straight
    return {
        "part_shade": np.moveaxis(shade.reshape(5, *by_slot, shade.shape[-1]), 1, -1),
        "object_shade": np.moveaxis(whole.reshape(5, *by_slot), 1, -1),
        "part_number": np.moveaxis(number.reshape(*by_slot, shade.shape[-1]), 0, -1),
        "straight": _straight(to_part[straight], axes[straight], half[:2, :, straight]),
        "round": _round(middle[:, curved], half[:, :, curved], tables["kind"][curved], tables["top"][curved]),
    }


def _straight(to_part: np.ndarray, axes: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Outlines of boxes [25, P], see `shadows.straight_cover`. half [2, 3, P]: half edges across the light."""
    matrix = to_part[:, :3, :3] @ axes.transpose(0, 2, 1)
    along = matrix[:, :, 2]
    least = 1e-4 * np.linalg.norm(matrix, axis=2)
    inverse = 1 / np.where(np.abs(along) < least, least, along)
    # At light coordinates (u, v, h) the ray meets the middle plane of axis i at h = a u + b v + c, its faces k off.
    a, b, c = (-x * inverse for x in (matrix[:, :, 0], matrix[:, :, 1], to_part[:, :3, 3]))
    k = np.abs(inverse) / 2
    lines = []
    for i, j in ((0, 1), (1, 2), (2, 0)):
        length = np.hypot(a[:, i] - a[:, j], b[:, i] - b[:, j])
        lines.append(np.stack([a[:, i] - a[:, j], b[:, i] - b[:, j], c[:, i] - c[:, j], k[:, i] + k[:, j]]) / length)
    lines = np.stack(lines, 1)  # [4, 3 lines, P]
    area = sum(np.abs(half[0, i] * half[1, j] - half[0, j] * half[1, i]) * 4 for i, j in ((0, 1), (1, 2), (2, 0)))
    planes = np.stack([a.T, b.T, (c - k).T, (c + k).T])
    return np.concatenate([planes.reshape(12, -1), lines.reshape(12, -1), np.asarray(area)[None]])


def _round(middle: np.ndarray, half: np.ndarray, kind: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Outlines of ellipsoids and cylinders [17, P], see `shadows.round_cover`. half [3, 3, P] half axes."""
    upright = kind == CYLINDER
    axis = np.where(upright, half[:, 2], 0.0)
    disc = half.copy()
    disc[:, 2] = np.where(upright, 0.0, half[:, 2])
    spread = np.einsum("imp,jmp->pij", disc[:2], disc[:2])
    widest = np.trace(spread, axis1=1, axis2=2)
    spread = spread + (4e-4 * widest)[:, None, None] * np.eye(2)  # a disc seen edge-on keeps some thickness
    metric = np.linalg.inv(spread)
    slope = np.einsum("mp,jmp,pji->ip", disc[2], disc[:2], metric)  # of the middle surface along the light
    pull = np.einsum("pij,jp->ip", metric, axis[:2])
    pull = pull / (pull * axis[:2]).sum(0).clip(1e-9)
    least = np.sqrt(np.linalg.eigvalsh(spread)[:, 0])
    top = np.where(upright, top, 1.0)
    length = np.hypot(*axis[:2])
    area = (np.pi * np.sqrt(np.linalg.det(spread)) + 4 * length * np.sqrt(widest / 2)) * (1 + top) / 2
    return np.stack([*middle, *axis, *pull, metric[:, 0, 0], metric[:, 0, 1], metric[:, 1, 1], *slope, least,
                     (1 + top) / 2, (1 - top) / 2, area])  # fmt: skip
