"""Blender's images as the contract takes them."""

from __future__ import annotations

import bpy
import numpy as np

from .colour import srgb_from_linear
from .protocol.errors import ErrorCode, ProtocolError


def load(path: str) -> bpy.types.Image:
    """An image data-block of a file; raises ProtocolError when Blender cannot read it, and leaves nothing behind."""
    known = set(bpy.data.images)
    try:
        image = bpy.data.images.load(path, check_existing=True)
    except RuntimeError as error:
        raise _unreadable(path, str(error).strip()) from None
    if min(image.size) == 0:
        if image not in known:
            bpy.data.images.remove(image)
        raise _unreadable(path, "it is no picture, or a damaged one")
    return image


def pixels(image: bpy.types.Image) -> np.ndarray:
    """uint8 sRGB [h, w, 3], top row first; raises ProtocolError when the picture's file is gone."""
    width, height = image.size
    if min(width, height) == 0:
        raise _unreadable(image.filepath or image.name, "the file is gone or no picture")
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    rows = values.reshape(height, width, image.channels)[::-1]
    rows = rows[..., :3] if image.channels >= 3 else np.repeat(rows[..., :1], 3, axis=-1)
    # 8-bit images keep the file's values, deeper ones were made scene-linear when they were loaded
    return srgb_from_linear(rows) if image.is_float else np.round(rows * 255).astype(np.uint8)


def _unreadable(path: str, reason: str) -> ProtocolError:
    return ProtocolError(
        ErrorCode.IMAGE, f"The picture '{path}' cannot be read ({reason}).", "Choose a JPEG, PNG or another picture."
    )
