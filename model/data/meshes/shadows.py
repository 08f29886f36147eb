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
        relative = (points - self.centre[:, None]) / self.reach[:, None, None]
        grid = relative[:, None] @ self.basis[..., :2, :].transpose(-1, -2)  # [F, L, S, 2]
        found = functional.grid_sample(
            self.maps.flatten(0, 1)[:, None], grid.flatten(0, 1)[:, None], padding_mode="border", align_corners=False
        )[:, 0, 0]
        steepness = -self.basis[..., 2, 2].clamp_max(-1e-3) * self.reach[:, None]
        lift = points[:, None, :, 2] / (2 * steepness[..., None])  # along the light to the ground, in diameters
        bias = (lift * 0.25).clamp(0, 0.005)  # against self-shadowing; none on the ground
        lit = torch.exp(lift.add_(bias).clamp_(0, _HIGHEST).mul_(SHARPNESS))
        return lit.mul_(found.unflatten(0, (frames, lights))).clamp_(0, 1)


def light_basis(directions: Tensor) -> Tensor:
    """Rows right, up, along of lights shining from `directions` [..., 3] (unit): [..., 3, 3]."""
    along = -directions
    helper = torch.zeros_like(along)
    steep = along[..., 2].abs() > 0.9
    helper[..., 0] = steep.float()
    helper[..., 2] = (~steep).float()
    right = functional.normalize(torch.linalg.cross(along, helper), dim=-1)
    return torch.stack([right, torch.linalg.cross(right, along), along], -2)


def cast_shadows(
    world: Tensor,
    faces: Tensor,
    frame: Tensor,
    directions: Tensor,
    centre: Tensor,
    reach: Tensor,
    softness: Tensor,
    resolution: int,
) -> ShadowMaps:
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
    buffer = rasterise(
        screen.flatten(0, 1),
        depth.flatten(0, 1),
        target.flatten(),
        (frames * lights, resolution, resolution),
        perspective=False,
    )
    nearest = unpack(buffer)[1].view(frames, lights, resolution, resolution)
    lift = (_ground_depth(basis, centre, reach, resolution) - nearest).clamp(0, _HIGHEST)
    exponential = torch.exp(-SHARPNESS * lift)
    return ShadowMaps(basis, centre, reach, _blur(exponential, softness))


def _ground_depth(basis: Tensor, centre: Tensor, reach: Tensor, resolution: int) -> Tensor:
    """Depth at which each texel's ray meets the ground z = 0, [F, L, R, R]."""
    steps = (torch.arange(resolution, device=basis.device) + 0.5) / resolution * 2 - 1
    right, up, along = basis[..., 0, 2], basis[..., 1, 2], basis[..., 2, 2].clamp_max(-1e-3)
    height = centre[:, 2, None] / reach[:, None]
    travel = height[..., None, None] + right[..., None, None] * steps + up[..., None, None] * steps[:, None]
    return travel / -along[..., None, None] * 0.5 + 0.5


def _blur(maps: Tensor, softness: Tensor) -> Tensor:
    """Blur [F, L, R, R] by Gaussians of deviation `softness` [F, L] (shares of the map): two matrix products."""
    resolution = maps.shape[-1]
    steps = torch.arange(resolution, device=maps.device, dtype=maps.dtype)
    distance = (steps[:, None] - steps) / resolution
    deviation = softness.clamp_min(0.8 / resolution)[..., None, None]
    kernel = torch.exp(-0.5 * (distance / deviation) ** 2)
    kernel = kernel / kernel.sum(-1, keepdim=True)
    return kernel @ maps @ kernel.transpose(-1, -2)
