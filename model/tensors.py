"""Pictures, cameras and boxes as tensors: batches of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .geometry import Boxes, Camera
from .scene import Box, PinholeCamera


def image_tensor(image: np.ndarray, device: torch.device) -> Tensor:
    """uint8 [H, W, 3] -> [1, 3, H, W] 0..1."""
    return torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float() / 255


def camera_tensor(camera: PinholeCamera, device: torch.device) -> Camera:
    """A batch of one."""
    return Camera(
        torch.from_numpy(camera.intrinsics)[None].to(device),
        torch.from_numpy(camera.world_to_camera)[None].to(device),
    )


def boxes_tensor(boxes: Sequence[Box], device: torch.device) -> Boxes:
    """A batch of one, [1, N]."""
    count = len(boxes)
    pose = torch.from_numpy(np.stack([b.pose for b in boxes])) if count else torch.zeros(0, 4, 4)
    size = torch.from_numpy(np.stack([b.size for b in boxes])) if count else torch.ones(0, 3)
    return Boxes(
        pose[None].to(device),
        size[None].to(device),
        torch.ones(1, count, dtype=torch.bool, device=device),
    )


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """[1, 3, H, W] -> [1, 3, height, width], antialiased; untouched when the size is right."""
    if tuple(image.shape[-2:]) == (height, width):
        return image
    return interpolate(image, (height, width), mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
