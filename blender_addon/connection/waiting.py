"""Waiting for the server where that is right: in a render's thread, in scripts, in background mode; never in a window.

All raise ProtocolError with the reason when what is waited for does not come.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import ModelState
from ..protocol.messages import AskStatus, ListAssets, Request
from .bridge import Bridge
from .server_state import ServerState

START_SECONDS = 180.0  # the server has to load its model
FIND_SECONDS = 2.0  # for a server that runs already
ANSWER_SECONDS = 5.0  # for a short question


def for_server(bridge: Bridge, stopped: Callable[[], bool] = lambda: False) -> None:
    """Until the server is there, starting it if it has to and may be. stopped: asked often; True ends the wait."""
    if bridge.is_ready:
        return
    if bridge.state is ServerState.INSTALLING:
        bridge.refuse_unless_idle()
    if not bridge.is_wanted:
        bridge.connect()
    if not bridge.is_starting and not _is_found(bridge, FIND_SECONDS, stopped):
        may_start = bridge.target.command and not bridge.has_server and bridge.is_local
        if not may_start or bridge.state is ServerState.REFUSED:
            raise _reason(bridge)
        bridge.start_server()
    for_connection(bridge, stopped)


def for_connection(bridge: Bridge, stopped: Callable[[], bool] = lambda: False) -> None:
    """After `connect` or `start_server`, until it is there."""
    seconds = START_SECONDS if bridge.is_starting else FIND_SECONDS
    if not bridge.is_ready and not _is_found(bridge, seconds, stopped):
        raise _reason(bridge)


def for_assets(bridge: Bridge) -> None:
    """Until the list of assets is the newest, if it was not read yet."""
    if not bridge.is_ready:
        raise ProtocolError(ErrorCode.UNREACHABLE, "There is no connection to a server.", "Connect or start one.")
    if bridge.assets_are_old:
        _ask(bridge, ListAssets())


def for_status(bridge: Bridge) -> None:
    """Until the status is known, if none came since the model is there."""
    if bridge.is_ready and (bridge.status is None or bridge.status.model is ModelState.STARTING):
        _ask(bridge, AskStatus())


def for_model(bridge: Bridge) -> None:
    """Until the server tells which weights it has: they decide what a frame looks like."""
    deadline = time.monotonic() + START_SECONDS
    for_status(bridge)
    while bridge.status is None or bridge.status.model is ModelState.STARTING:
        if time.monotonic() > deadline or not bridge.is_ready:
            raise ProtocolError(ErrorCode.TIMEOUT, "The server's model does not load.", "Look into the server's log.")
        time.sleep(0.2)
        for_status(bridge)


def _ask(bridge: Bridge, request: Request) -> None:
    """Let the bridge take the answer in, if it comes soon."""
    pending = bridge.submit(request)
    deadline = time.monotonic() + ANSWER_SECONDS
    while not pending.done and time.monotonic() < deadline:
        event = pending.wait(0.1)
        if event is not None:
            bridge.take(event)


def _is_found(bridge: Bridge, seconds: float, stopped: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if stopped():
            raise ProtocolError(ErrorCode.CANCELLED, "The render was cancelled.", "")
        bridge.follow()
        if bridge.is_ready:
            return True
        if bridge.state in (ServerState.REFUSED, ServerState.FAILED):
            return False
        time.sleep(0.02)
    return bridge.is_ready


def _reason(bridge: Bridge) -> ProtocolError:
    cure = "" if bridge.problem else "Start the server in the Neural Assets panel, or name it in the preferences."
    return ProtocolError(ErrorCode.UNREACHABLE, bridge.problem or f"No server answers at {bridge.address}.", cure)
