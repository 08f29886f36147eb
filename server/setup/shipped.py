"""The index of the shipped gallery for the extension: `python -m server.setup.shipped FILE.npz`.

The file holds `index`, JSON text with an AssetInfo of each asset, and the thumbnail of each under its id: enough for
Blender's Asset Browser to show the gallery before a server has run. Needs the server's environment.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from model.assets import load_asset, thumbnail
from server.asset_folder import SUFFIX, asset_id, asset_info
from server.gallery import TAG

from .process import ROOT

SHIPPED = ROOT / "model" / "gallery"


def index(folder: Path = SHIPPED) -> dict[str, np.ndarray]:
    """Arrays by name, as they are saved; raises AssetFileError for a file that is no asset."""
    assets = {asset_id(asset): asset for asset in map(load_asset, sorted(folder.glob(f"*{SUFFIX}")))}
    infos = [asdict(replace(asset_info(key, asset), tags=(TAG,))) for key, asset in assets.items()]
    pictures = {key: thumbnail(asset) for key, asset in assets.items()}
    return {"index": np.frombuffer(json.dumps(infos).encode(), np.uint8), **pictures}


if __name__ == "__main__":
    np.savez(sys.argv[1], **index())  # pyright: ignore[reportArgumentType]
