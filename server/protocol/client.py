"""The plain client: each call sends one request and waits for its answer.

    with Client("127.0.0.1:47900") as client:
        encoded = client.encode(picture, boxes, camera)
        picture = client.render(scene, RenderSettings(steps=8)).image

For one thread. A program with a window uses `background_client`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import TypeVar

import numpy as np
import zmq

from .address import DEFAULT_ADDRESS
from .api import Box, Camera, RenderSettings, Scene
from .connection import Change, Connection, Keys, lost, silent, turned_away, unreachable, wrong_keys
from .errors import ErrorCode, ProtocolError
from .events import (
    AssetFile,
    AssetInfo,
    AssetList,
    Done,
    Encoded,
    Event,
    Failed,
    Mask,
    Picture,
    Pong,
    Ready,
    SequenceFrame,
    SequenceInfo,
    SequenceList,
    Status,
    Thumbnail,
)
from .messages import (
    AskStatus,
    Cancel,
    DeleteAsset,
    DeleteSequence,
    Encode,
    ExportAsset,
    FetchFrame,
    FetchMask,
    FetchThumbnail,
    Goodbye,
    Hello,
    ImportAsset,
    ListAssets,
    ListSequences,
    MergeAssets,
    Ping,
    Preview,
    RenameAsset,
    Render,
    Request,
)
from .messages import Sequence as SequenceRequest

E = TypeVar("E", bound=Event)
OnEvent = Callable[[Event], None]


class Client:
    """A connection to one server. `ready` is what it said of itself.

    timeout: seconds of silence from the server after which a call gives up (a working server answers the heartbeat
    however long its work takes). Every method raises ProtocolError with code, sentence and cure.
    """

    def __init__(
        self, address: str = DEFAULT_ADDRESS, *, name: str = "python", version: str = "", timeout: float = 10.0,
        keys: Keys | None = None,
    ) -> None:  # fmt: skip
        self.timeout = timeout
        self._number = 0
        self._context = zmq.Context()
        try:
            self._connection = Connection(self._context, address, keys)
            self.ready: Ready = self._greet(Hello(client=name, version=version))
        except BaseException:
            self._context.destroy(linger=0)
            raise

    def _greet(self, hello: Hello) -> Ready:
        deadline, problem = monotonic() + self.timeout, unreachable(self.address, self.timeout)
        while Change.CONNECTED not in (changes := self._connection.changes()):
            if Change.REFUSED_KEYS in changes:
                raise wrong_keys(self.address)
            if Change.TURNED_AWAY in changes:
                problem = turned_away(self.address)
            if monotonic() > deadline:
                raise problem
            self._connection.wait(0.2)
        self._connection.send(hello)
        return self._connection.greeted(self._next_event())

    @property
    def address(self) -> str:
        return self._connection.address

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Says goodbye: the server drops this client's work, sequences excepted."""
        if not self._connection.socket.closed:
            with suppress(ProtocolError):
                self._connection.send(Goodbye())
            self._connection.close(linger=0.2)
        self._context.destroy()

    # --- pictures ---

    def encode(
        self, image: np.ndarray, boxes: Sequence[Box], camera: Camera, *, names: Sequence[str] = (),
        masks: Sequence[np.ndarray | None] = (), ground: float = 0.0, provenance: dict[str, str] | None = None,
        background_name: str = "Background", on_event: OnEvent | None = None,
    ) -> Encoded:  # fmt: skip
        """The new assets of the boxes in a picture uint8 [H, W, 3], and of its background. See `messages.Encode`."""
        request = Encode(
            self._next(), image, tuple(boxes), camera, tuple(names), tuple(masks), ground, background_name,
            dict(provenance or {}),
        )  # fmt: skip
        return self.call(request, Encoded, on_event)

    def preview(
        self, scene: Scene, settings: RenderSettings | None = None, *, view: str = "view",
        on_event: OnEvent | None = None,
    ) -> Picture:  # fmt: skip
        """A picture ahead of all queued jobs."""
        settings = settings or RenderSettings()
        return self.call(Preview(self._next(), scene, settings, view, on_event is not None), Picture, on_event)

    def render(
        self, scene: Scene, settings: RenderSettings | None = None, *, on_event: OnEvent | None = None
    ) -> Picture:
        """A picture. on_event gets Queued and Progress (with the picture so far)."""
        settings = settings or RenderSettings()
        return self.call(Render(self._next(), scene, settings, on_event is not None), Picture, on_event)

    def sequence(
        self, frames: Sequence[Scene], settings: RenderSettings | None = None, *, name: str = "Sequence",
        on_event: OnEvent | None = None,
    ) -> Iterator[SequenceFrame]:  # fmt: skip
        """The pictures in order, as they are finished. Call again with the same arguments to go on after a break."""
        request = SequenceRequest(self._next(), tuple(frames), settings or RenderSettings(), name)
        for event in self._events(request):
            if isinstance(event, SequenceFrame):
                yield event
            elif on_event is not None:
                on_event(event)

    def frame(self, job: str, frame: int) -> Picture:
        """One finished frame (from 0) of a sequence."""
        return self.call(FetchFrame(self._next(), job, frame), Picture)

    def sequences(self) -> tuple[SequenceInfo, ...]:
        return self.call(ListSequences(self._next()), SequenceList).sequences

    def delete_sequence(self, job: str) -> None:
        self.call(DeleteSequence(self._next(), job), Done)

    def cancel_sequence(self, job: str) -> None:
        """Stops it, whoever asked for it; finished frames stay."""
        self.call(Cancel(self._next(), job=job), Done)

    def cancel(self, request: int) -> None:
        """Stops a request of this client, say from `on_event` (the event's `request`); does not wait."""
        self._connection.send(Cancel(self._next(), request))

    # --- assets ---

    def assets(self) -> tuple[AssetInfo, ...]:
        return self.call(ListAssets(self._next()), AssetList).assets

    def thumbnail(self, asset: str) -> np.ndarray:
        """uint8 [<=128, <=128, 3]."""
        return self.call(FetchThumbnail(self._next(), asset), Thumbnail).image

    def mask(self, asset: str) -> Mask:
        """What the model took for the object."""
        return self.call(FetchMask(self._next(), asset), Mask)

    def import_asset(self, data: bytes) -> AssetInfo:
        return self.call(ImportAsset(self._next(), data), AssetList).assets[0]

    def export_asset(self, asset: str) -> bytes:
        return self.call(ExportAsset(self._next(), asset), AssetFile).data

    def rename_asset(self, asset: str, name: str) -> AssetInfo:
        return self.call(RenameAsset(self._next(), asset, name), AssetList).assets[0]

    def delete_asset(self, asset: str) -> None:
        self.call(DeleteAsset(self._next(), asset), Done)

    def merge_assets(self, first: str, second: str) -> AssetInfo:
        """A new asset that has the views of both."""
        return self.call(MergeAssets(self._next(), first, second), AssetList).assets[0]

    # --- the server ---

    def status(self) -> Status:
        return self.call(AskStatus(self._next()), Status)

    def ping(self) -> float:
        """Seconds there and back."""
        start = monotonic()
        self.call(Ping(self._next()), Pong)
        return monotonic() - start

    # --- the mechanism ---

    def call(self, request: Request, answer: type[E], on_event: OnEvent | None = None) -> E:
        """Send any request and wait for its final event, which must be `answer`."""
        for event in self._events(request):
            if event.final and isinstance(event, answer):
                return event
            if event.final:
                break
            if on_event is not None:
                on_event(event)
        raise ProtocolError(ErrorCode.MALFORMED, "The server gave another answer than asked for.", "Update it.")

    def _events(self, request: Request) -> Iterator[Event]:
        """All events of a request; Failed is raised."""
        self._connection.send(request)
        while True:
            event = self._next_event()
            if event.request != request.request:
                continue  # of a call that was given up
            if isinstance(event, Failed):
                raise event.error()
            yield event
            if event.final:
                return

    def _next_event(self) -> Event:
        """Waits for one; asks the server for a sign of life meanwhile."""
        last = monotonic()
        while True:
            event = self._connection.receive()
            if event is not None:
                last = monotonic()
                if not (isinstance(event, Pong) and event.request == 0):
                    return event
                continue
            if Change.LOST in self._connection.changes():
                raise lost(self.address)
            if monotonic() - last > self.timeout:
                raise silent(self.address, self.timeout)
            self._connection.wait(1.0)
            if monotonic() - last > 1.0:
                self._connection.send(Ping())

    def _next(self) -> int:
        self._number += 1
        return self._number
