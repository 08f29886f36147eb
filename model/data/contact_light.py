"""Measures how much of its light a floor keeps beside an object that was put there: the figures of `model.contact`.

    python -m model.data.contact_light [--assets FOLDER] [--pairs 128]

Only floor counts that both pictures of a pair show and that no other object stands near in the first.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from .. import geometry
from ..contact import box_sizes
from ..geometry import Boxes, camera_rays, moved_boxes, pixel_centres, rigid_inverse, transform_each
from .frames import Frame, Pairs, PairSource

BINS = (0.0, 1e-6, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5)  # distance from the footprint, in sizes of the box
FAR = 1.5  # sizes to the nearest object of the first picture
CHUNK = 16


def light_beside(pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Distances [Q] from the footprint of an object that moved there, in its sizes, and the logarithm of the light kept
    [Q], of every floor pixel that tells it."""
    source, target = pairs.source, pairs.target
    points, is_floor = floor_points(source)
    is_floor = is_floor & (target.object_index.flatten(1) < 0)
    kept = (target.image.mean(1) / source.image.mean(1).clamp_min(0.02)).flatten(1).clamp(0.05, 5).log()
    moved = moved_boxes(source.boxes, target.boxes) & source.boxes.present & target.boxes.present
    standing = (target.boxes.pose[..., 2, 3] - target.boxes.size[..., 2] / 2 - target.ground[:, None]).abs()
    moved = moved & (standing < 0.05 * box_sizes(target.boxes))
    before = distances(source.boxes, points, source.boxes.present)
    after = distances(target.boxes, points, moved)
    use = is_floor & (before > FAR) & after.isfinite()
    return after[use], kept[use]


def floor_points(frame: Frame) -> tuple[Tensor, Tensor]:
    """World points [B, P, 3] of all pixels on the floor's plane, and which of them show it [B, P]."""
    height, width = frame.image.shape[-2:]
    rays = camera_rays(pixel_centres(height, width).view(1, -1, 2), frame.camera.intrinsics)
    to_world = rigid_inverse(frame.camera.world_to_camera)[:, None]
    points, depth = geometry.floor_points(frame.ground[:, None], to_world, rays)
    shown = (depth < geometry.FAR) & ((frame.depth.flatten(1) - depth).abs() < 0.02 * depth)
    return points, shown & (frame.object_index.flatten(1) < 0)


def distances(boxes: Boxes, points: Tensor, counted: Tensor) -> Tensor:
    """Distance [B, P] of points [B, P, 3] from the nearest counted [B, N] box's footprint, in sizes of that box."""
    local = transform_each(rigid_inverse(boxes.pose)[:, :, None], points[:, None])  # [B, N, P, 3]
    outside = (local[..., :2].abs() - boxes.size[:, :, None, :2] / 2).clamp_min(0).norm(dim=-1)
    return torch.where(counted[..., None], outside / box_sizes(boxes)[..., None], torch.inf).amin(1)


def measure(source: PairSource, count: int) -> None:
    """Print the mean share of light by distance."""
    parts = [
        light_beside(source.pairs(CHUNK, 256, 50_000 + start, tasks=("object",))) for start in range(0, count, CHUNK)
    ]
    distance, kept = (torch.cat(values) for values in zip(*parts, strict=True))
    print(f"{source.name}: {count} pairs")
    for low, high in zip(BINS, BINS[1:], strict=False):
        inside = kept[(distance >= low) & (distance < high)]
        where = "under it" if high < 0.01 else f"{low:.1f} to {high:.1f} sizes"
        print(f"  {where:16} {float(inside.mean().exp()):.3f} ({len(inside)} pixels)")


def main() -> None:
    from .meshes.source import MeshSource
    from .procedural import ProceduralSource

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--assets", help="folder of mesh objects; without it the procedural engine is measured")
    parser.add_argument("--pairs", type=int, default=128)
    chosen = parser.parse_args()
    measure(MeshSource(chosen.assets) if chosen.assets else ProceduralSource(), chosen.pairs)


if __name__ == "__main__":
    main()
