"""From a picture with boxes to Neural Assets: the surface network's answer, cut out per object."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .asset_light import Light
from .assets import AssetView, BackgroundAsset, NeuralAsset
from .cast_shadows import shadows_in_picture
from .colours import follow_colours
from .conditions import appearance
from .device import Pause, never
from .errors import BoxError, ImageError, SceneError
from .geometry import (
    NEAR,
    Boxes,
    Camera,
    box_corners,
    box_to_camera,
    boxes_2d,
    camera_rays,
    crop_intrinsics,
    from_box_coordinates,
    intersect_box,
    pixel_centres,
    project_world,
)
from .guided import follow_edges
from .looking import Sighting, look_at_objects
from .masks import solid, without_outline
from .parts import Parts
from .plate import clean_plate
from .relief import read_relief
from .scene import MAX_SCENE_OBJECTS, Box, PinholeCamera
from .sunlight import find_sun
from .tensors import boxes_tensor, camera_tensor, image_tensor, resized
from .view_points import solid_points

MIN_IMAGE, MAX_IMAGE, MAX_ASPECT = 16, 8192, 8.0
_MARGIN = 0.04  # of a 2D box, kept around the crop
_RELIEF_LOOK = 0.625  # of the model's size: the background is looked at once, as a whole


def model_size(height: int, width: int, side: int) -> tuple[int, int]:
    """The size the model works at for this aspect ratio: about side x side pixels, multiples of 32 (at least 64)."""
    ratio = (height / width) ** 0.5
    step = 32 if side >= 128 else 16
    return tuple(max(64 if side >= 128 else 32, round(side * r / step) * step) for r in (ratio, 1 / ratio))  # type: ignore[return-value]


def checked_image(image: object) -> np.ndarray:
    """uint8 [H, W, 3]; raises ImageError."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ImageError("The picture must be an 8-bit RGB array of shape (height, width, 3): convert it first.")
    height, width = image.shape[:2]
    if min(height, width) < MIN_IMAGE or max(height, width) > MAX_IMAGE:
        raise ImageError(
            f"The picture is {width} x {height} pixels, sides must be {MIN_IMAGE} to {MAX_IMAGE}: resize it."
        )
    if max(height, width) / min(height, width) > MAX_ASPECT:
        raise ImageError(
            f"The picture is {width} x {height} pixels, more than {MAX_ASPECT:g} times as long as wide: crop it."
        )
    return np.array(image, order="C")  # a copy: assets keep it


@torch.no_grad()
def encode_picture(
    parts: Parts, fingerprint: str, image: np.ndarray, boxes: Sequence[Box], camera: PinholeCamera,
    masks: Sequence[np.ndarray | None] | None, ground: float, device: torch.device, pause: Pause = never,
) -> tuple[list[NeuralAsset], BackgroundAsset]:  # fmt: skip
    """See `NeuralAssetsPipeline.encode`."""
    image, camera = checked_image(image), camera.checked()
    if len(boxes) > MAX_SCENE_OBJECTS:
        raise SceneError(
            f"{len(boxes)} boxes are more than the {MAX_SCENE_OBJECTS} that one picture can have: remove some."
        )
    boxes = [box.checked(f"Box {i + 1}") for i, box in enumerate(boxes)]
    masks = _checked_masks(masks, len(boxes), image.shape[:2])
    picture = image_tensor(image, device)
    where, placed = camera_tensor(camera, device), boxes_tensor(boxes, device)
    rectangles = _require_visible(where, placed)
    height, width = model_size(image.shape[0], image.shape[1], parts.config.size)
    small = resized(picture, height, width)
    objects, behind = appearance(parts.encoder, small, where, placed)
    pause()
    sightings = look_at_objects(parts, picture, small, where, placed, rectangles, pause)
    provenance = {"picture": hashlib.sha256(image.tobytes()).hexdigest()[:16]}
    taken = np.zeros(image.shape[:2], bool)
    assets = []
    for slot, box in enumerate(boxes):
        pause()
        view, mask = _cut_out(image, where, placed, slot, rectangles[slot], sightings[slot], masks[slot])
        taken |= mask
        tokens = objects[0, slot][None].cpu().numpy().astype(np.float32)
        assets.append(NeuralAsset((view,), tokens, box.size, f"Object {slot + 1}", dict(provenance), fingerprint))
    tokens = behind[0].cpu().numpy().astype(np.float32)
    mask = taken.astype(np.uint8) * 255
    pause()
    light, plate = None, None
    hidden = torch.from_numpy(taken).to(device)[None, None]
    relief = relief_of(parts, picture, hidden, where, ground)
    pause()
    if taken.any():
        light = _light(picture, hidden, assets, placed, where, ground)
        pause()
        plate = _plate(picture, hidden, light)
    pause()
    background = BackgroundAsset(
        image,
        mask,
        camera,
        float(ground),
        tokens,
        "Background",
        provenance,
        fingerprint,
        plate,
        light,
        relief,
    )
    return assets, background


