"""The shipped gallery as it lies in the extension: ids, names, sizes and thumbnails, so that the Asset Browser shows it
before any server has run. The assets themselves are in the project; its server has them in its store.
"""

from __future__ import annotations

import json
import zipfile
from functools import lru_cache
from pathlib import Path
from threading import Thread

import numpy as np

from ..protocol.events import AssetInfo
from ..protocol.wire import from_plain

_INDEX = Path(__file__).parents[1] / "gallery.npz"  # install.py makes it with the extension


@lru_cache(maxsize=1)
def read(path: Path = _INDEX) -> dict[str, tuple[AssetInfo, np.ndarray]]:
    """By id: what lists show, and the thumbnail uint8 [<=128, <=128, 3]. Empty when the extension has no gallery."""
    try:
        with np.load(path, allow_pickle=False) as file:
            entries = json.loads(file["index"].tobytes())
            infos = [from_plain(AssetInfo, entry) for entry in entries]
            return {info.id: (info, file[info.id]) for info in infos}
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return {}


def read_ahead() -> None:
    """Read it in a thread of its own, so that the main thread finds it read."""
    Thread(target=read, name="neural-assets-gallery", daemon=True).start()
