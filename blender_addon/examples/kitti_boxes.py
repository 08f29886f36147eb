"""Turns a labelled frame of the KITTI object benchmark into a boxes file for `install.py demo --image --boxes`.

    python kitti_boxes.py --image IMAGE --calib CALIB.txt --labels LABELS.txt --out BOXES.json [--within 40]

Labels are in camera axes (x right, y down, z forward) with the origin at the middle of the bottom; the file is in
Blender's (z up), with the camera 1.65 m above the street, where KITTI's stands. Plain Python.
"""

from __future__ import annotations

import argparse
import json
import math
import struct
from pathlib import Path
from typing import Any

CAMERA_HEIGHT = 1.65  # metres


def png_size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG file."""
    head = path.read_bytes()[:24]
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"{path} is no PNG picture: name KITTI's own file.")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def projection(calibration: str) -> list[float]:
    """The twelve numbers of P2, the left colour camera's 3x4 projection."""
    for line in calibration.splitlines():
        if line.startswith("P2:"):
            return [float(word) for word in line.split()[1:]]
    raise ValueError("The calibration has no line 'P2:': name KITTI's own file.")


def boxes_of(labels: str, matrix: list[float], within: float) -> list[dict[str, Any]]:
    """Entries for "boxes", the nearest first; metres. within: objects farther away are left out."""
    aside = (matrix[3] - matrix[2] * matrix[11]) / matrix[0]  # of this camera from the labels' origin
    found = []
    for line in labels.splitlines():
        kind, *words = line.split()
        height, width, length, x, y, z, turn = map(float, words[7:14])
        if kind != "DontCare" and 0 < z <= within:
            name = f"{kind} {len(found) + 1}"
            bottom = CAMERA_HEIGHT - y
            centre = [x + aside, z + matrix[11], bottom + height / 2]
            box = {"name": name, "centre": centre, "size": [width, length, height], "turn": 90 - math.degrees(turn)}
            found.append({"at": z, "bottom": bottom, **box})
    return sorted(found, key=lambda box: box["at"])


def boxes_file(image: Path, calibration: str, labels: str, within: float) -> dict[str, Any]:
    """The whole file; its story moves the nearest object by half its width and removes the farthest."""
    width, height = png_size(image)
    matrix = projection(calibration)
    boxes = boxes_of(labels, matrix, within)
    if not boxes:
        raise ValueError(f"The labels have no object within {within} m: give --within a larger number.")
    ground = min(box.pop("bottom") for box in boxes)
    for box in boxes:
        del box["at"]
    return {
        "image": str(image.resolve()),
        "focal_length": matrix[0] / width,
        "optical_centre": [matrix[2] / width, matrix[6] / height],
        "camera": {"height": CAMERA_HEIGHT},
        "ground": ground,
        "boxes": boxes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("image", "calib", "labels", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--within", type=float, default=40.0, help="metres")
    given = parser.parse_args()
    try:
        made = boxes_file(given.image, given.calib.read_text(), given.labels.read_text(), given.within)
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    given.out.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
