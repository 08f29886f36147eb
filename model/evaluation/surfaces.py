"""How well `encode` finds objects and their surfaces: IoU of its masks with the truth, as the network says them and
with what the picture's own edges and colours say; and how far its surfaces are off along the ray.

    python -m model.evaluation.surfaces [--weights FOLDER]

The pictures are both frames of the recorded held-out pairs. Errors are shares of the way through the box; beside them
stands the error of the best constant of each object, which nobody could know.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..data import HELD_OUT_MESHES, convert
from ..data.frames import Frame
from ..data.recorded import RecordedSource
from ..encoding import crop_of, fitted_share
from ..geometry import boxes_2d
from ..guided import follow_edges
from ..layers import box_layers, true_fraction
from ..looking import look_at_objects
from ..masks import solid
from ..parts import Parts
from ..tensors import boxes_tensor
from .loading import load_pipeline

SIZE = 256
LEAST = 150  # pixels: smaller objects are left out
# share [h, w] of an object, its crop [3, h, w], pixels of the picture per pixel looked at -> share [h, w]
FITTED: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "as the network says": lambda share, image, enlarged: share,
    "edges": follow_edges,
    "colours and edges": fitted_share,
}


@dataclass(frozen=True)
class Found:
    """One object: IoU of its mask by way of fitting, mean error along the ray, and that of the best constant."""

    overlaps: dict[str, float]
    error: float
    constant: float


@torch.no_grad()
def found_objects(parts: Parts, frame: Frame) -> list[Found]:
    """Every object of one frame [1] that is large enough."""
    slots = convert.usable_slots(frame).nonzero()[:, 0].tolist()
    boxes = boxes_tensor([convert.box_of(frame, slot) for slot in slots], frame.image.device)
    image, index = frame.image, frame.object_index[0]
    rectangles = boxes_2d(frame.camera, boxes)[0]
    sightings = look_at_objects(parts, image, image, frame.camera, boxes, rectangles)
    layers = box_layers(frame.camera, boxes, *image.shape[-2:], maps=False)
    true = true_fraction(layers, frame.depth)[0]  # [K, H, W]
    found = []
    for number, (slot, sighting) in enumerate(zip(slots, sightings, strict=True)):
        top, bottom, left, right = crop_of(rectangles[number].numpy(), *image.shape[-2:])
        window = (..., slice(top, bottom), slice(left, right))
        truth = index[window] == slot
        known = (layers.slot[0][window] == number) & truth  # [K, h, w]
        if int((index == slot).sum()) < LEAST or not bool(known.any()):
            continue
        share, fraction = sighting.within(top, bottom, left, right)
        overlaps = {}
        for name, fit in FITTED.items():
            mask = solid(fit(share, image[0][window], sighting.enlarged).numpy())
            overlaps[name] = float((mask & truth.numpy()).sum() / (mask | truth.numpy()).sum())
        way = true[window][known]
        error = (fraction.expand_as(known)[known] - way).abs().mean()
        found.append(Found(overlaps, float(error), float((way - way.median()).abs().mean())))
    return found


def main() -> None:
    from ..evaluate import WEIGHTS

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parts = load_pipeline(parser.parse_args().weights).to("cpu").parts
    source, found = RecordedSource(HELD_OUT_MESHES), []
    for split in ("unseen_instances", "unseen_families"):
        pairs = source.pairs(source.length(split), SIZE, 0, split=split)
        for side in (pairs.source, pairs.target):
            found += [each for i in range(len(pairs.task)) for each in found_objects(parts, side[i : i + 1])]
    for name in FITTED:
        values = [each.overlaps[name] for each in found]
        print(f"IoU, {name:20} mean {np.mean(values):.3f}, median {np.median(values):.3f} of {len(values)} objects")
    print(f"error along the ray {np.mean([f.error for f in found]):.3f} of the box", end=" ")
    print(f"(best constant of each object {np.mean([f.constant for f in found]):.3f})")


if __name__ == "__main__":
    main()
