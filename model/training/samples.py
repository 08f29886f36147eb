"""The picture that training shows of itself: source | carried | made | truth, a row an example."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..fusion import compose, fuse
from ..layers import box_layers
from ..parts import Parts
from .examples import Example
from .loop import step_generator
from .pictures import sampled_pictures


@torch.no_grad()
def made_pictures(parts: Parts, example: Example) -> Tensor:
    """What the model makes of an example now, [B, 3, H, W]."""
    decoded, again = sampled_pictures(parts, example, step_generator(0, 0))
    if not parts.config.anchored:
        return decoded
    height, width = example.target.shape[-2:]
    full = box_layers(example.target_camera, example.target_boxes, height, width, maps=False)
    half = box_layers(example.target_camera, example.target_boxes, height // 2, width // 2)
    result = fuse(parts.fusion, example.planes(), decoded, again, example.maps, full, half)
    return compose(result, example.planes(), example.maps[:, 3:4])


def write_samples(parts: Parts, example: Example, path: Path) -> None:
    """Write the grid as PNG."""
    columns = [example.source, example.carried, made_pictures(parts, example), example.target]
    rows = torch.cat([c.float().clamp(0, 1) for c in columns], 3)  # [B, 3, H, 4W]
    grid = torch.cat(list(rows), 1).permute(1, 2, 0)
    Image.fromarray((grid * 255).round().byte().cpu().numpy()).save(path)
