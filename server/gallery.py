"""Which assets of a store came with the program: what was brought once, so that it is not brought again."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from model.asset_files import write_whole
from model.assets import Asset, load_asset
from model.errors import NeuralAssetsError

from .asset_folder import SUFFIX
from .protocol.events import AssetInfo

_log = logging.getLogger(__name__)
_NAME = "gallery.json"
TAG = "gallery"


class Gallery:
    """The record in a store's folder: of every file that was brought its size, date and asset id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._brought: dict[str, tuple[tuple[int, int], str]] = {}
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
            entries = json.loads((folder / _NAME).read_text())
            self._brought = {k: ((int(e["stamp"][0]), int(e["stamp"][1])), str(e["id"])) for k, e in entries.items()}

    def tagged(self, info: AssetInfo) -> AssetInfo:
        return replace(info, tags=(TAG,)) if self.had(info.id) else info

    def had(self, identifier: str) -> bool:
        """Whether it was brought, whatever became of it."""
        return any(identifier == brought for _, brought in self._brought.values())

    def news(self, shipped: Path) -> Iterator[tuple[Path, bytes, Asset]]:
        """Files of the folder that are new or changed. A folder that is not there has none."""
        for path in sorted(shipped.glob(f"*{SUFFIX}")):
            known = self._brought.get(path.name)
            if known is not None and known[0] == stamp(path):
                continue
            try:
                yield path, path.read_bytes(), load_asset(path)
            except (NeuralAssetsError, OSError) as error:
                _log.warning("left out of the gallery: %s", error)

    def note(self, path: Path, identifier: str) -> None:
        """It was brought; raises AssetFileError."""
        self._brought[path.name] = (stamp(path), identifier)
        entries = {name: {"stamp": seen, "id": brought} for name, (seen, brought) in self._brought.items()}
        write_whole(self.folder / _NAME, json.dumps(entries).encode())


def stamp(path: Path) -> tuple[int, int]:
    """(bytes, mtime) of a file, by which a change is noticed."""
    with suppress(FileNotFoundError):
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    return 0, 0
