"""The render engine "Neural Assets": stills, animations and the live viewport.

Blender saves a black frame and goes on when `render` raises, returns without a result or calls `error_set`; only an
error that is reported stops it. Therefore every failure ends in `report`, with its sentence.
"""

from __future__ import annotations

import traceback
from pathlib import Path

import bpy

from ..connection import session, waiting
from ..identity import ENGINE_ID
from ..pictures import keeping, stamping
from ..pictures.stamp import KEY
from ..protocol.api import RenderSettings, Scene
from ..protocol.background_client import Pending
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import Failed, Picture, Progress, Queued
from ..protocol.messages import FetchFrame, Render
from ..scene import posed, reader
from . import passes, sequences, written
from .canvas import Canvas, Window
from .frame_files import require_room
from .viewport import Viewport

_WAIT = 0.05  # seconds between two looks whether the artist pressed Escape


class NeuralAssetsEngine(bpy.types.RenderEngine):
    """Blender makes one for each render and one for each rendered viewport."""

    bl_idname = ENGINE_ID
    bl_label = "Neural Assets"
    bl_use_preview = False
    bl_use_eevee_viewport = True  # Material Preview shows the boxes

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)

    def __del__(self) -> None:
        viewport = getattr(self, "_viewport", None)
        if viewport is not None:
            viewport.stop()

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        """A still, or one frame of an animation."""
        try:
            self._render(depsgraph)
        except ProtocolError as error:
            if error.code is not ErrorCode.CANCELLED or not self.test_break():
                self.report({"ERROR"}, str(error))
        except Exception as error:  # whatever it is: a black picture must not be saved
            traceback.print_exc()
            self.report({"ERROR"}, f"The render failed ({error}). Please report this with the text in the console.")

    def update_render_passes(self, scene: bpy.types.Scene, renderlayer: bpy.types.ViewLayer) -> None:
        """Blender asks which passes a view layer will have, for the compositor and for files."""
        passes.register_all(self, scene, renderlayer)

    def view_update(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        self._live().update(context, depsgraph)

    def view_draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        self._live().draw(context, depsgraph)

    def _live(self) -> Viewport:
        if getattr(self, "_viewport", None) is None:
            self._viewport = Viewport(self)
        return self._viewport

    def _render(self, depsgraph: bpy.types.Depsgraph) -> None:
        scene, settings = reader.read_render(depsgraph)
        if sequences.collected is not None:
            sequences.collected.append((scene, settings))
            return
        render = depsgraph.scene_eval.render
        if self.is_animation or bpy.app.background:  # files are written; else somebody looks and saves
            require_room(Path(bpy.path.abspath(render.filepath)), settings.width, settings.height)
        self.update_stats("", "Waiting for the server")
        waiting.for_server(session.bridge, self.test_break)
        waiting.for_status(session.bridge)
        film = passes.film_of(depsgraph, scene.placements)
        window = Window.of(render, settings.width, settings.height)
        canvas = Canvas(self, window, depsgraph.view_layer_eval.name, film)
        try:
            picture = self._stored(scene, settings, canvas) or self._drawn(scene, settings, canvas)
        finally:
            canvas.close()
        if picture is not None:
            waiting.for_status(session.bridge)  # again: a server just started has its model now
            evaluated = depsgraph.scene_eval
            stamp = stamping.stamp_of(
                scene,
                settings,
                posed.read_boxes(depsgraph),
                evaluated.neural_assets.background_name,
                evaluated.frame_current,
                render.pixel_aspect_y / render.pixel_aspect_x,
            )
            text = stamp.to_text()
            self.get_result().stamp_data_add_field(KEY, text)
            written.finished(text, self.is_animation)
            if not self.is_animation:
                keeping.render_finished(picture, stamp, film.transparent)

    def _stored(self, scene: Scene, settings: RenderSettings, canvas: Canvas) -> Picture | None:
        """The picture that the server rendered before, as a frame of a job; None when it has none."""
        found = sequences.stored(scene, settings)
        if found is None:
            return None
        job, frame = found
        try:
            return self._follow(session.bridge.submit(FetchFrame(job=job, frame=frame)), canvas)
        except ProtocolError as error:
            if error.code is not ErrorCode.JOB_MISSING:
                raise
            return None  # not finished yet, or deleted

    def _drawn(self, scene: Scene, settings: RenderSettings, canvas: Canvas) -> Picture | None:
        pending = session.bridge.submit(Render(scene=scene, settings=settings, steps_shown=True))
        self.update_stats("", "Waiting for the first step")
        return self._follow(pending, canvas)

    def _follow(self, pending: Pending, canvas: Canvas) -> Picture | None:
        """Show what comes until it is finished (then it is returned) or Escape is pressed; raises ProtocolError."""
        while not pending.done:
            if self.test_break():
                pending.cancel()
                return None
            event = pending.wait(_WAIT)
            if isinstance(event, Queued):
                self.update_stats("", "Next in line" if event.position == 0 else f"{event.position} jobs go first")
            elif isinstance(event, Progress):
                self.update_progress(event.fraction)
                self.update_stats("", f"Step {event.step} of {event.steps}")
                if event.image is not None:
                    canvas.show(event.image)
            elif isinstance(event, Picture):
                canvas.finish(event)
                return event
            elif isinstance(event, Failed):
                raise event.error()
        return None


def register() -> None:
    bpy.utils.register_class(NeuralAssetsEngine)


def unregister() -> None:
    bpy.utils.unregister_class(NeuralAssetsEngine)
