"""The client for programs with a window: one daemon thread owns the socket, the caller never waits.

    client = BackgroundClient("127.0.0.1:47900", name="blender", version="1.0.0")
    client.start()
    client.send(Preview(scene=scene, settings=settings, view="3D view"))    # from the main thread, returns at once
    for event in client.poll():                                             # from a timer of the main thread
        ...
    pending = client.submit(Render(scene=scene, settings=settings))         # its events come to `pending` alone
    event = pending.wait(0.05)                                              # from a job's thread

It connects, and connects again after a loss. Requests may be sent in any state: previews and sequences go out when the
server is there, all others end at once in Failed when it is not. After a loss, the newest preview of each view and all
sequences are sent again; everything else ends in Failed with code `lost`. All methods may be called from any thread.
"""

from __future__ import annotations

import itertools
import queue
import threading
from dataclasses import replace

import zmq

from .background_loop import ConnectionState, Deliver, Loop
from .connection import Connection, Keys
from .errors import ErrorCode, ProtocolError
from .events import Event, Failed, ModelState, Ready
from .messages import Cancel, Hello, Request

__all__ = ["BackgroundClient", "ConnectionState", "Pending"]


class Pending:
    """One request on its way. Events come in order; the last one is `final`."""

    def __init__(self, client: BackgroundClient, request: Request) -> None:
        self.request = request
        self.done = False  # the final event was taken out
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._client = client

    @property
    def number(self) -> int:
        return self.request.request

    def wait(self, seconds: float) -> Event | None:
        """The next event, or None when none came in time (0: do not wait)."""
        try:
            event = self.events.get(timeout=seconds) if seconds > 0 else self.events.get_nowait()
        except queue.Empty:
            return None
        self.done = self.done or event.final
        return event

    def cancel(self) -> None:
        """Ask for the end; Failed with code `cancelled` follows, unless the result was faster."""
        self._client.cancel(self.number)


class BackgroundClient:
    """See the module's text."""

    def __init__(self, address: str, *, name: str = "python", version: str = "", keys: Keys | None = None) -> None:
        self.address = address
        self._hello = Hello(client=name, version=version)
        self._keys = keys
        self._numbers = itertools.count(1)
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lock = threading.Lock()  # around everything below
        self._context: zmq.Context | None = None
        self._wake: zmq.Socket | None = None
        self._loop: Loop | None = None
        self._thread: threading.Thread | None = None

    # --- the connection ---

    @property
    def state(self) -> ConnectionState:
        loop = self._loop
        return loop.state if loop else ConnectionState.OFFLINE

    @property
    def problem(self) -> ProtocolError | None:
        """Why it is not READY, when there is a reason to tell."""
        loop = self._loop
        return loop.problem if loop else None

    @property
    def ready(self) -> Ready | None:
        """What the server said of itself, while connected."""
        loop = self._loop
        return loop.ready if loop else None

    @property
    def model(self) -> ModelState:
        """What the server's worker does, as of the last heartbeat."""
        loop = self._loop
        return loop.model if loop else ModelState.STARTING

    @property
    def latency(self) -> float | None:
        """Seconds of the last heartbeat there and back."""
        loop = self._loop
        return loop.latency if loop else None

    def start(self) -> None:
        """Begin to connect; returns at once. Raises ProtocolError for an address or keys that cannot be used."""
        with self._lock:
            if self._thread is not None:
                return
            context = zmq.Context()
            try:
                connection = Connection(context, self.address, self._keys)
            except ProtocolError:
                context.destroy(linger=0)
                raise
            self.address = connection.address
            end, wake = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
            end.bind("inproc://wake")
            wake.connect("inproc://wake")
            self._context, self._wake = context, wake
            self._loop = Loop(connection, end, self._hello)
            self._thread = threading.Thread(target=self._loop.run, name="neural-assets-client", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Say goodbye and close; takes a moment at most. Open requests end in Failed. May be called twice."""
        with self._lock:
            if self._thread is None or self._loop is None or self._wake is None or self._context is None:
                return
            self._loop.stopping.set()
            self._nudge()
            self._thread.join(2.0)
            self._wake.close(linger=0)
            self._context.destroy(linger=200)
            self._context = self._wake = self._loop = self._thread = None

    # --- requests and events ---

    def send(self, request: Request) -> int:
        """Send a request; its events come out of `poll`. Returns the number that it got."""
        request = replace(request, request=next(self._numbers))
        self._post(request, self._inbox.put)
        return request.request

    def submit(self, request: Request) -> Pending:
        """Send a request; its events come to the returned Pending alone."""
        pending = Pending(self, replace(request, request=next(self._numbers)))
        self._post(pending.request, pending.events.put)
        return pending

    def cancel(self, number: int) -> None:
        """Ask for the end of a request: it ends in Failed with code `cancelled`, unless its result was faster."""
        self._post(Cancel(next(self._numbers), number), lambda event: None)

    def poll(self, most: int = 64) -> list[Event]:
        """The events that have come for `send`, oldest first. Never waits."""
        events: list[Event] = []
        while len(events) < most:
            try:
                events.append(self._inbox.get_nowait())
            except queue.Empty:
                break
        return events

    def _post(self, request: Request, deliver: Deliver) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.commands.put((request, deliver))
                self._nudge()
                return
        deliver(Failed(request.request, ErrorCode.UNREACHABLE, "There is no connection to a server.", "Connect first."))

    def _nudge(self) -> None:
        """Wake the thread (under the lock: a ZeroMQ socket is for one thread at a time)."""
        if self._wake is not None:
            try:
                self._wake.send(b"", zmq.DONTWAIT)
            except zmq.Again:
                pass  # it has a thousand nudges already
