"""What a picture depends on, as the model takes it: cameras, placed assets, settings.

Plain numpy on the outside so that callers need not know torch; validated once, here. Camera and box
conventions are those of `model.geometry`. Every refusal is a named exception of `model.errors`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .errors import BoxError, CameraError, SceneError

if TYPE_CHECKING:
    from .assets import BackgroundAsset, NeuralAsset

MAX_SCENE_OBJECTS = 32
MIN_SIDE, MAX_SIDE = 64, 2048  # pixels of a rendered picture
MAX_STEPS = 100
MAX_METRES = 1e5
MAX_SEED = (1 << 63) - 1
_RIGID_TOLERANCE = 1e-3


@dataclass(frozen=True)
class PinholeCamera:
    """intrinsics (fx, fy, cx, cy) in image widths / heights [4]; world_to_camera [4, 4], OpenCV axes, metres."""

    intrinsics: np.ndarray
    world_to_camera: np.ndarray

    def checked(self) -> PinholeCamera:
        """float32 copy; raises CameraError."""
        intrinsics = _numbers(self.intrinsics, (4,), CameraError, "The camera's intrinsics")
        matrix = _numbers(self.world_to_camera, (4, 4), CameraError, "The camera's matrix")
        if (intrinsics[:2] < 1e-2).any() or (intrinsics[:2] > 1e3).any():
            raise CameraError("The camera's focal length is outside 0.01 to 1000 image widths: set a real lens.")
        _require_rigid(matrix, CameraError, "The camera's matrix")
        return PinholeCamera(intrinsics, matrix)


@dataclass(frozen=True)
class Box:
    """One cuboid: pose [4, 4] box-to-world without scale, size [3] full extents in metres."""

    pose: np.ndarray
    size: np.ndarray

    def checked(self, name: str = "A box") -> Box:
        """float32 copy; raises BoxError."""
        pose = _numbers(self.pose, (4, 4), BoxError, f"{name}'s pose")
        size = _numbers(self.size, (3,), BoxError, f"{name}'s size")
        if (size < 1e-4).any():
            raise BoxError(f"{name} has a size of zero or less: give every side at least 0.1 mm.")
        _require_rigid(pose, BoxError, f"{name}'s pose")
        return Box(pose, size)


@dataclass(frozen=True)
class Placement:
    """An asset in a box. guidance: per-object factor on the scene's guidance (1 = the scene's). seed: another noise
    for this object alone (0 = the scene's)."""

    asset: NeuralAsset
    box: Box
    guidance: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Scene:
    """Camera, placed assets and background (None: the model invents one)."""

    camera: PinholeCamera
    placements: tuple[Placement, ...]
    background: BackgroundAsset | None = None

    def checked(self) -> Scene:
        """A validated copy; raises SceneError, CameraError, BoxError."""
        if len(self.placements) > MAX_SCENE_OBJECTS:
            raise SceneError(
                f"The scene has {len(self.placements)} objects and {MAX_SCENE_OBJECTS} are the most: remove some."
            )
        if not self.placements and self.background is None:
            raise SceneError("The scene has neither objects nor a background: add a box with an asset or a background.")
        placements = tuple(
            Placement(p.asset, p.box.checked(f"Box {i + 1}"), _guidance(p.guidance), _seed(p.seed, f"Box {i + 1}"))
            for i, p in enumerate(self.placements)
        )
        return Scene(self.camera.checked(), placements, self.background)


@dataclass(frozen=True)
class RenderSettings:
    """width, height in pixels; steps of the sampler; seed; guidance scale (1 = off).

    start: "noise" or "carried" (the carried picture noised to `start_time`, 0..1).
    transfer: False returns the model's own picture upsampled, without the full-resolution transfer.
    """

    width: int = 256
    height: int = 256
    steps: int = 4
    seed: int = 0
    guidance: float = 1.0
    start: str = "default"
    start_time: float = field(default=0.7)
    transfer: bool = True

    def checked(self) -> RenderSettings:
        """Itself; raises SceneError."""
        for name, side in (("width", self.width), ("height", self.height)):
            if not MIN_SIDE <= side <= MAX_SIDE:
                raise SceneError(
                    f"The picture's {name} of {side} pixels is outside {MIN_SIDE} to {MAX_SIDE}: change it."
                )
        if not 1 <= self.steps <= MAX_STEPS:
            raise SceneError(f"{self.steps} steps are outside 1 to {MAX_STEPS}: change the steps.")
        if self.start not in ("default", "noise", "carried"):
            raise SceneError(f"The start '{self.start}' is unknown: use default, noise or carried.")
        if not 0 < self.start_time <= 1:
            raise SceneError("The start time must be above 0 and at most 1: change it.")
        _guidance(self.guidance)
        return self


def _guidance(value: float) -> float:
    if not (np.isfinite(value) and 0 <= value <= 20):
        raise SceneError(f"A guidance of {value} is outside 0 to 20: change it.")
    return float(value)


def _seed(value: int, name: str) -> int:
    if not (isinstance(value, (int, np.integer)) and 0 <= value <= MAX_SEED):
        raise SceneError(f"{name} has the seed {value!r}, which is no whole number from 0 to {MAX_SEED}: change it.")
    return int(value)


def _numbers(value, shape: tuple[int, ...], error: type[ValueError], what: str) -> np.ndarray:
    try:
        array = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        raise error(f"{what} must be numbers: send an array of shape {shape}.") from None
    if array.shape != shape:
        raise error(f"{what} has shape {array.shape} instead of {shape}: send the right array.")
    if not np.isfinite(array).all() or (np.abs(array) > MAX_METRES).any():
        raise error(f"{what} holds values that are not finite or beyond {MAX_METRES:g}: reset the transform.")
    return array.copy()


def _require_rigid(matrix: np.ndarray, error: type[ValueError], what: str) -> None:
    rotation = matrix[:3, :3].astype(np.float64)
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _RIGID_TOLERANCE:
        raise error(f"{what} holds shear or scale: apply the scale and remove the shear.")
    if np.linalg.det(rotation) < 0:
        raise error(f"{what} is mirrored: undo the negative scale.")
    if np.abs(matrix[3] - (0, 0, 0, 1)).max() > _RIGID_TOLERANCE:
        raise error(f"{what} is not a rigid transform: its last row must be 0 0 0 1.")
