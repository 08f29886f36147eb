"""What stands behind the objects: walls rise from the floor, a table's edge drops to it.

The background's shape is told by one number a pixel, its *relief*: how much nearer it is than the floor's plane, as
nearness (inverse depth) times the height of the camera above the floor. The floor itself has relief 0 and the nearness
of how steeply its rays go down; what is above the horizon and far away has neither. A network reads the relief at
`encode`; at `render` rays of a camera that moved are followed through it, so that walls stand where they stood
(method notes, section 2, go no further than the floor; the popped-up walls are Hoiem, Efros and Hebert's, 2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate, pad, softplus

from .asset_checks import MAX_RELIEF
from .filters import box_max
from .geometry import NEAR, Camera, camera_rays, pixel_centres, rigid_inverse, rotate_each
from .holes import fill_holes

RELIEF_MAPS = 2  # what the network reads beside the picture: how far down rays go, what objects hide
RELIEF_OUTPUTS = 5  # logits of flat, before and below the floor; how far before, how far below
FLAT = 0.01  # less relief than this is none
_STEEPEST = 2.0  # of rays, downwards and upwards, as the network reads them
_LOWEST = 0.01  # metres: a camera that is no higher than this above the floor sees none of it
_EDGE, _APART = 0.03, 2  # relief that an edge is off the middle of its two sides, so many cells away
_BESIDE = 4  # cells from an edge to what is wholly beside it
_STRETCHED = 0.3  # of its area in the picture: what a camera sees larger than that it does not see well
_STEPS, _REFINED = 24, 4  # places along a ray that are tried, and how often the one between two is


def height_above(camera: Camera, ground: Tensor) -> Tensor:
    """Metres [B] from floors at heights `ground` [B] up to cameras [B]."""
    return rigid_inverse(camera.world_to_camera)[:, 2, 3] - ground


def descent(camera: Camera, u: Tensor, v: Tensor) -> Tensor:
    """How far down rays of a camera [B] through (u, v) [B, ...] go in one metre ahead, [B, ...]: the nearness of the
    floor where it is positive, times the camera's height above it."""
    down = -camera.world_to_camera[:, :3, 2]  # [B, 3]
    slope = down[:, :2] / camera.intrinsics[:, :2]
    level = down[:, 2] - (slope * camera.intrinsics[:, 2:]).sum(-1)
    across, along, level = (x.view(-1, *[1] * (u.ndim - 1)) for x in (*slope.unbind(-1), level))
    return across * u + along * v + level


def descent_map(camera: Camera, rows: int, columns: int) -> Tensor:
    """`descent` of every pixel, [B, 1, rows, columns]."""
    uv = pixel_centres(rows, columns, camera.intrinsics.device).expand(len(camera.intrinsics), -1, -1, -1)
    return descent(camera, *uv.unbind(-1))[:, None]


def true_relief(depth: Tensor, camera: Camera, ground: Tensor, far: float = 900.0) -> tuple[Tensor, Tensor]:
    """The relief [B, 1, H, W] of depth [B, H, W] metres, `far` and beyond being no depth at all, and where it is one
    that can be told [B, 1, H, W] bool."""
    height = height_above(camera, ground)[:, None, None, None]
    nearness = torch.where(depth[:, None] < far, height / depth[:, None].clamp_min(NEAR), 0.0)
    relief = nearness - descent_map(camera, *depth.shape[-2:]).clamp_min(0)
    return relief, (relief.abs() < MAX_RELIEF) & (height > _LOWEST)


