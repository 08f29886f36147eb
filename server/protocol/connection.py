"""One DEALER socket and what ZeroMQ says of it: connected, lost, refused. No threads; both clients drive it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import zmq
from zmq.utils.monitor import recv_monitor_message

from .address import is_loopback, parse_address
from .errors import ErrorCode, ProtocolError
from .events import Event, Failed, Ready
from .limits import Limits
from .messages import PROTOCOL, Message
from .wire import event_from_wire, to_wire, version_refusal


@dataclass(frozen=True)
class Keys:
    """CURVE keys for a server on another machine: the server's public key, and this client's pair (Z85 text)."""

    server_public: str
    public: str
    secret: str

    @staticmethod
    def read(folder: str | Path) -> Keys:
        """From the files that `python -m server --make-keys FOLDER` wrote; raises ProtocolError."""
        try:
            names = ("server.public", "client.public", "client.secret")
            return Keys(*(Path(folder, name).read_text().strip() for name in names))
        except OSError as error:
            raise ProtocolError(
                ErrorCode.ADDRESS,
                f"The keys in {folder} cannot be read ({error.strerror}).",
                "Make them with `python -m server --make-keys FOLDER` and copy the folder here.",
            ) from error


class Change(Enum):
    """What happened to the connection."""

    CONNECTED = auto()
    LOST = auto()
    REFUSED_KEYS = auto()
    TURNED_AWAY = auto()


_CHANGES = {
    zmq.EVENT_HANDSHAKE_SUCCEEDED: Change.CONNECTED,
    zmq.EVENT_DISCONNECTED: Change.LOST,
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: Change.REFUSED_KEYS,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: Change.REFUSED_KEYS,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: Change.TURNED_AWAY,
}


class Connection:
    """A DEALER on its way to the server: ZeroMQ connects in the background, again and again. For one thread.

    Raises ProtocolError for an address or keys that cannot be used.
    """

    def __init__(self, context: zmq.Context, address: str, keys: Keys | None = None) -> None:
        self.address = parse_address(address)
        if not is_loopback(self.address) and keys is None:
            raise ProtocolError(
                ErrorCode.ADDRESS,
                f"{self.address} is on another machine and no keys were given.",
                "Give the folder of keys that the server was started with.",
            )
        self.most_bytes = Limits().message_bytes  # of a message; the server's own when it has told it
        self._is_met = False  # a connection stands, which can be lost
        self.socket = context.socket(zmq.DEALER)
        try:
            self._configure(keys)
            events = 0
            for event in _CHANGES:
                events |= event
            self._monitor = self.socket.get_monitor_socket(events)
            self.socket.connect(self.address)
        except (zmq.ZMQError, ValueError) as error:
            self.close()
            raise ProtocolError(
                ErrorCode.ADDRESS, f"There is no way to {self.address} ({error}).", "Check the address and the keys."
            ) from error
        self._poller = zmq.Poller()
        self._poller.register(self.socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)

    def _configure(self, keys: Keys | None) -> None:
        self.socket.linger = 0
        self.socket.setsockopt(zmq.RCVHWM, 32)  # pictures; a slow reader slows its server down instead
        self.socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is queued for a server that is not there
        self.socket.setsockopt(zmq.RECONNECT_IVL, 100)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        self.socket.setsockopt(zmq.IPV6, 1)
        if keys is not None:
            self.socket.curve_serverkey = keys.server_public.encode()
            self.socket.curve_publickey = keys.public.encode()
            self.socket.curve_secretkey = keys.secret.encode()

    def watch(self, other: zmq.Socket) -> None:
        """Let `wait` also end when this socket has something."""
        self._poller.register(other, zmq.POLLIN)

    def wait(self, seconds: float) -> None:
        """Until something is there, or the time is over."""
        self._poller.poll(max(0, int(seconds * 1000)))

    def changes(self) -> list[Change]:
        """What happened to the connection since the last call."""
        found = []
        while self._monitor.poll(0):
            change = _CHANGES.get(recv_monitor_message(self._monitor)["event"])
            if change is None or change is Change.LOST and not self._is_met:
                continue
            self._is_met = change is Change.CONNECTED
            found.append(change)
        return found

    def send(self, message: Message) -> None:
        """Never waits; raises ProtocolError when nobody takes the message, or when it is too large."""
        frames = to_wire(message)
        size = sum(map(len, frames))
        if size > self.most_bytes:
            raise ProtocolError(
                ErrorCode.TOO_LARGE,
                f"The message has {size / 1e6:.1f} MB, which is larger than the server takes.",
                f"Make the picture smaller (limit 'message_bytes': {self.most_bytes / 1e6:.1f} MB).",
            )
        try:
            self.socket.send_multipart(frames, zmq.DONTWAIT, copy=False)
        except zmq.Again:
            raise lost(self.address) from None

    def receive(self) -> Event | None:
        """The next event, or None when there is none now; raises ProtocolError for what cannot be read."""
        try:
            frames = self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return None
        return event_from_wire([frame.buffer for frame in frames])

    def close(self, linger: float = 0.0) -> None:
        """Keep sending for `linger` seconds at most."""
        self.socket.disable_monitor()
        self.socket.close(linger=int(linger * 1000))

    def greeted(self, event: Event) -> Ready:
        """The answer to Hello; from now on the server's limits hold. Raises ProtocolError for a refusal."""
        ready = checked_ready(event)
        self.most_bytes = ready.limits.get("message_bytes", self.most_bytes)
        return ready


def checked_ready(event: Event) -> Ready:
    """The answer to Hello as Ready; raises ProtocolError with the server's refusal or the version's."""
    if isinstance(event, Failed):
        raise event.error()
    if not isinstance(event, Ready):
        raise ProtocolError(ErrorCode.MALFORMED, "What answers there is no Neural Assets server.", "Check the address.")
    refusal = version_refusal(PROTOCOL, event.protocol)
    if refusal is not None:
        raise refusal
    return event


def lost(address: str) -> ProtocolError:
    return ProtocolError(
        ErrorCode.LOST,
        f"The server at {address} is gone; nothing was written.",
        "Start it again, and see its log for the reason.",
    )


def silent(address: str, seconds: float) -> ProtocolError:
    return ProtocolError(
        ErrorCode.TIMEOUT,
        f"The server at {address} has said nothing for {seconds:g} seconds.",
        "Stop it and start it again.",
    )


def unreachable(address: str, seconds: float) -> ProtocolError:
    return ProtocolError(
        ErrorCode.UNREACHABLE,
        f"Nothing answers at {address} (tried for {seconds:g} seconds).",
        "Start the server, or check the address.",
    )


def wrong_keys(address: str) -> ProtocolError:
    return ProtocolError(
        ErrorCode.ADDRESS,
        f"The server at {address} does not accept these keys.",
        "Give the folder of keys that the server was started with.",
    )


def turned_away(address: str) -> ProtocolError:
    return ProtocolError(
        ErrorCode.ADDRESS,
        f"What answers at {address} ends every connection at once.",
        "It has other keys, or is no Neural Assets server: check the address and the keys.",
    )
