"""Between batched tensors of the data engine and the numpy values that the pipeline takes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..geometry import box_corners, boxes_2d, project_world
from ..metrics import rectangle_masks
from ..scene import Box, PinholeCamera
from .frames import Frame, Pairs

MIN_BOX_SHARE = 4 / 256  # of the picture's side: a smaller source box makes no asset
MIN_VISIBLE_SHARE = 64 / 256**2  # of the picture's pixels: less of an object is not measured
IN_FRONT = 0.1  # metres: every corner of a usable box is farther from the camera


def to_uint8(image: Tensor) -> np.ndarray:
    """[3, H, W] 0..1 -> uint8 [H, W, 3]."""
    return (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()


def from_uint8(image: np.ndarray) -> Tensor:
    """uint8 [H, W, 3] -> [3, H, W] 0..1."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def camera_of(frame: Frame) -> PinholeCamera:
    """The camera of a single frame [1]."""
    camera = frame.camera[0].to("cpu")
    return PinholeCamera(camera.intrinsics.numpy(), camera.world_to_camera.numpy())


def box_of(frame: Frame, slot: int) -> Box:
    """The box in one slot of a single frame [1]."""
    return Box(frame.boxes.pose[0, slot].cpu().numpy(), frame.boxes.size[0, slot].cpu().numpy())


def rectangles(frame: Frame) -> Tensor:
    """2D boxes [1, N, 4] of a single frame, clipped to the picture; zeros where absent."""
    return boxes_2d(frame.camera, frame.boxes)


def full_rectangles(frame: Frame) -> Tensor:
    """2D boxes [1, N, 4] that may reach beyond the picture's edges."""
    corners = box_corners(frame.boxes.pose, frame.boxes.size)  # [1, N, 8, 3]
    uv = project_world(corners, frame.camera[:, None])[..., :2]
    return torch.cat([uv.amin(-2), uv.amax(-2)], -1)


def box_depths(frame: Frame) -> Tensor:
    """Nearest corner, box centre: camera depths [1, N, 2] in metres."""
    corners = box_corners(frame.boxes.pose, frame.boxes.size)
    depth = project_world(corners, frame.camera[:, None])[..., 2]
    return torch.stack([depth.amin(-1), depth.mean(-1)], -1)


def usable_slots(frame: Frame) -> Tensor:
    """Boxes that are wholly before the camera and not too small in the picture: [N] bool."""
    bounds = rectangles(frame)[0]
    large = (bounds[:, 2:] - bounds[:, :2]).amin(-1) >= MIN_BOX_SHARE
    return frame.boxes.present[0] & large & (box_depths(frame)[0, :, 0] > IN_FRONT)


def measured_slots(pair: Pairs) -> Tensor:
    """Objects with an asset from the source that are visible in the target: [N] bool."""
    visible = pair.target.masks()[0].float().mean((-2, -1)) >= MIN_VISIBLE_SHARE
    return usable_slots(pair.source) & usable_slots(pair.target) & visible


def measured_pixels(pair: Pairs) -> Tensor:
    """Pixels that a picture from the source's assets can be asked for: [1, H, W] bool.

    Left out are the 2D boxes of objects that stand only in the target.
    """
    new = pair.target.boxes.present & ~usable_slots(pair.source)
    masks = rectangle_masks(rectangles(pair.target), *pair.target.image.shape[-2:])
    return ~(masks & new[..., None, None]).any(1)


def static_camera(pair: Pairs) -> bool:
    """Whether both frames were taken by the same camera."""
    source, target = pair.source.camera, pair.target.camera
    return torch.allclose(source.world_to_camera, target.world_to_camera, atol=1e-5) and (
        torch.allclose(source.intrinsics, target.intrinsics, atol=1e-5)
    )
