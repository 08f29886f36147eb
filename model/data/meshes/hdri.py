"""Environment maps: a reader and writer of Radiance RGBE files, and a built-in sky.

Maps are equirectangular, linear: the row runs from straight up to straight down, the column clockwise (seen
from above) from north = world +y, as a person who looks around inside sees it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import AssetFileError


def read_hdr(path: str | Path) -> np.ndarray:
    """The picture in a Radiance .hdr file (RGBE; flat or run-length coded), float32 [H, W, 3]."""
    data = Path(path).read_bytes()
    if not data.startswith((b"#?RADIANCE", b"#?RGBE")):
        raise AssetFileError(f"{Path(path).name} is not a Radiance .hdr file: export the environment as .hdr.")
    end = data.find(b"\n\n")
    line_end = data.find(b"\n", end + 2)
    axes = data[end + 2 : line_end].split()
    if end < 0 or len(axes) != 4 or axes[0] != b"-Y" or axes[2] != b"+X":
        raise AssetFileError(f"{Path(path).name} has an unusual orientation: export it with rows from the top.")
    height, width = int(axes[1]), int(axes[3])
    body = np.frombuffer(data, np.uint8, offset=line_end + 1)
    coded = 8 <= width < 32768 and len(body) >= 4 and body[0] == 2 and body[1] == 2
    try:
        pixels = _decode_runs(body, height, width) if coded else body[: height * width * 4].reshape(height, width, 4)
    except (ValueError, IndexError) as problem:
        raise AssetFileError(f"{Path(path).name} is damaged or cut short: copy it anew.") from problem
    exponent = np.ldexp(np.float32(1.0), pixels[..., 3].astype(np.int32) - 136)
    return pixels[..., :3].astype(np.float32) * np.where(pixels[..., 3:] > 0, exponent[..., None], 0)


def _decode_runs(body: np.ndarray, height: int, width: int) -> np.ndarray:
    """New-style run-length coding: per row four planes (R, G, B, E) of runs (count > 128) and literals."""
    rows = np.empty((height, 4, width), np.uint8)
    at = 0
    for row in range(height):
        if tuple(body[at : at + 2]) != (2, 2) or int(body[at + 2]) << 8 | int(body[at + 3]) != width:
            raise ValueError("row header")
        at += 4
        for plane in range(4):
            x = 0
            while x < width:
                count = int(body[at])
                if count > 128:
                    count -= 128
                    rows[row, plane, x : x + count] = body[at + 1]
                    at += 2
                else:
                    rows[row, plane, x : x + count] = body[at + 1 : at + 1 + count]
                    at += 1 + count
                if count == 0 or x + count > width:
                    raise ValueError("run length")
                x += count
    return rows.transpose(0, 2, 1)


def write_hdr(path: str | Path, picture: np.ndarray) -> None:
    """Write float32 [H, W, 3] as a flat (not run-length coded) Radiance file."""
    height, width = picture.shape[:2]
    mantissa, exponent = np.frexp(picture.max(-1))
    alive = picture.max(-1) > 1e-32
    scale = np.where(alive, mantissa * 256 / np.maximum(picture.max(-1), 1e-38), 0)
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., :3] = np.clip(picture * scale[..., None], 0, 255)
    pixels[..., 3] = np.where(alive, exponent + 128, 0)
    header = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n"
    Path(path).write_bytes(header.encode() + pixels.tobytes())


def built_in_sky(height: int = 256, elevation: float = 40.0) -> np.ndarray:
    """A clear sky with haze at the horizon, a soft sun and a brownish ground, float32 [H, 2H, 3]."""
    directions = map_directions(height, 2 * height).numpy()
    up = directions[..., 2:]
    angle = math.radians(elevation)
    sun = np.array([0.0, math.cos(angle), math.sin(angle)], np.float32)
    cosine = (directions * sun).sum(-1, keepdims=True)
    blend = np.clip(up, 0, 1) ** 0.45
    sky = (1 - blend) * np.array([0.9, 0.95, 1.0]) + blend * np.array([0.18, 0.36, 0.8])
    glow = np.exp((cosine - 1) * 40) * 1.5 + np.exp((cosine - 1) * 2500) * 900
    ground = np.array([0.24, 0.21, 0.17]) * (1 - 0.3 * np.clip(-up, 0, 1))
    mix = 1 / (1 + np.exp(-up * 60))
    return ((sky + glow * np.array([1.0, 0.93, 0.8])) * mix + ground * (1 - mix)).astype(np.float32)


def map_directions(height: int, width: int) -> Tensor:
    """World directions of a map's texel centres, [H, W, 3]."""
    polar = (torch.arange(height) + 0.5) / height * math.pi
    azimuth = (torch.arange(width) + 0.5) / width * 2 * math.pi
    sine, up = polar.sin()[:, None], polar.cos()[:, None].expand(-1, width)
    return torch.stack([sine * azimuth.sin(), sine * azimuth.cos(), up], -1)


def solid_angles(height: int, width: int) -> Tensor:
    """Solid angle of the texels of each row, [H, 1] steradians."""
    edges = torch.cos(torch.arange(height + 1) / height * math.pi)
    return ((edges[:-1] - edges[1:]) * 2 * math.pi / width)[:, None]


def map_coordinates(directions: Tensor) -> Tensor:
    """`grid_sample` coordinates [..., 2] of directions [..., 3] in a map padded by `pad_map`."""
    azimuth = torch.atan2(directions[..., 0], directions[..., 1]) / (2 * math.pi)
    u = azimuth - torch.floor(azimuth)
    v = torch.acos(directions[..., 2].clamp(-1, 1)) / math.pi
    return torch.stack([u * 2 - 1, v * 2 - 1], -1)


def load_maps(folder: Path, limit: int = 64) -> list[np.ndarray]:
    """The environment maps of a folder (all `*.hdr` in it), [256, 512, 3] each; the built-in skies if none."""
    files = sorted(folder.rglob("*.hdr"))[:limit]
    maps = [read_hdr(path) for path in files] or [built_in_sky(elevation=angle) for angle in (25.0, 45.0, 65.0)]
    return [_resized(picture) for picture in maps]


def _resized(picture: np.ndarray, height: int = 256) -> np.ndarray:
    if picture.shape[:2] == (height, 2 * height):
        return picture
    image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
    image = torch.nn.functional.interpolate(image, (height, 2 * height), mode="area")
    return image[0].permute(1, 2, 0).numpy()
