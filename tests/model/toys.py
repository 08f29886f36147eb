"""Small scenes for tests: coloured boxes on a chequered floor, drawn exactly by the project's own ray test."""

from __future__ import annotations

import math

import numpy as np
import torch

from model.data.frames import Frame, Pairs, join
from model.geometry import Boxes, Camera, camera_rays, look_at, pixel_centres, rigid_inverse
from model.layers import box_layers, surface_coordinates
from model.scene import Box, PinholeCamera


def toy_camera(turn: float = 0.0) -> Camera:
    eye = torch.tensor([4 * math.sin(turn), -4 * math.cos(turn), 2.5])
    return Camera(torch.tensor([[1.1, 1.1, 0.5, 0.5]]), look_at(eye, torch.tensor([0.0, 0.0, 0.4]))[None])


def toy_boxes(places: list[tuple[float, float, float]], slots: int | None = None) -> Boxes:
    """Unit-ish boxes at (x, y, yaw) on the floor, [1, N]."""
    slots = slots or len(places)
    pose = torch.eye(4).repeat(slots, 1, 1)
    size = torch.ones(slots, 3)
    for i, (x, y, yaw) in enumerate(places):
        size[i] = torch.tensor([0.8 + 0.1 * i, 0.6, 0.7 + 0.2 * i])
        c, s = math.cos(yaw), math.sin(yaw)
        pose[i, :3, :3] = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        pose[i, :3, 3] = torch.tensor([x, y, float(size[i, 2]) / 2])
    present = torch.arange(slots) < len(places)
    return Boxes(pose[None], size[None], present[None])


def toy_frame(camera: Camera, boxes: Boxes, size: int) -> Frame:
    """The scene seen by one camera: each box coloured by its own coordinates and number."""
    layers = box_layers(camera, boxes, size, size)
    slot, depth = layers.slot[:, 0], layers.entry[:, 0]
    coordinates = surface_coordinates(camera, boxes, slot, depth)
    hue = torch.stack([torch.sin(slot + k * 2.1) for k in range(3)], 1) * 0.3 + 0.5
    painted = (hue + 0.4 * coordinates).clamp(0, 1)
    floor, floor_depth = _floor(camera, size)
    image = torch.where(slot[:, None] >= 0, painted, floor)
    normals = torch.zeros_like(image)
    normals[:, 2] = -1
    depth = torch.where(slot >= 0, depth, floor_depth)
    return Frame(image, slot, depth, normals, coordinates, camera, boxes, torch.zeros(1))


def _floor(camera: Camera, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    rays = camera_rays(pixel_centres(size, size).view(1, -1, 2), camera.intrinsics)
    to_world = rigid_inverse(camera.world_to_camera)
    direction = rays @ to_world[:, :3, :3].transpose(-1, -2)
    drop = -to_world[:, None, 2, 3] / direction[..., 2]
    hit = (drop > 0) & (drop < 60)
    distance = torch.where(hit, drop, 60.0)
    place = to_world[:, None, :2, 3] + direction[..., :2] * distance[..., None]
    checks = ((place.floor().sum(-1) % 2) * 0.3 + 0.35)[..., None] * torch.tensor([1.0, 0.9, 0.8])
    sky = torch.tensor([0.5, 0.7, 0.9])
    image = torch.where(hit[..., None], checks, sky)
    return image.transpose(1, 2).reshape(1, 3, size, size), distance.reshape(1, size, size)


class ToyPairs:
    """A pair stream of two-box scenes, each step another."""

    def __init__(self, size: int) -> None:
        self.size = size

    def batch(self, step: int, count: int) -> Pairs:
        made = [self._pair(np.random.default_rng((step, k))) for k in range(count)]
        return join(made)

    def _pair(self, draw: np.random.Generator) -> Pairs:
        places = [
            (float(draw.uniform(-1.2, -0.4)), float(draw.uniform(-0.5, 0.5)), float(draw.uniform(-1, 1))),
            (float(draw.uniform(0.4, 1.2)), float(draw.uniform(-0.5, 0.5)), float(draw.uniform(-1, 1))),
        ]
        moved = [(x + float(draw.uniform(-0.3, 0.3)), y, yaw + 0.3) for x, y, yaw in places]
        source = toy_frame(toy_camera(), toy_boxes(places, 3), self.size)
        target = toy_frame(toy_camera(0.1), toy_boxes(moved, 3), self.size)
        return Pairs(source, target, torch.zeros(1, dtype=torch.int64), torch.tensor([[0, 0, -1]]))


def as_scene(frame: Frame) -> tuple[np.ndarray, list[Box], PinholeCamera]:
    """uint8 picture, boxes and camera of a single frame, as the pipeline takes them."""
    image = (frame.image[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    pose, size = frame.boxes.pose[0].numpy(), frame.boxes.size[0].numpy()
    boxes = [Box(pose[i], size[i]) for i in range(len(pose)) if bool(frame.boxes.present[0, i])]
    return (
        image,
        boxes,
        PinholeCamera(frame.camera.intrinsics[0].numpy(), frame.camera.world_to_camera[0].numpy()),
    )
