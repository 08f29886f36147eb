"""A picture with boxes as a JSON file, which `install.py demo --image PHOTO --boxes FILE` takes.

    {
      "image": "photo.jpg",                 beside this file; --image goes first
      "focal_length": 1.39,                 in widths of the picture (50 mm on a sensor 36 mm wide is 50 / 36)
      "optical_centre": [0.5, 0.5],         in widths from the left and heights from the top
      "camera": {"height": 1.6, "down": 8}  metres above the floor's zero, degrees that it looks down, along +y;
                                            or {"matrix": 4 rows}, Blender's camera to world
      "ground": 0.0,                        height of the floor that the objects stand on, metres
      "boxes": [
        {"name": "Cup", "centre": [0, 1.2, 0.05], "size": [0.12, 0.09, 0.1], "turn": 25}
      ],                                    metres, z up; turn in degrees about z, or "rotation": 3 rows
      "story": {...}                        what the demo shows; see `Story`, all of it may be left out
    }

`optical_centre`, `camera` and `ground` may be left out: the middle; 1.6 m up, level; floor at zero. In a box +x is
right, -y its front, +z up. Plain Python: no Blender is needed to read it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Rows = tuple[tuple[float, ...], ...]


class BoxesFileError(ValueError):
    """One sentence that names the file and the fault."""


@dataclass(frozen=True)
class PosedBox:
    """name; centre [3] and size [3] in metres; rotation 3 rows, box to world."""

    name: str
    centre: tuple[float, ...]
    size: tuple[float, ...]
    rotation: Rows


@dataclass(frozen=True)
class Move:
    """Where a box has gone at the last frame: shift [3] metres in the world, turn about z in degrees."""

    shift: tuple[float, ...] = (0.0, 0.0, 0.0)
    turn: float = 0.0


@dataclass(frozen=True)
class Story:
    """moves: by box name, for `final.png` and the sequence; removed: a box; replaced: a box that gets the object
    `replacement` of the picture `other` (a file as this one); background: whether other's comes behind all, too."""

    moves: dict[str, Move] = field(default_factory=dict)
    removed: str = ""
    replaced: str = ""
    replacement: str = ""
    other: Path | None = None
    background: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture and what stands in it. focal_length in picture widths; optical_centre in widths and heights from the
    top left; camera: 4 rows, Blender's camera to world; ground in metres."""

    image: Path
    focal_length: float
    optical_centre: tuple[float, ...]
    camera: Rows
    ground: float
    boxes: tuple[PosedBox, ...]
    story: Story


def read_picture(path: Path, image: Path | None = None) -> Picture:
    """Read a file; `image` replaces the one it names. Raises BoxesFileError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BoxesFileError(f"{path} cannot be read ({error.strerror}): name another file.") from None
    except ValueError as error:
        raise BoxesFileError(f"{path} is not JSON ({error}): correct it.") from None
    try:
        picture = _picture(data, path.parent, image)
    except KeyError as error:
        raise BoxesFileError(f"{path} lacks {error}: add it.") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise BoxesFileError(f"{path} holds a wrong value ({error}): correct it.") from None
    if not picture.image.is_file():
        raise BoxesFileError(f"The picture {picture.image} is not there: name another file.")
    return picture


def _picture(data: dict[str, Any], folder: Path, image: Path | None) -> Picture:
    boxes = tuple(_box(entry) for entry in data["boxes"])
    if not boxes:
        raise ValueError("no boxes")
    if len({box.name for box in boxes}) < len(boxes):
        raise ValueError("two boxes of one name")
    story = _story(data["story"], folder) if "story" in data else _own_story(boxes)
    unknown = {*story.moves, story.removed, story.replaced} - {box.name for box in boxes} - {""}
    if unknown:
        raise ValueError(f"the story names {', '.join(sorted(unknown))}, which is no box")
    focal = _number(data["focal_length"])
    if not 0.1 <= focal <= 100:
        raise ValueError(f"a focal length of {focal} widths is outside 0.1 to 100")
    ground = _number(data.get("ground", 0.0))
    centre = _numbers(data.get("optical_centre", (0.5, 0.5)), 2)
    file = image or folder / data["image"]
    return Picture(file, focal, centre, _camera(data.get("camera", {})), ground, boxes, story)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not a finite number")
    return number


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    numbers = tuple(_number(value) for value in values)
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} numbers instead of {count}")
    return numbers


def _rows(values: Any, count: int) -> Rows:
    rows = tuple(_numbers(row, count) for row in values)
    if len(rows) != count:
        raise ValueError(f"{len(rows)} rows instead of {count}")
    return rows


def _camera(entry: dict[str, Any]) -> Rows:
    if "matrix" in entry:
        return _rows(entry["matrix"], 4)
    down, height = math.radians(_number(entry.get("down", 0.0))), _number(entry.get("height", 1.6))
    sine, cosine = math.sin(down), math.cos(down)  # the camera looks along its own -z
    return ((1.0, 0.0, 0.0, 0.0), (0.0, sine, -cosine, 0.0), (0.0, cosine, sine, height), (0.0, 0.0, 0.0, 1.0))


def _box(entry: dict[str, Any]) -> PosedBox:
    size = _numbers(entry["size"], 3)
    if min(size) <= 0:
        raise ValueError(f"the box {entry['name']} has a side of {min(size)}")
    rotation = _rows(entry["rotation"], 3) if "rotation" in entry else about_z(_number(entry.get("turn", 0.0)))
    return PosedBox(str(entry["name"]), _numbers(entry["centre"], 3), size, rotation)


def about_z(degrees: float) -> Rows:
    """A turn about the vertical, counter-clockwise seen from above."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return ((cosine, -sine, 0.0), (sine, cosine, 0.0), (0.0, 0.0, 1.0))


def _story(data: dict[str, Any], folder: Path) -> Story:
    moves = {
        name: Move(_numbers(move.get("shift", (0, 0, 0)), 3), _number(move.get("turn", 0.0)))
        for name, move in data.get("moves", {}).items()
    }
    other = folder / data["other"] if "other" in data else None
    removed, replaced, replacement = (str(data.get(key, "")) for key in ("removed", "replaced", "replacement"))
    background = other is not None and bool(data.get("background", True))
    return Story(moves, removed, replaced, replacement, other, background)


def _own_story(boxes: tuple[PosedBox, ...]) -> Story:
    """For a picture without one: the first box goes half its width aside and turns, the last one is removed."""
    first = boxes[0]
    return Story({first.name: Move((0.5 * max(first.size[:2]), 0.0, 0.0), 10.0)}, boxes[-1].name)
