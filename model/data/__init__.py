"""The data engine: pairs of frames with exact boxes, from two renderers behind one interface."""

from __future__ import annotations

from pathlib import Path

import torch

from .frames import PairSource


def make_source(name: str, assets: str | Path | None = None, device: torch.device | str = "cpu") -> PairSource:
    """The named engine: "procedural" (no files) or "meshes" (`assets`: a folder of models and HDRIs).

    Raises ValueError for another name or missing assets.
    """
    if name == "procedural":
        from .procedural import ProceduralSource

        return ProceduralSource(device)
    if name == "meshes" and assets is not None:
        from .meshes import MeshSource

        return MeshSource(assets, device)
    raise ValueError(f"There is no data source '{name}' here: use procedural, or meshes with --assets FOLDER.")
