"""Starts the model server as a process of its own and learns its address from what it prints.

The server watches this process and ends when Blender is gone, however that happened.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import deque

from .protocol.errors import ErrorCode, ProtocolError

_STOP_SECONDS = 10.0
_TAIL = 8  # lines of the server's words that are kept to explain an early end


class Launcher:
    """One server process. `address` is empty until it is ready, `problem` is why it ended by itself."""

    def __init__(self, command: tuple[str, ...], folder: str) -> None:
        """Starts it and returns at once; raises ProtocolError when there is nothing to start."""
        if not command:
            raise ProtocolError(
                ErrorCode.UNREACHABLE,
                "Blender does not know where the Neural Assets project is.",
                "Name its folder in the add-on's preferences.",
            )
        self.address = ""
        self.problem = ""
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._stopped = False
        try:
            self._process = subprocess.Popen(
                [*command, "--parent", str(os.getpid())],
                cwd=folder or None,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise ProtocolError(
                ErrorCode.UNREACHABLE,
                f"The server did not start: {command[0]} cannot be run ({error.strerror}).",
                "Run 'python3 install.py' in the project folder, and check that folder in the add-on's preferences.",
            ) from error
        threading.Thread(target=self._listen, name="neural-assets-launcher", daemon=True).start()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def is_starting(self) -> bool:
        return self.is_running and not self.address

    def stop(self) -> None:
        """Ask it to end, and make sure of it later; returns at once."""
        self._stopped = True
        if self.is_running:
            self._process.terminate()
            threading.Thread(target=self._make_sure, name="neural-assets-stop", daemon=True).start()

    def _make_sure(self) -> None:
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _listen(self) -> None:
        """In a thread of its own: reads what the server prints until it ends."""
        assert self._process.stdout is not None
        refusal = ""
        for line in self._process.stdout:
            message = _message_in(line)
            if message.get("event") == "ready":
                self.address = str(message.get("address", ""))
            elif message.get("event") == "failed":
                refusal = f"{message.get('sentence', '')} {message.get('cure', '')}".strip()
            elif line.strip():
                self._tail.append(line.strip())
        code = self._process.wait()
        if not self._stopped:
            words = refusal or f"code {code}, {self._tail[-1] if self._tail else 'it said nothing'}"
            self.problem = f"The server ended by itself: {words[:400]}"


def _message_in(line: str) -> dict[str, object]:
    """The server's message in a line of JSON; empty for any other line."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _environment() -> dict[str, str]:
    """Blender's environment without what would lead another Python astray."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
