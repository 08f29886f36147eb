"""The container of asset files: a checked JSON header, safe reading, whole writing."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from .errors import AssetFileError

FORMAT_VERSION = 1
HEADER = "neural_asset"  # the entry of the safetensors header that holds the JSON text
MAX_FILE_BYTES = 1 << 30


def read(path: Path, only: str | None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The checked header and the tensors (or the one named) of a file."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise AssetFileError(f"'{path.name}' is larger than any asset: choose another file.")
        with safe_open(path, framework="numpy") as file:
            header = _header(path, (file.metadata() or {}).get(HEADER))
            names = [name for name in file.keys() if only in (None, name)]
            return header, {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise AssetFileError(f"There is no file '{path}': choose another one.") from None
    except SafetensorError as error:
        raise AssetFileError(f"'{path.name}' is no asset or is cut short: export it again.") from error
    except (OSError, MemoryError) as error:
        raise AssetFileError(f"'{path.name}' cannot be read ({error}): check the file and its folder.") from error
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        if isinstance(error, AssetFileError):
            raise
        raise damaged(path) from error


def _header(path: Path, text: str | None) -> dict[str, Any]:
    if text is None:
        raise AssetFileError(f"'{path.name}' is a safetensors file but no Neural Asset: choose an asset file.")
    try:
        header = json.loads(text)
        version, kind = header["version"], header["kind"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise damaged(path) from None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise damaged(path)
    if version > FORMAT_VERSION:
        raise AssetFileError(
            f"'{path.name}' has format {version} and this program reads up to {FORMAT_VERSION}: update the program."
        )
    if kind not in ("object", "background"):
        raise AssetFileError(f"'{path.name}' holds neither an object nor a background: choose an asset file.")
    return header


def damaged(path: Path) -> AssetFileError:
    return AssetFileError(f"'{path.name}' is a damaged asset: export it again.")


def write_whole(path: Path, data: bytes) -> None:
    """Write beside `path`, flush to disk, then move over it; a failure leaves what was there
    before.
    """
    name = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException as error:
        if name:
            with suppress(OSError):
                os.unlink(name)
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise AssetFileError(
                f"'{path}' was not written ({reason}): free space or choose another folder."
            ) from error
        raise
