"""Blender's images as the contract takes them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..colour import srgb_from_linear
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.limits import MAX_IMAGE_SIDE, MAX_SIDE, MIN_IMAGE_SIDE, MIN_SIDE
from .exif import orientation


def load(path: str) -> bpy.types.Image:
    """An image data-block of a file, upright; raises ProtocolError when it cannot be used, and leaves nothing behind.

    Blender shows a picture as its rows lie in the file. One whose camera was turned is therefore replaced by a turned
    copy, packed into the .blend.
    """
    known = set(bpy.data.images)
    try:
        image = bpy.data.images.load(path, check_existing=True)
    except RuntimeError as error:
        raise _unreadable(path, str(error).strip()) from None
    try:
        _require_usable(path, *image.size)
        turned = orientation(path)
        if turned == 1:
            return image
        upright = _turned(image, turned)
    except ProtocolError:
        _forget(image, known)
        raise
    _forget(image, known)
    upright.name = Path(path).name
    return upright


def pixels(image: bpy.types.Image) -> np.ndarray:
    """uint8 sRGB [h, w, 3], top row first, at most as large as the contract takes; raises ProtocolError when the
    picture's file is gone. Where a picture is transparent it lies on white."""
    if min(image.size) == 0:
        raise _unreadable(image.filepath or image.name, "the file is gone or no picture")
    if max(image.size) > MAX_IMAGE_SIDE:
        return _smaller(image)
    values = _values(image)[::-1]
    if image.channels < 3:
        values = np.concatenate([np.repeat(values[..., :1], 3, axis=-1), values[..., 1:]], -1)
    rows = values[..., :3]
    if values.shape[-1] == 4:
        # floats are multiplied by their alpha already, bytes are not
        rows = (rows if image.is_float else rows * values[..., 3:]) + (1 - values[..., 3:])
    # 8-bit images keep the file's values, deeper ones were made scene-linear when they were loaded
    return srgb_from_linear(rows) if image.is_float else np.round(rows * 255).astype(np.uint8)


def _smaller(image: bpy.types.Image) -> np.ndarray:
    share = MAX_IMAGE_SIDE / max(image.size)
    copy = image.copy()
    try:
        copy.scale(*(max(1, int(side * share)) for side in image.size))
        return pixels(copy)
    finally:
        bpy.data.images.remove(copy)


def _turned(image: bpy.types.Image, turned: int) -> bpy.types.Image:
    """A packed copy, turned and mirrored as Exif's orientation says."""
    rows = _values(image)[::-1]
    if turned >= 5:
        rows = rows.swapaxes(0, 1)
    if turned in (3, 4, 7, 8):
        rows = rows[::-1]
    if turned in (2, 3, 6, 7):
        rows = rows[:, ::-1]
    height, width, channels = rows.shape
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., : channels if channels > 2 else 3] = rows if channels > 2 else rows[..., :1]
    copy = bpy.data.images.new(image.name, width, height, float_buffer=image.is_float)
    copy.pixels.foreach_set(np.ascontiguousarray(rgba[::-1]).ravel())
    copy.pack()
    return copy


def _values(image: bpy.types.Image) -> np.ndarray:
    """float32 [h, w, channels], bottom row first."""
    width, height = image.size
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(height, width, image.channels)


def _forget(image: bpy.types.Image, known: set[bpy.types.Image]) -> None:
    if image not in known:
        bpy.data.images.remove(image)


def _require_usable(path: str, width: int, height: int) -> None:
    """Raises ProtocolError."""
    if min(width, height) == 0:
        raise _unreadable(path, "it is no picture, or a damaged one")
    if min(width, height) < MIN_IMAGE_SIDE or max(width, height) * MIN_SIDE > min(width, height) * MAX_SIDE:
        raise ProtocolError(
            ErrorCode.IMAGE,
            f"The picture '{path}' has {width} x {height} pixels: too few to see an object in.",
            "Choose a larger one.",
        )


def _unreadable(path: str, reason: str) -> ProtocolError:
    return ProtocolError(
        ErrorCode.IMAGE, f"The picture '{path}' cannot be read ({reason}).", "Choose a JPEG, PNG or another picture."
    )
