"""The thread of the background client: it alone owns the socket and knows which requests are open."""

from __future__ import annotations

import queue
from collections.abc import Callable
from enum import StrEnum
from threading import Event as Flag
from time import monotonic

import zmq

from .connection import Change, Connection, lost, silent, turned_away, unreachable, wrong_keys
from .errors import ErrorCode, ProtocolError
from .events import Event, Failed, ModelState, Pong, Ready
from .limits import Limits
from .messages import Cancel, Goodbye, Hello, Ping, Preview, Request, Sequence

Deliver = Callable[[Event], None]
_PATIENCE = 5.0  # seconds without a server after which there is a sentence about it


class ConnectionState(StrEnum):
    """Where the connection stands; `words` for the panel."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    READY = "ready"
    LOST = "lost"
    REFUSED = "refused"

    @property
    def words(self) -> str:
        return {
            "offline": "Not connected",
            "connecting": "Looking for the server",
            "ready": "Connected",
            "lost": "The server is gone; looking for it again",
            "refused": "The server refused the connection",
        }[self.value]


class Loop:
    """Runs in the thread. `commands` come in with where their events go; the plain attributes are for reading."""

    def __init__(self, connection: Connection, wake: zmq.Socket, hello: Hello) -> None:
        self.state = ConnectionState.CONNECTING
        self.problem: ProtocolError | None = None
        self.ready: Ready | None = None
        self.model = ModelState.STARTING
        self.latency: float | None = None
        self.commands: queue.SimpleQueue[tuple[Request, Deliver]] = queue.SimpleQueue()
        self.stopping = Flag()
        self._connection, self._wake, self._hello = connection, wake, hello
        self._open: dict[int, tuple[Request, Deliver]] = {}  # until the final event
        self._waiting: list[int] = []  # numbers of open requests that go out when the server is there
        self._limits = Limits()
        self._started = self._heard = self._asked = monotonic()

    def run(self) -> None:
        """Until `stopping` is set."""
        self._connection.watch(self._wake)
        try:
            while not self.stopping.is_set():
                self._connection.wait(0.5)
                while self._wake.poll(0):
                    self._wake.recv()
                for change in self._connection.changes():
                    self._change(change)
                self._take_commands()
                self._receive()
                self._beat()
        finally:
            self._leave()

    # --- the connection ---

    def _change(self, change: Change) -> None:
        if change is Change.CONNECTED:
            self._connection.send(self._hello)
            self._heard = monotonic()
        elif change is Change.LOST:
            self._lose(lost(self._connection.address))
        elif change is Change.TURNED_AWAY:  # tried again, for it may be a tunnel whose other end is not there yet
            self.problem = turned_away(self._connection.address)
        else:
            self.state, self.problem = ConnectionState.REFUSED, wrong_keys(self._connection.address)

    def _lose(self, problem: ProtocolError) -> None:
        """The server is gone: what can be sent again waits for it, the rest ends."""
        if self.state is ConnectionState.REFUSED:
            return
        self.state, self.problem, self.ready, self.latency = ConnectionState.LOST, problem, None, None
        for number, (request, _) in sorted(self._open.items()):
            if not isinstance(request, (Preview, Sequence)):
                self._fail(number, problem)
        self._waiting = sorted(self._open)

    def _greeted(self, event: Event) -> None:
        try:
            self.ready = self._connection.greeted(event)
        except ProtocolError as refusal:
            self.state, self.problem = ConnectionState.REFUSED, refusal
            for number in list(self._open):
                self._fail(number, refusal)
            return
        known = {k: v for k, v in self.ready.limits.items() if k in Limits.__dataclass_fields__}
        self._limits = Limits(**known)
        self.state, self.problem, self.model = ConnectionState.READY, None, self.ready.model
        waiting, self._waiting = self._waiting, []
        for number in waiting:
            if number in self._open:
                self._send(self._open[number][0])

    def _beat(self) -> None:
        """A heartbeat while connected; sentences for silence and for nobody there."""
        now = monotonic()
        if self.state is ConnectionState.READY:
            if now - self._heard > self._limits.silence_seconds:
                self._lose(silent(self._connection.address, self._limits.silence_seconds))
            elif now - self._asked > self._limits.heartbeat_seconds:
                self._asked = now
                self._send(Ping())
        elif self.state is ConnectionState.LOST and now - self._asked > self._limits.heartbeat_seconds:
            self._asked = now
            self._send(self._hello)  # silent, but perhaps still connected
        elif self.state is ConnectionState.CONNECTING and self.problem is None and now - self._started > _PATIENCE:
            self.problem = unreachable(self._connection.address, _PATIENCE)

    # --- requests ---

    def _take_commands(self) -> None:
        while True:
            try:
                request, deliver = self.commands.get_nowait()
            except queue.Empty:
                return
            if isinstance(request, Preview):
                self._supersede(request)
            if isinstance(request, Cancel) and request.target in self._waiting:
                self._waiting.remove(request.target)
                self._end(request.target, ErrorCode.CANCELLED, "The request was cancelled.")
                continue
            self._open[request.request] = (request, deliver)
            if self.state is ConnectionState.READY:
                self._send(request)
            elif isinstance(request, (Preview, Sequence)) and self.state is not ConnectionState.REFUSED:
                self._waiting.append(request.request)
            else:
                self._fail(request.request, self.problem or self._not_yet())

    def _not_yet(self) -> ProtocolError:
        return ProtocolError(
            ErrorCode.UNREACHABLE,
            f"There is no connection to {self._connection.address} yet.",
            "Start the server, or wait a moment.",
        )

    def _supersede(self, newer: Preview) -> None:
        """Previews that wait here for the server and are replaced by a newer one of their view."""
        for number in [n for n in self._waiting if isinstance(self._open.get(n, (None,))[0], Preview)]:
            request = self._open[number][0]
            if isinstance(request, Preview) and request.view == newer.view:
                self._waiting.remove(number)
                self._end(number, ErrorCode.SUPERSEDED, "A newer preview replaced this one.")

    def _send(self, request: Request) -> None:
        try:
            self._connection.send(request)
        except ProtocolError as problem:
            if request.request in self._open:
                self._fail(request.request, problem)

    def _fail(self, number: int, problem: ProtocolError) -> None:
        _, deliver = self._open.pop(number)
        deliver(Failed(number, problem.code, problem.sentence, problem.cure))

    def _end(self, number: int, code: ErrorCode, sentence: str) -> None:
        self._fail(number, ProtocolError(code, sentence, ""))

    # --- events ---

    def _receive(self) -> None:
        while True:
            try:
                event = self._connection.receive()
            except ProtocolError as problem:
                self.problem = problem
                continue
            if event is None:
                return
            self._heard = monotonic()
            self._handle(event)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Pong) and event.request == 0:
            self.model, self.latency = event.model, monotonic() - self._asked
        elif self.state is not ConnectionState.READY and (event.request == 0 or isinstance(event, Ready)):
            self._greeted(event)
        elif isinstance(event, Failed) and event.code is ErrorCode.NO_HELLO:
            self._lose(lost(self._connection.address))  # another server took the address
            self._send(self._hello)
        elif event.request in self._open:
            _, deliver = self._open[event.request]
            if event.final:
                del self._open[event.request]
            deliver(event)

    def _leave(self) -> None:
        if self.state is ConnectionState.READY:
            self._send(Goodbye())
        problem = ProtocolError(ErrorCode.CANCELLED, "The connection was closed.", "Connect again.")
        self._take_commands()
        for number in list(self._open):
            self._fail(number, problem)
        self._connection.close(linger=0.2)
        self._wake.close(linger=0)
        self.state = ConnectionState.OFFLINE
