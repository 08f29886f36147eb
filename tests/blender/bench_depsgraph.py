"""Main-thread time of a change of the scene and of a redraw: 100 boxes among 100 other objects.

    python tests/blender/bench_depsgraph.py        in an environment with the extension installed, see conftest.py

Prints JSON: median and 95th percentile, in milliseconds of this thread's own processor time (so that other work on
the computer does not count). "change" is all that the add-on does for one change of the scene in a live view with
marked boxes: its handlers, reading the boxes, making and handing over the request (packing it into bytes happens in
the client's thread), and the marks. "redraw" is a redraw without a change: the picture, the marks and the names, but
not what the graphics driver does, which draws in software on computers without a graphics card; it needs a Blender
that draws without a window (5.2). No server is there; every fourth change finds the last request answered and sends
the next, as fifteen pictures in a second of sixty movements would.

"ruler" is the time of a fixed piece of Python on this computer under its present load.

Two scenes: of the 100 boxes 32 carry assets, or all do and 32 are in view.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy
import numpy as np
from mathutils import Matrix

from tests.blender.conftest import part

BOXES, CARRYING, OTHERS, ROUNDS = 100, 32, 100, 200


class _Engine:
    """What a viewport needs of Blender's engine."""

    def tag_redraw(self) -> None: ...

    def update_stats(self, *_: str) -> None: ...


class _Server:
    """Answers when told, by the connection's own way in."""

    def __init__(self) -> None:
        self.answers = False

    def submit(self, request: object) -> SimpleNamespace:
        pending = part("connection.session").bridge.submit(request)
        return SimpleNamespace(wait=self._wait, cancel=pending.cancel)

    def _wait(self, seconds: float) -> object:
        return part("protocol.events").Failed(0, part("protocol.errors").ErrorCode.SUPERSEDED) if self.answers else None


def main() -> None:
    figures = {"blender": bpy.app.version_string, "boxes": BOXES, "other objects": OTHERS, "ruler": _ruler()}
    print(json.dumps(figures))
    for name, everyone in ((f"{CARRYING} carry assets", False), (f"all carry assets, {CARRYING} in view", True)):
        for movement, count in (("one is dragged", 1), ("all move", BOXES)):
            things = _make_scene(everyone)
            print(json.dumps({f"{name}, {movement}": _measure(things[:count])}))


def _make_scene(everyone: bool) -> list[bpy.types.Object]:
    """Boxes in rows before the camera; the others behind it when everyone carries an asset."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    things = []
    for number in range(BOXES):
        thing = part("operators.box").make_box(f"Box {number}", (0.5, 0.4, 0.3))
        away = everyone and number >= CARRYING
        thing.location = (number % 10 - 5, -30 if away else number // 10, 0)
        thing.rotation_euler = (0.1, 0.2, number)
        thing.neural_assets.asset = f"asset-{number}" if everyone or number < CARRYING else ""
        scene.collection.objects.link(thing)
        things.append(thing)
    for number in range(OTHERS):
        scene.collection.objects.link(bpy.data.objects.new(f"Other {number}", None))
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -12, 4), (1.3, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera, scene.render.engine = camera, "NEURAL_ASSETS"
    bpy.context.view_layer.update()
    return things


def _measure(moving: list[bpy.types.Object]) -> dict[str, dict[str, float]]:
    """Milliseconds of a change and of a redraw."""
    part("connection.session").bridge.target = part("connection.target").Target(address="127.0.0.1:1")
    draws, context = part("compat").can_draw_without_window(), _context()
    overlays, engine = part("drawing.overlays"), _Engine()
    make = overlays._make
    overlays.bpy = SimpleNamespace(context=context, app=bpy.app, types=bpy.types)
    viewport = part("rendering.viewport").Viewport(engine)
    server = _Server()
    viewport.live._submit = server.submit
    drawn = _drawing(viewport, context) if draws else lambda: 0.0
    times: dict[str, list[float]] = {"change": [], "redraw": []}
    if draws:
        _without_driver(overlays)
    for number in range(ROUNDS):
        server.answers = number % 4 == 0
        for thing in moving:
            thing.location.z += 0.001
        bpy.context.view_layer.update()
        depsgraph = bpy.context.evaluated_depsgraph_get()

        def change(depsgraph: bpy.types.Depsgraph = depsgraph) -> None:
            part("colour")._settle_all()
            part("scene.changes").another()
            viewport.update(context, depsgraph)
            overlays._make(context, context.space_data) if draws else _marks_without_card(depsgraph, context)

        times["change"].append(_clock(change))
        drawn()
        times["redraw"].append(drawn())
    viewport.stop()
    overlays._make = make
    part("connection.session").bridge.close()
    if not draws:
        del times["redraw"]
    return {
        key: {"median": round(statistics.median(v), 3), "p95": round(statistics.quantiles(v, n=20)[-1], 3)}
        for key, v in times.items()
    }


class _Nothing:
    """Stands for what the graphics card draws."""

    def draw(self, *_: object) -> None: ...


def _without_driver(overlays: ModuleType) -> None:
    """Leave out what the graphics driver does, which draws in software here: measured is this add-on's own time."""
    make = overlays._make

    def made(*arguments: object) -> object:
        return replace(make(*arguments), lines=_Nothing(), fronts=_Nothing())

    overlays._make = made
    overlays.blf = SimpleNamespace(**{**vars(overlays.blf), "draw": lambda *_: None})
    part("drawing.textures").draw = lambda *_: None


