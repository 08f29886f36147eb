"""Numbers, matrices and texts checked once, in plain Python: fast enough for every redraw of a viewport."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import ErrorCode, ProtocolError
from .limits import MAX_METRES, MAX_NAME, MAX_PROVENANCE, MAX_TEXT

_RIGID_TOLERANCE = 1e-3
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")


def floats(value: Any, count: int, code: ErrorCode, what: str, most: float = MAX_METRES) -> tuple[float, ...]:
    """`count` finite numbers from any nesting (tuples, numpy, Blender's matrices), row by row."""
    is_flat = type(value) is tuple and set(map(type, value)) == {float}  # the add-on's way
    try:
        flat = value if is_flat else tuple(_flat(value))
    except (TypeError, ValueError):
        raise ProtocolError(code, f"{what} must be {count} numbers.", "Send numbers.") from None
    if len(flat) != count:
        raise ProtocolError(code, f"{what} has {len(flat)} numbers instead of {count}.", "Send all of them.")
    if not (-most <= min(flat) and max(flat) <= most and math.isfinite(sum(flat))):  # NaN shows in the sum
        raise ProtocolError(
            code, f"{what} holds a value that is not finite or beyond {most:g}.", "Reset the transform."
        )
    return flat


def _flat(value: Any) -> Iterable[float]:
    for item in value:
        if isinstance(item, (float, int)) and not isinstance(item, bool):
            yield float(item)
        elif isinstance(item, np.number):
            yield float(item)
        elif isinstance(item, (str, bytes, bool)) or item is None:
            raise TypeError
        else:
            yield from _flat(item)


def rigid(matrix: tuple[float, ...], code: ErrorCode, what: str) -> None:
    """Refuses shear, scale, mirroring and projections in a row-major 4x4."""
    a, b, c, _, d, e, f, _, g, h, i, _ = matrix[:12]
    products = (
        a * a + b * b + c * c - 1, d * d + e * e + f * f - 1, g * g + h * h + i * i - 1,
        a * d + b * e + c * f, a * g + b * h + c * i, d * g + e * h + f * i,
    )  # fmt: skip
    if max(map(abs, products)) > _RIGID_TOLERANCE:
        raise ProtocolError(code, f"{what} holds shear or scale.", "Apply the scale and remove the shear.")
    if a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0:
        raise ProtocolError(code, f"{what} is mirrored.", "Undo the negative scale.")
    if max(abs(x - y) for x, y in zip(matrix[12:], (0, 0, 0, 1), strict=True)) > _RIGID_TOLERANCE:
        raise ProtocolError(code, f"{what} is not a rigid transform.", "Its last row must be 0 0 0 1.")


def number(value: Any, least: float, most: float, code: ErrorCode, what: str) -> float:
    """A finite number within bounds."""
    ok = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not ok or not math.isfinite(value) or not least <= value <= most:
        raise ProtocolError(code, f"{what} of {value!r} is outside {least:g} to {most:g}.", "Change it.")
    return float(value)


def whole(value: Any, least: int, most: int, code: ErrorCode, what: str) -> int:
    """A whole number within bounds."""
    ok = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not ok or not least <= value <= most:
        raise ProtocolError(code, f"{what} of {value!r} is outside {least} to {most}.", "Change it.")
    return int(value)


def name(value: Any, what: str) -> str:
    """One line of text, 1 to 120 characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME or not value.isprintable():
        raise ProtocolError(
            ErrorCode.MALFORMED, f"{what} must be one line of 1 to {MAX_NAME} characters.", "Give another name."
        )
    return value


def identifier(value: Any, code: ErrorCode, what: str) -> str:
    """An id as the server gives them: letters, digits, - and _, so that it is safe as a file name."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise ProtocolError(code, f"{what} {str(value)[:80]!r} is not an id.", "Choose it from the list again.")
    return value


def provenance(value: Any) -> dict[str, str]:
    """Free text entries such as source and licence."""
    ok = isinstance(value, dict) and len(value) <= MAX_PROVENANCE
    if not ok or not all(isinstance(t, str) and len(t) <= MAX_TEXT for pair in value.items() for t in pair):
        raise ProtocolError(
            ErrorCode.MALFORMED,
            f"Provenance must be at most {MAX_PROVENANCE} pairs of texts up to {MAX_TEXT} characters.",
            "Shorten it.",
        )
    return dict(value)


def image(value: Any, least: int, most: int, what: str) -> np.ndarray:
    """uint8 [H, W, 3], contiguous, sides within bounds."""
    ok = isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] == 3
    if not ok:
        raise ProtocolError(
            ErrorCode.IMAGE, f"{what} must be an 8-bit RGB array of shape (height, width, 3).", "Convert it first."
        )
    height, width = value.shape[:2]
    if min(height, width) < least or max(height, width) > most:
        raise ProtocolError(
            ErrorCode.IMAGE, f"{what} is {width} x {height} pixels, sides must be {least} to {most}.", "Resize it."
        )
    return np.ascontiguousarray(value)
