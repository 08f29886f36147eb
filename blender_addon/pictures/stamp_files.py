"""Where a picture's stamp is kept: as a text in its own file, or in a small JSON file beside it.

Blender writes a render engine's texts into PNG, JPEG and OpenEXR files only. Beside a file of another format, or a
video, lies "picture.tif.neural_assets.json" with the stamps of all its frames and a digest of it, so that the settings
of a picture are never taken for those of another one that was written over it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..protocol.errors import ErrorCode, ProtocolError
from ..whole_file import write_whole
from .picture_text import read_text
from .stamp import KEY, Stamp, damaged

SUFFIX = ".neural_assets.json"
_FORM = 1  # of the file; a higher one is from a newer add-on
_MAX_BYTES = 1 << 28
_PIECES, _PIECE_BYTES = 64, 1 << 15  # what is read of a picture to recognise it


def of_file(path: Path, frame: int = 0) -> Stamp:
    """Of a picture's file, of what lies beside it, or of such a file itself; raises ProtocolError when there is none.

    frame: of a video, which of its frames; the nearest that it has.
    """
    if path.suffix.lower() == ".json":
        return Stamp.from_plain(_nearest(_read(path)["stamps"], frame))
    text = read_text(path, KEY)
    if text is not None:
        return Stamp.from_text(text)
    kept = beside(path)
    if not kept.is_file():
        raise ProtocolError(
            ErrorCode.IMAGE,
            f"'{path.name}' holds no settings of Neural Assets, and no '{kept.name}' lies beside it.",
            "Choose a picture that was rendered with it, or restore one of the history.",
        )
    values = _read(kept)
    if values["picture"] != _digest(path):
        raise ProtocolError(
            ErrorCode.IMAGE,
            f"'{path.name}' was changed since its settings were written.",
            f"Choose '{kept.name}' to load them all the same.",
        )
    return Stamp.from_plain(_nearest(values["stamps"], frame))


def beside(picture: Path) -> Path:
    """The file that keeps the settings of a picture's file, or of a video's."""
    return picture.with_name(picture.name + SUFFIX)


def write_beside(picture: Path, stamps: Sequence[str]) -> None:
    """Keep the stamps' texts, one for each frame, beside a file that was written; raises ProtocolError."""
    kept = beside(picture)
    try:
        head = json.dumps({"form": _FORM, "picture": _digest(picture)})[:-1]
        write_whole(kept, (f'{head}, "stamps": [\n' + ",\n".join(stamps) + "\n]}\n").encode())
    except OSError as error:
        raise ProtocolError(
            ErrorCode.DISK,
            f"The picture is saved, but the settings that made it cannot be written into '{kept.parent}' "
            f"({error.strerror or error}).",
            "Make room or choose another output folder; PNG, JPEG and OpenEXR files hold their settings themselves.",
        ) from None


def _read(path: Path) -> dict[str, Any]:
    """The values of a file that lies beside a picture; raises ProtocolError."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["form"] > _FORM:
            raise ProtocolError(ErrorCode.VERSION, "The settings are from a newer add-on.", "Update this one.")
        return {"picture": values["picture"], "stamps": values["stamps"]}
    except ProtocolError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = "the file is damaged"
    raise ProtocolError(
        ErrorCode.IMAGE, f"The settings in '{path.name}' cannot be read ({reason}).", "Choose another picture."
    )


def _nearest(stamps: Any, frame: int) -> Any:
    """The plain stamp whose frame is nearest; raises ProtocolError."""
    try:
        return min(stamps, key=lambda stamp: abs(stamp["frame"] - frame))
    except (ValueError, KeyError, TypeError):
        raise damaged("no frame") from None


def _digest(picture: Path) -> str:
    """Of a file's size and of 64 pieces of 32 KiB, spread evenly from its start to its end, however large a video is.

    So a file of up to 2 MiB is read whole; of a larger one a change that keeps the size and lies between two pieces is
    not noticed. Empty for a video that Blender split into several files.
    """
    if not picture.is_file():
        return ""
    with open(picture, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        found = hashlib.sha256(str(size).encode())
        for n in range(_PIECES):
            file.seek(max(0, size - _PIECE_BYTES) * n // (_PIECES - 1))
            found.update(file.read(_PIECE_BYTES))
    return found.hexdigest()
