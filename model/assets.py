"""Neural Assets as values and as files.

An asset is one object: its appearance tokens (Neural Assets, Wu et al. 2024, section 3.1) and,
beyond the paper, the pictures it was seen in with the surface that the encoder predicted for every
pixel, so that the box can carry them to another pose. A background asset is the rest of a picture.
Numpy only: no torch is needed to list, show, merge or move assets.

One `.safetensors` file holds one asset: the tensors of every view, the tokens, a thumbnail, and one
header entry `neural_asset` with JSON text. Nothing in a file is ever executed; files are written
beside their place and moved in.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as to_bytes

from . import asset_checks as checks
from .asset_files import FORMAT_VERSION, HEADER, damaged, read, write_whole
from .asset_light import Light
from .errors import AssetFileError, BoxError, CameraError
from .scene import PinholeCamera

MAX_VIEWS = 8
THUMBNAIL_SIDE = 128
SIZE_TOLERANCE = 0.2  # box extents of views of one object may differ by this share
TOKENS = 4  # RoIAlign 2x2 (section 3.1)
_GREY = 96.0  # behind a thumbnail
_OPTIONAL = ("plate", "relief")  # tensors that not every background has


@dataclass(frozen=True, eq=False)
class AssetView:
    """One sighting of an object.

    image uint8 [h, w, 3]: crop of the source picture around the 2D box. mask uint8 or float16 [h,
    w], 0..255. fraction float16 [h, w]: how far along the ray inside the box the surface lies,
    0..1. intrinsics float32 [4] (fx, fy, cx, cy) of the crop in crop widths / heights. to_camera
    float32 [4, 4]: box-to-camera at the source. size float32 [3]: the box's extents in metres when
    it was seen. rectangle float32 [4] (u0, v0, u1, v1): where the crop lies in the source picture,
    0..1; None where a file does not say.
    """

    image: np.ndarray
    mask: np.ndarray
    fraction: np.ndarray
    intrinsics: np.ndarray
    to_camera: np.ndarray
    size: np.ndarray
    rectangle: np.ndarray | None = None

    def checked(self) -> AssetView:
        """A validated copy; raises AssetFileError."""
        image = checks.picture(self.image, "A view's picture")
        mask = checks.plane(self.mask, image.shape[:2], (np.uint8, np.float16), 255, "A view's mask")
        fraction = checks.plane(self.fraction, image.shape[:2], (np.float16,), 1, "A view's surface")
        intrinsics = checks.floats(self.intrinsics, (4,), "A view's camera")
        if (intrinsics[:2] <= 0).any():
            raise AssetFileError("A view's camera has no focal length: make the asset again.")
        box = checks.box(self.to_camera, self.size, "A view's box")
        rectangle = None if self.rectangle is None else checks.rectangle(self.rectangle, "A view's rectangle")
        return AssetView(image, mask, fraction, intrinsics, box.pose, box.size, rectangle)


@dataclass(frozen=True, eq=False)
class NeuralAsset:
    """One object. views (1 to 8); appearance float32 [V, 4, C] tokens of each view; size float32
    [3] metres; encoder: fingerprint of the weights that made the tokens; provenance: free text
    entries (source, licence ...).
    """

    views: tuple[AssetView, ...]
    appearance: np.ndarray
    size: np.ndarray
    name: str = "Asset"
    provenance: dict[str, str] = field(default_factory=dict)
    encoder: str = ""

    def checked(self) -> NeuralAsset:
        """A validated copy; raises AssetFileError."""
        if not 1 <= len(self.views) <= MAX_VIEWS:
            raise AssetFileError(f"An asset has {len(self.views)} views instead of 1 to {MAX_VIEWS}: make it again.")
        tokens = checks.tokens(self.appearance, (len(self.views), TOKENS))
        size = checks.box(np.eye(4), self.size, "The asset's box").size
        views = tuple(view.checked() for view in self.views)
        name, provenance, encoder = checks.texts(self.name, self.provenance, self.encoder)
        return NeuralAsset(views, tokens, size, name, provenance, encoder)


@dataclass(frozen=True, eq=False)
class BackgroundAsset:
    """A picture without its objects. image uint8 [H, W, 3]; mask uint8 [H, W], 255 where an object
    stood; camera that took it; ground: height of the floor in metres (world z); appearance float32
    [4, C] tokens; plate uint8 [H, W, 3]: the clean plate, the picture as it would be without its
    objects and their shadows (None: there were none); light: where its light comes from (None: from
    no one side, or nobody knows); relief float16 [h, w] over the whole picture: how what stands
    behind the objects rises from the floor (`model.relief`; None: nobody knows).
    """

    image: np.ndarray
    mask: np.ndarray
    camera: PinholeCamera
    ground: float
    appearance: np.ndarray
    name: str = "Background"
    provenance: dict[str, str] = field(default_factory=dict)
    encoder: str = ""
    plate: np.ndarray | None = None
    light: Light | None = None
    relief: np.ndarray | None = None

    def checked(self) -> BackgroundAsset:
        """A validated copy; raises AssetFileError."""
        image = checks.picture(self.image, "The background's picture")
        mask = checks.plane(self.mask, image.shape[:2], (np.uint8,), 255, "The background's mask")
        try:
            camera = self.camera.checked()
        except CameraError as error:
            raise AssetFileError(f"The background's camera is damaged ({error})") from None
        ground = checks.floats(self.ground, (), "The background's floor")
        tokens = checks.tokens(self.appearance, (TOKENS,))
        name, provenance, encoder = checks.texts(self.name, self.provenance, self.encoder)
        plate = None if self.plate is None else checks.picture(self.plate, "The background's clean plate")
        if plate is not None and plate.shape != image.shape:
            raise AssetFileError(f"The background's clean plate is {plate.shape}: it does not fit its picture.")
        light = None if self.light is None else self.light.checked()
        relief = None if self.relief is None else checks.relief(self.relief, "The background's relief")
        rest = name, provenance, encoder, plate, light, relief
        return BackgroundAsset(image, mask, camera, float(ground), tokens, *rest)


Asset = NeuralAsset | BackgroundAsset


def thumbnail(asset: Asset) -> np.ndarray:
    """A small picture of the asset, uint8 [<=128, <=128, 3]: an object on grey, a background without
    its objects.
    """
    if isinstance(asset, BackgroundAsset):
        picture = asset.image if asset.plate is None else asset.plate
        return _shrink(picture.astype(np.float32), THUMBNAIL_SIDE)
    view = asset.views[int(np.argmax([np.asarray(v.mask, np.float32).sum() for v in asset.views]))]
    cover = np.asarray(view.mask, np.float32)[..., None] / 255
    return _shrink(view.image * cover + _GREY * (1 - cover), THUMBNAIL_SIDE)


def merge_views(first: NeuralAsset, second: NeuralAsset) -> NeuralAsset:
    """One asset with the views of both, which must show one object: sizes within 20 %, same
    encoder, at most 8 views.

    Keeps the first one's name and size; raises BoxError for unlike boxes and AssetFileError
    otherwise.
    """
    first, second = first.checked(), second.checked()
    if (np.maximum(first.size, second.size) > (1 + SIZE_TOLERANCE) * np.minimum(first.size, second.size)).any():
        raise BoxError(
            f"The boxes of '{first.name}' and '{second.name}' differ by more than "
            f"{SIZE_TOLERANCE:.0%}: give both views of the object the same box."
        )
    if first.encoder != second.encoder or first.appearance.shape[1:] != second.appearance.shape[1:]:
        raise AssetFileError(f"'{first.name}' and '{second.name}' come from different weights: make one again.")
    if len(first.views) + len(second.views) > MAX_VIEWS:
        raise AssetFileError(f"The merged asset would have more than {MAX_VIEWS} views: leave some out.")
    return replace(
        first,
        views=first.views + second.views,
        appearance=np.concatenate([first.appearance, second.appearance]),
        provenance={**second.provenance, **first.provenance},
    )


def save_asset(path: str | os.PathLike[str], asset: Asset) -> None:
    """Write one asset. The file appears whole or not at all; raises AssetFileError."""
    asset = asset.checked()
    tensors, header = _pack_background(asset) if isinstance(asset, BackgroundAsset) else _pack_object(asset)
    tensors["thumbnail"] = thumbnail(asset)
    header |= {
        "version": FORMAT_VERSION,
        "name": asset.name,
        "encoder": asset.encoder,
        "provenance": asset.provenance,
    }
    data = to_bytes({k: np.ascontiguousarray(v) for k, v in tensors.items()}, {HEADER: json.dumps(header)})
    write_whole(Path(path), data)


def load_asset(path: str | os.PathLike[str]) -> Asset:
    """Read and validate one asset; raises AssetFileError with one sentence for anything that is not
    one.
    """
    header, tensors = read(Path(path), only=None)
    try:
        unpack = _unpack_background if header["kind"] == "background" else _unpack_object
        return unpack(header, tensors).checked()
    except AssetFileError as error:
        raise AssetFileError(f"'{Path(path).name}' is damaged. {error}") from None
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise damaged(Path(path)) from error


def load_thumbnail(path: str | os.PathLike[str]) -> tuple[np.ndarray, dict[str, Any]]:
    """Only the thumbnail uint8 [<=128, <=128, 3] and the header (kind, name, size, provenance ...)
    of a file.
    """
    header, tensors = read(Path(path), only="thumbnail")
    picture = tensors.get("thumbnail")
    if picture is None or picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise damaged(Path(path))
    if max(picture.shape[:2]) > THUMBNAIL_SIDE:
        raise damaged(Path(path))
    return picture, header


def _shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Area-averaged copy with no side above `side`, keeping the aspect: float [h, w, 3] 0..255 ->
    uint8.
    """
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    image = np.asarray(image, np.float32)
    for axis, length in enumerate((height, width)):
        edges = np.linspace(0, length, max(1, round(length * scale)) + 1).astype(int)
        image = np.add.reduceat(image, edges[:-1], axis) / np.diff(edges).reshape(
            (-1, 1, 1) if axis == 0 else (1, -1, 1)
        )
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