def _ruler() -> float:
    """Milliseconds of a fixed piece of Python, so that figures of other computers and loads can be compared."""
    return round(statistics.median(_clock(lambda: sum(i * i for i in range(20_000))) for _ in range(51)), 3)


def _clock(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return (time.thread_time() - start) * 1000


def _marks_without_card(depsgraph: bpy.types.Depsgraph, context: SimpleNamespace) -> None:
    """The marks up to the graphics card."""
    boxes = part("drawing.overlays")._boxes(depsgraph, context.space_data)
    found = part("drawing.overlays").standings(boxes, depsgraph)
    part("drawing.marks").marks_of(boxes, [part("drawing.overlays")._COLOURS[standing] for standing in found])


def _context() -> SimpleNamespace:
    """A 3D view that looks through the camera, 1600 x 1000 pixels."""
    scene = bpy.context.scene
    areas = (area for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D")
    space = next(areas).spaces.active
    space.use_local_camera, space.camera, space.overlay.show_overlays = True, scene.camera, True
    projection = scene.camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=1600, y=1000)
    view = scene.camera.matrix_world.inverted()
    return SimpleNamespace(
        scene=scene,
        view_layer=bpy.context.view_layer,
        preferences=SimpleNamespace(themes=bpy.context.preferences.themes, system=SimpleNamespace(ui_scale=1.0)),
        evaluated_depsgraph_get=bpy.context.evaluated_depsgraph_get,
        region=SimpleNamespace(width=1600, height=1000),
        region_data=SimpleNamespace(
            view_perspective="CAMERA",
            view_matrix=view,
            window_matrix=projection,
            perspective_matrix=projection @ view,
        ),
        space_data=space,
    )


def _drawing(viewport, context: SimpleNamespace) -> Callable[[], float]:
    """A redraw of this view into an image of its own; it tells its milliseconds."""
    import gpu

    buffer = gpu.types.GPUOffScreen(context.region.width, context.region.height)
    api, overlays, live = part("protocol.api"), part("drawing.overlays"), part("rendering.live")
    camera = part("scene.reader").read_camera(
        bpy.context.evaluated_depsgraph_get(), context.scene.camera, part("scene.camera").Frame(1600, 1000)
    )
    viewport.live.picture = np.zeros((320, 512, 3), np.uint8)
    seen = SimpleNamespace(scene=api.Scene(camera, (), "background"))
    viewport.live.shown = live.Asked(seen, api.RenderSettings(512, 320), True, 0.0)
    picture, shown = viewport.live.picture, viewport.live.shown

    def draw() -> float:
        viewport.live.picture, viewport.live.shown = picture, shown
        depsgraph = bpy.context.evaluated_depsgraph_get()
        with buffer.bind(), gpu.matrix.push_pop(), gpu.matrix.push_pop_projection():
            gpu.matrix.load_matrix(context.region_data.view_matrix)
            gpu.matrix.load_projection_matrix(context.region_data.window_matrix)
            shapes = _clock(lambda: (viewport.draw(context, depsgraph), overlays.draw_shapes()))
            gpu.matrix.load_matrix(Matrix.Translation((-1, -1, 0)) @ Matrix.Diagonal((2 / 1600, 2 / 1000, 1, 1)))
            gpu.matrix.load_projection_matrix(Matrix.Identity(4))
            return shapes + _clock(overlays.draw_names)

    return draw


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # bpy 4.5 can hang at its end while classes are registered
