"""One 3D viewport of the engine: reads the scene when it changed, asks for pictures, draws the newest.

`update` runs at every change of the scene and must be quick; `draw` runs at every redraw and only draws; neither
ever waits for the server.
"""

from __future__ import annotations

import itertools
import os
import textwrap
import time
import weakref

import bpy
import numpy as np

from ..connection import session
from ..drawing import textures
from ..pictures import keeping
from ..pictures.stamping import stamp_of
from ..protocol.api import Camera
from ..protocol.errors import ProtocolError
from ..scene import camera as cameras
from ..scene import changes, reader
from .live import LiveView, Wish
from .passes import premultiplied

_numbers = itertools.count(1)
_LETTER, _SHARE = 7.0, 0.55  # pixels of a letter at a scale of 1; of the region's width, for sentences in it


class Viewport:
    """The engine's other half, which outlives no engine: it holds it weakly."""

    def __init__(self, engine: bpy.types.RenderEngine) -> None:
        self.live = LiveView(f"view {os.getpid()}-{next(_numbers)}", session.bridge.submit)
        self._engine = weakref.ref(engine)
        self._view: tuple[object, ...] = ()  # what the camera depended on when it was read last
        self._texture: object = None
        self._drawn: tuple[np.ndarray | None, ...] = (None, None)  # picture and alpha that the texture holds
        self._session = session.bridge.session
        self.space = 0  # the 3D view's address, only to be compared
        self.contents: reader.Contents | None = None  # of the scene,
        self.read_at = -1  # as of this change of it
        self._was_connected = False
        self._label, self._columns = "", 80
        self._made_of = (), "", 0  # the newest wish's boxes, name of the background, and frame
        self._kept: np.ndarray | None = None  # the picture that the history was told of
        session.views.add(self)

    def update(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """The scene changed."""
        self.space, self.read_at = context.space_data.as_pointer(), changes.count
        self.contents = reader.read_contents(depsgraph, context.space_data)
        self._want(context, depsgraph)

    def draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """The region is redrawn, perhaps because the view was turned."""
        self._columns = max(30, int(context.region.width * _SHARE / _LETTER / context.preferences.system.ui_scale))
        view = _view_of(context)
        if view != self._view and self.contents is not None:
            self._want(context, depsgraph)
        picture, shown = self.live.picture, self.live.shown
        if picture is None or shown is None:
            return
        alpha = self.live.alpha if depsgraph.scene.render.film_transparent else None
        drawn, cut = self._drawn
        if picture is not drawn or alpha is not cut:
            self._texture, self._drawn = textures.upload(premultiplied(picture, alpha)), (picture, alpha)
        textures.draw(self._texture, _rectangle(context, shown.scene.camera))

    def tick(self, now: float) -> bool:
        """From the timer: take in what came, ask for what is next. True while something is awaited."""
        engine = self._engine()
        if engine is None:
            self.stop()
            return False
        self._follow_connection()
        try:
            changed = self.live.advance(now)
        except ProtocolError as error:
            self.live.refuse(str(error))
            changed = True
        finished, shown = self.live.finished, self.live.shown
        if finished is not None and finished is not self._kept and shown is not None:
            self._kept = finished
            keeping.view_finished(finished, stamp_of(shown.scene, shown.settings, *self._made_of))
        try:
            if self._tell() or changed:
                engine.tag_redraw()
        except ReferenceError:  # Blender has freed the engine
            self.stop()
            return False
        return self.live.busy

    def stop(self) -> None:
        self.live.stop()
        session.views.discard(self)

    @property
    def words(self) -> str:
        """The state in words."""
        bridge = session.bridge
        if not (bridge.is_ready or self.live.problem or self.live.is_paused):
            return bridge.problem or bridge.words
        return self.live.words

    def _words_and_figures(self) -> str:
        """For the view's corner: the state, and of the picture that is shown its size, seconds and seed."""
        shown, words = self.live.shown, self.words
        if len(words) > self._columns:
            return "\n".join(textwrap.wrap(words, self._columns))
        if shown is None or not words or self.live.problem:
            return words
        made = shown.settings
        return f"{words} | {made.width} x {made.height} | {shown.seconds:.2f} s | Seed {made.seed}"

    def _tell(self) -> bool:
        """Put words into the view's corner, for the next redraw; whether they are others than before."""
        engine, label = self._engine(), self._words_and_figures()
        if engine is None or label == self._label:
            return False
        self._label = label
        engine.update_stats("Neural Assets", label)
        return True

    def _follow_connection(self) -> None:
        """A new connection goes on with what stopped; one that somebody ended stops the view."""
        bridge = session.bridge
        if self._session != bridge.session:
            self._session = bridge.session
            self.live.again()
        if self._was_connected and not bridge.is_wanted:
            self.live.halt("Live stopped: the server was left. Press Go On, or connect again.")
        self._was_connected = bridge.is_wanted

    def _want(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Wish for the scene as this view sees it."""
        assert self.contents is not None
        self._view = _view_of(context)
        scene = depsgraph.scene_eval
        try:
            camera, frame = _camera_and_frame(context, depsgraph)
            settings = scene.neural_assets
            fine = reader.render_settings(scene, reader.fitted(frame, settings.view_side), settings.steps)
            small = reader.fitted(frame, min(settings.draft_side, settings.view_side))
            draft = reader.render_settings(scene, small, min(settings.draft_steps, settings.steps))
            self._made_of = self.contents.boxes, settings.background_name, scene.frame_current
            self.live.want(Wish(reader.Seen(self.contents, camera), draft, fine), time.monotonic())
            self.live.advance(time.monotonic())
        except ProtocolError as error:
            self.live.refuse(str(error))
        self._tell()  # now, so that the redraw which follows a change shows it, and no other is needed
        session.hurry()


def _camera_and_frame(context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> tuple[Camera, cameras.Frame]:
    """The camera that this view looks through, and the shape of its picture; raises ProtocolError."""
    view = context.region_data
    if view.view_perspective == "CAMERA":
        frame = cameras.frame_of(depsgraph.scene_eval.render)
        return reader.read_camera(depsgraph, context.space_data.camera, frame), frame
    return reader.read_view(depsgraph, view), cameras.Frame(context.region.width, context.region.height)


def _rectangle(context: bpy.types.Context, camera: Camera) -> tuple[float, float, float, float]:
    """Where a picture that this camera saw lies in the region: the camera's frame, or all of a free view.

    By the picture's own lens, so that it stays in its place while the region is resized or the view zoomed, and the
    next picture is still on its way.
    """
    size = context.region.width, context.region.height
    return cameras.frame_rectangle(np.array(context.region_data.window_matrix), camera.intrinsics, size)


def _view_of(context: bpy.types.Context) -> tuple[object, ...]:
    """What decides a free view's camera; for the camera's view only that it is one (its own changes are updates)."""
    view, region = context.region_data, context.region
    if view.view_perspective == "CAMERA":
        return ("CAMERA",)
    matrices = (*view.view_matrix, *view.window_matrix)
    return (view.view_perspective, region.width, region.height, *(tuple(row) for row in matrices))
