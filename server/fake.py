"""A server that answers as a test tells it to: real sockets, no model.

    with FakeServer() as server:
        client = BackgroundClient(server.address)
        ...
        server.answer("preview", Say(Progress(step=1, steps=4)), Wait(0.1), Say(picture))
        server.answer("render", Say(Failed(code=ErrorCode.MEMORY, sentence="...", cure="...")))
        server.answer("encode", Die())

Requests without a script get a plain answer: Hello is Ready, Ping is Pong, pictures are of one colour. `requests` is
what came. It lives in a thread of the caller's process and needs only `server.protocol`.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import asdict, dataclass, replace
from time import monotonic

import numpy as np
import zmq

from .protocol.errors import ErrorCode, ProtocolError
from .protocol.events import (
    AssetFile,
    AssetInfo,
    AssetList,
    Done,
    Encoded,
    Event,
    Failed,
    Mask,
    ModelState,
    Picture,
    Pong,
    Ready,
    SequenceAccepted,
    SequenceDone,
    SequenceFrame,
    SequenceList,
    Status,
    Thumbnail,
)
from .protocol.limits import Limits
from .protocol.messages import (
    Encode,
    FetchMask,
    Hello,
    ImportAsset,
    MergeAssets,
    Preview,
    RenameAsset,
    Render,
    Request,
    Sequence,
)
from .protocol.wire import request_from_wire, request_number, to_wire, version_refusal


@dataclass(frozen=True)
class Say:
    """Send this event, with the number of the request that is answered."""

    event: Event


@dataclass(frozen=True)
class SayBytes:
    """Send these frames as they are."""

    frames: tuple[bytes, ...]


@dataclass(frozen=True)
class Wait:
    """Do nothing for some seconds (the heartbeat goes on)."""

    seconds: float


@dataclass(frozen=True)
class Die:
    """Close the socket: what a killed server looks like."""


@dataclass(frozen=True)
class Hang:
    """Say nothing any more, but stay connected: what a stopped server looks like."""


Action = Say | SayBytes | Wait | Die | Hang


def flat_picture(width: int, height: int, colour: tuple[int, int, int] = (200, 100, 50)) -> Picture:
    """A picture of one colour without objects (`alpha` is 0 everywhere)."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = colour
    return Picture(0, image, np.full((height, width), -1, np.int16), np.zeros((height, width), np.float32))


def fake_id(name: str) -> str:
    """The id that an encoded object of this name gets: "asset-Cube-001" for "Cube.001"."""
    return re.sub("[^A-Za-z0-9_-]", "-", f"asset-{name}")[:64]


def a_mask(asset: str) -> Mask:
    """A disc in the middle of a picture's right half."""
    y, x = np.indices((32, 32)) - 15.5
    mask = (x * x + y * y < 144).astype(np.uint8) * 255
    return Mask(0, asset, np.full((32, 32, 3), 96, np.uint8), mask, (0.5, 0.25, 1.0, 0.75))


