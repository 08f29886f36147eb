"""Running commands, and the one kind of error that setting up raises."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class InstallError(Exception):
    """One sentence that says what failed and how to cure it."""


def say(text: str) -> None:
    print(text, flush=True)


def run(command: Sequence[str | Path], failure: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a command in the project's folder; raises InstallError with the sentence `failure`."""
    try:
        code = subprocess.call([str(part) for part in command], cwd=ROOT, env=merged(environment))
    except OSError as error:
        raise InstallError(f"{failure} ({error})") from error
    if code:
        raise InstallError(failure)


def output_of(command: Sequence[str | Path], seconds: float = 60.0) -> str | None:
    """What a command prints; None when it fails, hangs or is not there."""
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, errors="replace", timeout=seconds,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def merged(extra: Mapping[str, str] | None) -> dict[str, str] | None:
    """The environment variables of this process with `extra` on top."""
    return None if extra is None else {**os.environ, **extra}


def write_whole(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
