"""Surface points of the sources, seen from the target camera."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad, unfold

from .geometry import NEAR, Boxes, Camera, box_to_camera, maps_of, projected, projection
from .sources import Sources

_DEPTH_STEPS = 2**20
_GAP = 2  # cells on each side of a gap inside a surface that is closed


def splat(sources: Sources, camera: Camera, boxes: Boxes, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Surface points into the target with a depth test: entry [B, h, w] (-1: none), depth [B, h, w] metres.

    Gaps of a few cells inside a surface are closed from its neighbours; its outline stays where it is.
    """
    device, batch = boxes.pose.device, boxes.size.shape[0]
    cells = rows * columns
    buffer = torch.full((batch * cells,), torch.iinfo(torch.int64).max, device=device)
    if sources.points.shape[0] and boxes.size.shape[1]:
        frame, slot = sources.frame, sources.slot
        maps = projection(box_to_camera(camera, boxes)[frame, slot], boxes.size[frame, slot], camera.intrinsics[frame])
        uv, metres = projected(maps_of(maps, sources.point_entry), sources.points)
        column, row = (uv[:, 0] * columns).floor().long(), (uv[:, 1] * rows).floor().long()
        ok = (column >= 0) & (column < columns) & (row >= 0) & (row < rows) & (metres > NEAR)
        ok = ok & boxes.present[frame, slot].index_select(0, sources.point_entry)
        quantised = (metres.clamp(NEAR, 1e3).log() * (_DEPTH_STEPS / 20) + _DEPTH_STEPS / 2).long()
        key = (quantised << 32) | sources.point_entry
        index = (frame.index_select(0, sources.point_entry) * cells + row * columns + column)[ok]
        buffer.scatter_reduce_(0, index, key[ok], "amin")
    filled = buffer != torch.iinfo(torch.int64).max
    entry = torch.where(filled, buffer & 0xFFFFFFFF, -1).view(batch, rows, columns)
    log_depth = ((buffer >> 32).float() - _DEPTH_STEPS / 2) * (20 / _DEPTH_STEPS)
    depth = torch.where(filled, log_depth.exp(), 0.0).view(batch, rows, columns)
    return _closed(entry, depth)


def _closed(entry: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Morphological closing: what dilation fills stays filled where erosion does not take it back."""
    own = entry >= 0
    for _ in range(_GAP):
        entry, depth = _dilate(entry, depth)
    empty = pad((entry < 0)[:, None].float(), (_GAP, _GAP, _GAP, _GAP), value=1.0)
    kept = own | (max_pool2d(empty, 2 * _GAP + 1, 1)[:, 0] == 0)
    return torch.where(kept, entry, -1), torch.where(kept, depth, 0.0)


def _dilate(entry: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Give empty cells the nearest-to-camera of their eight neighbours."""
    far = torch.where(entry >= 0, depth, torch.inf)
    padded = pad(far[:, None], (1, 1, 1, 1), value=torch.inf)
    windows = unfold(padded, 3).view(entry.shape[0], 9, *entry.shape[1:])
    names = pad(entry[:, None].float(), (1, 1, 1, 1), value=-1)
    names = unfold(names, 3).view_as(windows)
    near, which = windows.min(1)
    empty = (entry < 0) & torch.isfinite(near)
    chosen = names.gather(1, which[:, None])[:, 0].long()
    return torch.where(empty, chosen, entry), torch.where(empty, near, depth)
