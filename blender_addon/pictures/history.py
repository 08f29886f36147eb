"""The pictures of this and earlier sessions, as PNG files in one folder. No Blender in here.

The folder is its own index: a file's name has the time, the kind and whether it is pinned, its text has the stamp.
So nothing can disagree with the files, and several Blenders may share the folder.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

import numpy as np

from ..protocol.errors import ErrorCode, ProtocolError
from ..whole_file import write_whole
from .picture_text import png_chunk, png_text
from .stamp import KEY, Stamp

KINDS = ("render", "view")
_NAME = re.compile(r"(\d{8}-\d{6}-\d{6})-(render|view)(-pinned)?\.png")
_TIME = "%Y%m%d-%H%M%S-%f"
_MAGIC = b"\x89PNG\r\n\x1a\n"
_LEVEL = 3  # of the compression: quick
_BLOCK = 16  # pixels of a side
_PATIENCE = 3.0  # seconds that Blender may stand still for
_LOSS = 10.0  # levels by which a block of a copy differs at most: 9 of 255 in JPEG, WebP and AVIF of quality 90


@dataclass(frozen=True)
class Entry:
    """One picture. id: sorts by time."""

    id: str
    path: Path
    kind: str
    pinned: bool
    bytes: int

    @property
    def time(self) -> datetime:
        return datetime.strptime(self.id, _TIME)


class History:
    """A folder of pictures. megabytes: the most that it takes; the oldest that are not pinned go first."""

    def __init__(self, folder: Path, megabytes: int = 500) -> None:
        self.folder, self.megabytes = folder, megabytes

    def entries(self) -> list[Entry]:
        """Newest first; other files are left out."""
        found = []
        with suppress(OSError), os.scandir(self.folder) as files:
            for file in files:
                if match := _NAME.fullmatch(file.name):
                    with suppress(OSError):  # another Blender has just deleted it
                        size = file.stat().st_size
                        found.append(Entry(match[1], self.folder / file.name, match[2], match[3] is not None, size))
        return sorted(found, key=lambda entry: entry.id, reverse=True)

    def get(self, name: str) -> Entry:
        """Raises ProtocolError when it is gone."""
        found = next((entry for entry in self.entries() if entry.id == name), None)
        if found is None:
            raise ProtocolError(ErrorCode.IMAGE, "The picture is no longer in the history.", "Choose another one.")
        return found

    def find(self, pixels: np.ndarray) -> Entry | None:
        """The picture of which this is a copy, uint8 sRGB [h, w, 3], whatever file format it has been in; the newest of
        equal ones. What was transparent lies on white or on black. The newest are looked at first, and none after
        `_PATIENCE`."""
        nearest, least, began = None, _LOSS, monotonic()
        for entry in self.entries():
            with suppress(ProtocolError):  # damaged, or just deleted
                if _difference(pixels_of(entry.path, _BLOCK), pixels[:_BLOCK]) < least:  # quickly told
                    difference = _difference(pixels_of(entry.path), pixels)
                    if difference < least:
                        nearest, least = entry, difference
            if least == 0 or monotonic() - began > _PATIENCE:
                break
        return nearest

    def keep(self, pixels: np.ndarray, stamp: Stamp, now: datetime, pinned: bool = False) -> Entry:
        """Write a picture, uint8 sRGB [h, w, 3 or 4], and make room for it; raises ProtocolError when it cannot be."""
        name = self.id_of(now)
        path = self._path(name, "view" if stamp.view else "render", pinned)
        try:
            write_whole(path, encoded(pixels, stamp.to_text()))
            self._make_room()
            return self.get(name)
        except OSError as error:
            raise ProtocolError(
                ErrorCode.DISK,
                f"The picture was not kept in the history ({error.strerror or error}).",
                "Make room on the disk, or delete pictures of the history.",
            ) from None
        except ProtocolError:
            raise ProtocolError(
                ErrorCode.DISK,
                f"The picture was not kept: the history's {self.megabytes} MB are full of pinned ones.",
                "Unpin or delete some, or raise the limit in the preferences.",
            ) from None

    @staticmethod
    def id_of(now: datetime) -> str:
        return now.strftime(_TIME)

    def pin(self, name: str, pinned: bool) -> None:
        """Raises ProtocolError when it is gone."""
        entry = self.get(name)
        entry.path.replace(self._path(name, entry.kind, pinned))

    def delete(self, name: str) -> None:
        self.get(name).path.unlink(missing_ok=True)

    def delete_unpinned(self) -> None:
        for entry in self.entries():
            if not entry.pinned:
                entry.path.unlink(missing_ok=True)

    def _make_room(self) -> None:
        entries = self.entries()
        used = sum(entry.bytes for entry in entries)
        for entry in reversed(entries):
            if used <= self.megabytes * 1_000_000:
                break
            if not entry.pinned:
                entry.path.unlink(missing_ok=True)
                used -= entry.bytes

    def _path(self, name: str, kind: str, pinned: bool) -> Path:
        return self.folder / f"{name}-{kind}{'-pinned' if pinned else ''}.png"


def encoded(pixels: np.ndarray, text: str) -> bytes:
    """A PNG file of uint8 [h, w, 3 or 4] with a stamp's text."""
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">2I5B", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    data = zlib.compress(rows.tobytes(), _LEVEL)
    return (
        _MAGIC + png_chunk(b"IHDR", header) + png_text(KEY, text) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    )


