"""Files that appear whole or not at all. No Blender in here."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, in a folder that is made where there is none; it is on the disk when this returns.

    When several write the same file at once it becomes one of theirs, whole. Raises OSError; what the file held before
    is then as it was, and nothing lies beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name[:40]}.{uuid.uuid4().hex}.part")  # not `tempfile`: others may read the file
    try:
        with open(part, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
