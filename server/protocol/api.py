"""What a picture depends on, as one tree of frozen values: equal trees give equal pictures.

Every value is checked when it is made, so that an invalid scene does not exist; refusals are `ProtocolError`.
Cameras have OpenCV axes (x right, y down, z forward); boxes have +x right, -y front, +z up; lengths are metres.
Matrices are row-major tuples of 16 and may be given in any nesting.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import checks
from .errors import ErrorCode, ProtocolError
from .limits import MAX_BOXES, MAX_GUIDANCE, MAX_SIDE, MAX_STEPS, MIN_BOX_METRES, MIN_SIDE

STARTS = ("default", "noise", "carried")
MAX_SEED = (1 << 63) - 1


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    intrinsics (fx, fy, cx, cy) [4]: focal lengths and centre in image widths (x) and heights (y), so that they
    survive a resize. world_to_camera [16]: row-major 4x4, OpenCV axes, metres.
    """

    intrinsics: tuple[float, ...]
    world_to_camera: tuple[float, ...]

    def __post_init__(self) -> None:
        code = ErrorCode.CAMERA
        intrinsics = checks.floats(self.intrinsics, 4, code, "The camera's intrinsics")
        matrix = checks.floats(self.world_to_camera, 16, code, "The camera's matrix")
        if not all(1e-2 <= focal <= 1e3 for focal in intrinsics[:2]):
            raise ProtocolError(
                code, "The camera's focal length is outside 0.01 to 1000 image widths.", "Set a real lens."
            )
        checks.rigid(matrix, code, "The camera's matrix")
        _set(self, intrinsics=intrinsics, world_to_camera=matrix)


@dataclass(frozen=True)
class Box:
    """A cuboid. pose [16]: row-major 4x4 box-to-world, rigid (no scale). size [3]: full extents (x, y, z), metres."""

    pose: tuple[float, ...]
    size: tuple[float, ...]

    def __post_init__(self) -> None:
        pose = checks.floats(self.pose, 16, ErrorCode.BOX, "The box's pose")
        size = checks.floats(self.size, 3, ErrorCode.BOX, "The box's size")
        if min(size) < MIN_BOX_METRES:
            raise ProtocolError(
                ErrorCode.BOX, "The box has a size of zero or less.", "Give every side at least 0.1 mm."
            )
        checks.rigid(pose, ErrorCode.BOX, "The box's pose")
        _set(self, pose=pose, size=size)


@dataclass(frozen=True)
class Placement:
    """An asset in a box. name: for people; asset: id in the server's store; guidance: factor on the scene's.

    seed: another noise for this object alone, drawn from the scene's seed and this one; 0: the scene's own noise.
    """

    name: str
    asset: str
    box: Box
    guidance: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        _set(
            self,
            name=checks.name(self.name, "A box's name"),
            asset=checks.identifier(self.asset, ErrorCode.ASSET_MISSING, "The asset"),
            guidance=checks.number(self.guidance, 0, MAX_GUIDANCE, ErrorCode.SETTINGS, "A box's guidance"),
            seed=checks.whole(self.seed, 0, MAX_SEED, ErrorCode.SETTINGS, "A box's seed"),
        )


@dataclass(frozen=True)
class Scene:
    """Camera, placed assets, and the id of the background asset (None: the model invents one)."""

    camera: Camera
    placements: tuple[Placement, ...] = ()
    background: str | None = None

    def __post_init__(self) -> None:
        placements = tuple(self.placements)
        if len(placements) > MAX_BOXES:
            raise ProtocolError(
                ErrorCode.SCENE, f"The scene has {len(placements)} boxes and {MAX_BOXES} are the most.", "Remove some."
            )
        if not placements and self.background is None:
            raise ProtocolError(
                ErrorCode.SCENE,
                "The scene has neither boxes nor a background.",
                "Add a box with an asset, or a background.",
            )
        if self.background is not None:
            checks.identifier(self.background, ErrorCode.ASSET_MISSING, "The background")
        _set(self, placements=placements)


@dataclass(frozen=True)
class RenderSettings:
    """How a scene is drawn. width, height: pixels; steps of the sampler; guidance: 1 is off.

    start: "noise", "carried" (the carried picture, noised to start_time in 0..1) or "default" (the model's choice).
    transfer: False gives the model's own picture without the full-resolution transfer.
    """

    width: int = 256
    height: int = 256
    steps: int = 4
    seed: int = 0
    guidance: float = 1.0
    start: str = "default"
    start_time: float = 0.7
    transfer: bool = True

    def __post_init__(self) -> None:
        code = ErrorCode.SETTINGS
        if self.start not in STARTS:
            raise ProtocolError(code, f"The start {str(self.start)[:40]!r} is unknown.", f"Use {', '.join(STARTS)}.")
        if not isinstance(self.transfer, bool):
            raise ProtocolError(code, "The setting transfer must be true or false.", "Change it.")
        _set(
            self,
            width=checks.whole(self.width, MIN_SIDE, MAX_SIDE, code, "A picture width"),
            height=checks.whole(self.height, MIN_SIDE, MAX_SIDE, code, "A picture height"),
            steps=checks.whole(self.steps, 1, MAX_STEPS, code, "A number of steps"),
            seed=checks.whole(self.seed, 0, MAX_SEED, code, "A seed"),
            guidance=checks.number(self.guidance, 0, MAX_GUIDANCE, code, "A guidance"),
            start_time=checks.number(self.start_time, 1e-3, 1, code, "A start time"),
        )


def _set(value: object, **fields: object) -> None:
    """The normalised fields of a frozen value that is being made."""
    for key, field in fields.items():
        object.__setattr__(value, key, field)
