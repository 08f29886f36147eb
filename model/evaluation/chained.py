"""The baseline without a generator: cut out, warp by the box, inpaint, paste.

"Chained" in Neural Assets (Wu et al. 2024, section 4.1) chains pretrained tools; here the masks
come from the same predicted masks as every other row, the hole is filled from around (push-pull),
and each cut-out is scaled from its source 2D box into its target 2D box. The background stays.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from ..assets import NeuralAsset
from ..geometry import pixel_centres
from ..holes import fill_holes

DILATION = 5  # pixels that the hole reaches beyond the predicted masks


def source_masks(assets: list[NeuralAsset], intrinsics: Tensor, height: int, width: int) -> Tensor:
    """The assets' predicted masks put back into the source picture: [N, H, W] 0..1.

    A crop's intrinsics tell where it lay: its width is fx / fx', its left edge cx - cx' * width.
    """
    uv = pixel_centres(height, width)
    masks = torch.zeros(len(assets), height, width)
    for index, asset in enumerate(assets):
        view = asset.views[0]
        inner = torch.from_numpy(view.intrinsics).float()
        extent = intrinsics[:2] / inner[:2]
        corner = intrinsics[2:] - inner[2:] * extent
        grid = ((uv - corner) / extent) * 2 - 1
        mask = torch.from_numpy(view.mask.astype("float32"))[None, None] / 255
        read = grid_sample(mask, grid[None], align_corners=False, padding_mode="zeros")
        masks[index] = read[0, 0]
    return masks


def mask_index(masks: Tensor) -> Tensor:
    """Soft masks [N, H, W] -> the most likely object of every pixel [H, W] int64, -1 below one
    half.
    """
    if not len(masks):
        return torch.full(masks.shape[-2:], -1)
    best, index = masks.max(0)
    return torch.where(best >= 0.5, index, -1)


def chain(
    image: Tensor, masks: Tensor, source: Tensor, target: Tensor, depth: Tensor, kept: Tensor
) -> tuple[Tensor, Tensor]:
    """The chained picture [3, H, W] and its object index [H, W].

    image [3, H, W]; masks [N, H, W] 0..1; source, target [N, 4] full 2D boxes; depth [N] of the
    target boxes' centres; kept [N] bool: objects that the target shows, the others are only erased.
    """
    height, width = image.shape[-2:]
    hole = (masks > 0.25).any(0).float()[None, None] if len(masks) else image.new_zeros(1, 1, height, width)
    hole = max_pool2d(hole, 2 * DILATION + 1, stride=1, padding=DILATION)
    made = fill_holes(image[None], 1 - hole)[0]
    index = torch.full((height, width), -1)
    uv = pixel_centres(height, width)
    for slot in [int(i) for i in depth.argsort(descending=True) if kept[i]]:
        scale = (source[slot, 2:] - source[slot, :2]) / (target[slot, 2:] - target[slot, :2])
        grid = (source[slot, :2] + (uv - target[slot, :2]) * scale) * 2 - 1
        layers = torch.cat([image, masks[slot : slot + 1]])[None]
        inside = (grid.abs() <= 1).all(-1)
        read = grid_sample(layers, grid[None], align_corners=False, padding_mode="border")[0]
        cover = read[3] * inside
        made = torch.lerp(made, read[:3], cover)
        index = torch.where(cover > 0.5, slot, index)
    return made, index
