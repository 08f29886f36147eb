"""One evaluation: pipelines and held-out pairs in, figures and strips of pictures out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..data import convert
from ..data.frames import TASKS, Pairs, PairSource
from ..metrics import Perceptual
from ..scene import RenderSettings
from . import yaw
from .rows import Made, make_rows
from .scores import Record, score
from .sheet import COLUMNS, Strip

CHUNK = 8  # pairs that are rendered at once
SEEN = "seen"  # the set of instances that training has seen, in new scenes
SEED = 20_000  # far from the seeds that training starts at


@dataclass(frozen=True)
class Portion:
    """A part of the held-out set: `count` pairs of one split, asked for `chunk` at a time.

    A recorded set is asked once, so that its own order of pairs never repeats.
    """

    set_name: str
    source: PairSource
    split: str
    count: int
    chunk: int = CHUNK


def portions(sources: Mapping[str, PairSource], quick: bool) -> list[Portion]:
    """Procedural and recorded mesh pairs, each half unseen instances and half unseen families; not `quick`, also as
    many procedural ones of seen instances, as a set of their own."""
    half = {"procedural": 8 if quick else 64, "meshes": 8 if quick else 16}
    chunk = {"procedural": CHUNK, "meshes": half["meshes"]}
    found = [
        Portion(name, sources[name], split, half[name], chunk[name])
        for name in half
        if name in sources
        for split in ("unseen_instances", "unseen_families")
    ]
    if not quick and "procedural" in sources:
        found.append(Portion(SEEN, sources["procedural"], "train", half["procedural"]))
    return found


def held_out(portion: Portion, size: int) -> Iterator[tuple[Pairs, Any]]:
    """Pairs [1] of a portion, each with its `yaw.Turner` (None where there is none)."""
    for start in range(0, portion.count, portion.chunk):
        count = min(portion.chunk, portion.count - start)
        request = {"count": count, "size": size, "seed": SEED + start, "split": portion.split}
        pairs = portion.source.pairs(**request)
        turner = yaw.turner(portion.source, request)
        for index in range(len(pairs.task)):
            yield pairs[index : index + 1], (None if turner is None else turner(index))


def evaluate(
    pipes: Mapping[str, Any],
    parts: list[Portion],
    settings: RenderSettings,
    perceptual: Perceptual | None,
    say: Callable[[str], None] = print,
) -> tuple[list[Record], list[Strip]]:
    """Records of every row and picture, and a strip for the sheet from every held-out pair."""
    records, strips = [], []
    total, done, began = sum(p.count for p in parts), 0, time.monotonic()
    for portion in parts:
        for pair, turner in held_out(portion, settings.width):
            made = make_rows(pipes, pair, settings)
            facing = _yaw_errors(made, pair, portion.source, turner)
            fresh = [_record(name, made[name], pair, portion, facing, perceptual) for name in made]
            records += fresh
            if portion.set_name != SEEN:
                strips.append(_strip(made, pair, fresh))
            done += 1
            left = (time.monotonic() - began) / done * (total - done)
            if done % CHUNK == 0 or done == total:
                say(f"{done} of {total} pairs ({portion.set_name}), {left / 60:.1f} minutes left")
    return records, strips


def _record(
    name: str,
    made: Made,
    pair: Pairs,
    portion: Portion,
    facing: dict[str, list[float]],
    perceptual: Perceptual | None,
) -> Record:
    values, features = score(made, pair, perceptual)
    if name in facing:
        values["yaw_error"] = facing[name]
    return Record(name, portion.set_name, portion.split, TASKS[int(pair.task[0])], values, features)


def _yaw_errors(made: Mapping[str, Made], pair: Pairs, source: PairSource, turner: Any) -> dict[str, list[float]]:
    """Per row the yaw errors in degrees of the largest objects with a front, if they can turn."""
    if turner is None:
        return {}
    fronts = {source.family_names.index(name) for name in source.families_with_front}
    bounds = convert.rectangles(pair.target)[0]
    area = (bounds[:, 2:] - bounds[:, :2]).prod(-1)
    measured = convert.measured_slots(pair).nonzero()[:, 0].tolist()
    facing = [slot for slot in measured if int(pair.family[0, slot]) in fronts]
    slots = sorted(facing, key=lambda slot: -float(area[slot]))[: yaw.MOST_OBJECTS]
    errors: dict[str, list[float]] = {name: [] for name in made}
    for slot in slots:
        candidates = yaw.candidates(pair.target, slot, turner)
        for name, row in made.items():
            crop = yaw.made_crop(row.image, candidates.rectangle)
            errors[name].append(yaw.estimate(crop, candidates.images, candidates.region))
    return errors


def _strip(made: Mapping[str, Made], pair: Pairs, records: list[Record]) -> Strip:
    pictures = {name: convert.to_uint8(row.image[0]) for name, row in made.items() if name in COLUMNS}
    pictures["source"] = convert.to_uint8(pair.source.image[0])
    pictures["truth"] = convert.to_uint8(pair.target.image[0])
    means = {r.row: r.values["object_psnr"] for r in records}
    psnr = {name: sum(v) / len(v) for name, v in means.items() if v}
    first = records[0]
    return Strip(f"{first.set_name}\n{first.split.replace('_', ' ')}\n{first.task}", pictures, psnr)
