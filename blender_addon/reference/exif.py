"""The focal length and the orientation that a camera wrote into its JPEG (Exif 2.32, tags of the image and of the
picture taken).

Anything unreadable counts as not there: then the artist is asked for the lens, and sees whether the picture stands.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_ORIENTATION, _EXIF_POINTER, _FOCAL, _FOCAL_35 = 0x0112, 0x8769, 0x920A, 0xA405
_PLANE_X_RESOLUTION, _PLANE_UNIT, _PIXEL_WIDTH = 0xA20E, 0xA210, 0xA002
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0}  # inch, centimetre, millimetre
_DIAGONAL_35 = (36.0**2 + 24.0**2) ** 0.5
_MAX_HEADER = 1 << 20


def focal_length_35mm(path: str | os.PathLike[str], width: int, height: int) -> float | None:
    """Focal length in mm on a 36 mm wide sensor, for a picture of `width` x `height` pixels; None when not told.

    The 35 mm equivalent compares diagonals, so that it is converted for pictures of other shapes than 3:2.
    """
    tags = _exif_tags(Path(path))
    equivalent = tags.get(_FOCAL_35, 0)
    if equivalent > 0:
        return float(equivalent * (width**2 + height**2) ** 0.5 / _DIAGONAL_35 * 36.0 / max(width, height))
    focal, density, unit = tags.get(_FOCAL, 0), tags.get(_PLANE_X_RESOLUTION, 0), tags.get(_PLANE_UNIT, 2)
    pixels = tags.get(_PIXEL_WIDTH, 0)
    if focal > 0 and density > 0 and pixels > 0 and unit in _UNIT_MM:
        return float(focal * 36.0 / (pixels / density * _UNIT_MM[unit]))
    return None


def orientation(path: str | os.PathLike[str]) -> int:
    """How the picture's rows lie in the file, 1 to 8 as Exif counts: 1 is upright, 6 wants a quarter turn clockwise."""
    told = _exif_tags(Path(path)).get(_ORIENTATION, 1)
    return int(told) if told in range(1, 9) else 1


def _exif_tags(path: Path) -> dict[int, float]:
    """Numeric tags of the first image directory and of the Exif directory; empty when there are none."""
    try:
        return _read_tags(path)
    except (OSError, ValueError, struct.error, IndexError):
        return {}


def _read_tags(path: Path) -> dict[int, float]:
    with path.open("rb") as file:
        data = file.read(_MAX_HEADER)
    start = _exif_block(data)
    block = data[start:]
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        raise ValueError("no byte order")
    tags = _directory(block, order, struct.unpack_from(order + "I", block, 4)[0])
    if _EXIF_POINTER in tags:
        tags |= _directory(block, order, int(tags[_EXIF_POINTER]))
    return tags


def _exif_block(data: bytes) -> int:
    """Offset of the TIFF structure inside a JPEG's APP1 segment."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    position = 2
    while data[position] == 0xFF and data[position + 1] not in (0xDA, 0xD9):  # until the scan or the end
        length = struct.unpack_from(">H", data, position + 2)[0]
        if data[position + 1] == 0xE1 and data[position + 4 : position + 10] == b"Exif\0\0":
            return position + 10
        position += 2 + length
    raise ValueError("no Exif")


def _directory(block: bytes, order: str, offset: int) -> dict[int, float]:
    tags = {}
    for index in range(struct.unpack_from(order + "H", block, offset)[0]):
        tag, kind, count = struct.unpack_from(order + "HHI", block, offset + 2 + 12 * index)
        value = offset + 2 + 12 * index + 8
        if count != 1:
            continue
        if kind == 3:  # short
            tags[tag] = struct.unpack_from(order + "H", block, value)[0]
        elif kind == 4:  # long
            tags[tag] = struct.unpack_from(order + "I", block, value)[0]
        elif kind == 5:  # rational
            over, under = struct.unpack_from(order + "II", block, struct.unpack_from(order + "I", block, value)[0])
            tags[tag] = over / under if under else 0.0
    return tags
