"""How well `encode` finds objects: IoU of its masks with the truth, with and without what the picture's own
colours and edges say.

    python -m model.evaluation.source_masks [--weights FOLDER]

The pictures are both frames of the recorded held-out pairs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest import mock

import numpy as np

from ..data import HELD_OUT_MESHES
from ..data.frames import Frame
from ..data.recorded import RecordedSource
from . import convert
from .loading import load_pipeline

SIZE = 256
LEAST = 150  # pixels: smaller objects are left out


def overlaps(pipe, frame: Frame) -> list[float]:
    """IoU of every object of one frame [1] that is large enough."""
    slots = convert.usable_slots(frame).nonzero()[:, 0].tolist()
    boxes = [convert.box_of(frame, slot) for slot in slots]
    image, camera = convert.to_uint8(frame.image[0]), convert.camera_of(frame)
    assets, _ = pipe.encode(image, boxes, camera, ground=float(frame.ground[0]))
    index, found = frame.object_index[0].numpy(), []
    for slot, asset in zip(slots, assets, strict=True):
        view = asset.views[0]
        left, top = round(view.rectangle[0] * SIZE), round(view.rectangle[1] * SIZE)
        made = np.zeros_like(index, bool)
        made[top : top + view.mask.shape[0], left : left + view.mask.shape[1]] = view.mask > 0
        truth = index == slot
        if truth.sum() >= LEAST:
            found.append(float((made & truth).sum() / (made | truth).sum()))
    return found


def main() -> None:
    from ..evaluate import WEIGHTS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    pipe = load_pipeline(parser.parse_args().weights)
    source = RecordedSource(HELD_OUT_MESHES)
    frames = []
    for split in ("unseen_instances", "unseen_families"):
        pairs = source.pairs(source.length(split), SIZE, 0, split=split)
        frames += [side[i : i + 1] for side in (pairs.source, pairs.target) for i in range(len(pairs.task))]
    no_edges = mock.patch("model.encoding.follow_edges", lambda share, image, enlarged: share)
    no_colours = mock.patch("model.encoding.follow_colours", lambda share, image: share)
    every = lambda: [value for frame in frames for value in overlaps(pipe, frame)]  # noqa: E731
    found = {"colours and edges": every()}
    with no_colours:
        found["edges"] = every()
        with no_edges:
            found["as the network says"] = every()
    for name, values in found.items():
        print(f"{name:20} mean {np.mean(values):.3f}, median {np.median(values):.3f} of {len(values)} objects")


if __name__ == "__main__":
    main()
