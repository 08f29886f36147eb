"""A fake server with a store of assets that changes as a real one's does, and the asset files that go with it."""

from __future__ import annotations

import json
import struct

from server.fake import FakeServer, Say
from server.protocol.errors import ErrorCode
from server.protocol.events import AssetFile, AssetInfo, AssetList, Done, Failed
from server.protocol.messages import DeleteAsset, ExportAsset, ImportAsset, RenameAsset, Request


def asset_bytes(identifier: str, name: str, kind: str = "object") -> bytes:
    """The smallest file with an asset's header; `id` stands for the content that a real id is made of."""
    entry = json.dumps({"version": 1, "kind": kind, "name": name, "id": identifier})
    header = json.dumps({"__metadata__": {"neural_asset": entry}}).encode()
    return struct.pack("<Q", len(header)) + header


class StoreServer(FakeServer):
    """`assets`: by id."""

    def __init__(self, *assets: AssetInfo) -> None:
        super().__init__()
        self.assets = {info.id: info for info in assets}

    def _plain(self, request: Request):
        if request.kind == "list_assets":
            return (Say(AssetList(0, tuple(self.assets.values()))),)
        if isinstance(request, ImportAsset):
            try:
                entry = json.loads(json.loads(request.data[8:])["__metadata__"]["neural_asset"])
            except ValueError:
                return (Say(Failed(0, ErrorCode.ASSET_DAMAGED, "The file is damaged.", "Export it again.")),)
            info = AssetInfo(entry["id"], entry["kind"], entry["name"], (1.0, 1.0, 1.0))
            self.assets[info.id] = info
            return (Say(AssetList(0, (info,))),)
        if isinstance(request, (ExportAsset, RenameAsset, DeleteAsset)) and request.asset not in self.assets:
            return (Say(Failed(0, ErrorCode.ASSET_MISSING, f"There is no asset {request.asset}.", "Choose one.")),)
        if isinstance(request, ExportAsset):
            info = self.assets[request.asset]
            return (Say(AssetFile(0, info.id, asset_bytes(info.id, info.name, info.kind))),)
        if isinstance(request, RenameAsset):
            old = self.assets[request.asset]
            self.assets[old.id] = AssetInfo(old.id, old.kind, request.name, old.size)
            return (Say(AssetList(0, (self.assets[old.id],))),)
        if isinstance(request, DeleteAsset):
            del self.assets[request.asset]
            return (Say(Done()),)
        return super()._plain(request)
