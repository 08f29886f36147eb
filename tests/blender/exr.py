"""A reader of uncompressed 32-bit OpenEXR files, one part or several: Blender gives a script no pixels of those."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_MULTI_PART = 0x1000


def channels(path: Path) -> dict[str, np.ndarray]:
    """Every channel by its full name, float32 [h, w], top row first."""
    data = path.read_bytes()
    version, parts, position = _headers(data)
    found: dict[str, np.ndarray] = {}
    for number, part in enumerate(parts):
        assert part["compression"] == b"\0", "write it with codec NONE"
        left, top, right, bottom = struct.unpack("<4i", part["dataWindow"])
        names, width, height = _names(part["channels"]), right - left + 1, bottom - top + 1
        offsets = struct.unpack_from(f"<{height}Q", data, position)
        position += 8 * height
        rows = np.empty((height, len(names), width), np.float32)
        for offset in offsets:
            if version & _MULTI_PART:
                assert struct.unpack_from("<i", data, offset) == (number,)
                offset += 4
            y, _ = struct.unpack_from("<2i", data, offset)
            rows[y - top] = np.frombuffer(data, "<f4", len(names) * width, offset + 8).reshape(len(names), width)
        found |= {name: rows[:, index] for index, name in enumerate(names)}
    return found


def as_when_killed(data: bytes) -> bytes:
    """A file as it is before its table of offsets, which ends where the first pixels begin, is filled in."""
    _, _, start = _headers(data)
    (end,) = struct.unpack_from("<Q", data, start)
    return data[:start] + bytes(end - start) + data[end:]


def _headers(data: bytes) -> tuple[int, list[dict[str, bytes]], int]:
    """Version with flags, the attributes of every part, and where the table of offsets begins."""
    (version,), position, parts = struct.unpack_from("<i", data, 4), 8, []
    while True:
        part, position = _header(data, position)
        if part:
            parts.append(part)
        if not part or not version & _MULTI_PART:
            return version, parts, position


def _header(data: bytes, position: int) -> tuple[dict[str, bytes], int]:
    attributes = {}
    while data[position]:
        name_end = data.index(0, position)
        kind_end = data.index(0, name_end + 1)
        (size,) = struct.unpack_from("<i", data, kind_end + 1)
        attributes[data[position:name_end].decode()] = data[kind_end + 5 : kind_end + 5 + size]
        position = kind_end + 5 + size
    return attributes, position + 1


def _names(listed: bytes) -> list[str]:
    names, position = [], 0
    while listed[position]:
        end = listed.index(0, position)
        assert struct.unpack_from("<i", listed, end + 1) == (2,), "write it with 32 bits"
        names.append(listed[position:end].decode())
        position = end + 17
    return names
