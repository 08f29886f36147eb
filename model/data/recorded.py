"""Pairs kept as files: the held-out set in the repository, and any folder written in the same form.

A folder holds `pairs.json` (cameras, boxes, ground, task, families, objects, credits) and one folder per pair with
pictures, object indices (255: none) and 16-bit depth. Normals follow from the depth; box coordinates from depth
and boxes, exact to the depth's 16 bits.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import AssetFileError
from ..geometry import Boxes, Camera, camera_rays, pixel_centres
from .frames import MAX_OBJECTS, TASKS, Frame, Pairs, join

FORMAT = 1
FAR = 1000.0
FAR_CODE = 65535
SIDES = ("source", "target")


class RecordedSource:
    """A `PairSource` that reads a recorded folder: the first `count` pairs of a split (the seed is ignored)."""

    name = "recorded"

    def __init__(self, folder: str | Path, device: torch.device | str = "cpu") -> None:
        self.folder, self.device = Path(folder), torch.device(device)
        try:
            self.info: dict[str, Any] = json.loads((self.folder / "pairs.json").read_text())
        except (OSError, ValueError) as problem:
            raise AssetFileError(f"{self.folder} holds no readable pairs.json: name a recorded folder.") from problem
        if self.info.get("format") != FORMAT:
            raise AssetFileError(f"{self.folder} has format {self.info.get('format')}, this program reads {FORMAT}.")
        self.family_names = tuple(self.info["family_names"])
        self.families_with_front = tuple(self.info["families_with_front"])

    def length(self, split: str | None = None) -> int:
        """How many pairs the folder (or one of its splits) holds."""
        return sum(split in (None, entry["split"]) for entry in self.info["pairs"])

    def pairs(
        self, count: int, size: int, seed: int, *, split: str = "unseen_instances", tasks: tuple[str, ...] | None = None
    ) -> Pairs:
        """See `PairSource.pairs`; asks for more than there is are refused."""
        entries = [
            entry
            for entry in self.info["pairs"]
            if entry["split"] == split and (tasks is None or entry["task"] in tasks)
        ]
        if count < 1 or len(entries) < count:
            raise AssetFileError(
                f"{self.folder.name} holds {len(entries)} pairs of split {split!r} for these tasks, "
                f"{count} were asked for: ask for 1 to {len(entries)}."
            )
        frames = [
            [_read_frame(self.folder / entry["folder"], side, entry[side], size) for entry in entries[:count]]
            for side in SIDES
        ]
        task = torch.tensor([TASKS.index(entry["task"]) for entry in entries[:count]])
        family = torch.full((count, MAX_OBJECTS), -1, dtype=torch.int64)
        for k, entry in enumerate(entries[:count]):
            for slot, item in enumerate(entry["objects"]):
                family[k, slot] = self.family_names.index(item["family"])
        return Pairs(join(frames[0], torch.stack), join(frames[1], torch.stack), task, family).to(self.device)


def write_recorded(
    folder: str | Path,
    parts: list[tuple[str, Pairs, list[list[dict[str, str]]]]],
    family_names: tuple[str, ...],
    families_with_front: tuple[str, ...],
    credit: str,
) -> None:
    """Write pairs as a recorded folder. parts: (split, pairs, per pair and slot {"id", "family", "licence",
    "credit"}). credit: the text that names the objects' makers."""
    folder = Path(folder)
    entries = []
    for split, pairs, objects in parts:
        for k, items in enumerate(objects):
            name = f"{len(entries):03d}"
            task = TASKS[int(pairs.task[k])]
            entry: dict[str, Any] = {"folder": name, "split": split, "task": task, "objects": items}
            (folder / name).mkdir(parents=True, exist_ok=True)
            for side in SIDES:
                entry[side] = _write_frame(folder / name, side, getattr(pairs, side)[k])
            entries.append(entry)
    info = {
        "format": FORMAT,
        "family_names": list(family_names),
        "families_with_front": list(families_with_front),
        "credits": credit,
        "pairs": entries,
    }
    (folder / "pairs.json").write_text(json.dumps(info, indent=1) + "\n")