def relief_inputs(camera: Camera, hidden: Tensor) -> Tensor:
    """The network's maps [B, 2, H/2, W/2] for pictures of which objects hide [B, 1, H, W] 0..1."""
    rows, columns = (n // 2 for n in hidden.shape[-2:])
    down = descent_map(camera, rows, columns).clamp(-_STEEPEST, _STEEPEST)
    return torch.cat([down, interpolate(hidden, (rows, columns), mode="area")], 1)


def read_relief(network: nn.Module, picture: Tensor, hides: Tensor, camera: Camera, ground: Tensor) -> Tensor:
    """The relief [1, 1, h, w] of picture [1, 3, h, w] 0..1, of which objects hide [1, 1, h, w] 0..1; flat where the
    camera does not stand above the floor. Behind objects it goes on from around."""
    if float(height_above(camera, ground)) <= _LOWEST:
        return torch.zeros_like(hides)
    outputs = network(picture, relief_inputs(camera, hides))
    return fill_holes(expected_relief(outputs), (box_max(hides, 1) < 0.05).float())


def expected_relief(outputs: Tensor) -> Tensor:
    """The relief [B, 1, H, W] to expect after the network's outputs [B, 5, H, W], and none where that is next to none:
    what is doubtful moves a little, where a wrong choice would tear the picture."""
    chance = outputs[:, :3].float().softmax(1)
    before, below = _how_far(outputs)
    relief = chance[:, 1:2] * before - chance[:, 2:3] * below
    return relief.sign() * (relief.abs() - FLAT).clamp_min(0)


def relief_if(outputs: Tensor, kind: Tensor) -> Tensor:
    """The relief [B, 1, H, W] that the network's outputs [B, 5, H, W] tell where the background is of a kind
    [B, 1, H, W]: 0 flat, 1 before the floor, 2 below it."""
    before, below = _how_far(outputs)
    return torch.where(kind == 1, before, torch.where(kind == 2, -below, 0.0))


def _how_far(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """How far before and how far below the floor [B, 1, H, W] the background would be."""
    before, below = softplus(outputs[:, 3:].float() - 2).clamp_max(MAX_RELIEF).split(1, 1)
    return before, below


@dataclass(frozen=True)
class Relief:
    """The relief [1, 1, h, w] of one background as its camera [1] sees it, over a floor at height `ground` [1]."""

    values: Tensor
    camera: Camera
    ground: Tensor

    def useful(self, camera: Camera) -> bool:
        """Whether another camera [1] sees it otherwise than a floor and what is far away."""
        apart = rigid_inverse(camera.world_to_camera) - rigid_inverse(self.camera.world_to_camera)
        above = height_above(camera, self.ground), height_above(self.camera, self.ground)
        moved = bool(apart[0, :3, 3].norm() > 1e-5) and min(float(x) for x in above) > _LOWEST
        return moved and bool(self.values.any())

    def seen_by(self, camera: Camera, rows: int, columns: int) -> Seen:
        """What another camera [1] sees: along each of its rays the first place that is not before the background as it
        was seen. Where that is between the two sides of an edge, it sees what the edge hid: it is as far as the further
        side there."""
        uv = pixel_centres(rows, columns, self.values.device).view(-1, 2)
        relief = self._followed(camera, uv).view(1, 1, rows, columns)
        place = self.places(camera, uv, relief.flatten())[:, :2]  # [P, 2]
        edge = place.T.view(1, 2, rows, columns)
        small = _area(edge) * rows * columns < _STRETCHED
        hidden = (small & (self._sampled(self._edges(), place).view_as(relief) > 0.5)).float()
        further = self._sampled(-box_max(-self.values, _BESIDE), place).view_as(relief)
        return Seen(torch.where(hidden > 0, further, relief), hidden, edge)

    def _edges(self) -> Tensor:
        """Where the relief does not go on as it came, [1, 1, h, w] 0 or 1."""
        steps = [_bent(self.values), _bent(self.values.mT).mT]
        return box_max((torch.maximum(*steps) > _EDGE).float(), _BESIDE // 2)

    def _sampled(self, values: Tensor, uv: Tensor) -> Tensor:
        """values [1, 1, h, w] at uv [..., P, 2]; they go on beyond the border of the picture."""
        grid = (2 * uv - 1).view(1, 1, -1, 2)
        return grid_sample(values, grid, "bilinear", "border", align_corners=False).view(uv.shape[:-1])

    def _followed(self, camera: Camera, uv: Tensor) -> Tensor:
        """The relief [P] at the end of rays of a camera [1] through uv [P, 2]."""
        height = height_above(camera, self.ground)
        down = descent(camera, *uv.T[:, None])[0].clamp_min(0)
        way = _Way.between(camera, self.camera, uv)
        most = (MAX_RELIEF + 1) / torch.minimum(height, height_above(self.camera, self.ground))
        steps = torch.linspace(1, 0, _STEPS, device=uv.device)[:, None].square() * most  # nearest first
        before = self._before(way, steps)  # [S, P]
        later = (before <= 0).int().argmax(0).clamp_min(1)[None]
        near, far = (steps.expand_as(before).gather(0, k)[0] for k in (later - 1, later))
        over, under = (before.gather(0, k)[0] for k in (later - 1, later))
        for _ in range(_REFINED):
            share = (over / (over - under).clamp_min(1e-9)).clamp(0.05, 0.95)
            between = near + share * (far - near)
            there = self._before(way, between[None])[0]
            near, over = torch.where(there > 0, between, near), torch.where(there > 0, there, over)
            far, under = torch.where(there > 0, far, between), torch.where(there > 0, under, there)
        share = (over / (over - under).clamp_min(1e-9)).clamp(0, 1)
        return (near + share * (far - near)) * height - down

    def places(self, camera: Camera, uv: Tensor, relief: Tensor) -> Tensor:
        """Where in the background's picture is what a camera [1] sees at uv [P, 2] with that relief [P]:
        (u, v, depth as a share of that in the camera), [P, 3]."""
        nearness = (descent(camera, *uv.T[:, None])[0].clamp_min(0) + relief).clamp_min(0)
        at = _Way.between(camera, self.camera, uv).at(nearness / height_above(camera, self.ground))
        return torch.stack(at, -1)

    def _before(self, way: _Way, nearness: Tensor) -> Tensor:
        """How far places of nearness [S, P] (1 / metres) along ways [P] stand before the background, [S, P]."""
        u, v, depth = way.at(nearness)  # [S, P] each
        floor = descent(self.camera, u[None], v[None])[0].clamp_min(0)
        background = (floor + self._sampled(self.values, torch.stack([u, v], -1))).clamp_min(0)
        before = nearness / depth.clamp_min(NEAR) - background / height_above(self.camera, self.ground)
        return torch.where(depth > NEAR, before, 1.0)


@dataclass(frozen=True)
class Seen:
    """Of what a camera sees of a background, on a grid: its relief [1, 1, h, w]; hidden [1, 1, h, w] 0 or 1, where an
    edge hid it when the picture was taken; and edge [1, 2, h, w], where in the picture that edge is."""

    relief: Tensor
    hidden: Tensor
    edge: Tensor

    def places(self, background: Relief, camera: Camera, rows: int, columns: int) -> Tensor:
        """(u, v, depth as a share of that in the camera) [P, 3] in the picture of what is at every pixel; for what an
        edge hid its mirror image behind that edge."""
        both = torch.cat([self.relief, self.hidden, self.edge], 1)
        both = interpolate(both, (rows, columns), mode="bilinear", align_corners=False)[0].flatten(1)
        uv = pixel_centres(rows, columns, both.device).view(-1, 2)
        places = background.places(camera, uv, both[0])
        mirrored = torch.cat([2 * both[2:].T - places[:, :2], places[:, 2:]], 1)
        return torch.where(both[1, :, None] > 0.5, mirrored, places)


def _area(uv: Tensor) -> Tensor:
    """Of each cell of a grid of places uv [1, 2, h, w] how large it is there, [1, 1, h, w]."""
    across, down = (torch.gradient(uv, dim=axis)[0] for axis in (3, 2))
    return (across[:, :1] * down[:, 1:] - across[:, 1:] * down[:, :1]).abs()


def _bent(values: Tensor) -> Tensor:
    """How far values [1, 1, h, w] are from the middle of those `_APART` to the left and to the right."""
    wide = pad(values, (_APART, _APART, 0, 0), mode="replicate")
    return (values - (wide[..., 2 * _APART :] + wide[..., : -2 * _APART]) / 2).abs()


@dataclass(frozen=True)
class _Way:
    """Rays of one camera as another one sees them: from [3] where the first stands, towards [P, 3], by the other's
    `intrinsics` [1, 4]."""

    origin: Tensor
    towards: Tensor
    intrinsics: Tensor

    @classmethod
    def between(cls, camera: Camera, other: Camera, uv: Tensor) -> _Way:
        move = (other.world_to_camera.double() @ rigid_inverse(camera.world_to_camera.double())).float()[0]
        rays = camera_rays(uv[None], camera.intrinsics)[0]
        return cls(move[:3, 3], rotate_each(move, rays), other.intrinsics)

    def at(self, nearness: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u, v and depth over that in the first camera [..., P] at nearness [..., P] in 1 / metres; 0: infinity."""
        x, y, z = (towards + nearness * origin for towards, origin in zip(self.towards.T, self.origin, strict=True))
        (wide, high), (middle, level) = self.intrinsics[0].view(2, 2)
        ahead = 1 / z.clamp_min(NEAR)
        return x * ahead * wide + middle, y * ahead * high + level, z
