"""Texts that pictures carry: in PNG, JPEG and OpenEXR files, the three into which Blender writes them.

Blender gives scripts no way to read them. Only the headers are read, never the pixels; whatever is in the file, the
end is a text, None, or a ProtocolError.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..protocol.errors import ErrorCode, ProtocolError

_PNG, _JPEG, EXR = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"v/1\x01"
FORMATS = ("PNG", "JPEG", "OPEN_EXR", "OPEN_EXR_MULTILAYER")  # as Blender names them
MAX_TEXT = 1 << 20  # bytes of one text
_EXR_PARTS = 0x1000  # a flag
_MAX_NAME = 256  # bytes of an OpenEXR attribute's name


def read_text(path: Path, key: str) -> str | None:
    """A picture's text with this key, None when it has none, as all files of other formats; raises ProtocolError."""
    try:
        with open(path, "rb") as file:
            start = file.read(8)
            for magic, texts in ((_PNG, _of_png), (_JPEG, _of_jpeg), (EXR, _of_exr)):
                if start.startswith(magic):
                    file.seek(len(magic))
                    return next((_decoded(text) for name, text in texts(file) if name == key.encode()), None)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except (EOFError, ValueError, struct.error, zlib.error):
        raise _unreadable(path, "the file is damaged") from None
    return None


def png_text(key: str, text: str) -> bytes:
    """A PNG chunk with a text, as Blender writes it."""
    return png_chunk(b"tEXt", key.encode() + b"\0" + text.encode())


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _of_png(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while True:
        size, kind = struct.unpack(">I4s", _exactly(file, 8))
        if kind == b"IEND":
            return
        if kind in (b"tEXt", b"zTXt", b"iTXt") and size <= MAX_TEXT:
            data = _exactly(file, size)
            if zlib.crc32(kind + data) != struct.unpack(">I", _exactly(file, 4))[0]:
                raise ValueError("a wrong checksum")
            key, text = data.split(b"\0", 1)
            yield key, _png_value(kind, text)
        else:
            file.seek(size + 4, 1)


def _png_value(kind: bytes, text: bytes) -> bytes:
    """What follows the key."""
    if kind == b"tEXt":
        return text
    if kind == b"zTXt":
        return _inflated(text[1:])
    packed, (_, _, text) = text[:1] == b"\1", text[2:].split(b"\0", 2)  # language, translated key, text
    return _inflated(text) if packed else text


def _of_jpeg(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Comments of the form "Blender:KEY:TEXT"."""
    while True:
        lead, marker = _exactly(file, 2)
        if lead != 0xFF:
            raise ValueError("no marker")
        if marker in (0xD9, 0xDA):  # the end, or the pixels
            return
        if marker == 0xFF:  # filling
            file.seek(-1, 1)
            continue
        (size,) = struct.unpack(">H", _exactly(file, 2))
        data = _exactly(file, max(0, size - 2))
        if marker == 0xFE and data.startswith(b"Blender:"):
            key, _, text = data[8:].partition(b":")
            yield key, text


def exr_is_whole(path: Path) -> bool:
    """Whether an OpenEXR file has its table of offsets, which is filled in when all else is written."""
    try:
        with open(path, "rb") as file:
            file.seek(len(EXR))
            (flags,) = struct.unpack("<i", _exactly(file, 4))
            while list(_exr_header(file)):  # one header, or several and an empty one
                if not flags & _EXR_PARTS:
                    break
            return any(_exactly(file, 8))
    except (OSError, EOFError, ValueError, struct.error):
        return False


def _of_exr(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Attributes of the first part."""
    _exactly(file, 4)  # version and flags
    yield from _exr_header(file)


def _exr_header(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The names of all attributes; the texts of those that are texts, up to a length."""
    while name := _until_zero(file):
        kind = _until_zero(file)
        (size,) = struct.unpack("<i", _exactly(file, 4))
        if size < 0:
            raise ValueError("a negative size")
        if kind == b"string" and size <= MAX_TEXT:
            yield name, _exactly(file, size)
        else:
            file.seek(size, 1)
            yield name, b""


def _until_zero(file: BinaryIO) -> bytes:
    found = bytearray()
    while (letter := _exactly(file, 1)) != b"\0":
        found += letter
        if len(found) > _MAX_NAME:
            raise ValueError("an endless name")
    return bytes(found)


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, MAX_TEXT)


def _decoded(text: bytes) -> str:
    return text.rstrip(b"\0").decode("utf-8")


def _unreadable(path: Path, reason: str) -> ProtocolError:
    return ProtocolError(
        ErrorCode.IMAGE,
        f"The settings of '{path.name}' cannot be read ({reason}).",
        "Choose a picture that was rendered with Neural Assets.",
    )
