"""Frames through a pipe between the server's two processes: counts and lengths, then the bytes. No pickle."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO

_COUNT = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")


def write_frames(pipe: BinaryIO, frames: Sequence[bytes | memoryview]) -> None:
    """All of a message; raises OSError when the other side is gone."""
    head = b"".join([_COUNT.pack(len(frames)), *(_LENGTH.pack(memoryview(f).nbytes) for f in frames)])
    pipe.write(head)
    for frame in frames:
        pipe.write(frame)
    pipe.flush()


def read_frames(pipe: BinaryIO) -> list[bytes] | None:
    """The next message; None when the other side is gone."""
    head = pipe.read(_COUNT.size)
    if len(head) < _COUNT.size:
        return None
    count = _COUNT.unpack(head)[0]
    lengths = pipe.read(_LENGTH.size * count)
    if len(lengths) < _LENGTH.size * count:
        return None
    frames = []
    for (length,) in _LENGTH.iter_unpack(lengths):
        frame = pipe.read(length)
        if len(frame) < length:
            return None
        frames.append(frame)
    return frames
