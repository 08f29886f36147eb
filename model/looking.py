"""Looks at a source picture: the surface network's answer for each object, near enough to see its outline.

The network works at about the model's size. One look at the whole picture serves its large objects; each small
one of a picture is looked at again in a window of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .conditions import visible_shares
from .device import Pause, never
from .geometry import Boxes, Camera, crop_intrinsics
from .layers import LAYERS, BoxLayers, box_layers
from .parts import Parts

CLOSE_BELOW = 0.45  # of the shorter side: objects smaller than this get a look of their own
_ROOM = 1.3  # side of a look over the longer side of its object's 2D box
_BOX_FRACTION = 0.3  # how far into its box a surface is taken to lie where no network says it
_AT_ONCE = 8  # looks in one batch


@dataclass(frozen=True)
class Sighting:
    """One object in a window of the picture: `top, left, height, width` in pixels of the full picture;
    share [h, w] 0..1 that the object is what is seen, fraction [h, w] 0..1 of the way through its box."""

    top: int
    left: int
    height: int
    width: int
    share: Tensor
    fraction: Tensor

    @property
    def enlarged(self) -> float:
        """Pixels of the picture for each that the network looked at."""
        return self.width / self.share.shape[-1]

    def within(self, top: int, bottom: int, left: int, right: int) -> tuple[Tensor, Tensor]:
        """share and fraction at every pixel of a part of the picture; 0 outside the window."""
        both = torch.stack([self.share, self.fraction])[None]
        if both.shape[-2:] != (self.height, self.width):
            both = interpolate(both, (self.height, self.width), mode="bilinear", align_corners=False)
        out = both.new_zeros(2, bottom - top, right - left)
        t, b = max(top, self.top), min(bottom, self.top + self.height)
        le, r = max(left, self.left), min(right, self.left + self.width)
        if t < b and le < r:
            inner = both[0, :, t - self.top : b - self.top, le - self.left : r - self.left]
            out[:, t - top : b - top, le - left : r - left] = inner
        return out[0], out[1]


def look_at_objects(
    parts: Parts, picture: Tensor, small: Tensor, camera: Camera, boxes: Boxes, rectangles: Tensor,
    pause: Pause = never,
) -> list[Sighting]:  # fmt: skip
    """A sighting of every box [1, N] in picture [1, 3, H, W]; `small` is it at the model's size, rectangles [N, 4]
    the 2D boxes. `paper` has no surface network: each box's whole cover is its object."""
    height, width = picture.shape[-2:]
    outputs, layers = _ask(parts, small, camera, boxes)
    seen = [Sighting(0, 0, height, width, *_read(outputs, layers, slot)) for slot in range(boxes.size.shape[1])]
    if not parts.config.anchored:
        return seen
    windows = {slot: window for slot in range(len(seen)) if (window := _window(rectangles[slot], height, width))}
    slots = list(windows)
    for first in range(0, len(slots), _AT_ONCE):
        pause()
        chosen = slots[first : first + _AT_ONCE]
        closer = _close_looks(parts, picture, camera, boxes, [windows[s] for s in chosen])
        for slot, outputs, layers in _each(chosen, *closer):
            top, left, side = windows[slot]
            seen[slot] = Sighting(top, left, side, side, *_read(outputs, layers, slot))
    return seen


def _each(slots: list[int], outputs: Tensor, layers: BoxLayers):
    """(slot, outputs [1, ...], layers [1, ...]) of each look of a batch."""
    for i, slot in enumerate(slots):
        part = BoxLayers(*(x[i : i + 1] for x in (layers.slot, layers.entry, layers.leave, layers.maps)))
        yield slot, outputs[i : i + 1], part


def _ask(parts: Parts, image: Tensor, camera: Camera, boxes: Boxes) -> tuple[Tensor, BoxLayers]:
    height, width = image.shape[-2:]
    layers = box_layers(camera, boxes, height, width, maps=False)
    if not parts.config.anchored:
        outputs = torch.zeros(len(image), 2 * LAYERS + 1, height, width, device=image.device)
        outputs[:, 0] = 1.0
        outputs[:, LAYERS + 1 :] = torch.logit(torch.tensor(_BOX_FRACTION))
        return outputs, layers
    return parts.surface(image, box_layers(camera, boxes, height // 2, width // 2).maps), layers


def _read(outputs: Tensor, layers: BoxLayers, slot: int) -> tuple[Tensor, Tensor]:
    """share and fraction [h, w] of one object."""
    mine = layers.slot[0] == slot  # [K, h, w]
    share = (visible_shares(outputs, layers)[0, :LAYERS] * mine).sum(0)
    fraction = (outputs[0, LAYERS + 1 :].float().sigmoid() * mine).sum(0)
    return share, torch.where(mine.any(0), fraction, _BOX_FRACTION)


def _window(rectangle: Tensor, height: int, width: int) -> tuple[int, int, int] | None:
    """(top, left, side) in pixels of a close look, or None where the whole picture's look is close enough."""
    u0, v0, u1, v1 = rectangle.tolist()
    longest = max((u1 - u0) * width, (v1 - v0) * height)
    if longest >= CLOSE_BELOW * min(height, width):
        return None
    side = max(16, round(longest * _ROOM) // 2 * 2)
    top = round((v0 + v1) / 2 * height - side / 2)
    left = round((u0 + u1) / 2 * width - side / 2)
    return min(max(top, 0), height - side), min(max(left, 0), width - side), side


def _close_looks(
    parts: Parts, picture: Tensor, camera: Camera, boxes: Boxes, windows: list[tuple[int, int, int]]
) -> tuple[Tensor, BoxLayers]:
    """The network's outputs for square windows of the picture, in one batch."""
    height, width = picture.shape[-2:]
    side = parts.config.size * 3 // 4 // 32 * 32 or parts.config.size
    cut = [picture[..., t : t + s, le : le + s] for t, le, s in windows]
    looks = torch.cat([interpolate(x, (side, side), mode="bilinear", antialias=True) for x in cut])
    place = torch.tensor(windows, device=picture.device, dtype=torch.float32)
    full = picture.new_tensor([width, height])
    inner = camera.intrinsics.expand(len(windows), -1)
    intrinsics = crop_intrinsics(inner, place[:, [1, 0]] / full, place[:, 2:] / full)
    cameras = Camera(intrinsics, camera.world_to_camera.expand(len(windows), -1, -1))
    repeated = Boxes(*(x.expand(len(windows), *x.shape[1:]) for x in (boxes.pose, boxes.size, boxes.present)))
    return _ask(parts, looks, cameras, repeated)
