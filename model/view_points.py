"""The points that a view of an object shows, in the coordinates of its box."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .assets import AssetView
from .geometry import camera_rays, intersect_box, pixel_centres, rigid_inverse, to_box_coordinates
from .tensors import image_tensor, resized

_DEPTHS = (0.0, 0.3, 0.6)  # shares of the way from a seen surface to the far side of the box: its inside
_SOLID_SIDE = 32  # pixels of a view's longer side for the points of its inside


def view_coordinates(view: AssetView, device: torch.device, scale: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A view shrunk by `scale`: colour [3, h, w], inside [h, w] bool, box coordinates [3, h, w] of its surface and its
    depth [h, w] in metres."""
    colour = image_tensor(view.image, device)
    height, width = (max(2, round(side * scale)) for side in view.image.shape[:2])
    mask = torch.from_numpy(view.mask.copy()).to(device)[None, None].float() / 255
    fraction = torch.from_numpy(view.fraction.astype(np.float32)).to(device)[None, None]
    if scale < 1:
        colour = resized(colour, height, width)
        mask = interpolate(mask, (height, width), mode="area")
        fraction = interpolate(fraction, (height, width), mode="area")
    else:
        height, width = view.image.shape[:2]
    rays = camera_rays(
        pixel_centres(height, width, device).view(1, -1, 2),
        torch.from_numpy(view.intrinsics)[None].to(device),
    )
    to_camera, size = (torch.from_numpy(np.array(x))[None].to(device) for x in (view.to_camera, view.size))
    entry, leave, hit = intersect_box(rays, to_camera, size)
    depth = entry + fraction.view(1, -1) * (leave - entry).clamp_min(0)
    coordinates = to_box_coordinates(rays * depth[..., None], to_camera[:, None], size[:, None])[0].T.reshape(
        3, height, width
    )
    inside = (mask[0, 0] > 0.5) & hit.view(height, width)
    return colour[0], inside, coordinates, depth.view(height, width)


def solid_points(view: AssetView, device: torch.device) -> Tensor:
    """Points [Q, 3] (box coordinates) of what a view shows and of what may lie behind it within its box."""
    scale = min(1.0, _SOLID_SIDE / max(view.image.shape[:2]))
    _, inside, coordinates, _ = view_coordinates(view, device, scale)
    surface = coordinates[:, inside].T
    to_camera, size = (torch.from_numpy(np.array(x)).to(device) for x in (view.to_camera, view.size))
    way = surface - rigid_inverse(to_camera)[:3, 3] / size
    ends = (0.5 * way.sign() - surface) / torch.where(way.abs() < 1e-6, 1e-6, way)
    through = ends.amin(-1, keepdim=True).clamp_min(0) * way
    return torch.cat([surface + depth * through for depth in _DEPTHS])
