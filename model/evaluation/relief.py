"""How well `encode` sees what stands behind the objects: the share of the background whose kind (flat, before the
floor, below it) is right, and the error of its relief, each beside that of the plain floor.

    python -m model.evaluation.relief [--weights FOLDER] [--sheet FILE]

The pictures are both frames of the recorded held-out pairs and 64 frames of the procedural engine's. The sheet shows
picture, relief read and true relief; grey is flat, bright is before the floor.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ..data import HELD_OUT_MESHES, convert
from ..data.frames import Frame
from ..data.procedural import ProceduralSource
from ..data.recorded import RecordedSource
from ..encoding import relief_of
from ..parts import Parts
from ..relief import FLAT, true_relief
from .loading import load_pipeline
from .run import SEED

SIZE, PROCEDURAL = 256, 32
ROW = 3  # frames in a row of the sheet
_BRIGHT = 0.25  # relief that the sheet shows white


def frames(name: str) -> Iterator[Frame]:
    """Held-out frames [1] of a set."""
    source = RecordedSource(HELD_OUT_MESHES) if name == "meshes" else ProceduralSource()
    for split in ("unseen_instances", "unseen_families"):
        count = source.length(split) if isinstance(source, RecordedSource) else PROCEDURAL // 2
        pairs = source.pairs(count, SIZE, SEED, split=split)
        for side in (pairs.source, pairs.target):
            yield from (side[i : i + 1] for i in range(count))


@torch.no_grad()
def read(parts: Parts, frame: Frame) -> tuple[Tensor, Tensor, Tensor]:
    """Relief read [1, 1, H, W], true relief, and where objects leave it in sight and it can be told, bool."""
    hidden = (frame.object_index >= 0)[:, None]
    values = relief_of(parts, frame.image, hidden, frame.camera, float(frame.ground[0]))
    assert values is not None, "only `anchored` reads relief"
    made = interpolate(torch.from_numpy(values).float()[None, None], hidden.shape[-2:], mode="bilinear")
    truth, told = true_relief(frame.depth, frame.camera, frame.ground)
    return made, truth, told & ~hidden


def kinds(relief: Tensor) -> Tensor:
    return (relief >= FLAT).int() - (relief <= -FLAT).int()


def main() -> None:
    from ..evaluate import WEIGHTS

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--sheet", type=Path, help="write the pictures to this file")
    options = parser.parse_args()
    parts, tiles = load_pipeline(options.weights).to("cpu").parts, []
    for name in ("procedural", "meshes"):
        figures = []
        for frame in frames(name):
            made, truth, seen = read(parts, frame)
            right = [(kinds(x) == kinds(truth))[seen].float().mean() for x in (made, torch.zeros_like(made))]
            wrong = [(x - truth).abs()[seen].mean() for x in (made, torch.zeros_like(made))]
            figures.append(torch.stack([*right, *wrong]))
            shown = [(x / _BRIGHT / 2 + 0.5).clamp(0, 1).expand(-1, 3, -1, -1) for x in (made, truth * seen)]
            tiles.append(torch.cat([frame.image, *shown], 3))
        right, plain, wrong, flat = torch.stack(figures).mean(0).tolist()
        print(f"{name:11} kind right {right:.3f} (plain floor {plain:.3f}), error {wrong:.4f} (plain floor {flat:.4f})")
    if options.sheet:
        full = len(tiles) // ROW * ROW
        rows = [torch.cat(tiles[i : i + ROW], 3) for i in range(0, full, ROW)]
        Image.fromarray(convert.to_uint8(torch.cat(rows, 2)[0])).save(options.sheet)


if __name__ == "__main__":
    main()
