"""The pixels of a target picture: their rays, and which boxes these look into."""

from __future__ import annotations

import torch
from torch import Tensor

from .geometry import Boxes, Camera, box_to_camera, camera_rays, into_box, pixel_centres


class Pixels:
    """Rays and per-pixel box look-ups of the output grid."""

    def __init__(self, camera: Camera, boxes: Boxes, height: int, width: int) -> None:
        self.batch, self.count = boxes.size.shape[:2]
        self.height, self.width = height, width
        self.camera, self.boxes = camera, boxes
        device = boxes.pose.device
        rays = camera_rays(pixel_centres(height, width, device).view(1, -1, 2), camera.intrinsics)
        self.rays = rays.reshape(-1, 3)  # [B*P, 3]
        self.inside = into_box(box_to_camera(camera, boxes), boxes.size)  # [B, N, 3, 4]
        self.frame = torch.arange(self.batch, device=device).repeat_interleave(height * width)

    def upsample(self, values: Tensor) -> Tensor:
        """Nearest upsampling of [B, h, w] to [B*P]."""
        full = torch.nn.functional.interpolate(
            values[:, None].double(), (self.height, self.width), mode="nearest-exact"
        )
        return full.reshape(-1).to(values.dtype)
