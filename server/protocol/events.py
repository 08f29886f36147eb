"""What the server answers, as frozen values; `final` says whether the request ends with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

import numpy as np

from .errors import ErrorCode, ProtocolError
from .messages import PROTOCOL, Message


@dataclass(frozen=True)
class AssetInfo:
    """One asset of the store. kind: "object" or "background"; size: metres (x, y, z), or pixels (width, height);
    tags: "gallery" for those that came with the program. Of a background also camera: intrinsics (4) and
    world-to-camera (16) as in `api.Camera`, and ground: height of its floor in metres."""

    id: str
    kind: str
    name: str
    size: tuple[float, ...] = ()
    views: int = 1
    provenance: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    camera: tuple[float, ...] = ()
    ground: float = 0.0


@dataclass(frozen=True)
class SequenceInfo:
    """One sequence of the store: its job id, frames in all and finished, and whether the server works on it."""

    job: str
    name: str
    frames: int
    finished: int
    running: bool


class JobState(StrEnum):
    """Where a job is."""

    RUNNING = "running"
    WAITING = "waiting"

    @property
    def words(self) -> str:
        return {"running": "Running", "waiting": "Waiting"}[self.value]


@dataclass(frozen=True)
class JobInfo:
    """One job that runs or waits at the server.

    request: its number, for `Cancel(target=request)` of its own client (0 for jobs of others); client: who asked, as
    it called itself (empty for a sequence whose client has left); kind: of its message ("encode", "preview", "render"
    or "sequence"); name: of a sequence, a view or the encoded objects, else the picture's size; position: 0 for the
    first in line; own: whether the asking client asked for it. Of a sequence: job is its id, for `Cancel(job=job)`,
    and `finished` of its `frames` are done.
    """

    request: int
    client: str
    kind: str
    name: str
    state: JobState
    position: int
    own: bool
    job: str = ""
    frames: int = 1
    finished: int = 0


class ModelState(StrEnum):
    """What the worker is doing."""

    STARTING = "starting"
    READY = "ready"
    WORKING = "working"
    FAILED = "failed"

    @property
    def words(self) -> str:
        return {
            "starting": "Loading the model",
            "ready": "Ready",
            "working": "Working",
            "failed": "The model did not start",
        }[self.value]


class Event(Message):
    """From the server."""

    final: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Ready(Event):
    """Answers Hello. session: new with every start of the server; limits: see `limits.Limits`; model: its state."""

    kind = "ready"
    protocol: tuple[int, ...] = PROTOCOL
    server: str = ""  # its version
    session: str = ""
    capabilities: tuple[str, ...] = ()
    limits: dict[str, int] = field(default_factory=dict)
    model: ModelState = ModelState.STARTING


@dataclass(frozen=True, eq=False)
class Pong(Event):
    kind = "pong"
    model: ModelState = ModelState.STARTING


@dataclass(frozen=True, eq=False)
class Queued(Event):
    """A job waits; position 0 is next."""

    kind = "queued"
    final = False
    position: int = 0


@dataclass(frozen=True, eq=False)
class Progress(Event):
    """After a step of the sampler: step of steps, of frame (from 0) of frames; image uint8 [h, w, 3] sRGB or None."""

    kind = "progress"
    final = False
    step: int = 0
    steps: int = 1
    frame: int = 0
    frames: int = 1
    image: np.ndarray | None = None

    @property
    def fraction(self) -> float:
        """0..1 of the whole request."""
        return min(1.0, (self.frame + self.step / max(1, self.steps)) / max(1, self.frames))


@dataclass(frozen=True, eq=False)
class Picture(Event):
    """A finished picture: image uint8 [H, W, 3] sRGB; object_index int16 [H, W] into the scene's placements (-1: none);
    depth float32 [H, W] metres (0: none); frame of a sequence (from 0); timings in seconds by part; alpha uint8 [H, W]
    how much of each pixel objects cover (255: all of it; left out, it is 255 where `object_index` has an object).

    Of a Sequence it is one of many: `SequenceDone` ends that.
    """

    kind = "picture"
    image: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    object_index: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int16))
    depth: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    frame: int = 0
    seed: int = 0
    timings: dict[str, float] = field(default_factory=dict)
    alpha: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.uint8))

    def __post_init__(self) -> None:
        shape = self.image.shape[:2]
        if not self.alpha.size:
            object.__setattr__(self, "alpha", (self.object_index >= 0).astype(np.uint8) * 255)
        good = self.image.dtype == np.uint8 and self.image.ndim == 3 and self.image.shape[2] == 3
        good = good and self.object_index.dtype == np.int16 and self.object_index.shape == shape
        good = good and self.alpha.dtype == np.uint8 and self.alpha.shape == shape
        if not (good and self.depth.dtype == np.float32 and self.depth.shape == shape):
            raise ProtocolError(ErrorCode.MALFORMED, "A picture came with wrong arrays.", "Update the server.")


@dataclass(frozen=True, eq=False)
class Encoded(Event):
    """The new assets, one for each box in order, and the background's."""

    kind = "encoded"
    assets: tuple[AssetInfo, ...] = ()
    background: AssetInfo | None = None


