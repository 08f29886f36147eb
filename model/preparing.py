"""From placed assets to the tables that rendering reads; made once for a set of assets, whatever their poses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .assets import BackgroundAsset, NeuralAsset
from .atlas import BACKGROUND, UNUSED, build_atlas
from .cast_shadows import Casting, darkness_seen
from .geometry import Boxes, Camera, rigid_inverse
from .hidden_sides import with_twins
from .relief import Relief
from .scene import Box, PinholeCamera, Scene
from .several_views import contradictions, on_one_surface
from .sources import Sources
from .sunlight import Sun
from .tensors import boxes_tensor, camera_tensor, image_tensor, resized
from .view_points import solid_points, view_coordinates

_MINE = 0  # label of an object's pixels in its own views


@dataclass(frozen=True)
class Prepared:
    """What does not change while only poses change.

    coarse: sources at about the model's scale; fine: at the pictures' own; appearance [E, 4, F] by entry,
    background [1, 4, F]; before: source boxes [1, N] in the background picture's world (present: same picture);
    source_camera [1]: the background picture's; several [N] bool: which objects have been seen from several sides.
    """

    coarse: Sources
    fine: Sources
    appearance: Tensor
    background: Tensor
    has_background: Tensor
    before: Boxes
    source_camera: Camera
    several: Tensor


def prepare(scene: Scene, side: int, features: int, device: torch.device) -> Prepared:
    """`side`: the model's working size in pixels; `features`: width F of the appearance tokens."""
    assets = [placement.asset for placement in scene.placements]
    background = scene.background
    before = _before(assets, background, device)
    coarse = _sources(assets, background, before, side, device)
    fine = coarse if _small(assets, background, side) else _sources(assets, background, before, None, device)
    tokens = [torch.from_numpy(np.array(asset.appearance)) for asset in assets]
    appearance = torch.cat(tokens).to(device) if tokens else torch.zeros(0, 4, features, device=device)
    behind = (
        torch.zeros(1, 4, features) if background is None else torch.from_numpy(np.array(background.appearance))[None]
    )
    camera = camera_tensor(background.camera if background else _plain_camera(), device)
    has = torch.tensor([background is not None], device=device)
    return Prepared(
        coarse,
        fine,
        appearance,
        behind.to(device),
        has,
        before,
        camera,
        torch.tensor([len(asset.views) > 1 for asset in assets], dtype=torch.bool, device=device),
    )


def _small(assets: list[NeuralAsset], background: BackgroundAsset | None, side: int) -> bool:
    return all(_scale(a, background, side) >= 1 for a in assets) and (
        background is None or max(background.image.shape[:2]) <= side * 1.05
    )


def _scale(asset: NeuralAsset, background: BackgroundAsset | None, side: int) -> float:
    """Shrinkage that brings an asset's views to the model's scale: as its picture would be shrunk."""
    longest = max(max(view.image.shape[:2]) for view in asset.views)
    if background is not None and _same_picture(asset, background):
        longest = max(background.image.shape[:2])
    return min(1.0, side / longest)


def _same_picture(asset: NeuralAsset, background: BackgroundAsset) -> bool:
    picture = background.provenance.get("picture")
    return picture is not None and asset.provenance.get("picture") == picture


