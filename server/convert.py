"""The contract's values as the model's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from model import scene as model_scene
from model.assets import Asset, BackgroundAsset, NeuralAsset

from .protocol import api
from .protocol.errors import ErrorCode, ProtocolError


def camera(value: api.Camera) -> model_scene.PinholeCamera:
    matrix = np.array(value.world_to_camera, np.float32).reshape(4, 4)
    return model_scene.PinholeCamera(np.array(value.intrinsics, np.float32), matrix)


def box(value: api.Box) -> model_scene.Box:
    return model_scene.Box(np.array(value.pose, np.float32).reshape(4, 4), np.array(value.size, np.float32))


def scene(value: api.Scene, load: Callable[[str], Asset]) -> model_scene.Scene:
    """With its assets by id from `load`; raises ProtocolError for a background where an object must be, and so on."""
    placements = []
    for placed in value.placements:
        asset = load(placed.asset)
        if not isinstance(asset, NeuralAsset):
            raise ProtocolError(
                ErrorCode.SCENE, f"'{placed.name}' has a background in its box.", "Give it an object's asset."
            )
        placements.append(model_scene.Placement(asset, box(placed.box), placed.guidance, placed.seed))
    background = None if value.background is None else load(value.background)
    if background is not None and not isinstance(background, BackgroundAsset):
        raise ProtocolError(ErrorCode.SCENE, "The background is an object's asset.", "Choose a background.")
    return model_scene.Scene(camera(value.camera), tuple(placements), background)


def settings(value: api.RenderSettings) -> model_scene.RenderSettings:
    return model_scene.RenderSettings(**vars(value))
