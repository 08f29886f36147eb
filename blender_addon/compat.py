"""Every Blender call whose form differs between 4.2 and 5.2, and nothing else."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import gpu
import numpy as np
from gpu_extras.presets import draw_texture_2d

OBJECT_INDEX_PASS = "Object Index" if bpy.app.version >= (5, 0) else "IndexOB"
# Scene-linear spaces that a file of Blender 5 may work in besides Rec.709: (x, y) of red, green, blue and white.
_PRIMARIES = {
    "Linear Rec.709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), (0.3127, 0.3290)),
    "Linear Rec.2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290)),
    "ACEScg": ((0.713, 0.293), (0.165, 0.830), (0.128, 0.044), (0.32168, 0.33767)),
}
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def rec709_to_working_space() -> np.ndarray | None:
    """Matrix float32 [3, 3] from linear Rec.709 to the file's scene-linear space; None when that is Rec.709 itself."""
    name = getattr(getattr(bpy.data, "colorspace", None), "working_space", "Linear Rec.709")
    if name == "Linear Rec.709" or name not in _PRIMARIES:
        return None
    return np.linalg.solve(_rgb_to_xyz(name), _rgb_to_xyz("Linear Rec.709")).astype(np.float32)


def _rgb_to_xyz(space: str) -> np.ndarray:
    """[3, 3], whites adapted to Rec.709's by Bradford's cone responses."""
    *colours, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in _PRIMARIES[space])
    columns = np.stack(colours, axis=1)
    x, y = _PRIMARIES["Linear Rec.709"][3]
    cones, wanted = _BRADFORD @ white, _BRADFORD @ np.array([x / y, 1.0, (1 - x - y) / y])
    adapted = np.linalg.solve(_BRADFORD, (wanted / cones)[:, None] * _BRADFORD)
    return adapted @ (columns * np.linalg.solve(columns, white))


def can_draw_without_window() -> bool:
    """Whether this Blender draws in background mode (from 5.2 on, where graphics are there at all)."""
    initialise = getattr(gpu, "init", None)
    if initialise is None:
        return False
    try:
        initialise()
    except SystemError:
        return False
    return True


def draw_over(texture: gpu.types.GPUTexture, rectangle: tuple[float, float, float, float]) -> None:
    """Fill (left, bottom, right, top) of an overlay with a scene-linear texture.

    Overlays (POST_PIXEL) know no view transform. They take sRGB values from Blender 5.0 on, and linear ones before.
    """
    left, bottom, right, top = rectangle
    options = {"is_scene_linear_with_rec709_srgb_target": True} if bpy.app.version >= (5, 0) else {}
    draw_texture_2d(texture, (left, bottom), right - left, top - bottom, **options)


def compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The nodes that work on the scene's pictures."""
    return scene.compositing_node_group if bpy.app.version >= (5, 0) else scene.node_tree


def file_output_names(node: bpy.types.Node) -> list[tuple[str, str]]:
    """Folder and name of each file that a File Output node writes, as they were typed: no ending, no frame's number."""
    in_one = node.format.file_format == "OPEN_EXR_MULTILAYER"
    if bpy.app.version >= (5, 0):
        names = [""] if in_one else [item.name for item in node.file_output_items]
        return [(node.directory, node.file_name + name) for name in names]
    return [os.path.split(node.base_path)] if in_one else [(node.base_path, slot.path) for slot in node.file_slots]


def is_video(settings: bpy.types.ImageFormatSettings) -> bool:
    """Whether an animation becomes one file."""
    return settings.file_format in ("FFMPEG", "AVI_JPEG", "AVI_RAW")


def panels_for_all_engines() -> list[type[bpy.types.Panel]]:
    """Blender's own panels that every render engine shows: resolution, frame range, output, camera ..."""
    return [p for p in bpy.types.Panel.__subclasses__() if "BLENDER_RENDER" in getattr(p, "COMPAT_ENGINES", ())]


@contextmanager
def temporary_data() -> Iterator[bpy.types.BlendData]:
    """Data apart from the open file's, for as long as the context lasts.

    Blender (4.2 to 5.2) gives `temp_data` away with a reference too few: freed twice, it crashes at a later collection
    of garbage, in whatever thread that happens. Here it gets the missing reference.
    """
    with bpy.data.temp_data() as data:
        if sys.getrefcount(data) < 3:  # only the variable's and this call's: Blender's own is missing
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(data))
        yield data
