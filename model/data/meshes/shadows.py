"""Soft shadows: exponential shadow maps (Annen et al. 2008) of every light, drawn by the same rasteriser."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .raster import rasterise, unpack

SHARPNESS = 120.0
_HIGHEST = 0.7  # exp(SHARPNESS * _HIGHEST) still fits float32


@dataclass(frozen=True)
class ShadowMaps:
    """L lights of F frames. basis [F, L, 3, 3] rows right, up, along (the light's travel); centre [F, 3]; reach [F];
    maps [F, L, R, R] blurred exp(-SHARPNESS * lift). Lift: how far before the ground the light is stopped, as a
    share of the sphere's diameter. Measured from the ground, floors get clean shadows however low the light is.
    """

    basis: Tensor
    centre: Tensor
    reach: Tensor
    maps: Tensor

    def visibility(self, points: Tensor) -> Tensor:
        """How much of each light reaches world points [F, S, 3]: [F, L, S] 0..1."""
        frames, lights = self.basis.shape[:2]
        local = ((points - self.centre[:, None]) / self.reach[:, None, None]) @ self.basis.flatten(1, 2).transpose(1, 2)
        local = local.unflatten(-1, (lights, 3)).permute(0, 2, 1, 3)  # [F, L, S, 3]
        grid = local[..., :2].flatten(0, 1)[:, None]
        found = functional.grid_sample(self.maps.flatten(0, 1)[:, None], grid, padding_mode="border",
                                       align_corners=False)[:, 0, 0].unflatten(0, (frames, lights))
        steepness = (-self.basis[..., 2, 2].clamp_max(-1e-3) * self.reach[:, None])[..., None]
        lift = points[:, None, :, 2] / steepness / 2  # along the light to the ground, in diameters
        seen = (found * torch.exp(SHARPNESS * (lift + 0.005).clamp(0, _HIGHEST))).clamp(0, 1)
        outside = local[..., :2].abs().amax(-1) > 0.98
        return torch.where(outside, 1.0, seen)


def light_basis(directions: Tensor) -> Tensor:
    """Rows right, up, along of lights shining from `directions` [..., 3] (unit): [..., 3, 3]."""
    along = -directions
    helper = torch.zeros_like(along)
    steep = along[..., 2].abs() > 0.9
    helper[..., 0] = steep.float()
    helper[..., 2] = (~steep).float()
    right = functional.normalize(torch.linalg.cross(along, helper), dim=-1)
    return torch.stack([right, torch.linalg.cross(right, along), along], -2)


def cast_shadows(world: Tensor, faces: Tensor, frame: Tensor, directions: Tensor, centre: Tensor, reach: Tensor,
                 softness: Tensor, resolution: int) -> ShadowMaps:
    """Shadow maps of a triangle soup.

    world [Q, 3] vertices, faces [P, 3] into them, frame [Q] int64; directions [F, L, 3] towards the lights;
    centre [F, 3], reach [F] the sphere that casts; softness [F, L] blur radius as a share of the map (0..~0.1).
    """
    frames, lights = directions.shape[:2]
    basis = light_basis(directions)
    relative = (world - centre[frame]) / reach[frame][:, None]
    local = (basis[frame] @ relative[:, None, :, None])[..., 0]  # [Q, L, 3]
    corners = local[faces].permute(2, 0, 1, 3)  # [L, P, 3, 3]
    target = (frame[faces[:, 0]] * lights)[None] + torch.arange(lights, device=world.device)[:, None]
    screen = (corners[..., :2] * 0.5 + 0.5) * resolution
    depth = (corners[..., 2] * 0.5 + 0.5).clamp_min(0)
    buffer = rasterise(screen.flatten(0, 1), depth.flatten(0, 1), target.flatten(),
                       (frames * lights, resolution, resolution), perspective=False)
    nearest = unpack(buffer)[1].view(frames, lights, resolution, resolution)
    lift = (_ground_depth(basis, centre, reach, resolution) - nearest).clamp(0, _HIGHEST)
    exponential = torch.exp(-SHARPNESS * lift)
    return ShadowMaps(basis, centre, reach, _blur(exponential, softness))


def _ground_depth(basis: Tensor, centre: Tensor, reach: Tensor, resolution: int) -> Tensor:
    """Depth at which each texel's ray meets the ground z = 0, [F, L, R, R]."""
    steps = (torch.arange(resolution, device=basis.device) + 0.5) / resolution * 2 - 1
    right, up, along = basis[..., 0, 2], basis[..., 1, 2], basis[..., 2, 2].clamp_max(-1e-3)
    height = centre[:, 2, None] / reach[:, None]
    travel = (height[..., None, None] + right[..., None, None] * steps + up[..., None, None] * steps[:, None])
    return travel / -along[..., None, None] * 0.5 + 0.5


def _blur(maps: Tensor, softness: Tensor) -> Tensor:
    """Blur [F, L, R, R] by `softness` [F, L]: a mix of three tent widths."""
    resolution = maps.shape[-1]
    radii = [max(1, round(share * resolution)) for share in (0.008, 0.03, 0.08)]
    levels = [_tent(maps, radius) for radius in radii]
    shares = torch.tensor([radius / resolution for radius in radii], device=maps.device)
    place = softness[..., None, None]
    first = ((place - shares[0]) / (shares[1] - shares[0])).clamp(0, 1)
    second = ((place - shares[1]) / (shares[2] - shares[1])).clamp(0, 1)
    mixed = torch.lerp(levels[0], levels[1], first)
    return torch.lerp(mixed, levels[2], second)


def _tent(maps: Tensor, radius: int) -> Tensor:
    size = 2 * radius + 1
    padded = functional.pad(maps, (2 * radius,) * 4, mode="replicate")
    for _ in range(2):
        padded = functional.avg_pool2d(padded, (1, size), 1)
        padded = functional.avg_pool2d(padded, (size, 1), 1)
    return padded
