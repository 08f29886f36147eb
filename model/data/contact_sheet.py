"""Look at what an engine draws.

    python -m model.data.contact_sheet --source procedural --out sheet.png

Each cell is source | target of a pair, above their masks and depth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from . import make_source
from .frames import Frame, Pairs


def truth_row(frame: Frame) -> Tensor:
    """Masks in colours and depth in grey of single frames: [B, 3, H/2, W] (each at half size, side by side)."""
    phase = torch.arange(3, device=frame.depth.device).view(1, 3, 1, 1) * 2.1
    masks = torch.where(
        frame.object_index[:, None] >= 0,
        torch.sin(frame.object_index[:, None] * 1.7 + phase) * 0.5 + 0.5,
        0.05,
    )
    near = 1 / frame.depth.clamp_min(0.1)[:, None]
    near = near / near.flatten(1).amax(1).view(-1, 1, 1, 1)
    both = torch.cat([masks, near.expand(-1, 3, -1, -1)], 3)
    return torch.nn.functional.interpolate(both, scale_factor=0.5, mode="nearest-exact")


def sheet(pairs: Pairs, columns: int = 4) -> Image.Image:
    """A grid of pairs."""
    pictures = torch.cat([pairs.source.image, pairs.target.image], 3)
    truth = torch.cat([truth_row(pairs.source), truth_row(pairs.target)], 3)
    cells = torch.cat([pictures, truth], 2)
    missing = -len(cells) % columns
    cells = torch.cat([cells, torch.ones(missing, *cells.shape[1:], device=cells.device)])
    cells = torch.nn.functional.pad(cells, (2, 2, 2, 2), value=1.0)
    grid = torch.cat([torch.cat(list(row), 2) for row in cells.split(columns)], 1)
    return Image.fromarray((grid.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m model.data.contact_sheet")
    parser.add_argument("--source", choices=("procedural", "meshes", "recorded"), default="procedural")
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="train")
    parser.add_argument("--out", type=Path, default=Path("contact_sheet.png"))
    options = parser.parse_args(arguments)
    source = make_source(options.source, options.assets, "cuda" if torch.cuda.is_available() else "cpu")
    pairs = source.pairs(options.count, options.size, options.seed, split=options.split)
    sheet(pairs, options.columns).save(options.out)
    print(f"{options.count} pairs written to {options.out}")


if __name__ == "__main__":
    main()
