"""Which server this Blender works with, as its preferences say."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from ..protocol.address import DEFAULT_ADDRESS
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


def server_command(command: str, project: str) -> tuple[str, ...]:
    """What starts the server; empty when nothing is known."""
    if command:
        return tuple(shlex.split(command, posix=os.name != "nt"))
    if not project:
        return ()
    return (str(environment_python(project)), "-m", "server")
