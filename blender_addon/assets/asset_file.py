"""Asset files (.safetensors) as the add-on sees them: bytes for the server, and the heading that says whose they are.

No Blender in here. Nothing in a file is trusted: the server checks it whole before it is in the store.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from ..protocol.errors import ErrorCode, ProtocolError
from ..whole_file import write_whole

SUFFIX = ".safetensors"
_ENTRY = "neural_asset"  # of the safetensors header: JSON text
_MOST_HEADER, _MOST_BYTES = 1 << 24, 1 << 30


@dataclass(frozen=True)
class Heading:
    """What a file says of itself. kind: "object" or "background"."""

    name: str
    kind: str


def heading(path: Path) -> Heading:
    """Reads only the file's header; raises ProtocolError for what is no asset."""
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MOST_HEADER:
                raise ValueError("header")
            entry = json.loads(json.loads(file.read(length))["__metadata__"][_ENTRY])
            return Heading(str(entry["name"]), str(entry["kind"]))
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, KeyError, TypeError, struct.error, RecursionError) as error:
        raise ProtocolError(
            ErrorCode.ASSET_DAMAGED, f"'{path.name}' is no Neural Asset.", "Choose an asset's .safetensors file."
        ) from error


def read(path: Path) -> bytes:
    """A whole file; raises ProtocolError."""
    heading(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ProtocolError(ErrorCode.TOO_LARGE, f"'{path.name}' is larger than any asset.", "Choose another file.")
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def write(path: Path, data: bytes) -> None:
    """A new file, whole or not at all, in a folder that is made; raises ProtocolError."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise ProtocolError(
            ErrorCode.DISK, f"'{path}' was not written ({error.strerror}).", "Free space, or choose another folder."
        ) from error


def _unreadable(path: Path, error: OSError) -> ProtocolError:
    return ProtocolError(
        ErrorCode.ASSET_MISSING, f"'{path}' cannot be read ({error.strerror}).", "Check the file and its folder."
    )
