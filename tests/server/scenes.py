"""Small values of the contract for tests; nothing here needs torch."""

from __future__ import annotations

import numpy as np

from server.protocol.api import Box, Camera, Placement, RenderSettings, Scene

IDENTITY = tuple(float(i % 5 == 0) for i in range(16))
SMALL = RenderSettings(width=64, height=64, steps=2)


def turned(degrees: float, place: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """A pose turned about z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    pose = np.eye(4)
    pose[:2, :2] = (c, -s), (s, c)
    pose[:3, 3] = place
    return pose


def camera() -> Camera:
    """From 4 m in front of the origin, looking along +y."""
    matrix = ((1, 0, 0, 0), (0, 0, -1, 0.4), (0, 1, 0, 4), (0, 0, 0, 1))
    return Camera((1.1, 1.1, 0.5, 0.5), matrix)  # type: ignore[arg-type]


def box(degrees: float = 0.0, x: float = 0.0) -> Box:
    return Box(turned(degrees, (x, 0, 0.4)), (0.8, 0.8, 0.8))  # type: ignore[arg-type]


def scene(asset: str = "asset", background: str | None = None, degrees: float = 0.0) -> Scene:
    return Scene(camera(), (Placement("Cube", asset, box(degrees)),), background)


def picture(side: int = 64) -> np.ndarray:
    """A picture with something in the middle, uint8 [side, side, 3]."""
    image = np.zeros((side, side, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, side)[None]
    image[..., 1] = np.linspace(0, 255, side)[:, None]
    image[side // 3 : side // 2, side // 3 : side // 2] = (250, 200, 20)
    return image
