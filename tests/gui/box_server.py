"""A fake server whose pictures show the scene as solid cuboids in exact colours, with its mark."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from server.fake import Action, FakeServer, Say, Wait
from server.protocol.api import RenderSettings, Scene
from server.protocol.events import AssetInfo, AssetList, Picture, Progress
from server.protocol.messages import ListAssets, Preview, Render, Request

from . import mark
from .colours import BACKGROUND, BOXES, OTHERS

NEAR = 0.05  # metres
# A face's corners: bits (x, y, z) = (1, 2, 4), going round; and how bright it is. The front has the pure colour
FACES = (
    ((0, 1, 5, 4), 1.0), ((4, 5, 7, 6), 0.85), ((1, 3, 7, 5), 0.65), ((0, 2, 6, 4), 0.65), ((2, 3, 7, 6), 0.8),
    ((0, 1, 3, 2), 0.4),
)  # fmt: skip
ASSETS = (
    AssetInfo("chair", "object", "Chair", (1.0, 1.0, 1.0)),
    AssetInfo("lamp", "object", "Lamp", (1.0, 1.0, 1.0)),
    AssetInfo("room", "background", "Room", (640, 480)),
)


def draw(scene: Scene, settings: RenderSettings) -> Picture:
    """The boxes, far ones first, and the mark."""
    width, height = settings.width, settings.height
    picture = Image.new("RGB", (width, height), BACKGROUND)
    index = Image.new("I", (width, height), 0)
    depth = np.zeros((height, width), np.float32)
    fx, fy, cx, cy = scene.camera.intrinsics
    world_to_camera = np.reshape(scene.camera.world_to_camera, (4, 4))
    faces = []
    for number, placement in enumerate(scene.placements):
        bits = np.arange(8)
        unit = np.stack([bits & 1, bits >> 1 & 1, bits >> 2 & 1], axis=-1) - 0.5
        pose = world_to_camera @ np.reshape(placement.box.pose, (4, 4))
        corners = unit * placement.box.size @ pose[:3, :3].T + pose[:3, 3]  # [8, 3], camera
        if (corners[:, 2] < NEAR).any():
            continue
        points = (corners[:, :2] / corners[:, 2:] * (fx, fy) + (cx, cy)) * (width, height)
        for face, light in FACES:
            colour = tuple(round(light * part) for part in BOXES.get(placement.asset, OTHERS))
            away = float(np.linalg.norm(corners[list(face)].mean(0)))
            faces.append((away, number, [tuple(points[corner]) for corner in face], colour))
    painter, numbers = ImageDraw.Draw(picture), ImageDraw.Draw(index)
    for _, number, polygon, colour in sorted(faces, key=lambda face: -face[0]):
        painter.polygon(polygon, fill=colour)
        numbers.polygon(polygon, fill=number + 1)
    image = np.array(picture)
    mark.write(image, scene, settings.steps)
    return Picture(0, image, (np.array(index) - 1).astype(np.int16), depth, seed=settings.seed)


class BoxServer(FakeServer):
    """`delay`: seconds that a preview takes; `step_seconds`: those of each step of a render."""

    delay = 0.05
    step_seconds = 0.1

    def hang(self) -> None:
        """Stay connected and say nothing any more."""
        self._silent = True

    def _plain(self, request: Request) -> tuple[Action, ...]:
        if isinstance(request, Preview):
            return (Wait(self.delay), Say(draw(request.scene, request.settings)))
        if isinstance(request, Render):
            picture, steps = draw(request.scene, request.settings), request.settings.steps
            shown = picture.image if request.steps_shown else None
            actions: list[Action] = []
            for step in range(1, steps + 1):
                actions += [Wait(self.step_seconds), Say(Progress(0, step, steps, image=shown))]
            return (*actions, Say(picture))
        if isinstance(request, ListAssets):
            return (Say(AssetList(0, ASSETS)),)
        return super()._plain(request)