def relief_of(parts: Parts, picture: Tensor, hidden: Tensor, camera: Camera, ground: float) -> np.ndarray | None:
    """The relief float16 [h, w] of picture [1, 3, H, W], of which objects hide [1, 1, H, W] bool."""
    if not parts.config.anchored:
        return None
    height, width = model_size(picture.shape[-2], picture.shape[-1], round(parts.config.size * _RELIEF_LOOK))
    small, hides = resized(picture, height, width), interpolate(hidden.float(), (height, width), mode="area")
    floor = torch.tensor([float(ground)], device=picture.device)
    return read_relief(parts.relief, small, hides, camera, floor)[0, 0].half().cpu().numpy()


def _light(
    picture: Tensor, hidden: Tensor, assets: list[NeuralAsset], placed: Boxes, camera: Camera, ground: float
) -> Light | None:
    """The light of picture [1, 3, H, W], by the shadows of its objects, which hide [1, 1, H, W] bool of it."""
    device, height = picture.device, torch.tensor([float(ground)], device=picture.device)
    points = [solid_points(asset.views[0], device) for asset in assets]
    world = torch.cat([from_box_coordinates(p, placed.pose[0, i], placed.size[0, i]) for i, p in enumerate(points)])
    sun = find_sun(picture, hidden, world, camera, height)
    if sun is None:
        return None
    shadows = shadows_in_picture(sun, world, camera, height, *picture.shape[-2:])
    direction, left, drawn = (x.cpu().numpy() for x in (sun.direction, sun.left, (shadows[0, 0] * 255).byte()))
    return Light(direction, left, drawn)


def _plate(picture: Tensor, hidden: Tensor, light: Light | None) -> np.ndarray:
    """The clean plate uint8 [H, W, 3] of picture [1, 3, H, W], of which objects hide [1, 1, H, W] bool."""
    shaded = None
    if light is not None:
        shadows = torch.from_numpy(light.shadows).to(picture.device)[None, None].float() / 255
        shaded = interpolate(shadows, hidden.shape[-2:], mode="bilinear", align_corners=False) > 0.25
    plate = clean_plate(picture, hidden, shaded)
    return (plate[0] * 255).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()


def _cut_out(
    image: np.ndarray, camera: Camera, boxes: Boxes, slot: int, rectangle: Tensor, sighting: Sighting,
    given: np.ndarray | None,
) -> tuple[AssetView, np.ndarray]:  # fmt: skip
    """One object's view, and its mask [H, W] bool in the whole picture."""
    height, width = image.shape[:2]
    top, bottom, left, right = crop_of(rectangle.cpu().numpy(), height, width)
    share, depths = sighting.within(top, bottom, left, right)
    fraction = depths.cpu().numpy()
    window = np.s_[top:bottom, left:right]
    mask = (
        _predicted_mask(image[window], share, sighting.enlarged, max(height, width)) if given is None else given[window]
    )
    corner = torch.tensor([left / width, top / height])
    extent = torch.tensor([(right - left) / width, (bottom - top) / height])
    cropped = crop_intrinsics(camera.intrinsics[0].cpu(), corner, extent).numpy()
    to_camera = box_to_camera(camera, boxes)[0, slot].cpu().numpy()
    # what lies outside the box at full resolution cannot be carried by it: it stays with the background
    size = boxes.size[0, slot].cpu().numpy()
    mask = mask & _rays_through((bottom - top, right - left), cropped, to_camera, size)
    place = np.float32([left / width, top / height, right / width, bottom / height])
    view = AssetView(
        np.ascontiguousarray(image[window]), mask.astype(np.uint8) * 255, fraction.clip(0, 1).astype(np.float16),
        cropped, to_camera, size, place,
    )  # fmt: skip
    inside = np.zeros((height, width), bool)
    inside[window] = mask
    return view, inside


