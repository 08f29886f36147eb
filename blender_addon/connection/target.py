"""Which server this Blender works with, as its preferences say."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from ..protocol.address import DEFAULT_ADDRESS, is_loopback, parse_address
from ..protocol.connection import Keys
from ..protocol.errors import ErrorCode, ProtocolError
from .installer import environment_python


@dataclass(frozen=True)
class Target:
    """Where the server is, and how to start one here. command: empty when there is none to start."""

    address: str = DEFAULT_ADDRESS
    keys: str = ""  # folder of keys, for another machine
    command: tuple[str, ...] = ()
    folder: str = ""  # of the project, where the command runs
    online: bool = False  # whether the internet may be used
    installed: bool = False  # whether the command can run
    logs: str = ""  # folder for what the command prints

    def allowed(self, address: str = "") -> str:
        """An address (default: its own) as ZeroMQ takes it; raises ProtocolError when it may not be used."""
        parsed = parse_address(address or self.address)
        if not is_loopback(parsed) and not self.online:
            raise ProtocolError(
                ErrorCode.ADDRESS,
                f"{parsed} is on another machine and Blender may not go online.",
                "Allow Online Access in the preferences (System, Network). A server on this computer never needs it.",
            )
        return parsed

    def read_keys(self) -> Keys | None:
        """None where there are none to read; raises ProtocolError."""
        return Keys.read(self.keys) if self.keys else None

    def log_named(self, name: str) -> Path | None:
        """The file in the folder of logs; None where nothing is kept."""
        return Path(self.logs, f"{name}.log") if self.logs else None


def server_command(command: str, project: str) -> tuple[str, ...]:
    """What starts the server; empty when nothing is known."""
    if command:
        return tuple(shlex.split(command, posix=os.name != "nt"))
    if not project:
        return ()
    return (str(environment_python(project)), "-m", "server")
