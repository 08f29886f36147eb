"""The pictures of every row of the table, from one held-out pair.

Every row sees only the source picture, boxes and cameras. Masks are those that `encode` predicts,
never the renderer's, but for `boxes`, which has no network to predict any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..carried import FALLBACK, carry
from ..conditions import batch_sources
from ..data import convert
from ..data.as_scene import Encoded, encode_source, target_scene
from ..data.frames import Pairs
from ..layers import box_layers
from ..scene import RenderSettings
from .chained import chain, mask_index, source_masks

ROWS = ("copy", "boxes", "carried", "chained", "paper", "anchored", "autoencoder")


@dataclass(frozen=True)
class Made:
    """A made picture [1, 3, H, W] 0..1 and, where the row has one, the slot seen in every pixel [1,
    H, W] int64.
    """

    image: Tensor
    index: Tensor | None = None


def make_rows(pipes: Mapping[str, Any], pair: Pairs, settings: RenderSettings) -> dict[str, Made]:
    """Every row that the given pipelines ("paper", "anchored") allow, for a pair [1]."""
    rows = {"copy": Made(pair.source.image), "boxes": _by_boxes(pair)}
    encoded = None
    for name in ("paper", "anchored"):  # masks of the later one serve copy and chained
        if name not in pipes:
            continue
        encoded = encode_source(pipes[name], pair)
        scene, slots = target_scene(encoded, pair)
        result = pipes[name].render(scene, settings)
        rows[name] = Made(convert.from_uint8(result.image)[None], _index(result.object_index, slots))
        if name == "anchored":
            geometry = getattr(result, "carried_index", None)
            index = None if geometry is None else _index(geometry, slots)
            rows["carried"] = Made(convert.from_uint8(result.carried)[None], index)
            truth = convert.to_uint8(pair.target.image[0])
            rows["autoencoder"] = Made(convert.from_uint8(pipes[name].reconstruct(truth))[None])
    if encoded is not None:
        rows |= _mask_rows(encoded, pair)
    return {name: rows[name] for name in ROWS if name in rows}


@torch.no_grad()
def _by_boxes(pair: Pairs) -> Made:
    """`boxes`, the carried picture without any network (method notes, section 7): every surface lies `FALLBACK` of the
    way through its box. Here alone the objects' true masks in the source are known."""
    source, target = pair.source, pair.target
    height, width = source.image.shape[-2:]
    layers = box_layers(source.camera, source.boxes, height, width, maps=False)
    entered = (layers.slot == source.object_index[:, None]) & (layers.slot >= 0)  # [1, K, H, W]
    depth = ((layers.entry + FALLBACK * (layers.leave - layers.entry)) * entered).sum(1)
    slot = torch.where(entered.any(1), source.object_index, -1)
    known = replace(target.boxes, present=convert.usable_slots(target)[None] & source.boxes.present)
    everywhere = torch.ones(1, dtype=torch.bool)
    sources = batch_sources(source.image, slot, depth, source.camera, source.boxes, source.ground, everywhere)
    carried = carry(sources, target.camera, known, height, width, max(height, width))
    return Made(carried.image, carried.slot)


def _mask_rows(encoded: Encoded, pair: Pairs) -> dict[str, Made]:
    """`copy` and `chained`, which need nothing but the predicted masks."""
    image, intrinsics = pair.source.image[0], pair.source.camera.intrinsics[0]
    masks = source_masks(encoded.assets, intrinsics, *image.shape[-2:])
    kept = convert.usable_slots(pair.target)[encoded.slots]
    source, target = (convert.full_rectangles(f)[0, encoded.slots] for f in (pair.source, pair.target))
    depth = convert.box_depths(pair.target)[0, encoded.slots, 1]
    made, index = chain(image, masks, source, target, depth, kept)
    return {
        "copy": Made(pair.source.image, _slots(mask_index(masks), encoded.slots)),
        "chained": Made(made[None], _slots(index, encoded.slots)),
    }


def _index(object_index: np.ndarray, slots: list[int]) -> Tensor:
    """Placement index [H, W] of a result -> slot index [1, H, W]."""
    return _slots(torch.from_numpy(np.array(object_index)).long(), slots)


def _slots(index: Tensor, slots: list[int]) -> Tensor:
    table = torch.tensor([*slots, -1])  # the last entry answers index -1
    return table[index][None]