def encode_depth(depth: Tensor, objects: Tensor) -> tuple[np.ndarray, float]:
    """Depth [H, W] metres -> (uint16 codes, metres per code). Objects get all 16 bits; the background, far less
    critical, is coarser by 32 so that its file stays small; what lies too far becomes `FAR_CODE`."""
    near = depth[objects].max() if objects.any() else depth.min().clamp_min(0.1) * 2
    scale = float(near) * 2.5 / (FAR_CODE - 1)
    code = torch.where(objects, (depth / scale).round(), (depth / scale / 32).round() * 32)
    code = torch.where(code >= FAR_CODE, float(FAR_CODE), code)
    return code.numpy().astype(np.uint16), scale


def decode_depth(code: np.ndarray, scale: float) -> Tensor:
    """Inverse of `encode_depth`."""
    values = torch.from_numpy(code.astype(np.float32))
    return torch.where(values >= FAR_CODE, FAR, values * scale)


def _write_frame(folder: Path, side: str, frame: Frame) -> dict[str, Any]:
    from PIL import Image

    image = (frame.image.permute(1, 2, 0) * 255).round().byte().cpu().numpy()
    index = frame.object_index.cpu()
    code, scale = encode_depth(frame.depth.cpu(), index >= 0)
    stored = torch.where(index < 0, 255, index).numpy().astype(np.uint8)
    for name, pixels in ((side, image), (f"{side}_index", stored), (f"{side}_depth", code)):
        Image.fromarray(pixels).save(folder / f"{name}.png", optimize=True)
    present = frame.boxes.present.tolist()
    return {
        "intrinsics": frame.camera.intrinsics.tolist(),
        "world_to_camera": frame.camera.world_to_camera.tolist(),
        "ground": float(frame.ground),
        "depth_scale": scale,
        "present": present,
        "pose": frame.boxes.pose.tolist(),
        "size": frame.boxes.size.tolist(),
    }


def _read_frame(folder: Path, side: str, info: dict[str, Any], size: int) -> Frame:
    from PIL import Image

    try:
        pixels = {name: np.array(Image.open(folder / f"{side}{name}.png")) for name in ("", "_index", "_depth")}
    except OSError as problem:
        raise AssetFileError(f"A picture of {folder} is missing or damaged: record the folder anew.") from problem
    image = torch.from_numpy(pixels[""]).permute(2, 0, 1).float() / 255
    index = torch.from_numpy(pixels["_index"].astype(np.int64))
    index = torch.where(index == 255, -1, index)
    depth = decode_depth(pixels["_depth"], info["depth_scale"])
    if size != image.shape[-1]:
        image = functional.interpolate(image[None], (size, size), mode="bilinear", antialias=True)[0].clamp(0, 1)
        rows = ((torch.arange(size) + 0.5) * index.shape[0] / size).long()
        index, depth = index[rows][:, rows], depth[rows][:, rows]
    camera = Camera(torch.tensor(info["intrinsics"]), torch.tensor(info["world_to_camera"]))
    boxes = Boxes(torch.tensor(info["pose"]), torch.tensor(info["size"]), torch.tensor(info["present"]))
    rays = camera_rays(pixel_centres(*index.shape).flatten(0, 1), camera.intrinsics).view(*index.shape, 3)
    points = rays * depth[..., None]
    return Frame(
        image,
        index,
        depth,
        _normals(points).permute(2, 0, 1),
        _box_coordinates(points, index, camera, boxes).permute(2, 0, 1),
        camera,
        boxes,
        torch.tensor(float(info["ground"])),
    )


def _normals(points: Tensor) -> Tensor:
    """Unit normals [H, W, 3] towards the camera from neighbouring points (approximate at edges)."""
    padded = functional.pad(points.permute(2, 0, 1)[None], (1, 1, 1, 1), mode="replicate")[0].permute(1, 2, 0)
    across, down = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    normal = functional.normalize(torch.linalg.cross(across, down), dim=-1)
    away = (normal * points).sum(-1, keepdim=True) > 0
    return torch.where(away, -normal, normal)


def _box_coordinates(points: Tensor, index: Tensor, camera: Camera, boxes: Boxes) -> Tensor:
    """Camera-space points [H, W, 3] -> coordinates in the visible object's box; 0 on the background."""
    to_camera = camera.world_to_camera @ boxes.pose
    slot = index.clamp_min(0)
    matrix, size = to_camera[slot], boxes.size[slot]
    inside = ((points - matrix[..., :3, 3])[..., None, :] @ matrix[..., :3, :3])[..., 0, :] / size
    return torch.where((index >= 0)[..., None], inside.clamp(-0.5, 0.5), 0.0)
