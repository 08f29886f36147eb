"""The real server as a process of its own, with a tiny model."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 60.0) -> T:
    """The condition's first true value; fails when none comes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError("it did not happen")


def first(pending: Any, kind: type[T]) -> T:
    """Wait for an event of this kind."""
    while not isinstance(event := pending.wait(30), kind):
        assert event is not None and not event.final, event
    return event


class ServerProcess:
    """`python -m server` with these arguments. `said`: its JSON lines; `errors`: its error output at the end."""

    def __init__(self, store: Path, *arguments: str, weights: Path | None = None) -> None:
        self.store = store
        command = [sys.executable, "-m", "server", "--store", str(store), "--device", "cpu"]
        command += [] if "--gallery" in arguments else ["--gallery", str(store / "no gallery")]
        command += arguments if "--port" in arguments else ("--port", "0", *arguments)
        command += ["--weights", str(weights)] if weights else []
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._errors: list[str] = []
        for pipe, take in ((self.process.stdout, self._lines.put), (self.process.stderr, self._errors.append)):
            threading.Thread(target=self._read, args=(pipe, take), daemon=True).start()

    @staticmethod
    def _read(pipe: Any, take: Any) -> None:
        for line in pipe:
            take(line)

    def says(self, seconds: float = 60.0) -> dict[str, Any]:
        """Its next JSON line."""
        return json.loads(self._lines.get(timeout=seconds))

    @property
    def errors(self) -> str:
        return "".join(self._errors)

    @property
    def log(self) -> str:
        return (self.store / "logs" / "server.log").read_text()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def stop(self) -> int:
        """SIGTERM and its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def wait(self, seconds: float = 30.0) -> int:
        code = self.process.wait(seconds)
        time.sleep(0.05)  # the reading threads take the last lines
        return code


def gone(processes: list[psutil.Process], seconds: float = 15.0) -> bool:
    """Whether all of them end in time."""
    return not psutil.wait_procs(processes, seconds)[1]
