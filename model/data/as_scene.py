"""A pair of frames as an artist goes through it: the source's picture encoded, its assets posed as in the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..assets import BackgroundAsset, NeuralAsset
from ..scene import Placement, Scene
from . import convert
from .frames import Pairs


@dataclass(frozen=True)
class Encoded:
    """What a pipeline made of a source picture: assets of `slots` (in their order) and the background."""

    slots: list[int]
    assets: list[NeuralAsset]
    background: BackgroundAsset


def encode_source(pipe: Any, pair: Pairs) -> Encoded:
    """The source frame of a pair [1] as assets, masks predicted."""
    frame = pair.source
    slots = convert.usable_slots(frame).nonzero()[:, 0].tolist()
    boxes = [convert.box_of(frame, slot) for slot in slots]
    image, camera = convert.to_uint8(frame.image[0]), convert.camera_of(frame)
    assets, background = pipe.encode(image, boxes, camera, ground=float(frame.ground[0]))
    return Encoded(slots, list(assets), background)


def target_scene(encoded: Encoded, pair: Pairs) -> tuple[Scene, list[int]]:
    """The scene of the target's boxes and camera, and the slot of every placement. An object that stands only in the
    target has no asset and is left out."""
    usable = convert.usable_slots(pair.target)
    shown = [(s, a) for s, a in zip(encoded.slots, encoded.assets, strict=True) if usable[s]]
    placements = tuple(Placement(asset, convert.box_of(pair.target, slot)) for slot, asset in shown)
    return Scene(convert.camera_of(pair.target), placements, encoded.background), [slot for slot, _ in shown]
