"""Asset files by id in one folder. The id is made of the asset's content: the same object encoded again is the same."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path

import numpy as np

from model.assets import Asset, BackgroundAsset, load_asset, load_thumbnail, save_asset
from model.scene import PinholeCamera

from .protocol.errors import ErrorCode, ProtocolError
from .protocol.events import AssetInfo

SUFFIX = ".safetensors"


def asset_id(asset: Asset) -> str:
    """16 hexadecimal digits of the content; name and free text do not count."""
    digest = hashlib.sha256()
    for part in _content(asset):
        digest.update(str((part.dtype.name, part.shape)).encode())
        digest.update(np.ascontiguousarray(part).tobytes())
    digest.update(asset.provenance.get("picture", "").encode())
    return digest.hexdigest()[:16]


def _content(asset: Asset) -> list[np.ndarray]:
    if isinstance(asset, BackgroundAsset):
        camera = asset.camera
        return [
            asset.image, asset.mask, camera.intrinsics, camera.world_to_camera, np.array(asset.ground, np.float32),
            asset.appearance,
        ]  # fmt: skip
    content = [asset.appearance, asset.size]
    for view in asset.views:  # not where it lay in its picture, which files of an earlier version do not say
        content += [view.image, view.mask, view.fraction, view.intrinsics, view.to_camera, view.size]
    return content


def asset_info(identifier: str, asset: Asset) -> AssetInfo:
    """What lists show of it."""
    if isinstance(asset, BackgroundAsset):
        height, width = asset.mask.shape
        size, camera = (float(width), float(height)), _numbers(asset.camera)
        return AssetInfo(
            identifier, "background", asset.name, size, 1, asset.provenance, camera=camera, ground=float(asset.ground)
        )
    size = tuple(float(side) for side in asset.size)
    return AssetInfo(identifier, "object", asset.name, size, len(asset.views), asset.provenance)


def _numbers(camera: PinholeCamera) -> tuple[float, ...]:
    return tuple(float(number) for part in (camera.intrinsics, camera.world_to_camera) for number in part.ravel())


def read_info(path: Path) -> AssetInfo:
    """The same from a file's header; raises AssetFileError."""
    _, header = load_thumbnail(path)
    if header["kind"] == "background":
        return asset_info(path.stem, load_asset(path))  # its camera lies beside the header
    size = tuple(float(side) for side in header.get("size", ()))
    views = int(header.get("views", 1))
    return AssetInfo(path.stem, header["kind"], str(header["name"]), size, views, dict(header["provenance"]))


def write_asset(folder: Path, asset: Asset) -> AssetInfo:
    """A new file, whole or not at all; raises AssetFileError."""
    info = asset_info(asset_id(asset), asset)
    save_asset(folder / f"{info.id}{SUFFIX}", asset)
    return info


def write_all(folder: Path, assets: list[Asset]) -> list[AssetInfo]:
    """All of them or none: after a failure, those that were new are gone again."""
    new: list[Path] = []
    infos = []
    try:
        for asset in assets:
            path = folder / f"{asset_id(asset)}{SUFFIX}"
            if not path.exists():
                new.append(path)
            infos.append(write_asset(folder, asset))
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        raise
    return infos


def missing(identifier: str) -> ProtocolError:
    return ProtocolError(
        ErrorCode.ASSET_MISSING,
        f"The asset {identifier} is not in the server's store.",
        "Encode its picture again, import its file, or choose another asset.",
    )


class LoadedAssets:
    """Assets in memory, the last used ones. An asset stays the same object while its file stays the same, by which
    the pipeline knows that what it prepared is still good."""

    def __init__(self, folder: Path, most_bytes: int = 1 << 30) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self._held: OrderedDict[str, tuple[tuple[int, int], Asset]] = OrderedDict()

    def load(self, identifier: str) -> Asset:
        """Raises ProtocolError (asset_missing) or AssetFileError."""
        path = self.folder / f"{identifier}{SUFFIX}"
        try:
            status = path.stat()
        except FileNotFoundError:
            self._held.pop(identifier, None)
            raise missing(identifier) from None
        stamp = (status.st_mtime_ns, status.st_size)
        held = self._held.get(identifier)
        if held is None or held[0] != stamp:
            held = (stamp, load_asset(path))
            self._held[identifier] = held
        self._held.move_to_end(identifier)
        while len(self._held) > 1 and sum(size for (_, size), _ in self._held.values()) > self.most_bytes:
            self._held.popitem(last=False)
        return held[1]
