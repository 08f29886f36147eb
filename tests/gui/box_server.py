"""A fake server whose pictures show the scene as solid cuboids in exact colours, with its mark."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from server.fake import Action, Say, Wait
from server.protocol.api import Box, Camera, RenderSettings, Scene
from server.protocol.events import (
    AssetInfo,
    AssetList,
    Encoded,
    JobInfo,
    JobState,
    Mask,
    ModelState,
    Picture,
    Progress,
    Status,
    Thumbnail,
)
from server.protocol.messages import (
    AskStatus,
    Cancel,
    Encode,
    FetchMask,
    FetchThumbnail,
    MergeAssets,
    Preview,
    Render,
    Request,
)
from tests.blender.stores import StoreServer

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
    distance = np.zeros(len(scene.placements) + 1, np.float32)  # of each box's middle; the first one is nothing's
    faces = []
    for number, placement in enumerate(scene.placements):
        corners, points = _seen(scene.camera, placement.box)
        if (corners[:, 2] < NEAR).any():
            continue
        points = points * (width, height)
        distance[number + 1] = corners[:, 2].mean()
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
    slots = np.array(index)
    return Picture(0, image, (slots - 1).astype(np.int16), distance[slots], seed=settings.seed)


def _seen(camera: Camera, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """A box's corners: [8, 3] in the camera's axes, and [8, 2] in the picture, 0..1."""
    fx, fy, cx, cy = camera.intrinsics
    bits = np.arange(8)
    unit = np.stack([bits & 1, bits >> 1 & 1, bits >> 2 & 1], axis=-1) - 0.5
    pose = np.reshape(camera.world_to_camera, (4, 4)) @ np.reshape(box.pose, (4, 4))
    corners = unit * box.size @ pose[:3, :3].T + pose[:3, 3]
    return corners, corners[:, :2] / corners[:, 2:] * (fx, fy) + (cx, cy)


class BoxServer(StoreServer):
    """`delay`: seconds that a preview takes; `step_seconds`: those of each step of a render; `jobs`: what the queue
    shows; `next_id`: of the next asset that is encoded, else an object's name makes it."""

    delay = 0.05
    step_seconds = 0.1
    jobs: tuple[JobInfo, ...] = ()
    next_id = ""

    def __init__(self, port: int = 0) -> None:
        super().__init__(*ASSETS)
        self.port = port
        self._masks: dict[str, Mask] = {}

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
        if isinstance(request, FetchThumbnail):
            kind = self.assets[request.asset].kind if request.asset in self.assets else "object"
            colour = BACKGROUND if kind == "background" else BOXES.get(request.asset, OTHERS)
            return (Say(Thumbnail(0, request.asset, np.full((32, 32, 3), colour, np.uint8))),)
        if isinstance(request, FetchMask) and request.asset in self._masks:
            return (Say(self._masks[request.asset]),)
        if isinstance(request, AskStatus):
            return (Say(Status(0, ModelState.READY, "Ready.", "cpu", 1_500_000_000, jobs=self.jobs)),)
        if isinstance(request, Cancel):
            self.jobs = tuple(job for job in self.jobs if (job.request, job.job) != (request.target, request.job))
        if isinstance(request, Encode):
            return (Say(self._encoded(request)),)
        if isinstance(request, MergeAssets):
            first = self.assets[request.first]
            merged = replace(first, id=f"{first.id}-merged", views=first.views + self.assets[request.second].views)
            self.assets[merged.id] = merged
            return (Say(AssetList(0, (merged,))),)
        return super()._plain(request)

    def _encoded(self, request: Encode) -> Encoded:
        """The new assets, which are in the store, each with its mask: an ellipse within the box's outline."""
        (action,) = super()._plain(request)
        assert isinstance(action, Say) and isinstance(action.event, Encoded) and request.camera is not None
        made = action.event
        if self.next_id:
            made = replace(made, assets=tuple(replace(info, id=self.next_id) for info in made.assets))
            self.next_id = ""
        backgrounds = [made.background] if made.background else []
        self.assets |= {info.id: info for info in (*made.assets, *backgrounds)}
        y, x = (np.indices((64, 64)) - 31.5) / 32
        for info, box in zip(made.assets, request.boxes, strict=True):
            points = _seen(request.camera, box)[1]
            rectangle = tuple(float(edge) for edge in (*points.min(0), *points.max(0)))
            inside = (x * x + y * y < 1).astype(np.uint8) * 255
            self._masks[info.id] = Mask(0, info.id, np.full((64, 64, 3), 96, np.uint8), inside, rectangle)
        return made

    def fill_queue(self) -> None:
        """A render of another Blender at work, and two jobs of the asking one behind it."""
        self.jobs = (
            JobInfo(0, "blender", "render", "1920 x 1080", JobState.RUNNING, 0, False),
            JobInfo(0, "blender", "sequence", "shot_010", JobState.WAITING, 1, True, "shot", 24, 3),
            JobInfo(8, "blender", "encode", "Chair, Lamp", JobState.WAITING, 2, True),
        )