def _sources(
    assets: list[NeuralAsset],
    background: BackgroundAsset | None,
    before: Boxes,
    side: int | None,
    device: torch.device,
) -> Sources:
    values, labels, depths, intrinsics, to_camera, size, points, owner, slots = ([] for _ in range(9))
    for slot, asset in enumerate(assets):
        for view in asset.views:
            scale = 1.0 if side is None else _scale(asset, background, side)
            colour, inside, coordinates, depth = view_coordinates(view, device, scale)
            values.append(colour)
            labels.append(torch.where(inside, _MINE, UNUSED))
            depths.append(depth.reshape(-1, 1))
            if len(asset.views) > 1:  # what one view shows badly another shows better
                inside = on_one_surface(depth, inside, float(np.linalg.norm(view.size)), float(view.intrinsics[0]))
            points.append(coordinates[:, inside].T)
            owner.append(torch.full((int(inside.sum()),), len(slots), device=device))
            slots.append(slot)
            intrinsics.append(torch.from_numpy(np.array(view.intrinsics)))
            to_camera.append(torch.from_numpy(np.array(view.to_camera)))
            size.append(torch.from_numpy(np.array(view.size)))
    count = len(slots)
    if background is not None:
        picture, free = _background_view(background, side, device)
        values.append(picture)
        labels.append(torch.where(free, BACKGROUND, UNUSED))
        depths.append(torch.zeros(free.numel(), 1, device=device))
        intrinsics.append(torch.from_numpy(background.camera.intrinsics))
    clean = None
    if background is not None and background.plate is None and not background.mask.any():
        clean = count  # nothing stands in this picture
    if background is not None and background.plate is not None:
        clean = count + 1
        values.append(_shrunk(image_tensor(background.plate, device), side)[0])
        labels.append(torch.full(values[-1].shape[-2:], BACKGROUND, device=device))
        intrinsics.append(torch.from_numpy(background.camera.intrinsics))
    atlas = build_atlas(values, labels)
    entries = torch.arange(count, device=device)
    camera = camera_tensor(background.camera if background else _plain_camera(), device)
    stack = lambda x, shape: (torch.stack(x) if x else torch.zeros(0, *shape)).float().to(device)  # noqa: E731
    empty = torch.zeros(0, 3, device=device)
    sources = Sources(
        atlas, torch.zeros_like(entries), torch.tensor(slots, dtype=torch.int64, device=device), entries,
        torch.full_like(entries, _MINE), stack(intrinsics, (4,)), stack(to_camera, (4, 4)), stack(size, (3,)),
        torch.cat(points) if points else empty, torch.cat(owner) if owner else entries[:0],
        torch.tensor([count if background is not None else -1], device=device), camera,
        torch.tensor([background.ground if background else 0.0], device=device),
        before, torch.cat(depths) if len(slots) > len(assets) else None,
        None if clean is None else torch.tensor([clean], device=device),
    )  # fmt: skip
    return replace(
        with_twins(replace(sources, air=contradictions(sources))), casting=_casting(assets, background, device),
        relief=_relief(background, camera, sources.ground),
    )  # fmt: skip


def _relief(background: BackgroundAsset | None, camera: Camera, ground: Tensor) -> Relief | None:
    if background is None or background.relief is None:
        return None
    values = torch.from_numpy(np.array(background.relief)).to(ground.device).float()
    return Relief(values[None, None], camera, ground)


def _casting(assets: list[NeuralAsset], background: BackgroundAsset | None, device: torch.device) -> Casting | None:
    if background is None or background.light is None:
        return None
    light = background.light
    sun = Sun(*(torch.from_numpy(np.array(x)).to(device) for x in (light.direction, light.left)))
    shadows = (torch.from_numpy(np.array(light.shadows)).to(device)[None, None] > 127).float()
    darkness = torch.ones_like(shadows)
    if background.plate is not None:
        picture, plate = image_tensor(background.image, device), image_tensor(background.plate, device)
        hidden = torch.from_numpy(np.array(background.mask)).to(device)[None, None] > 127
        darkness = darkness_seen(shadows, sun, picture, plate, hidden)
    points = [torch.cat([solid_points(view, device) for view in asset.views]) for asset in assets]
    slots = [torch.full((len(p),), slot, dtype=torch.int64, device=device) for slot, p in enumerate(points)]
    empty = torch.zeros(0, 3, device=device)
    return Casting(sun, shadows, darkness, torch.cat([*points, empty]), torch.cat([*slots, empty[:, 0].long()]))


def _background_view(background: BackgroundAsset, side: int | None, device: torch.device) -> tuple[Tensor, Tensor]:
    picture = _shrunk(image_tensor(background.image, device), side)
    free = 1 - torch.from_numpy(np.array(background.mask)).to(device)[None, None].float() / 255
    if free.shape[-2:] != picture.shape[-2:]:
        free = interpolate(free, picture.shape[-2:], mode="area")
    return picture[0], free[0, 0] > 0.5


def _shrunk(picture: Tensor, side: int | None) -> Tensor:
    """A picture [1, 3, H, W] with a longer side of at most `side` (None: as it is)."""
    height, width = picture.shape[-2:]
    scale = 1.0 if side is None else min(1.0, side / max(height, width))
    return resized(picture, max(2, round(height * scale)), max(2, round(width * scale)))


def _before(assets: list[NeuralAsset], background: BackgroundAsset | None, device: torch.device) -> Boxes:
    """Where each object stood in the background's picture; absent for objects of other pictures."""
    boxes, present = [], []
    for asset in assets:
        view = asset.views[0]
        same = background is not None and _same_picture(asset, background)
        camera = torch.from_numpy(background.camera.world_to_camera) if background and same else torch.eye(4)
        pose = rigid_inverse(camera[None])[0] @ torch.from_numpy(np.array(view.to_camera))
        boxes.append(Box(pose.numpy(), np.array(view.size)))
        present.append(same)
    placed = boxes_tensor(boxes, device)
    return Boxes(
        placed.pose,
        placed.size,
        torch.tensor([present], dtype=torch.bool, device=device).view(1, -1),
    )


def _plain_camera() -> PinholeCamera:
    return PinholeCamera(np.array([1, 1, 0.5, 0.5], np.float32), np.eye(4, dtype=np.float32))