# --- file layout ---


def _pack_object(asset: NeuralAsset) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    tensors = {"appearance": asset.appearance, "size": asset.size}
    for i, view in enumerate(asset.views):
        tensors |= {f"views.{i}.{key}": value for key, value in vars(view).items() if value is not None}
    return tensors, {
        "kind": "object",
        "views": len(asset.views),
        "size": asset.size.astype(float).tolist(),
    }


def _unpack_object(header: dict[str, Any], tensors: dict[str, np.ndarray]) -> NeuralAsset:
    if not 1 <= int(header["views"]) <= MAX_VIEWS:
        raise ValueError("views")
    views = tuple(_unpack_view(tensors, f"views.{i}.") for i in range(int(header["views"])))
    common = {key: header[key] for key in ("name", "provenance", "encoder")}
    return NeuralAsset(views, tensors["appearance"], tensors["size"], **common)


def _unpack_view(tensors: dict[str, np.ndarray], prefix: str) -> AssetView:
    plain = (field.name for field in fields(AssetView) if field.name != "rectangle")
    return AssetView(**{key: tensors[prefix + key] for key in plain}, rectangle=tensors.get(f"{prefix}rectangle"))


def _pack_background(asset: BackgroundAsset) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    tensors = {"image": asset.image, "mask": asset.mask, "appearance": asset.appearance}
    tensors |= {f"camera.{key}": value for key, value in vars(asset.camera).items()}
    there = {key: getattr(asset, key) for key in _OPTIONAL}
    tensors |= {key: value for key, value in there.items() if value is not None}
    if asset.light is not None:
        tensors |= {f"light.{key}": value for key, value in vars(asset.light).items()}
    height, width = asset.mask.shape
    header = {"kind": "background", "size": [width, height], "ground": asset.ground}
    known = {key: value is not None for key, value in there.items()}
    return tensors, header | known | {"light": asset.light is not None}


def _unpack_background(header: dict[str, Any], tensors: dict[str, np.ndarray]) -> BackgroundAsset:
    camera = PinholeCamera(tensors["camera.intrinsics"], tensors["camera.world_to_camera"])
    common = {key: header[key] for key in ("ground", "name", "provenance", "encoder")}
    there = {key: tensors[key] if header.get(key) else None for key in _OPTIONAL}
    light = Light(**{key.name: tensors[f"light.{key.name}"] for key in fields(Light)}) if header.get("light") else None
    rest = {"appearance": tensors["appearance"], "light": light, **there, **common}
    return BackgroundAsset(tensors["image"], tensors["mask"], camera, **rest)
