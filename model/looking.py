"""Looks at a source picture: the surface network's answer for each object, near enough to see its outline.

The network works at about the model's size. One look at the whole picture serves its large objects; each small
one of a picture is looked at in a window of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .conditions import visible_shares
from .device import Pause, never
from .geometry import Boxes, Camera, crop_intrinsics
from .layers import LAYERS, box_layers
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
    slots = range(boxes.size.shape[1])
    windows = {slot: window for slot in slots if (window := _window(rectangles[slot], height, width))}
    if not parts.config.anchored:
        windows = {}  # no network to look closer with
    seen: dict[int, Sighting] = {}
    if len(windows) < len(slots):
        whole = _ask(parts, small, camera, boxes)
        seen = {slot: Sighting(0, 0, height, width, *whole.of(slot, 0)) for slot in slots if slot not in windows}
    close = list(windows)
    for first in range(0, len(close), _AT_ONCE):
        pause()
        chosen = close[first : first + _AT_ONCE]
        closer = _close_looks(parts, picture, camera, boxes, [windows[slot] for slot in chosen])
        for look, slot in enumerate(chosen):
            top, left, side = windows[slot]
            seen[slot] = Sighting(top, left, side, side, *closer.of(slot, look))
    return [seen[slot] for slot in slots]


@dataclass(frozen=True)
class _Looks:
    """What a batch of looks says of the layers of each pixel, [B, K, h, w]: whose they are, their shares of being what
    is seen, and the fractions of the way through their boxes."""

    slot: Tensor
    share: Tensor
    fraction: Tensor

    def of(self, slot: int, look: int) -> tuple[Tensor, Tensor]:
        """share and fraction [h, w] of one object in one look."""
        mine = self.slot[look] == slot  # [K, h, w]
        fraction = (self.fraction[look] * mine).sum(0)
        return (self.share[look] * mine).sum(0), torch.where(mine.any(0), fraction, _BOX_FRACTION)


def _ask(parts: Parts, image: Tensor, camera: Camera, boxes: Boxes) -> _Looks:
    height, width = image.shape[-2:]
    layers = box_layers(camera, boxes, height, width, maps=False)
    if parts.config.anchored:
        outputs = parts.surface(image, box_layers(camera, boxes, height // 2, width // 2).maps)
    else:
        outputs = torch.zeros(len(image), 2 * LAYERS + 1, height, width, device=image.device)
        outputs[:, 0] = 1.0
        outputs[:, LAYERS + 1 :] = torch.logit(torch.tensor(_BOX_FRACTION))
    return _Looks(layers.slot, visible_shares(outputs, layers)[:, :LAYERS], outputs[:, LAYERS + 1 :].float().sigmoid())


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
) -> _Looks:
    """Looks at square windows of the picture, in one batch."""
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