def pixels_of(path: Path, rows: int | None = None) -> np.ndarray:
    """uint8 [h, w, 3 or 4] of a file that `encoded` made; raises ProtocolError for any other. rows: only the first."""
    try:
        data = path.read_bytes()
        width, height, depth, kind = struct.unpack_from(">2I2B", data, 16)
        channels = {2: 3, 6: 4}[kind]
        start = data.index(b"IDAT", 8 + 25)
        (size,) = struct.unpack_from(">I", data, start - 4)
        packed = data[start + 4 : start + 4 + size]
        if rows is None:
            found = zlib.decompress(packed)
        else:
            height = min(rows, height)
            found = zlib.decompressobj().decompress(packed, height * (1 + width * channels))
        lines = np.frombuffer(found, np.uint8).reshape(height, -1)
        if depth != 8 or lines.shape[1] != 1 + width * channels or lines[:, 0].any():
            raise ValueError
        return lines[:, 1:].reshape(height, width, channels)
    except (OSError, ValueError, KeyError, struct.error, zlib.error):
        raise ProtocolError(
            ErrorCode.IMAGE, f"The picture '{path.name}' of the history is damaged.", "Delete it."
        ) from None


def _difference(kept: np.ndarray, copy: np.ndarray) -> float:
    """Mean of the block that differs most, in levels, of a kept picture and one that may be its copy, as `find` has it.

    A format that loses something loses a little everywhere; another picture differs somewhere. Soft edges do not count:
    formats mix them with what lies behind in ways of their own.
    """
    if kept.shape[:2] != copy.shape[:2]:
        return np.inf
    if kept.shape[2] == 3:
        return _worst_block(np.maximum(kept, copy) - np.minimum(kept, copy))
    shown, alpha = kept[..., :3], kept[..., 3:]
    on_grounds = [np.where(alpha == 0, ground, shown) for ground in np.uint8((0, 255))]
    return min(
        _worst_block((np.maximum(each, copy) - np.minimum(each, copy)) * ((alpha == 0) | (alpha == 255)))
        for each in on_grounds
    )


def _worst_block(levels: np.ndarray) -> float:
    """The largest mean of a whole block; levels uint8 [h, w, 3]."""
    down, across = (side // _BLOCK for side in levels.shape[:2])
    rows = levels[: down * _BLOCK, : across * _BLOCK].reshape(down, _BLOCK, -1).sum(1, dtype=np.uint16)
    return float(rows.reshape(down, across, -1).mean(2).max()) / _BLOCK
