"""What an asset must hold to be usable: checks that return a clean copy or raise AssetFileError."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import AssetFileError, BoxError
from .scene import Box

MAX_PIXELS = 8192  # per side of a stored picture
MAX_TEXT = 4096  # characters of a name or of one provenance entry
MAX_ENTRIES = 64  # of provenance
MAX_CHANNELS = 1 << 14  # of an appearance token
MAX_RELIEF = 2.0  # times the height of the camera above the floor, as nearness


def picture(value: Any, what: str) -> np.ndarray:
    """uint8 [h, w, 3] of 1 to 8192 pixels a side."""
    array = _array(value, what)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise AssetFileError(f"{what} is {array.dtype} {array.shape} instead of uint8 (h, w, 3).")
    if not (1 <= min(array.shape[:2]) and max(array.shape[:2]) <= MAX_PIXELS):
        raise AssetFileError(f"{what} has a side outside 1 to {MAX_PIXELS} pixels.")
    return array


def plane(
    value: Any, shape: tuple[int, ...], dtypes: tuple[type, ...], most: float, what: str, least: float = 0
) -> np.ndarray:
    """[h, w] of the given shape, of one of `dtypes`, finite and within least..most."""
    array = _array(value, what)
    if array.dtype not in [np.dtype(dtype) for dtype in dtypes] or array.shape != shape:
        raise AssetFileError(f"{what} is {array.dtype} {array.shape}: it does not fit its picture.")
    if not ((array >= least) & (array <= most)).all():
        raise AssetFileError(f"{what} holds values outside {least:g} to {most:g}.")
    return array


def relief(value: Any, what: str) -> np.ndarray:
    """float16 [h, w], between -2 and 2, on a grid over the whole of a picture."""
    array = _array(value, what)
    if array.dtype != np.float16 or array.ndim != 2 or not 1 <= min(array.shape) <= max(array.shape) <= MAX_PIXELS:
        raise AssetFileError(f"{what} is {array.dtype} {array.shape} instead of float16 (h, w).")
    return plane(array, array.shape, (np.float16,), MAX_RELIEF, what, least=-MAX_RELIEF)


def floats(value: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """float32 of the given shape, all finite."""
    array = _array(value, what, np.float32)
    if array.shape != shape or not np.isfinite(array).all():
        raise AssetFileError(f"{what} must be finite numbers of shape {shape}.")
    return array


def rectangle(value: Any, what: str) -> np.ndarray:
    """float32 (u0, v0, u1, v1), of some extent, within 0..1."""
    array = floats(value, (4,), what)
    if not ((array >= 0) & (array <= 1)).all() or not (array[:2] < array[2:]).all():
        raise AssetFileError(f"{what} is {array.tolist()}: no part of a picture.")
    return array


def tokens(value: Any, leading: tuple[int, ...]) -> np.ndarray:
    """Appearance tokens, float32 [*leading, C]."""
    array = _array(value, "The appearance", np.float32)
    fits = array.shape[:-1] == leading and array.ndim == len(leading) + 1
    if not fits or not 1 <= array.shape[-1] <= MAX_CHANNELS:
        raise AssetFileError(f"The appearance has shape {array.shape}, not {(*leading, 'C')}.")
    return floats(array, array.shape, "The appearance")


def box(pose: Any, size: Any, what: str) -> Box:
    """A rigid pose [4, 4] and extents [3] in metres."""
    try:
        return Box(pose, size).checked(what)
    except BoxError as error:
        raise AssetFileError(str(error)) from None


def texts(name: Any, provenance: Any, encoder: Any) -> tuple[str, dict[str, str], str]:
    """Name, provenance entries and encoder fingerprint: short texts."""
    entries = dict(provenance or {})
    every = [name, encoder, *entries, *entries.values()]
    if len(entries) > MAX_ENTRIES or not all(isinstance(t, str) and len(t) <= MAX_TEXT for t in every):
        raise AssetFileError(f"Name, encoder and provenance must be texts of at most {MAX_TEXT} characters.")
    return name, entries, encoder


def _array(value: Any, what: str, dtype: type | None = None) -> np.ndarray:
    try:
        return np.array(value, dtype)
    except (TypeError, ValueError):
        raise AssetFileError(f"{what} must be numbers.") from None
