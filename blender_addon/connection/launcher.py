"""Starts the model server as a process of its own and learns its address from what it prints.

The server watches this process and ends when Blender is gone, however that happened.
"""

from __future__ import annotations

import json
import os
from collections import deque
from pathlib import Path

from ..protocol.errors import ErrorCode, ProtocolError
from .child import Child

_TAIL = 8  # lines of the server's words that are kept to explain an early end


class Launcher:
    """One server process. `address` is empty until it is ready, `problem` is why it ended by itself; `taken_by` is the
    address of another server that has the store, when that is the reason."""

    def __init__(self, command: tuple[str, ...], folder: str, log: Path | None = None) -> None:
        """Starts it and returns at once; log: where its words go. Raises ProtocolError when it cannot be run."""
        self.address = ""
        self.problem = ""
        self.taken_by = ""
        self.log = log
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._refusal = ""
        try:
            self._child = Child([*command, "--parent", str(os.getpid())], folder, log, self._read, self._ended)
        except OSError as error:
            raise ProtocolError(
                ErrorCode.UNREACHABLE,
                f"The server did not start: {command[0]} cannot be run ({error.strerror}).",
                "Install the server, and check the project folder in the add-on's preferences.",
            ) from error

    @property
    def is_running(self) -> bool:
        return self._child.is_running

    @property
    def is_starting(self) -> bool:
        return self.is_running and not self.address

    def stop(self) -> None:
        """Ask it to end; returns at once."""
        self._child.stop()

    def _read(self, line: str) -> None:
        message = _message_in(line)
        if message.get("event") == "ready":
            self.address = str(message.get("address", ""))
        elif message.get("event") == "failed":
            self._refusal = f"{message.get('sentence', '')} {message.get('cure', '')}".strip()
            self.taken_by = str(message.get("address", "")) if message.get("code") == ErrorCode.STORE_TAKEN else ""
        elif line.strip():
            self._tail.append(line.strip())

    def _ended(self, code: int | None) -> None:
        if code is not None:
            why = "" if self._refusal else f" (code {code})"
            words = self._refusal or (self._tail[-1] if self._tail else "It said nothing.")
            self.problem = f"The server ended by itself{why}: {words[:400]}"


def _message_in(line: str) -> dict[str, object]:
    """The server's message in a line of JSON; empty for any other line."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