def _predicted_mask(crop: np.ndarray, share: Tensor, enlarged: float, longest: int) -> np.ndarray:
    """The mask [h, w] bool of an object with probabilities share [h, w] in its crop uint8 [h, w, 3] of the picture."""
    fitted = fitted_share(share, image_tensor(crop.copy(), share.device)[0], enlarged)
    return without_outline(solid(fitted.cpu().numpy()), longest)


def fitted_share(share: Tensor, image: Tensor, enlarged: float) -> Tensor:
    """Probabilities share [h, w] of an object with what the colours and edges of its crop [3, h, w] 0..1 say."""
    return follow_edges(follow_colours(share, image), image, enlarged)


def _rays_through(
    shape: tuple[int, int], intrinsics: np.ndarray, to_camera: np.ndarray, size: np.ndarray
) -> np.ndarray:
    """Which pixels of a crop [h, w] look through the box."""
    uv = pixel_centres(*shape).view(1, -1, 2)
    rays = camera_rays(uv, torch.from_numpy(intrinsics)[None])
    _, _, hit = intersect_box(rays, torch.from_numpy(to_camera)[None], torch.from_numpy(size)[None])
    return hit.view(shape).numpy()


def crop_of(rectangle: np.ndarray, height: int, width: int) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) in pixels around a 2D box, at least 2 pixels each way."""
    u0, v0, u1, v1 = rectangle
    du, dv = _MARGIN * (u1 - u0) + 1 / width, _MARGIN * (v1 - v0) + 1 / height
    left, right = int(np.floor((u0 - du) * width)), int(np.ceil((u1 + du) * width))
    top, bottom = int(np.floor((v0 - dv) * height)), int(np.ceil((v1 + dv) * height))
    left, top = min(max(left, 0), width - 2), min(max(top, 0), height - 2)
    return top, max(min(bottom, height), top + 2), left, max(min(right, width), left + 2)


def _require_visible(camera: Camera, boxes: Boxes) -> Tensor:
    """2D boxes of every box [N, 4]; raises BoxError where the picture cannot show it."""
    corners = box_corners(boxes.pose, boxes.size)[0]
    rectangles = boxes_2d(camera, boxes)[0]
    for slot in range(boxes.size.shape[1]):
        depth = project_world(corners[slot][None], camera)[0, :, 2]
        if bool((depth < NEAR).all()):
            raise BoxError(f"Box {slot + 1} lies behind the camera: move it into the picture before encoding.")
        if bool((depth < NEAR).any()):
            raise BoxError(
                f"Box {slot + 1} surrounds or cuts the camera: move it wholly in front of it before encoding."
            )
        extent = rectangles[slot, 2:] - rectangles[slot, :2]
        if bool((extent <= 1e-3).any()):
            raise BoxError(f"Box {slot + 1} lies outside the picture: move it into view before encoding.")
    return rectangles


def _checked_masks(masks, count: int, shape: tuple[int, ...]) -> list[np.ndarray | None]:
    if masks is None:
        return [None] * count
    if len(masks) != count:
        raise ImageError(f"There are {len(masks)} masks for {count} boxes: give one (or None) for each box.")
    for mask in masks:
        if mask is not None and np.shape(mask) != shape:
            raise ImageError(f"A mask has shape {np.shape(mask)} instead of the picture's {shape}: resize it.")
    return [None if mask is None else np.asarray(mask) > 0 for mask in masks]