@dataclass(frozen=True, eq=False)
class SequenceAccepted(Event):
    """The job's id, frames in all, and those that are finished already."""

    kind = "sequence_accepted"
    final = False
    job: str = ""
    frames: int = 0
    finished: int = 0


@dataclass(frozen=True, eq=False)
class SequenceFrame(Picture):
    """One picture of a Sequence; more, or SequenceDone, follow."""

    kind = "sequence_frame"
    final = False


@dataclass(frozen=True, eq=False)
class SequenceDone(Event):
    kind = "sequence_done"
    job: str = ""
    frames: int = 0


@dataclass(frozen=True, eq=False)
class SequenceList(Event):
    kind = "sequence_list"
    sequences: tuple[SequenceInfo, ...] = ()


@dataclass(frozen=True, eq=False)
class AssetList(Event):
    kind = "asset_list"
    assets: tuple[AssetInfo, ...] = ()


@dataclass(frozen=True, eq=False)
class Thumbnail(Event):
    """image uint8 [<=128, <=128, 3]."""

    kind = "thumbnail"
    asset: str = ""
    image: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))


@dataclass(frozen=True, eq=False)
class Mask(Event):
    """What the model took for an object in the newest picture of it: image uint8 [h, w, 3] is the part of the picture
    around its box, mask uint8 [h, w] is 255 where the object is, rectangle (u0, v0, u1, v1) says where that part lies
    in the picture, 0..1 from its upper left corner (empty when the asset's file does not say).

    Of a background: the whole picture, 255 where objects stood.
    """

    kind = "mask"
    asset: str = ""
    image: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    mask: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    rectangle: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class AssetFile(Event):
    """The bytes of an asset file (safetensors)."""

    kind = "asset_file"
    asset: str = ""
    data: bytes = b""


@dataclass(frozen=True, eq=False)
class Status(Event):
    """How the server is: model state and its sentence, device, memory of the worker in bytes, jobs waiting, versions by
    name, folders, assets and bytes in the store; the running job and those that wait, in their order, of all clients.
    """

    kind = "status"
    model: ModelState = ModelState.STARTING
    sentence: str = ""
    device: str = ""
    memory_bytes: int = 0
    waiting: int = 0
    clients: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    weights: str = ""
    store: str = ""
    log: str = ""
    assets: int = 0
    store_bytes: int = 0
    limits: dict[str, int] = field(default_factory=dict)
    jobs: tuple[JobInfo, ...] = ()


@dataclass(frozen=True, eq=False)
class Done(Event):
    """It was done and there is nothing to tell."""

    kind = "done"


@dataclass(frozen=True, eq=False)
class Failed(Event):
    """The request ended without a result: code for programs, sentence and cure for people.

    Also for what somebody asked for: codes `cancelled` and `superseded`.
    """

    kind = "failed"
    code: ErrorCode = ErrorCode.INTERNAL
    sentence: str = ""
    cure: str = ""

    def error(self) -> ProtocolError:
        """As an exception to raise."""
        return ProtocolError(self.code, self.sentence, self.cure)

    @property
    def is_failure(self) -> bool:
        """False for what somebody asked for."""
        return self.code not in (ErrorCode.CANCELLED, ErrorCode.SUPERSEDED)


EVENTS: dict[str, type[Event]] = {
    kind.kind: kind
    for kind in (
        Ready, Pong, Queued, Progress, Picture, Encoded, SequenceAccepted, SequenceFrame, SequenceDone, SequenceList,
        AssetList, Thumbnail, Mask, AssetFile, Status, Done, Failed,
    )
}  # fmt: skip
