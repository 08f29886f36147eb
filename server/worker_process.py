"""The server's side of the worker: starts it, talks to it through pipes, notices its end, logs what it prints."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import zmq

from .pipes import read_frames, write_frames

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parent.parent
DIED = b"died"  # the only frame of the message that tells of its end


class WorkerProcess:
    """One worker. What it says arrives at the PULL socket bound to `inbox` (inproc), after its number; at the end
    comes [number, DIED]."""

    def __init__(self, context: zmq.Context, inbox: str, number: int, settings: dict[str, str]) -> None:
        self.number = number
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1",
                       "TQDM_DISABLE": "1"}  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "server.worker", json.dumps(settings)], cwd=_ROOT, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=os.name != "nt",  # Ctrl-C in a terminal is for the server, which then ends this
        )  # fmt: skip
        self._orders: queue.SimpleQueue[list[Any] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._write, daemon=True),
            threading.Thread(target=self._read, args=(context, inbox), daemon=True),
            threading.Thread(target=self._log_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def run(self, job: int, request: Sequence[Any]) -> None:
        """Hand it a request's frames; returns at once. A worker that is gone is told of by DIED, not here."""
        self._orders.put([msgpack.packb({"do": "run", "job": job}), *request])

    def cancel(self, job: int, soft: bool) -> None:
        self._orders.put([msgpack.packb({"do": "cancel", "job": job, "soft": soft})])

    def stop(self, seconds: float = 2.0) -> None:
        """Close its input, which ends it; kill it when that takes too long."""
        self._orders.put(None)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(1.0)

    def _write(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            while (frames := self._orders.get()) is not None:
                write_frames(self._process.stdin, frames)  # pyright: ignore[reportArgumentType]
        with suppress(OSError):
            self._process.stdin.close()

    def _read(self, context: zmq.Context, inbox: str) -> None:
        number = str(self.number).encode()
        assert self._process.stdout is not None
        socket = context.socket(zmq.PUSH)
        socket.linger = 0
        with suppress(zmq.ContextTerminated, zmq.ZMQError):
            socket.connect(inbox)
            with suppress(OSError, ValueError):
                while (frames := read_frames(self._process.stdout)) is not None:  # pyright: ignore
                    socket.send_multipart([number, *frames], copy=False)
            self._process.wait()
            socket.send_multipart([number, DIED])
        socket.close()

    def _log_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            _log.info("worker: %s", line.decode(errors="replace").rstrip()[:1000])
