"""The store of assets: files in a folder, and an index so that a list needs no files.

The files are the truth; the index is made again from them when it is missing or old. Used by one thread at a time.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from model.asset_files import write_whole
from model.assets import BackgroundAsset, NeuralAsset, load_asset, load_thumbnail, merge_views, save_asset
from model.errors import NeuralAssetsError

from .asset_folder import SUFFIX, asset_id, asset_info, missing, read_info, write_asset
from .gallery import Gallery, stamp
from .protocol.errors import ErrorCode, ProtocolError
from .protocol.events import AssetInfo, Mask
from .protocol.limits import Limits
from .protocol.wire import from_plain

_log = logging.getLogger(__name__)
_INDEX = "index.json"
_INDEX_FORM = 2  # counted up when entries say more: an older index is made again from the files


class AssetStore:
    """Opens (or makes) the folder. Methods raise ProtocolError, AssetFileError or BoxError, and OSError."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob(".*.part"):
            left_over.unlink(missing_ok=True)
        self.infos: dict[str, AssetInfo] = {}
        self._stamps: dict[str, tuple[int, int]] = {}  # (bytes, mtime) of each file
        self.gallery = Gallery(folder)
        self._read_files(self._read_index())
        self._write_index()

    @property
    def bytes(self) -> int:
        return sum(size for size, _ in self._stamps.values())

    def path(self, identifier: str) -> Path:
        """Of an asset that is there; raises ProtocolError (asset_missing)."""
        if identifier not in self.infos:
            raise missing(identifier)
        path = self.folder / f"{identifier}{SUFFIX}"
        if not path.exists():
            self._forget(identifier)
            raise missing(identifier)
        return path

    def list(self) -> tuple[AssetInfo, ...]:
        """By name."""
        infos = sorted(self.infos.values(), key=lambda info: (info.name.casefold(), info.id))
        return tuple(map(self.gallery.tagged, infos))

    def bring_gallery(self, shipped: Path) -> None:
        """A copy of each asset in a folder that came with the program, the first time that its file is seen: here it
        is renamed and deleted like any other, and does not come back."""
        for path, data, asset in self.gallery.news(shipped):
            try:
                identifier = asset_id(asset)
                if identifier not in self.infos and not self.gallery.had(identifier):
                    self.require_room()
                    require_free(self.folder, self.limits, self.bytes)
                    write_whole(self.folder / f"{identifier}{SUFFIX}", data)
                    self.written([asset_info(identifier, asset)])
                self.gallery.note(path, identifier)
            except (NeuralAssetsError, ProtocolError, OSError) as error:
                _log.warning("the gallery's %s is left out: %s", path.name, error)

    def require(self, objects: Iterable[str], backgrounds: Iterable[str]) -> None:
        """Refuses ids that are not there."""
        for identifier in {*objects, *backgrounds}:
            self.path(identifier)

    def require_room(self, new: int = 1) -> None:
        """Refuses more assets than the limits allow."""
        if len(self.infos) + new > self.limits.assets:
            raise ProtocolError(
                ErrorCode.DISK,
                f"The store has {len(self.infos)} assets and {self.limits.assets} are the most (limit 'assets').",
                "Delete some, or start the server with a higher limit.",
            )

    def thumbnail(self, identifier: str):
        """uint8 [<=128, <=128, 3]."""
        return load_thumbnail(self.path(identifier))[0]

    def mask(self, identifier: str) -> Mask:
        """What the newest view takes for the object; of a background, where objects stood."""
        asset = load_asset(self.path(identifier))
        if isinstance(asset, BackgroundAsset):
            return Mask(0, identifier, asset.image, asset.mask, (0.0, 0.0, 1.0, 1.0))
        view = asset.views[-1]
        rectangle = () if view.rectangle is None else tuple(map(float, view.rectangle))
        return Mask(0, identifier, view.image, np.round(view.mask).astype(np.uint8), rectangle)

    def export(self, identifier: str) -> bytes:
        return self.path(identifier).read_bytes()

    def add(self, data: bytes) -> AssetInfo:
        """A file's bytes; checked whole before they are in the store."""
        self.require_room()
        with tempfile.TemporaryDirectory(prefix=".import.", suffix=".part", dir=self.folder) as folder:
            path = Path(folder, f"imported{SUFFIX}")
            path.write_bytes(data)
            asset = load_asset(path)
        identifier = asset_id(asset)
        if identifier not in self.infos:
            self.written([write_asset(self.folder, asset)])
        return self.gallery.tagged(self.infos[identifier])

    def rename(self, identifier: str, name: str) -> AssetInfo:
        path = self.path(identifier)
        asset = replace(load_asset(path), name=name)
        save_asset(path, asset)
        info = asset_info(identifier, asset)
        self.written([info])
        return self.gallery.tagged(info)

    def delete(self, identifier: str) -> None:
        self.path(identifier).unlink()
        self._forget(identifier)

    def merge(self, first: str, second: str) -> AssetInfo:
        """A new asset; both old ones stay."""
        self.require_room()
        assets = [load_asset(self.path(identifier)) for identifier in (first, second)]
        objects = [asset for asset in assets if isinstance(asset, NeuralAsset)]
        if len(objects) != 2:
            raise ProtocolError(ErrorCode.SCENE, "A background cannot be merged.", "Choose two objects.")
        info = write_asset(self.folder, merge_views(*objects))
        self.written([info])
        return info

    def written(self, infos: Iterable[AssetInfo]) -> None:
        """Take note of files that are new or changed."""
        for info in infos:
            self.infos[info.id] = info
            self._stamps[info.id] = stamp(self.folder / f"{info.id}{SUFFIX}")
        self._write_index()

    def _forget(self, identifier: str) -> None:
        self.infos.pop(identifier, None)
        self._stamps.pop(identifier, None)
        self._write_index()

    # --- the index ---

    def _read_index(self) -> dict[str, tuple[tuple[int, int], AssetInfo]]:
        try:
            told = json.loads((self.folder / _INDEX).read_text())
            entries = told["assets"] if told["version"] == _INDEX_FORM else {}
            return {
                key: (
                    (int(entry["stamp"][0]), int(entry["stamp"][1])),
                    replace(from_plain(AssetInfo, entry["info"]), tags=()),  # tags are the gallery's to give
                )
                for key, entry in entries.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
            return {}

    def _read_files(self, index: dict[str, tuple[tuple[int, int], AssetInfo]]) -> None:
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            found = stamp(path)
            known = index.get(path.stem)
            try:
                info = known[1] if known and known[0] == found and known[1].id == path.stem else read_info(path)
            except (NeuralAssetsError, KeyError, TypeError, ValueError) as error:
                _log.warning("left out of the store: %s", error)
                continue
            self.infos[info.id], self._stamps[info.id] = info, found

    def _write_index(self) -> None:
        entries = {key: {"stamp": self._stamps[key], "info": asdict(info)} for key, info in self.infos.items()}
        try:
            write_whole(self.folder / _INDEX, json.dumps({"version": _INDEX_FORM, "assets": entries}).encode())
        except NeuralAssetsError as error:
            _log.warning("the index will be made again: %s", error)


def require_free(folder: Path, limits: Limits, used: int) -> None:
    """Refuses to begin work whose result would not fit on the disk."""
    free = shutil.disk_usage(folder).free
    if free < limits.free_disk_bytes:
        raise ProtocolError(
            ErrorCode.DISK,
            f"The disk of {folder} has {free >> 20} MB left and {limits.free_disk_bytes >> 20} MB are kept free.",
            "Free some space, or start the server with another --store.",
        )
    if used > limits.store_bytes:
        raise ProtocolError(
            ErrorCode.DISK,
            f"The store {folder} holds {used >> 20} MB and {limits.store_bytes >> 20} MB are its limit.",
            "Delete assets or sequences, or start the server with a higher limit 'store_bytes'.",
        )
