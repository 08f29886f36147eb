"""A batched z-buffer rasteriser in plain torch: the same code on CPU and on any CUDA machine.

Triangles are cut into rows, rows into pixels, all vectorised (`repeat_interleave`): a row's span follows from
the three edge functions, so that only covered pixels are enumerated. The nearest triangle wins through one
`scatter_reduce` minimum over int64 keys: the bits of the (positive float) depth above, the triangle below.
"""

from __future__ import annotations

import torch
from torch import Tensor

EMPTY = torch.iinfo(torch.int64).max
_SLACK = 1e-3  # pixels: neighbours overlap by this much rather than leave a hole


def rasterise(
    corners: Tensor, values: Tensor, frame: Tensor, shape: tuple[int, int, int], perspective: bool = True
) -> Tensor:
    """The z-buffer [F, H, W] int64 of P triangles in `shape` = (F, H, W); `EMPTY` where nothing is.

    corners [P, 3, 2] in pixels (a pixel's centre at +0.5); values [P, 3]: 1 / depth of the corners if
    `perspective`, else their (non-negative) depth: what is linear on the screen; frame [P] int64.
    """
    frames, height, width = shape
    buffer = torch.full((frames * height * width,), EMPTY, dtype=torch.int64, device=corners.device)
    low, high = corners.amin(1), corners.amax(1)
    first = torch.ceil(low[:, 1] - 0.5).clamp(0, height)
    last = torch.floor(high[:, 1] - 0.5).clamp(-1, height - 1)
    area = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    useful = (last >= first) & (area.abs() > 1e-9) & (torch.ceil(low[:, 0] - 0.5) <= torch.floor(high[:, 0] - 0.5))
    useful &= (high[:, 0] > 0) & (low[:, 0] < width)
    kept = useful.nonzero()[:, 0]
    if not len(kept):
        return buffer.view(shape)
    corners, values, area = corners[kept], values[kept], area[kept]
    span = _rows(corners, area, first[kept], last[kept], width)
    row, y, start, count = span
    pixel_row = torch.repeat_interleave(torch.arange(len(row), device=row.device), count)
    within = torch.arange(len(pixel_row), device=row.device) - (count.cumsum(0) - count)[pixel_row]
    x = start[pixel_row] + within
    slope_x, slope_y = _gradient(corners, values, area)
    base = values[:, 0] + slope_x * (0.5 - corners[:, 0, 0]) + slope_y * (0.5 - corners[:, 0, 1])
    in_row = base[row] + slope_y[row] * y
    bound = torch.stack([values.amin(1), values.amax(1)])[:, row]
    value = in_row[pixel_row] + slope_x[row][pixel_row] * x
    value = torch.minimum(torch.maximum(value, bound[0][pixel_row]), bound[1][pixel_row])
    depth = (1 / value if perspective else value + 0.0).view(torch.int32).long()
    key = (depth << 32) | kept[row][pixel_row]
    target = ((frame[kept] * height)[row] + y)[pixel_row] * width + x
    return buffer.scatter_reduce_(0, target, key, "amin").view(shape)


def unpack(buffer: Tensor) -> tuple[Tensor, Tensor]:
    """z-buffer -> (triangle int64, -1 where empty; depth float32, infinite where empty)."""
    empty = buffer == EMPTY
    triangle = torch.where(empty, -1, buffer & 0xFFFFFFFF)
    depth = (buffer >> 32).to(torch.int32).view(torch.float32)
    return triangle, torch.where(empty, torch.inf, depth)


def barycentric(points: Tensor, corners: Tensor) -> Tensor:
    """Screen-space weights [S, 3] of points [S, 2] in triangles [S, 3, 2], clamped into the triangle."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    offset = points - corners[:, 0]
    area = _cross(first, second)
    area = torch.where(area.abs() < 1e-9, 1e-9, area)
    beta, gamma = _cross(offset, second) / area, _cross(first, offset) / area
    weights = torch.stack([1 - beta - gamma, beta, gamma], -1).clamp(0, 1)
    return weights / weights.sum(-1, keepdim=True)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _gradient(corners: Tensor, values: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes (per pixel, [P] each) of the plane through the corners' values."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    rise1, rise2 = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    slope_x = (rise1 * second[:, 1] - rise2 * first[:, 1]) / area
    slope_y = (rise2 * first[:, 0] - rise1 * second[:, 0]) / area
    return slope_x, slope_y


def _rows(
    corners: Tensor, area: Tensor, first: Tensor, last: Tensor, width: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Spans of covered pixels: (triangle, y, first x, pixels), [R] int64 each."""
    count = (last - first + 1).long()
    row = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    y = torch.arange(len(row), device=row.device) - (count.cumsum(0) - count - first.long())[row]
    centre = y + 0.5
    ends = corners.roll(-1, 1)
    slope = (ends - corners) * area.sign()[:, None, None]  # positive orientation
    low = corners.new_full((len(row),), -1e9)
    high = corners.new_full((len(row),), 1e9)
    for edge in range(3):  # inside: dx * (y - y0) - dy * (x - x0) >= 0
        dx, dy = slope[:, edge, 0], slope[:, edge, 1]
        x0, y0 = corners[:, edge, 0], corners[:, edge, 1]
        flat = dy.abs() < 1e-12
        ratio = dx / torch.where(flat, 1.0, dy)
        crossing = (x0 - ratio * y0)[row] + ratio[row] * centre
        rising, level = (dy > 0)[row], flat[row]
        high = torch.where(rising & ~level, torch.minimum(high, crossing), high)
        low = torch.where(~rising & ~level, torch.maximum(low, crossing), low)
    start = torch.ceil(low - 0.5 - _SLACK).clamp(0, width).long()
    stop = torch.floor(high - 0.5 + _SLACK).clamp(-1, width - 1).long()
    pixels = stop - start + 1
    filled = (pixels > 0).nonzero()[:, 0]
    return row[filled], y[filled], start[filled], pixels[filled]
