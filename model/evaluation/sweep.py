"""How the pictures depend on steps, start and the exactness of boxes: the anchored preset on the quick held-out set.

    python -m model.evaluation.sweep [--weights FOLDER] [--json FILE]

Boxes that a person draws are never exact: the last rows move and stretch every box by a normal 5 % of its size, in the
source picture and alike where it is asked for, and measure against the truth of the exact ones.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..data import convert
from ..data.as_scene import encode_source, target_scene
from ..data.frames import Pairs
from ..metrics import Perceptual
from ..scene import RenderSettings
from ..training.examples import following_boxes, noisy_boxes
from .loading import load_pipeline
from .rows import Made
from .run import SEED, held_out, portions
from .scores import Record, score, summarise

SIZE = 256
BOX_NOISE = 0.05
SHOWN = ("image_psnr", "object_psnr", "object_ssim", "perceptual", "identity")


@dataclass(frozen=True)
class Variant:
    """name, settings of the sampler, and the standard deviation of the boxes' error in shares of their size."""

    name: str
    settings: RenderSettings
    box_noise: float = 0.0


def variants() -> list[Variant]:
    plain = RenderSettings(width=SIZE, height=SIZE, steps=4, seed=0)
    by_steps = [
        Variant(f"{n} step{'s' * (n > 1)}, from the carried picture", replace(plain, steps=n)) for n in (1, 2, 4, 8, 50)
    ]
    from_noise = [Variant(f"{n} steps, from noise", replace(plain, steps=n, start="noise")) for n in (4, 50)]
    return [*by_steps, *from_noise, Variant(f"4 steps, boxes off by {BOX_NOISE:.0%}", plain, BOX_NOISE)]


def drawn(pair: Pairs, amount: float, seed: int) -> Pairs:
    """The pair as someone with boxes off by `amount` of their size asks for it."""
    generator = torch.Generator().manual_seed(seed)
    before = noisy_boxes(pair.source.boxes, generator, amount, share=1.0)
    after = following_boxes(pair.source.boxes, before, pair.target.boxes)
    return replace(pair, source=replace(pair.source, boxes=before), target=replace(pair.target, boxes=after))


@torch.no_grad()
def figures(pipe, pairs: list[tuple[str, Pairs]], variant: Variant, perceptual: Perceptual) -> dict[str, float]:
    """Means over the sets that pairs [1] belong to, (name, pair) each: `SHOWN`, gain (dB of object PSNR over the
    carried picture alone) and seconds a picture."""
    made, carried, seconds = [], [], 0.0
    for number, (name, pair) in enumerate(pairs):
        asked = drawn(pair, variant.box_noise, SEED + number) if variant.box_noise else pair
        encoded = encode_source(pipe, asked)
        began = time.monotonic()
        result = pipe.render(target_scene(encoded, asked)[0], variant.settings)
        seconds += time.monotonic() - began
        for records, image in ((made, result.image), (carried, result.carried)):
            values, features = score(Made(convert.from_uint8(image)[None]), pair, perceptual)
            records.append(Record(variant.name, name, "", "", values, features))
    row, alone = _mean_of_sets(made), _mean_of_sets(carried)
    return row | {"gain": row["object_psnr"] - alone["object_psnr"], "seconds": seconds / len(pairs)}


def _mean_of_sets(records: list[Record]) -> dict[str, float]:
    sets = [summarise([r for r in records if r.set_name == name]) for name in sorted({r.set_name for r in records})]
    return {key: statistics.fmean(float(row[key] or 0) for row in sets) for key in SHOWN}


def main(arguments: list[str] | None = None) -> None:
    from ..evaluate import WEIGHTS, load_sources

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="pipeline folder of the anchored preset")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    pipe, perceptual = load_pipeline(options.weights), Perceptual()
    pairs = [(part.set_name, pair) for part in portions(load_sources(), quick=True) for pair, _ in held_out(part, SIZE)]
    keys = (*SHOWN, "gain", "seconds")
    print("| variant |" + "".join(f" {key} |" for key in keys) + "\n|---|" + "---|" * len(keys))
    table = {}
    for variant in variants():
        row = table[variant.name] = figures(pipe, pairs, variant, perceptual)
        print(f"| {variant.name} |" + "".join(f" {row[key]:.3f} |" for key in keys), flush=True)
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
