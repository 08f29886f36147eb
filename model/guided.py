"""Masks that follow the edges of their picture: the guided filter.

The surface network sees a picture at about the model's size; its masks are enlarged to the picture's own. He, Sun &
Tang 2013 ("Guided Image Filtering", section 3) fit the mask in every window as a linear function of the picture's
colours; coefficients come from a smaller copy (He & Sun 2015, "Fast Guided Filter").
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .filters import box_mean

SMOOTH = 1e-4  # variance of colours, 0..1, below which an area counts as even
REACH = 2.5  # pixels of the network's look to each side
LONGEST = 512  # pixels of the copy that coefficients come from


def follow_edges(share: Tensor, image: Tensor, enlarged: float) -> Tensor:
    """share [h, w] 0..1 fitted to the edges of image [3, h, w] 0..1; enlarged: pixels of the picture for each that the
    network looked at.

    The mean of the fit and of the share itself: the fit alone loses what is thinner than its windows."""
    height, width = share.shape
    scale = min(1.0, LONGEST / max(height, width))
    small = torch.cat([image, share[None]])[None]
    if scale < 1:
        small = interpolate(small, (max(2, round(height * scale)), max(2, round(width * scale))), mode="area")
    slope, offset = _coefficients(small[0, :3], small[0, 3], max(2, round(REACH * enlarged * scale)))
    both = torch.cat([slope, offset])[None]
    if scale < 1:
        both = interpolate(both, (height, width), mode="bilinear", align_corners=False)
    fitted = (both[0, :3] * image).sum(0) + both[0, 3]
    return (fitted.clamp(0, 1) + share) / 2


def _coefficients(image: Tensor, share: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """slope [3, h, w] and offset [1, h, w] (equations 19 and 20), averaged over the windows that hold each pixel."""
    inside = box_mean(torch.ones_like(share)[None, None], reach)
    mean = lambda values: (box_mean(values[None], reach) / inside)[0]  # noqa: E731
    colour, mask = mean(image), mean(share[None])
    with_mask = mean(image * share) - colour * mask
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    products = mean(torch.stack([image[i] * image[j] for i, j in pairs]))
    rr, gg, bb, rg, rb, gb = (p - colour[i] * colour[j] for p, (i, j) in zip(products, pairs, strict=True))
    rr, gg, bb = rr + SMOOTH, gg + SMOOTH, bb + SMOOTH
    # the inverse of the symmetric covariance by its adjugate
    a, b, c = gg * bb - gb**2, rb * gb - rg * bb, rg * gb - rb * gg
    d, e, f = rr * bb - rb**2, rg * rb - rr * gb, rr * gg - rg**2
    determinant = rr * a + rg * b + rb * c
    x, y, z = with_mask
    slope = torch.stack([a * x + b * y + c * z, b * x + d * y + e * z, c * x + e * y + f * z]) / determinant
    offset = mask - (slope * colour).sum(0)
    return mean(slope), mean(offset)
