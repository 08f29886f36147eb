"""Runs a script with a Python that can make environments: one of the system's, else the one that runs this.

    python with_python.py SCRIPT [ARGUMENTS]

A program of its own, because looking for one takes a moment: some names on the path only say that there is none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable

NAMES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3")  # in order of preference
_CHECK = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"


def usable(program: str) -> bool:
    """Whether it starts, is new enough and has what environments need."""
    try:
        done = subprocess.run([program, "-c", _CHECK], capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def chosen(names: Iterable[str] = NAMES) -> str:
    """The first that can be used."""
    found = filter(None, map(shutil.which, names))
    return next(filter(usable, found), sys.executable)


if __name__ == "__main__":
    sys.exit(subprocess.call([chosen(), *sys.argv[1:]], stdin=subprocess.DEVNULL))
