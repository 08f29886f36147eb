"""The data engine: pairs of frames with exact boxes, from two renderers behind one interface."""

from __future__ import annotations

from pathlib import Path

import torch

from .frames import PairSource

HELD_OUT_MESHES = Path(__file__).parent / "held_out_meshes"


def make_source(name: str, assets: str | Path | None = None, device: torch.device | str = "cpu") -> PairSource:
    """The named engine: "procedural" (no files), "meshes" (`assets`: a folder of models and HDRIs), or "recorded"
    (`assets`: a folder of recorded pairs; default: the held-out mesh pairs).

    Raises ValueError for another name or missing assets.
    """
    if name == "procedural":
        from .procedural import ProceduralSource

        return ProceduralSource(device)
    if name == "meshes" and assets is not None:
        from .meshes import MeshSource

        return MeshSource(assets, device)
    if name == "recorded":
        from .recorded import RecordedSource

        return RecordedSource(assets or HELD_OUT_MESHES, device)
    raise ValueError(
        f"There is no data source '{name}' here: use procedural, recorded, or meshes with --assets FOLDER."
    )
