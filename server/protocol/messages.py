"""What is sent: requests to the server and its events, as frozen values.

Every request carries `request`, a number that its client counts up: it is also the generation of a preview. Every
event carries the number of the request that it answers. A request ends with exactly one event whose class says
`final`; `Progress` and a sequence's pictures come before it. Arrays travel as raw frames, see `wire`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from . import checks
from .api import Box, Camera, RenderSettings, Scene
from .errors import ErrorCode, ProtocolError
from .limits import MAX_BOXES, MAX_IMAGE_SIDE, MIN_IMAGE_SIDE

PROTOCOL = (1, 1)  # a new major breaks; a new minor only adds


@dataclass(frozen=True, eq=False)
class Message:
    """Base of all; `request` is 0 for what answers no request."""

    kind: ClassVar[str]
    request: int = 0


# --- requests ---


class Request(Message):
    """From a client."""


@dataclass(frozen=True, eq=False)
class Hello(Request):
    """The first message of a connection; answered by Ready. Its form never changes."""

    kind = "hello"
    protocol: tuple[int, ...] = PROTOCOL
    client: str = "client"
    version: str = ""
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Ping(Request):
    """The heartbeat; answered by Pong."""

    kind = "ping"


@dataclass(frozen=True, eq=False)
class Goodbye(Request):
    """The client leaves: its work is dropped (sequences go on). No answer."""

    kind = "goodbye"


@dataclass(frozen=True, eq=False)
class Encode(Request):
    """The assets of the boxes in a picture, and its background; answered by Encoded.

    image uint8 [H, W, 3] sRGB; one name per box; masks: none, or per box uint8 [H, W] (non-zero inside) or None for
    the predicted one; ground: height of the floor in metres (world z).
    """

    kind = "encode"
    image: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    boxes: tuple[Box, ...] = ()
    camera: Camera | None = None
    names: tuple[str, ...] = ()
    masks: tuple[np.ndarray | None, ...] = ()
    ground: float = 0.0
    background_name: str = "Background"
    provenance: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        image = checks.image(self.image, MIN_IMAGE_SIDE, MAX_IMAGE_SIDE, "The reference picture")
        if self.camera is None:
            raise ProtocolError(ErrorCode.CAMERA, "The reference picture has no camera.", "Send the one that took it.")
        if len(self.boxes) > MAX_BOXES:
            raise ProtocolError(ErrorCode.SCENE, f"{len(self.boxes)} boxes are more than {MAX_BOXES}.", "Remove some.")
        names = tuple(self.names) or tuple(f"Object {i + 1}" for i in range(len(self.boxes)))
        if len(names) != len(self.boxes) or len(self.masks) not in (0, len(self.boxes)):
            raise ProtocolError(
                ErrorCode.MALFORMED,
                f"There are {len(self.boxes)} boxes, {len(names)} names and {len(self.masks)} masks.",
                "Send one name for each box, and one mask (or none) for each.",
            )
        for mask in self.masks:
            if mask is not None and (mask.dtype != np.uint8 or mask.shape != image.shape[:2]):
                raise ProtocolError(
                    ErrorCode.IMAGE, "A mask must be uint8 and as large as the picture.", "Send another mask."
                )
        for name in (*names, self.background_name):
            checks.name(name, "An asset's name")
        set_field = object.__setattr__
        set_field(self, "image", image)
        set_field(self, "names", names)
        set_field(self, "boxes", tuple(self.boxes))
        set_field(self, "masks", tuple(self.masks))
        set_field(self, "ground", checks.floats((self.ground,), 1, ErrorCode.SCENE, "The floor's height")[0])
        set_field(self, "provenance", checks.provenance(self.provenance))


@dataclass(frozen=True, eq=False)
class _Draws(Request):
    scene: Scene | None = None
    settings: RenderSettings = RenderSettings()

    def __post_init__(self) -> None:
        if self.scene is None:
            raise ProtocolError(ErrorCode.SCENE, "The request has no scene.", "Send one.")


@dataclass(frozen=True, eq=False)
class Preview(_Draws):
    """A picture for a view, as soon as possible; a newer one of the same view replaces it. Answered by Picture.

    The replaced one ends in Failed with code `superseded`.
    """

    kind = "preview"
    view: str = "view"
    steps_shown: bool = True  # send Progress with the picture after each step

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.name(self.view, "A view's name")


@dataclass(frozen=True, eq=False)
class Render(_Draws):
    """A queued picture, with Progress; answered by Picture. Dropped when its client is gone."""

    kind = "render"
    steps_shown: bool = True


@dataclass(frozen=True, eq=False)
class Sequence(Request):
    """Pictures of many scenes; survives a restart of either side.

    Answered by SequenceAccepted, then one Picture per frame in order (`frame` says which), then SequenceDone. The job's
    id depends on scenes and settings alone: sent again after a break, finished frames come from the store at once.
    """

    kind = "sequence"
    frames: tuple[Scene, ...] = ()
    settings: RenderSettings = RenderSettings()
    name: str = "Sequence"

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", tuple(self.frames))
        checks.name(self.name, "A sequence's name")
        if not self.frames:
            raise ProtocolError(ErrorCode.SCENE, "The sequence has no frames.", "Send at least one.")


@dataclass(frozen=True, eq=False)
class FetchFrame(Request):
    """One finished frame (counted from 0) of a sequence, from the store; answered by Picture."""

    kind = "fetch_frame"
    job: str = ""
    frame: int = 0


@dataclass(frozen=True, eq=False)
class ListSequences(Request):
    """Answered by SequenceList."""

    kind = "list_sequences"


@dataclass(frozen=True, eq=False)
class DeleteSequence(Request):
    """Stops a sequence and removes its frames from the store; answered by Done."""

    kind = "delete_sequence"
    job: str = ""


@dataclass(frozen=True, eq=False)
class Cancel(Request):
    """Stops the client's request `target`, which then ends in Failed with code `cancelled`; answered by Done.

    job: stops that sequence instead, whoever asked for it. A cancelled sequence keeps its finished frames.
    """

    kind = "cancel"
    target: int = 0
    job: str = ""


@dataclass(frozen=True, eq=False)
class ListAssets(Request):
    """Answered by AssetList."""

    kind = "list_assets"


@dataclass(frozen=True, eq=False)
class FetchThumbnail(Request):
    """Answered by Thumbnail."""

    kind = "fetch_thumbnail"
    asset: str = ""


@dataclass(frozen=True, eq=False)
class FetchMask(Request):
    """What the model took for the object; answered by Mask."""

    kind = "fetch_mask"
    asset: str = ""


@dataclass(frozen=True, eq=False)
class ImportAsset(Request):
    """The bytes of an asset file into the store; answered by AssetList with that one."""

    kind = "import_asset"
    data: bytes = b""


@dataclass(frozen=True, eq=False)
class ExportAsset(Request):
    """Answered by AssetFile."""

    kind = "export_asset"
    asset: str = ""


@dataclass(frozen=True, eq=False)
class RenameAsset(Request):
    """The id stays; answered by AssetList with that one."""

    kind = "rename_asset"
    asset: str = ""
    name: str = ""


@dataclass(frozen=True, eq=False)
class DeleteAsset(Request):
    """Answered by Done."""

    kind = "delete_asset"
    asset: str = ""


@dataclass(frozen=True, eq=False)
class MergeAssets(Request):
    """A new asset with the views of both, which must show one object; answered by AssetList with the new one."""

    kind = "merge_assets"
    first: str = ""
    second: str = ""


@dataclass(frozen=True, eq=False)
class AskStatus(Request):
    """Answered by Status."""

    kind = "ask_status"


REQUESTS: dict[str, type[Request]] = {
    kind.kind: kind
    for kind in (
        Hello, Ping, Goodbye, Encode, Preview, Render, Sequence, FetchFrame, ListSequences, DeleteSequence, Cancel,
        ListAssets, FetchThumbnail, FetchMask, ImportAsset, ExportAsset, RenameAsset, DeleteAsset, MergeAssets,
        AskStatus,
    )
}  # fmt: skip
