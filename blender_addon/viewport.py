"""One 3D viewport of the engine: reads the scene when it changed, asks for pictures, draws the newest.

`update` runs at every change of the scene and must be quick; `draw` runs at every redraw and only draws; neither
ever waits for the server.
"""

from __future__ import annotations

import itertools
import os
import time
import weakref

import bpy
import numpy as np

from . import camera as cameras
from . import colour, draw, reader, session
from .live import LiveView, Wish
from .protocol.api import Camera
from .protocol.errors import ProtocolError

_numbers = itertools.count(1)


class Viewport:
    """The engine's other half, which outlives no engine: it holds it weakly."""

    def __init__(self, engine: bpy.types.RenderEngine) -> None:
        self.live = LiveView(f"view {os.getpid()}-{next(_numbers)}", session.bridge.submit)
        self._engine = weakref.ref(engine)
        self._contents: reader.Contents | None = None
        self._view: tuple[object, ...] = ()  # what the camera depended on when it was read last
        self._texture: object = None
        self._drawn: np.ndarray | None = None  # the picture that the texture holds
        self._session = session.bridge.session
        self._words = ""
        session.views.add(self)

    def update(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """The scene changed."""
        try:
            self._contents = reader.read_contents(depsgraph)
        except ProtocolError as error:
            self._contents = None
            self.live.refuse(str(error))
            return
        self._want(context, depsgraph)

    def draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """The region is redrawn, perhaps because the view was turned."""
        view = _view_of(context)
        if view != self._view and self._contents is not None:
            self._want(context, depsgraph)
        picture = self.live.picture
        if picture is None:
            return
        if picture is not self._drawn:
            self._texture, self._drawn = draw.upload(colour.linear_rows(picture)), picture
        draw.draw(self._texture, _rectangle(context, depsgraph))

    def tick(self, now: float) -> bool:
        """From the timer: take in what came, ask for what is next. True while something is awaited."""
        engine = self._engine()
        if engine is None:
            self.stop()
            return False
        if self._session != session.bridge.session:
            self._session = session.bridge.session
            self.live.again()
        try:
            changed = self.live.advance(now)
        except ProtocolError as error:
            self.live.refuse(str(error))
            changed = True
        words = self._corner()
        try:
            if words != self._words:
                self._words = words
                engine.update_stats("Neural Assets", words)
                changed = True
            if changed:
                engine.tag_redraw()
        except ReferenceError:  # Blender has freed the engine
            self.stop()
            return False
        return self.live.busy

    def stop(self) -> None:
        self.live.stop()
        session.views.discard(self)

    def _corner(self) -> str:
        bridge = session.bridge
        if not bridge.is_ready and not self.live.problem:
            return bridge.problem or bridge.words
        return self.live.words

    def _want(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Wish for the scene as this view sees it."""
        assert self._contents is not None
        self._view = _view_of(context)
        scene = depsgraph.scene_eval
        try:
            camera, frame = _camera_and_frame(context, depsgraph)
            settings = scene.neural_assets
            fine = reader.render_settings(scene, reader.fitted(frame, settings.view_side), settings.steps)
            small = reader.fitted(frame, min(settings.draft_side, settings.view_side))
            draft = reader.render_settings(scene, small, min(settings.draft_steps, settings.steps))
            self.live.want(Wish(self._contents.through(camera), draft, fine), time.monotonic())
            self.live.advance(time.monotonic())
        except ProtocolError as error:
            self.live.refuse(str(error))
        session.hurry()


def _camera_and_frame(context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> tuple[Camera, cameras.Frame]:
    """The camera that this view looks through, and the shape of its picture; raises ProtocolError."""
    view = context.region_data
    if view.view_perspective == "CAMERA":
        frame = cameras.frame_of(depsgraph.scene_eval.render)
        return reader.read_camera(depsgraph, context.space_data.camera, frame), frame
    return reader.read_view(depsgraph, view), cameras.Frame(context.region.width, context.region.height)


def _rectangle(context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> tuple[float, float, float, float]:
    """Where the picture lies in the region: the camera's frame, or all of it."""
    region, view = context.region, context.region_data
    camera = context.space_data.camera
    if view.view_perspective != "CAMERA" or camera is None or camera.type != "CAMERA" or camera.data.type != "PERSP":
        return 0.0, 0.0, float(region.width), float(region.height)
    lens = cameras.lens_of(camera.evaluated_get(depsgraph))
    intrinsics = cameras.intrinsics(lens, cameras.frame_of(depsgraph.scene_eval.render))
    return cameras.frame_rectangle(np.array(view.window_matrix), intrinsics, (region.width, region.height))


def _view_of(context: bpy.types.Context) -> tuple[object, ...]:
    """What decides a free view's camera; for the camera's view only that it is one (its own changes are updates)."""
    view, region = context.region_data, context.region
    if view.view_perspective == "CAMERA":
        return ("CAMERA",)
    matrices = (*view.view_matrix, *view.window_matrix)
    return (view.view_perspective, region.width, region.height, *(tuple(row) for row in matrices))
