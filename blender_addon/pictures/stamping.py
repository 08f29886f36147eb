"""The stamp of a picture that Blender's scene asks for."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ..connection.session import bridge
from ..protocol.api import RenderSettings, Scene
from ..scene.posed import PosedBox
from .stamp import Stamp


def stamp_of(
    evaluated: bpy.types.Scene, boxes: Iterable[PosedBox], scene: Scene, settings: RenderSettings, view: bool = False
) -> Stamp:
    """The stamp of a picture of an evaluated scene with these boxes. view: whether a 3D view shows it."""
    render, own = evaluated.render, evaluated.neural_assets
    names = {posed.asset: posed.asset_name for posed in boxes} | {own.background: own.background_name}
    return Stamp(
        scene,
        settings,
        evaluated.frame_current,
        1.0 if view else render.pixel_aspect_y / render.pixel_aspect_x,
        view,
        {asset: names.get(asset, "") for asset in _assets(scene)},
        {**bridge.versions(), "blender": bpy.app.version_string},
    )


def _assets(scene: Scene) -> list[str]:
    found = [placement.asset for placement in scene.placements]
    return list(dict.fromkeys(found + ([scene.background] if scene.background else [])))
