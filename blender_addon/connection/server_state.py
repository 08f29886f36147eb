"""Where the server stands, as one value: what the panel, the view's corner and scripts go by."""

from __future__ import annotations

from enum import StrEnum

from ..protocol.background_client import ConnectionState
from ..protocol.events import ModelState


class ServerState(StrEnum):
    """`words` is for people."""

    OFFLINE = "offline"
    INSTALLING = "installing"
    STARTING = "starting"
    CONNECTING = "connecting"
    LOADING = "loading"
    READY = "ready"
    WORKING = "working"
    FAILED = "failed"
    LOST = "lost"
    REFUSED = "refused"

    @property
    def words(self) -> str:
        return _WORDS[self]

    @property
    def is_connected(self) -> bool:
        """Whether a server answers, even if its model is not there."""
        return self in (ServerState.LOADING, ServerState.READY, ServerState.WORKING)

    @property
    def is_passing(self) -> bool:
        """Whether it changes by itself, soon."""
        return self in (ServerState.INSTALLING, ServerState.STARTING, ServerState.CONNECTING, ServerState.LOADING)


_WORDS = {
    ServerState.OFFLINE: "Not connected",
    ServerState.INSTALLING: "Installing the server",
    ServerState.STARTING: "Starting the server",
    ServerState.CONNECTING: "Looking for the server",
    ServerState.LOADING: "Loading the model",
    ServerState.READY: "Ready",
    ServerState.WORKING: "Working",
    ServerState.FAILED: "Failed",
    ServerState.LOST: "The server is gone; looking for it again",
    ServerState.REFUSED: "The server refused the connection",
}
_OF_CONNECTION = {
    ConnectionState.OFFLINE: ServerState.OFFLINE,
    ConnectionState.CONNECTING: ServerState.CONNECTING,
    ConnectionState.LOST: ServerState.LOST,
    ConnectionState.REFUSED: ServerState.REFUSED,
}
_OF_MODEL = {
    ModelState.STARTING: ServerState.LOADING,
    ModelState.READY: ServerState.READY,
    ModelState.WORKING: ServerState.WORKING,
    ModelState.FAILED: ServerState.FAILED,
}


def joined(connection: ConnectionState, model: ModelState) -> ServerState:
    """Of a connection, and of the model at its other end."""
    return _OF_MODEL[model] if connection is ConnectionState.READY else _OF_CONNECTION[connection]
