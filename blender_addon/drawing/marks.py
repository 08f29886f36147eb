"""The shapes that mark boxes in a 3D view, as arrays: edges (dashed without an asset), front face, arrow, names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from ..scene.posed import Boxes, PosedBox

_DASHES, _DRAWN = 8, 0.55  # dashes along an edge, and the share of each that is drawn
_TINT = 0.14  # opacity of the front face
_MOST_NAMES = 32  # more are clutter
_CORNERS = np.array([(i & 1, i >> 1 & 1, i >> 2 & 1) for i in range(8)], float)
_EDGES = np.array([(_CORNERS[i], _CORNERS[i | bit]) for i in range(8) for bit in (1, 2, 4) if not i & bit])
_ARROW = np.array([(0.5, 0, 0.2), (0.5, 0, 0.8), (0.3, 0, 0.6), (0.7, 0, 0.6)])  # on the front face, points up
_ARROW_LINES = _ARROW[[(0, 1), (1, 2), (1, 3)]]


def _dashed(lines: np.ndarray) -> np.ndarray:
    """Lines [n, 2, 3] cut into dashes [n * _DASHES, 2, 3]."""
    start = np.arange(_DASHES) / (_DASHES - 1 + _DRAWN)
    ends = np.stack([start, start + _DRAWN / (_DASHES - 1 + _DRAWN)], -1)[None, :, :, None]
    return (lines[:, None, :1] * (1 - ends) + lines[:, None, 1:] * ends).reshape(-1, 2, 3)


def _from_centre(points: np.ndarray) -> np.ndarray:
    """Points of a box's 0..1, any shape [..., 3] -> float32 [p, 4] from its centre, homogeneous."""
    flat = (points - 0.5).reshape(-1, 3)
    return np.pad(flat, ((0, 0), (0, 1)), constant_values=1.0).astype(np.float32)


_SOLID = _from_centre(np.concatenate([_EDGES, _ARROW_LINES]))  # ends of lines, in pairs
_DASHED = _from_centre(np.concatenate([_dashed(_EDGES), _ARROW_LINES]))
_FRONT = _from_centre(np.array([(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 0), (1, 0, 1), (0, 0, 1)]))  # two triangles
_NAME_AT = _from_centre(np.array([(0.5, 0.5, 1.0)]))  # the middle of the top


class Standing(Enum):
    """What is to be said of a box by its colour."""

    SHOWN = "shown"
    EMPTY = "without an asset"
    OUT_OF_VIEW = "outside the camera's view"
    REFUSED = "no box that the model takes"
    SELECTED = "selected"
    ACTIVE = "active"


@dataclass(frozen=True)
class Marks:
    """lines [2n, 3] with line_colours [2n, 4], ends in pairs; fronts [3m, 3] with front_colours [3m, 4], triangles;
    names with name_places [k, 3] and name_colours [k, 4]. World coordinates, sRGB colours with opacity."""

    lines: np.ndarray
    line_colours: np.ndarray
    fronts: np.ndarray
    front_colours: np.ndarray
    names: tuple[str, ...]
    name_places: np.ndarray
    name_colours: np.ndarray


def marks_of(boxes: Boxes, colours: Sequence[tuple[float, float, float, float]]) -> Marks:
    """colours: one (r, g, b, a) for each box."""
    to_world = np.concatenate([boxes.frames.edges, boxes.frames.centres[:, None]], 1).astype(np.float32)

    def placed(which: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Points [p, 4], in edges from the centre, of the boxes `which` [b], in the world [b * p, 3]."""
        return (points @ to_world[which]).reshape(-1, 3)

    rgba = np.array(colours, np.float32).reshape(-1, 4)
    empty = np.array([not box.asset for box in boxes], bool)
    kinds = [(np.flatnonzero(~empty), _SOLID), (np.flatnonzero(empty), _DASHED)]
    everyone = np.arange(len(boxes))
    return Marks(
        np.concatenate([placed(which, lines) for which, lines in kinds]),
        np.concatenate([rgba[which].repeat(len(lines), 0) for which, lines in kinds]),
        placed(everyone, _FRONT),
        (rgba * np.float32((1, 1, 1, _TINT))).repeat(len(_FRONT), 0),
        tuple(name_of(box) for box in boxes),
        placed(everyone, _NAME_AT),
        rgba,
    )


def name_of(box: PosedBox) -> str:
    """The object and what it carries."""
    carried = box.asset_name or box.asset
    return box.name if carried in ("", box.name) else f"{box.name}: {carried}"


def chosen_names(places: np.ndarray, depths: np.ndarray, first: np.ndarray, gap: tuple[float, float]) -> np.ndarray:
    """Which names are written so that none covers another, as indices.

    places [n, 2]: pixels; depths [n]: nearer ones go first, after those that `first` [n] bool asks for; gap: the room
    of a name in pixels (width, height).
    """
    taken: set[tuple[int, int]] = set()
    chosen = []
    cells = np.floor(places / gap).astype(int)
    cells_of, is_first = cells.tolist(), first.tolist()
    for index in np.lexsort((depths, ~first)).tolist():
        if len(chosen) == _MOST_NAMES:
            break
        x, y = cells_of[index]
        around = {(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
        if is_first[index] or not around & taken:
            taken.add((x, y))
            chosen.append(index)
    return np.array(chosen, int)
