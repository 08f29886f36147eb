"""Who is connected, and the one ROUTER socket that talks to them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import zmq

from .protocol.errors import ErrorCode, ProtocolError
from .protocol.events import Event, Failed
from .protocol.limits import Limits
from .protocol.messages import Hello
from .protocol.wire import to_wire

_log = logging.getLogger(__name__)


@dataclass
class _Client:
    name: str
    heard: float
    asked: float = 0.0  # when it was last told of as silent


class Clients:
    """Greeted clients by their ZeroMQ identity. A send never waits; a client that is gone is noticed by it."""

    def __init__(self, socket: zmq.Socket, limits: Limits) -> None:
        self.socket, self.limits = socket, limits
        self._known: dict[bytes, _Client] = {}
        self.gone: set[bytes] = set()  # noticed since the caller last looked

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, client: bytes) -> bool:
        return client in self._known

    def greet(self, client: bytes, hello: Hello) -> None:
        """Raises ProtocolError (busy) when there are too many."""
        if client not in self._known and len(self._known) >= self.limits.clients:
            raise ProtocolError(
                ErrorCode.BUSY,
                f"The server has {len(self._known)} clients and takes no more (limit 'clients').",
                "Close one, or start the server with a higher limit.",
            )
        _log.info("client %s %s connected", hello.client[:80], hello.version[:40])
        self._known[client] = _Client(hello.client[:80], monotonic())

    def name(self, client: bytes) -> str:
        """What it calls itself; empty when it has left."""
        record = self._known.get(client)
        return record.name if record is not None else ""

    def heard(self, client: bytes) -> None:
        if client in self._known:
            self._known[client].heard = monotonic()

    def silent(self) -> list[bytes]:
        """Those that said nothing for longer than a living client would; each one once in that time."""
        limit = monotonic() - self.limits.silence_seconds
        found = [client for client, record in self._known.items() if max(record.heard, record.asked) < limit]
        for client in found:
            self._known[client].asked = monotonic()
        return found

    def forget(self, client: bytes) -> None:
        record = self._known.pop(client, None)
        if record is not None:
            _log.info("client %s left", record.name)

    def send(self, client: bytes, event: Event) -> bool:
        return self.send_frames(client, to_wire(event))

    def send_frames(self, client: bytes, frames: Sequence[Any]) -> bool:
        """False when the client does not take it: then it is gone, or so slow that its queue is full."""
        try:
            self.socket.send_multipart([client, *frames], zmq.DONTWAIT, copy=False)
            return True
        except zmq.Again:
            _log.warning("a client does not read: a message to it was dropped")
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self.gone.add(client)
        return False

    def refuse(self, client: bytes, request: int, error: ProtocolError) -> None:
        failed = Failed(request, error.code, error.sentence, error.cure)
        if failed.is_failure:
            _log.warning("to %s: %s", self._known[client].name if client in self._known else "a stranger", error)
        self.send(client, failed)
