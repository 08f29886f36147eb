"""The stamp of a picture that Blender's scene asks for."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ..connection.session import bridge
from ..protocol.api import RenderSettings, Scene
from ..scene.posed import PosedBox
from .stamp import Stamp


def stamp_of(
    scene: Scene,
    settings: RenderSettings,
    boxes: Iterable[PosedBox],
    background: str,
    frame: int,
    pixel_aspect: float | None = None,
) -> Stamp:
    """boxes: of the scene; background: its name; pixel_aspect: height / width of a pixel of a render, None for a 3D
    view's picture."""
    names = {posed.asset: posed.asset_name for posed in boxes} | {scene.background: background}
    return Stamp(
        scene,
        settings,
        frame,
        1.0 if pixel_aspect is None else pixel_aspect,
        pixel_aspect is None,
        {asset: names.get(asset, "") for asset in _assets(scene)},
        {**bridge.versions(), "blender": bpy.app.version_string},
    )


def _assets(scene: Scene) -> list[str]:
    found = [placement.asset for placement in scene.placements]
    return list(dict.fromkeys(found + ([scene.background] if scene.background else [])))
