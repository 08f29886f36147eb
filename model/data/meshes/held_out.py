"""Renders the held-out pairs that the repository carries as pictures.

    python -m model.data.meshes.held_out --assets FOLDER --out FOLDER [--count 32]

Half of them show unseen instances, half unseen families; CC0 objects only, so that the pictures may be shared.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..recorded import write_recorded
from .credits import credit_lines
from .reading import SCANS
from .source import MeshSource

SEED = 2024
SIZE = 256


def record_held_out(assets: str | Path, out: str | Path, count: int = 32, seed: int = SEED) -> None:
    """Write `count` held-out pairs of CC0 objects (no scans: these show brand names) to the folder `out`."""
    source = MeshSource(assets, licences=("CC0",), exclude_sources=SCANS)
    known = {record.id: record for record in source.records}
    parts, used = [], set()
    for split, share in (("unseen_instances", count - count // 2), ("unseen_families", count // 2)):
        if not share:
            continue
        pairs = source.pairs(share, SIZE, seed, split=split)
        used |= {name for names in source.drawn for name in names}
        objects = [
            [
                {"id": name, "family": known[name].family, "licence": known[name].licence, "credit": known[name].credit}
                for name in names
            ]
            for names in source.drawn
        ]
        parts.append((split, pairs, objects))
    credit = credit_lines([known[name] for name in sorted(used)])
    write_recorded(out, parts, source.family_names, source.families_with_front, credit)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--assets", required=True, help="folder with manifest.json, GLB files and HDRIs")
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("--count", type=int, default=32, help="number of pairs")
    chosen = parser.parse_args()
    record_held_out(chosen.assets, chosen.out, chosen.count)
    total = sum(path.stat().st_size for path in Path(chosen.out).rglob("*") if path.is_file())
    print(f"{chosen.count} pairs, {total / 1e6:.1f} MB in {chosen.out}")


if __name__ == "__main__":
    main()
