"""Installs the server: runs the project's own `install.py`, which makes its environment and gets its packages."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

from ..protocol.errors import ErrorCode, ProtocolError
from .child import Child

_UNPACKING = 0.9  # share of the work that is done when every package is there
_LIST = re.compile(r"Installing the packages of (\S+\.txt)")
_PACKAGE = re.compile(r"Collecting ([A-Za-z0-9._-]+)")
# pip tells what it does although install.py calls it with --quiet
_VARIABLES = {"PIP_VERBOSE": "1", "PIP_PROGRESS_BAR": "off", "PYTHONUNBUFFERED": "1"}


def environment_python(project: str) -> Path:
    """The Python of the project's environment."""
    return Path(project, ".venv", *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


def is_installed(project: str) -> bool:
    """Whether the project's environment was finished: its stamp names the server's packages."""
    stamp = Path(project, ".venv", "neural-assets-stamp")
    if not project or not environment_python(project).exists():
        return False
    try:
        return bool(re.search(r"^(cpu|cuda)\.txt ", stamp.read_text(), re.MULTILINE))
    except OSError:
        return False


class Installer:
    """One installation. `fraction` 0..1 and `words` tell how far it is; `problem` is why it broke off."""

    def __init__(self, project: str, online: bool, log: Path | None) -> None:
        """Starts it and returns at once; online: whether the internet may be used. Raises ProtocolError."""
        script = Path(project, "install.py")
        if not project or not script.is_file():
            raise ProtocolError(
                ErrorCode.UNREACHABLE,
                f"There is no install.py in {project}." if project else "The project folder is not known.",
                "Choose the folder of the Neural Assets project, where install.py is.",
            )
        if not online:
            raise ProtocolError(
                ErrorCode.UNREACHABLE,
                "Installing the server gets its packages from the internet, and Blender may not go online.",
                f"Allow Online Access in the preferences (System, Network), or run 'python3 install.py' in {project}.",
            )
        self.fraction, self.words, self.problem, self.is_done = 0.0, "Beginning", "", False
        self.log = log
        self._project = project
        self._packages, self._found = 0, 0
        self._started = time.monotonic()
        finder = Path(__file__).with_name("with_python.py")
        command = [sys.executable, str(finder), str(script), "server", "--set-up-only"]
        try:
            self._child = Child(command, project, log, self._read, self._ended, _VARIABLES)
        except OSError as error:
            raise ProtocolError(
                ErrorCode.INTERNAL,
                f"The server cannot be installed: {sys.executable} cannot be run ({error.strerror}).",
                f"Run 'python3 install.py' in {project}.",
            ) from error

    @property
    def is_running(self) -> bool:
        return self._child.is_running

    @property
    def seconds(self) -> int:
        """How long it has run."""
        return int(time.monotonic() - self._started)

    def stop(self) -> None:
        """End it; what was downloaded stays, and the next installation goes on from there."""
        self._child.stop_all()

    def _read(self, line: str) -> None:
        if line.startswith("install.py: "):
            self.problem = line.removeprefix("install.py: ")
        elif listed := _LIST.match(line):
            self._packages = _packages_in(Path(self._project, "server", "requirements", listed[1]))
        elif line.startswith("Making the environment"):
            self.words = "Making the environment"
        elif (package := _PACKAGE.match(line)) and self._packages:
            self._found = min(self._found + 1, self._packages)
            self.fraction = _UNPACKING * (self._found - 1) / self._packages
            self.words = f"{package[1]} ({self._found} of {self._packages})"
        elif line.startswith("Installing collected packages"):
            self.fraction, self.words = _UNPACKING, "Unpacking"

    def _ended(self, code: int | None) -> None:
        self.is_done = code == 0
        if code in (0, None):
            self.problem = ""
        elif not self.problem:
            self.problem = f"The installation ended with code {code}. See its log for the reason, and install again."


def _packages_in(requirements: Path) -> int:
    """How many packages a list of requirements names; 0 when it cannot be read."""
    try:
        return len(re.findall(r"^[A-Za-z0-9._-]+==", requirements.read_text(encoding="utf-8"), re.M))
    except OSError:
        return 0
