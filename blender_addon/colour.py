"""Colours: the model's sRGB picture reaches the screen and the file unchanged.

Blender takes scene-linear pixels and sends them through the scene's view transform. Its default, AgX, has no
inverse (it never reaches pure colours), so that no pixel values exist that would come out as the model's. With
"Exact" the scene therefore has the plain transform while the engine "Neural Assets" is chosen, and its own comes
back with any other engine. "Scene's" leaves the scene alone: its look then lies on top, as on any render.
"""

from __future__ import annotations

import json
import threading

import bpy
import numpy as np
from bpy.app.handlers import persistent

from . import compat
from .identity import ENGINE_ID

_PLAIN = {
    "view_settings.look": "None",
    "view_settings.view_transform": "Standard",
    "view_settings.exposure": 0.0,
    "view_settings.gamma": 1.0,
    "view_settings.use_curve_mapping": False,
    "view_settings.use_white_balance": False,  # from Blender 4.3 on
    "render.dither_intensity": 0.0,
}


def _srgb_table() -> np.ndarray:
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR_OF_SRGB = _srgb_table()


def linear_rows(image: np.ndarray) -> np.ndarray:
    """uint8 sRGB [h, w, 3], top row first -> float32 scene-linear RGBA [h, w, 4], bottom row first."""
    rows = np.ones((*image.shape[:2], 4), np.float32)
    rows[..., :3] = _LINEAR_OF_SRGB[image[::-1]]
    to_working = compat.rec709_to_working_space()
    if to_working is not None:
        rows[..., :3] = rows[..., :3] @ to_working.T
    return rows


def srgb_from_linear(linear: np.ndarray) -> np.ndarray:
    """Scene-linear Rec.709 floats, any shape -> uint8 sRGB."""
    clipped = np.clip(linear, 0, 1)
    srgb = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.round(srgb * 255).astype(np.uint8)


def is_exact(scene: bpy.types.Scene) -> bool:
    """Whether the scene shows scene-linear pixels without any look."""
    return all(_get(scene, path) in (value, None) for path, value in _PLAIN.items())


def settle(scene: bpy.types.Scene) -> None:
    """Gives the scene the plain transform, or its own back, whichever its engine and settings ask for."""
    settings = scene.neural_assets
    wanted = scene.render.engine == ENGINE_ID and settings.colours == "EXACT"
    if wanted == bool(settings.scene_colours) or not scene.is_editable:
        return
    if wanted:
        own = {path: _get(scene, path) for path in _PLAIN}
        settings.scene_colours = json.dumps({path: value for path, value in own.items() if value is not None})
        for path, value in _PLAIN.items():
            _set(scene, path, value)
    else:
        give_back(scene)


def give_back(scene: bpy.types.Scene) -> None:
    """The scene's own colours, when they were put aside."""
    settings = scene.neural_assets
    own = json.loads(settings.scene_colours or "{}")
    for path in sorted(own, key=lambda path: path.endswith("look")):  # a look belongs to its view transform
        _set(scene, path, own[path])
    settings.scene_colours = ""


def _get(scene: bpy.types.Scene, path: str) -> float | str | bool | None:
    owner, name = path.split(".")
    return getattr(getattr(scene, owner), name, None)


def _set(scene: bpy.types.Scene, path: str, value: float | str | bool) -> None:
    owner, name = path.split(".")
    if not hasattr(getattr(scene, owner), name):
        return
    try:
        setattr(getattr(scene, owner), name, value)
    except TypeError:
        print(f"Neural Assets: this colour configuration has no {name} '{value}', colours will not be exact")


@persistent
def _settle_all(*_: object) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # a render started from the window: the scene was settled when its engine was chosen
    for scene in bpy.data.scenes:
        settle(scene)


_HANDLERS = ("depsgraph_update_post", "load_post", "undo_post", "redo_post", "render_init")


def register() -> None:
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).append(_settle_all)
    if hasattr(bpy.data, "scenes"):  # not while Blender starts; then a file is loaded next
        _settle_all()
    if not bpy.app.background:  # once more when the engine can be chosen
        bpy.app.timers.register(_settle_all, first_interval=0.0)


def unregister() -> None:
    if bpy.app.timers.is_registered(_settle_all):
        bpy.app.timers.unregister(_settle_all)
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(_settle_all)
    for scene in getattr(bpy.data, "scenes", ()):
        give_back(scene)
