"""The demonstration's tools in Blender: renders to files, pictures read back, the add-on's modules."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).parent))
import extension_here


def addon(name: str) -> Any:
    """A module of the installed add-on."""
    return importlib.import_module(f"{extension_here.MODULE}.{name}")


def ask_preview(side: int, steps: int) -> np.ndarray:
    """The scene's picture as a viewport asks for it, uint8 [h, w, 3]. side: pixels of the longer side."""
    reader, messages = addon("scene.reader"), addon("protocol.messages")
    scene = bpy.context.scene
    seen, _ = reader.read_render(bpy.context.evaluated_depsgraph_get())
    frame = reader.fitted(addon("scene.camera").frame_of(scene.render), side)
    settings = reader.render_settings(scene, frame, steps)
    return answer(messages.Preview(scene=seen, settings=settings, steps_shown=False)).image


def answer(request: Any) -> Any:
    """The final event that the server answers; raises RuntimeError with its sentence."""
    try:
        return addon("operators.common").answer(addon("connection.session").bridge.submit(request))
    except addon("protocol.errors").ProtocolError as error:
        raise RuntimeError(str(error)) from error


def server_versions() -> dict[str, str]:
    """The server's versions and device; empty when there is no connection."""
    if not addon("connection.session").bridge.is_ready:
        return {}
    status = answer(addon("protocol.messages").AskStatus())
    return {**status.versions, "device": status.device, "weights": status.weights}


def render_still(path: Path) -> None:
    set_output(bpy.context.scene, path)
    bpy.ops.render.render(write_still=True)


def set_output(scene: bpy.types.Scene, path: Path) -> None:
    scene.render.filepath = str(path)
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"
    scene.render.image_settings.compression = 90


def save_image(pixels: np.ndarray, path: Path) -> None:
    """uint8 [h, w, 3] sRGB to a PNG file, unchanged."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("picture", width, height)
    rows = np.ones((height, width, 4), np.float32)
    rows[..., :3] = pixels[::-1] / np.float32(255)
    image.pixels.foreach_set(rows.ravel())
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)


def same_pixels(path: Path, pixels: np.ndarray | None) -> bool:
    """Whether a file shows exactly these pixels uint8 [h, w, 3]."""
    if pixels is None or not path.is_file():
        return False
    image = bpy.data.images.load(str(path))
    found = addon("reference.images").pixels(image)
    bpy.data.images.remove(image)
    return found.shape == pixels.shape and bool((found == pixels).all())


def select_only(thing: bpy.types.Object) -> None:
    for other in bpy.context.view_layer.objects:
        other.select_set(other == thing)
    bpy.context.view_layer.objects.active = thing


def projected_boxes(scene: bpy.types.Scene) -> dict[str, list[list[float]]]:
    """The eight corners of every box in the picture, x and y from the top left in 0..1, by name.

    A corner's index has bits (x, y, z) = (1, 2, 4).
    """
    bpy.context.view_layer.update()
    places = {}
    for thing in scene.objects:
        if thing.neural_assets.is_box:
            low, high = thing.bound_box[0], thing.bound_box[6]
            corners = [Vector((high if i >> axis & 1 else low)[axis] for axis in range(3)) for i in range(8)]
            seen = [world_to_camera_view(scene, scene.camera, thing.matrix_world @ corner) for corner in corners]
            places[thing.name] = [[round(point.x, 5), round(1 - point.y, 5)] for point in seen]
    return places