class FakeServer:
    """See the module's text. `protocol` may be another one, to play an older or newer server; with a
    `secret` (CURVE, Z85) only clients that know its public key are heard."""

    def __init__(
        self,
        port: int = 0,
        protocol: tuple[int, ...] | None = None,
        limits: Limits | None = None,
        host: str = "127.0.0.1",
        secret: bytes = b"",
    ) -> None:
        self.host, self.port, self.secret = host, port, secret
        self.protocol = protocol or Hello().protocol
        self.limits = limits or Limits()
        self.requests: list[Request] = []
        self.model = ModelState.READY
        self._scripts: dict[str, deque[tuple[Action, ...]]] = {}
        self._due: list[tuple[float, int, bytes, int, Action]] = []  # (time, order, client, request, action)
        self._order = 0
        self._silent = False
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def answer(self, kind: str, *actions: Action) -> None:
        """The script for the next request of this kind that has none; several calls script several requests."""
        with self._changed:
            self._scripts.setdefault(kind, deque()).append(actions)

    @property
    def address(self) -> str:
        return f"tcp://{self.host}:{self.port}"

    def wait_for(self, kind: str, count: int = 1, seconds: float = 10.0) -> list[Request]:
        """The requests of this kind when `count` of them have come; raises TimeoutError."""
        found: list[Request] = []

        def enough() -> bool:
            found[:] = [request for request in self.requests if request.kind == kind]
            return len(found) >= count

        with self._changed:
            if not self._changed.wait_for(enough, seconds):
                raise TimeoutError(f"{len(found)} requests '{kind}' of {count} came within {seconds} seconds")
        return found

    def start(self) -> FakeServer:
        """Also after `stop`, or after it died by a script: then on the same port."""
        self.stop()
        self._stop.clear()
        self._silent = False
        self._due = []
        bound = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(bound,), daemon=True)
        self._thread.start()
        bound.wait(5)
        return self

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None

    def __enter__(self) -> FakeServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- the thread ---

    def _run(self, bound: threading.Event) -> None:
        context = zmq.Context()
        socket = context.socket(zmq.ROUTER)
        try:
            socket.linger = 0
            if self.secret:
                socket.curve_server, socket.curve_secretkey = True, self.secret
            if self.port:
                socket.bind(self.address)
            else:
                self.port = socket.bind_to_random_port(f"tcp://{self.host}")
            bound.set()
            while not self._stop.is_set():
                if socket.poll(10):
                    self._take(socket.recv_multipart())
                self._act(socket)
        finally:
            socket.close(linger=200)  # what was said before `Die` arrives
            context.destroy(linger=200)

    def _take(self, frames: list[bytes]) -> None:
        client, body = frames[0], frames[1:]
        try:
            request = request_from_wire(body)
        except ProtocolError as error:
            failed = Failed(request_number(body), error.code, error.sentence, error.cure)
            self._later(client, failed.request, (Say(failed),))
            return
        with self._changed:
            self.requests.append(request)
            scripts = self._scripts.get(request.kind)
            actions = scripts.popleft() if scripts else self._plain(request)
            self._changed.notify_all()
        self._later(client, request.request, actions)

    def _later(self, client: bytes, number: int, actions: tuple[Action, ...]) -> None:
        time = monotonic()
        for action in actions:
            if isinstance(action, Wait):
                time += action.seconds
            self._order += 1
            self._due.append((time, self._order, client, number, action))
        self._due.sort(key=lambda due: due[:2])

    def _act(self, socket: zmq.Socket) -> None:
        while self._due and self._due[0][0] <= monotonic() and not self._stop.is_set():
            _, _, client, number, action = self._due.pop(0)
            if isinstance(action, Die):
                self._stop.set()
            elif isinstance(action, Hang):
                self._silent = True
            elif isinstance(action, Say) and not self._silent:
                event = action.event if action.event.request else replace(action.event, request=number)
                socket.send_multipart([client, *to_wire(event)])
            elif isinstance(action, SayBytes) and not self._silent:
                socket.send_multipart([client, *action.frames])

    def _plain(self, request: Request) -> tuple[Action, ...]:
        """The answer to a request without a script."""
        if isinstance(request, Hello):
            refusal = version_refusal(request.protocol, self.protocol)
            if refusal is not None:
                return (Say(Failed(0, refusal.code, refusal.sentence, refusal.cure)),)
            return (Say(Ready(0, self.protocol, "fake", "fake", (), asdict(self.limits), self.model)),)
        if isinstance(request, (Preview, Render)):
            return (Say(flat_picture(request.settings.width, request.settings.height)),)
        if isinstance(request, Sequence):
            return self._plain_sequence(request)
        if isinstance(request, Encode):
            assets = tuple(AssetInfo(fake_id(name), "object", name, box.size)
                           for name, box in zip(request.names, request.boxes, strict=True))  # fmt: skip
            height, width = request.image.shape[:2]
            return (Say(Encoded(0, assets, AssetInfo("background", "background", request.background_name,
                                                     (width, height)))),)  # fmt: skip
        if isinstance(request, FetchMask):
            return (Say(a_mask(request.asset)),)
        info = self._changed_asset(request)
        if info is not None:
            return (Say(AssetList(0, (info,))),)
        answers: dict[str, Event] = {
            "ping": Pong(0, self.model),
            "ask_status": Status(0, self.model, "The fake server is ready.", "cpu", limits=asdict(self.limits)),
            "list_assets": AssetList(),
            "fetch_thumbnail": Thumbnail(0, getattr(request, "asset", ""), np.full((8, 8, 3), 96, np.uint8)),
            "export_asset": AssetFile(0, getattr(request, "asset", ""), b"fake"),
            "list_sequences": SequenceList(),
            "cancel": Done(),
            "delete_asset": Done(),
            "delete_sequence": Done(),
        }
        if request.kind in answers:
            return (Say(answers[request.kind]),)
        if request.kind == "goodbye":
            return ()
        return (Say(Failed(0, ErrorCode.INTERNAL, "The fake server has no answer to this.", "Script one.")),)

    def _changed_asset(self, request: Request) -> AssetInfo | None:
        """What becomes of an asset that a request imports, renames or merges."""
        if isinstance(request, ImportAsset):
            return AssetInfo("asset-imported", "object", "Imported", (1.0, 1.0, 1.0))
        if isinstance(request, RenameAsset):
            return AssetInfo(request.asset, "object", request.name, (1.0, 1.0, 1.0))
        if isinstance(request, MergeAssets):
            return AssetInfo(f"{request.first}-merged", "object", "Merged", (1.0, 1.0, 1.0), views=2)
        return None

    def _plain_sequence(self, request: Sequence) -> tuple[Action, ...]:
        count = len(request.frames)
        picture = flat_picture(request.settings.width, request.settings.height)
        frames = tuple(
            Say(SequenceFrame(0, picture.image, picture.object_index, picture.depth, i)) for i in range(count)
        )
        return (Say(SequenceAccepted(0, "fake-job", count, 0)), *frames, Say(SequenceDone(0, "fake-job", count)))
