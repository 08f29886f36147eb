"""Figures of one made picture, and their means over pictures and objects."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .. import metrics
from ..data import convert
from ..data.frames import Pairs
from .rows import ROWS, Made

KEYS = (
    "image_psnr", "image_ssim", "object_psnr", "object_ssim", "mask_iou", "centre_error",
    "yaw_error", "background_psnr", "perceptual", "identity", "frechet",
)  # fmt: skip
MEDIAN_KEYS = ("yaw_error",)

Row = dict[str, float | None]


@dataclass
class Record:
    """All figures of one picture: per key a list (one entry, or one per object). features: pooled,
    made and truth.
    """

    row: str
    set_name: str
    split: str
    task: str
    values: dict[str, list[float]] = field(default_factory=dict)
    features: tuple[Tensor, Tensor] | None = None


def score(
    made: Made, pair: Pairs, perceptual: metrics.Perceptual | None
) -> tuple[dict[str, list[float]], tuple[Tensor, Tensor] | None]:
    """Figures of one picture against a pair [1] (all but yaw), and the pooled features of both
    pictures.
    """
    truth, slots = pair.target.image, convert.measured_slots(pair)
    area = convert.measured_pixels(pair)
    bounds = convert.rectangles(pair.target) * slots[None, :, None]
    values = {
        "image_psnr": metrics.psnr(made.image, truth, area),
        "image_ssim": metrics.ssim(made.image, truth, area),
        "object_psnr": metrics.object_psnr(made.image, truth, bounds),
        "object_ssim": metrics.object_ssim(made.image, truth, bounds),
    }
    if convert.static_camera(pair):
        swept = (convert.rectangles(pair.source), convert.rectangles(pair.target))
        values["background_psnr"] = metrics.background_psnr(made.image, truth, *swept)
    if made.index is not None and bool(slots.any()):
        masks = made.index[:, None] == torch.arange(len(slots))[None, :, None, None]
        masks, seen = masks[:, slots], pair.target.masks()[:, slots]
        values["mask_iou"] = metrics.mask_iou(masks, seen)
        values["centre_error"] = metrics.centre_error(masks, seen)
    features = None
    if perceptual is not None:
        values["perceptual"] = perceptual.distance(made.image, truth)
        values["identity"] = perceptual.identity(made.image, truth, bounds)
        features = (perceptual.pooled(made.image)[0], perceptual.pooled(truth)[0])
    finite = {k: [float(x) for x in v.flatten() if torch.isfinite(x)] for k, v in values.items()}
    return finite, features


def summarise(records: Sequence[Record]) -> Row:
    """One table row: means over pictures or objects, the median for yaw; None where nothing was
    measured.
    """
    row: Row = {}
    for key in KEYS:
        values = [float(x) for record in records for x in record.values.get(key, ())]
        reduce = statistics.median if key in MEDIAN_KEYS else statistics.fmean
        row[key] = reduce(values) if values else None
    pairs = [record.features for record in records if record.features is not None]
    if len(pairs) >= 2:
        row["frechet"] = metrics.frechet(torch.stack([a for a, _ in pairs]), torch.stack([b for _, b in pairs]))
    return row


def table(records: Iterable[Record]) -> dict[str, Row | None]:
    """{row: figures} in the order of `ROWS`; None for a row without a picture."""
    groups: dict[str, list[Record]] = {row: [] for row in ROWS}
    for record in records:
        groups[record.row].append(record)
    return {row: summarise(group) if group else None for row, group in groups.items()}


def split_tables(records: Sequence[Record], by: str) -> dict[str, dict[str, Row | None]]:
    """Tables of the records that share a value of the attribute `by` ("task" or "split")."""
    names = sorted({getattr(record, by) for record in records})
    return {name: table(r for r in records if getattr(r, by) == name) for name in names}


def mean_tables(tables: Sequence[dict[str, Row | None]]) -> dict[str, Row | None]:
    """Mean of equal cells over several tables; a cell that only one table has is taken from it."""
    result: dict[str, Row | None] = {}
    for row in ROWS:
        present = [t[row] for t in tables if t.get(row) is not None]
        result[row] = {key: _mean(r.get(key) for r in present if r) for key in KEYS} if present else None
    return result


def report(records: Sequence[Record], size: int, steps: int) -> dict:
    """The JSON of an evaluation: both held-out sets apart, their mean on top, and sub-tables of these by task, and of
    all records by split."""
    sets: dict[str, dict | None] = {}
    for name in ("procedural", "meshes"):
        chosen = [record for record in records if record.set_name == name]
        sets[name] = _section(chosen) if chosen else None
    present = [section for section in sets.values() if section]
    return {
        "rows": mean_tables([section["rows"] for section in present]),
        "n": sum(section["n"] for section in present),
        "size": size,
        "steps": steps,
        "sets": sets,
        "tasks": split_tables([record for record in records if record.set_name in sets], "task"),
        "splits": split_tables(records, "split"),
    }


def _section(records: list[Record]) -> dict:
    count = max(sum(record.row == row for record in records) for row in ROWS)
    return {
        "rows": table(records),
        "n": count,
        "tasks": split_tables(records, "task"),
        "splits": split_tables(records, "split"),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return statistics.fmean(known) if known else None
