"""Frames' files: room on the disk for one, and whether one is whole.

Blender says nothing when a disk is full: it writes empty files and calls the animation finished. So every frame that
will be written without somebody watching is refused before it is rendered when there is no room for its file.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ..pictures.picture_text import EXR, exr_is_whole
from ..protocol.errors import ErrorCode, ProtocolError

_BYTES_PER_PIXEL = 16  # four 32-bit floats: the largest that Blender writes for one layer
_RESERVE = 1 << 20
_ENDS = {b"\x89PNG": b"IEND", b"\xff\xd8": b"\xff\xd9"}  # first and last bytes of formats that have both


def require_room(path: Path, width: int, height: int) -> None:
    """Raises ProtocolError when the disk of `path`, a file to be written, has no room for a picture of this size."""
    folder = next((parent for parent in path.parents if parent.exists()), None)
    if folder is None:
        return  # Blender has a sentence of its own for folders that cannot be made
    needed, free = width * height * _BYTES_PER_PIXEL + _RESERVE, shutil.disk_usage(folder).free
    if free < needed:
        raise ProtocolError(
            ErrorCode.DISK,
            f"The disk of '{folder}' has {free / 1e6:.1f} MB left, and the frame may need {needed / 1e6:.1f} MB.",
            "Make room, or choose another output folder.",
        )


def is_whole(path: Path) -> bool:
    """Whether a picture's file is there and was written to its end, as far as its format tells.

    A Blender that was killed leaves empty placeholders and files that break off.
    """
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(8)
            file.seek(max(0, size - 12))
            end = file.read(12)
    except OSError:
        return False
    for magic, last in _ENDS.items():
        if start.startswith(magic):
            return last in end
    return exr_is_whole(path) if start.startswith(EXR) else size > 0
