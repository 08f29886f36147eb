"""Real photographs with labelled boxes: encoded, drawn again, and with their objects moved a little and a lot.

    python -m model.evaluation.photographs KITTI_FOLDER --out sheet.png

KITTI_FOLDER holds `image_2`, `calib` and `label_2` as the object benchmark does (Geiger et al. 2012). There is no truth
to compare moved pictures with: look at the sheet. What can be measured is printed: how much drawing the photograph at
its own poses changes it, and how alike each object stays to itself (EfficientNet-Lite0 cosine) when it has moved.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from ..geometry import boxes_2d
from ..metrics import Perceptual
from ..scene import Box, PinholeCamera, Placement, RenderSettings, Scene
from ..tensors import boxes_tensor, camera_tensor

WITHIN, MOST = 45.0, 6  # metres; the nearest so many objects
CAMERA_HEIGHT = 1.65  # metres above the street (Geiger et al. 2012, section 2)
SIDE = 620  # pixels of a column
LEAST = 16  # pixels: smaller objects are not compared
# forward (metres), sideways (metres), turn (degrees)
MOVES = {"same poses": (0.0, 0.0, 0.0), "small move": (0.5, 0.4, 6.0), "large move": (3.0, 1.8, 35.0)}


@dataclass(frozen=True)
class Photograph:
    """name; image uint8 [H, W, 3]; camera; boxes in a world whose z is up and whose floor is at 0."""

    name: str
    image: np.ndarray
    camera: PinholeCamera
    boxes: tuple[Box, ...]


def read_kitti(folder: Path) -> list[Photograph]:
    """All frames that have objects. Labels are in the axes of the rectified first camera, y down, with the origin in
    the middle of the bottom; raises ValueError for files of another layout."""
    found = []
    for path in sorted((folder / "image_2").glob("*.png")):
        rows = (folder / "calib" / f"{path.stem}.txt").read_text().splitlines()
        numbers = next((row.split()[1:] for row in rows if row.startswith("P2:")), None)
        if numbers is None:
            raise ValueError(
                f"The calibration of {path.stem} has no line 'P2:': name a folder of the object benchmark."
            )
        projection = np.array(numbers, np.float64).reshape(3, 4)
        image = np.array(Image.open(path).convert("RGB"))
        camera = _camera(projection, image.shape)
        boxes = _boxes((folder / "label_2" / f"{path.stem}.txt").read_text(), projection)
        if boxes:
            found.append(Photograph(path.stem, image, camera, tuple(boxes)))
    if not found:
        raise ValueError(f"{folder} has no frames with objects: name a folder with image_2, calib and label_2.")
    return found


def _camera(projection: np.ndarray, shape: tuple[int, ...]) -> PinholeCamera:
    height, width = shape[:2]
    lens = [projection[0, 0] / width, projection[1, 1] / height, projection[0, 2] / width, projection[1, 2] / height]
    matrix = np.array([[1, 0, 0, 0], [0, 0, -1, CAMERA_HEIGHT], [0, 1, 0, 0], [0, 0, 0, 1]], np.float32)
    return PinholeCamera(np.array(lens, np.float32), matrix)


def _boxes(labels: str, projection: np.ndarray) -> list[Box]:
    aside = (projection[0, 3] - projection[0, 2] * projection[2, 3]) / projection[0, 0]
    found = []
    for kind, *words in (line.split() for line in labels.splitlines()):
        height, width, length, x, y, z, turn = map(float, words[7:14])
        if kind == "DontCare" or not 0 < z <= WITHIN:
            continue
        angle = math.pi / 2 - turn
        place = np.array([x + aside, z + projection[2, 3], CAMERA_HEIGHT - y + height / 2])
        found.append((z, Box(_pose(place, angle), np.array([width, length, height], np.float32))))
    return [box for _, box in sorted(found, key=lambda item: item[0])[:MOST]]


def _pose(place: np.ndarray, angle: float) -> np.ndarray:
    cosine, sine = math.cos(angle), math.sin(angle)
    pose = np.eye(4, dtype=np.float32)
    pose[:2, :2] = [[cosine, -sine], [sine, cosine]]
    pose[:3, 3] = place
    return pose


def moved(box: Box, forward: float, sideways: float, degrees: float) -> Box:
    """The box pushed along the view (world y) and sideways towards the middle, and turned."""
    turn = math.radians(degrees)
    pose = box.pose.copy()
    pose[:3, :3] = _pose(np.zeros(3), turn)[:3, :3] @ pose[:3, :3]
    pose[:2, 3] += (-math.copysign(sideways, pose[0, 3]), forward)
    return Box(pose, box.size)


@torch.no_grad()
def show(pipe, photograph: Photograph, settings: RenderSettings, features: Perceptual | None) -> np.ndarray:
    """One row of the sheet, uint8; prints what can be measured."""
    assets, background = pipe.encode(photograph.image, photograph.boxes, photograph.camera)
    pictures = [_outlined(photograph)]
    for name, move in MOVES.items():
        boxes = [moved(box, *move) for box in photograph.boxes]
        placements = tuple(Placement(asset, box) for asset, box in zip(assets, boxes, strict=True))
        scene = Scene(photograph.camera, placements, background)
        made = pipe.render(scene, settings).image
        pictures.append(made)
        line = f"{photograph.name} {name:11}"
        if name == "same poses":
            line += f" mean difference {np.abs(made.astype(int) - photograph.image).mean():.3f} of 255"
        elif features is not None:
            line += f" likeness {_likeness(features, photograph, made, boxes):.3f}"
        print(line, flush=True)
    shape = (SIDE, round(SIDE * photograph.image.shape[0] / photograph.image.shape[1]))
    rows = [Image.fromarray(picture).resize(shape, Image.Resampling.LANCZOS) for picture in pictures]
    top, bottom = np.hstack([np.array(rows[0]), np.array(rows[1])]), np.hstack([np.array(rows[2]), np.array(rows[3])])
    return np.vstack([top, bottom])


def _rectangles(camera: PinholeCamera, boxes: tuple[Box, ...] | list[Box], shape: tuple[int, ...]) -> np.ndarray:
    """2D bounds [N, 4] in pixels."""
    cpu = torch.device("cpu")
    bounds = boxes_2d(camera_tensor(camera.checked(), cpu), boxes_tensor([b.checked() for b in boxes], cpu))[0].numpy()
    height, width = shape[:2]
    return (bounds * [width, height, width, height]).round().astype(int)


def _outlined(photograph: Photograph) -> np.ndarray:
    picture = Image.fromarray(photograph.image)
    draw = ImageDraw.Draw(picture)
    for bounds in _rectangles(photograph.camera, photograph.boxes, photograph.image.shape):
        draw.rectangle(tuple(bounds.tolist()), outline=(255, 160, 40), width=3)
    return np.array(picture)


def _likeness(features: Perceptual, photograph: Photograph, made: np.ndarray, boxes: list[Box]) -> float:
    """Mean cosine of the features of each object's rectangle, before and after its move."""
    before = _rectangles(photograph.camera, photograph.boxes, made.shape)
    after = _rectangles(photograph.camera, boxes, made.shape)
    values = []
    for old, new in zip(before, after, strict=True):
        if min(old[2] - old[0], old[3] - old[1], new[2] - new[0], new[3] - new[1]) > LEAST:
            crops = np.stack([_cut(photograph.image, old), _cut(made, new)])
            first, second = features.pooled(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)
            values.append(float(torch.nn.functional.cosine_similarity(first, second, dim=0)))
    return float(np.mean(values)) if values else float("nan")


def _cut(image: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    left, top, right, bottom = (max(0, int(value)) for value in bounds)
    return np.array(Image.fromarray(image[top:bottom, left:right]).resize((224, 224), Image.Resampling.LANCZOS))


def main() -> None:
    from ..evaluate import WEIGHTS, load_perceptual
    from .loading import load_pipeline

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="with image_2, calib and label_2")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--out", type=Path, required=True, help="the sheet, a PNG or JPEG file")
    chosen = parser.parse_args()
    pipe, features = load_pipeline(chosen.weights), load_perceptual()
    rows = []
    for photograph in read_kitti(chosen.folder):
        height, width = photograph.image.shape[:2]
        rows.append(show(pipe, photograph, RenderSettings(width=width, height=height), features))
    widest = max(row.shape[0] for row in rows)
    rows = [np.pad(row, ((0, widest - row.shape[0]), (0, 0), (0, 0))) for row in rows]
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(chosen.out, quality=88)


if __name__ == "__main__":
    main()
