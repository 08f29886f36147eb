"""The light of a background asset's picture: numpy only, like assets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import asset_checks as checks
from .errors import AssetFileError

_LOWEST = 0.05  # of a unit direction's height: flatter light shades the whole floor


@dataclass(frozen=True, eq=False)
class Light:
    """One light from one side (`model.sunlight`). direction float32 [3]: unit vector towards it (world); left float32
    [3]: share of light (r, g, b) left in its shadows; shadows uint8 [h, w]: 255 where shadows of objects lie in the
    picture, on a grid over the whole of it."""

    direction: np.ndarray
    left: np.ndarray
    shadows: np.ndarray

    def checked(self) -> Light:
        """A validated copy; raises AssetFileError."""
        direction = checks.floats(self.direction, (3,), "The direction of the background's light")
        length = float(np.linalg.norm(direction))
        if abs(length - 1) > 1e-2 or direction[2] < _LOWEST:
            raise AssetFileError("The background's light does not come from above its floor: make it again.")
        left = checks.floats(self.left, (3,), "The background's light")
        if not ((left >= 0) & (left <= 1)).all():
            raise AssetFileError("The background's light leaves less than nothing or more than all: make it again.")
        shape = np.shape(self.shadows)
        if len(shape) != 2 or not 1 <= min(shape) <= max(shape) <= checks.MAX_PIXELS:
            raise AssetFileError(f"The background's shadows have shape {shape} instead of (h, w): make it again.")
        shadows = checks.plane(self.shadows, shape, (np.uint8,), 255, "The background's shadows")
        return Light(direction / np.float32(length), left, shadows)
