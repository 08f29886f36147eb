"""Main-thread time of one change of the scene: 50 boxes that carry assets among 50 other objects.

    python tests/blender/bench_depsgraph.py        in an environment with the extension installed, see conftest.py

Prints JSON: median and 95th percentile, in milliseconds of this thread's own processor time (so that other work on
the computer does not count), of reading the boxes, of making the request from camera and boxes (as many as the
contract takes; packing them into bytes happens in the client's thread), and of both.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

from tests.blender.conftest import part

BOXES, OTHERS, ROUNDS = 50, 50, 200


def main() -> None:
    things = _make_scene()
    print(json.dumps({"blender": bpy.app.version_string, "boxes": BOXES, "other objects": OTHERS}))
    for name, moving in (("one box dragged", things[:1]), ("all boxes move", things)):
        print(json.dumps({name: _measure(moving)}))


def _make_scene() -> list[bpy.types.Object]:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    collection = bpy.context.scene.collection
    things = []
    for number in range(BOXES):
        thing = part("operators.box").make_box(f"Box {number}", (0.5, 0.4, 0.3))
        thing.location, thing.rotation_euler = (number, 0, 0), (0.1, 0.2, number)
        thing.neural_assets.asset = f"asset-{number}"
        collection.objects.link(thing)
        things.append(thing)
    for number in range(OTHERS):
        collection.objects.link(bpy.data.objects.new(f"Other {number}", None))
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return things


def _measure(moving: list[bpy.types.Object]) -> dict[str, dict[str, float]]:
    """Milliseconds by part."""
    reader, cameras, api = part("reader"), part("camera"), part("protocol.api")
    scene, times = bpy.context.scene, {"boxes": [], "camera and request": [], "both": []}
    for _ in range(ROUNDS):
        for thing in moving:
            thing.location.z += 0.01
        bpy.context.view_layer.update()
        depsgraph = bpy.context.evaluated_depsgraph_get()
        start = time.thread_time()
        contents = reader.read_contents(depsgraph)
        middle = time.thread_time()
        frame = cameras.frame_of(scene.render)
        camera = reader.read_camera(depsgraph, scene.camera, frame)
        api.Scene(camera, contents.placements[: part("protocol.limits").MAX_BOXES])
        reader.render_settings(scene, reader.fitted(frame, 256), 2)
        end = time.thread_time()
        for key, value in zip(times, (middle - start, end - middle, end - start), strict=True):
            times[key].append(value * 1000)
    return {
        key: {"median": round(statistics.median(v), 3), "p95": round(statistics.quantiles(v, n=20)[-1], 3)}
        for key, v in times.items()
    }


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # bpy 4.5 can hang at its end while classes are registered
