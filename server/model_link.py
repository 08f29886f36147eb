"""The worker as the broker sees it: its state in words, started again when it dies, the jobs that it has."""

from __future__ import annotations

import itertools
import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import msgpack
import psutil
import zmq

from .protocol.errors import ErrorCode, ProtocolError
from .protocol.events import ModelState
from .scheduler import Job
from .worker_process import DIED, WorkerProcess

_log = logging.getLogger(__name__)
_PAUSE = 10.0  # seconds before a worker that did not start is tried again
_QUICK_DEATHS = 3  # in a row, without a finished job in between
_numbers = itertools.count(1)  # of workers


class ModelLink:
    """Starts, restarts and stops the worker."""

    def __init__(self, context: zmq.Context, inbox: str, settings: dict[str, str]) -> None:
        self._context, self._inbox, self._settings = context, inbox, settings
        self.state = ModelState.STARTING
        self.problem: ProtocolError | None = None
        self.device = ""
        self.versions: dict[str, str] = {}
        self._jobs: dict[int, Job] = {}  # with the worker, by their numbers
        self._deaths = 0
        self._number = 0
        self._process: WorkerProcess | None = None
        self._failed_at = 0.0
        self.start()

    def start(self) -> None:
        """Raises nothing: without weights the state is FAILED and `problem` says so."""
        self._number = next(_numbers)
        weights = Path(self._settings["weights"])
        if not (weights / "model_index.json").exists():
            self.state, self._failed_at = ModelState.FAILED, monotonic()
            self.problem = ProtocolError(
                ErrorCode.WEIGHTS,
                f"There are no weights in {weights}.",
                "Name the folder of a trained model with --weights; the shipped one is model/weights/base.",
            )
            _log.error("%s", self.problem)
            return
        self.state, self.problem = ModelState.STARTING, None
        self._process = WorkerProcess(self._context, self._inbox, self._number, self._settings)

    def wake(self) -> None:
        """Somebody wants something of it: try again when it had not started."""
        if self._process is None and monotonic() - self._failed_at > _PAUSE:
            self._deaths = 0
            self.start()

    @property
    def is_loaded(self) -> bool:
        """Whether the worker takes jobs: one, and a preview beside it, which it draws in a pause of that one."""
        return self.state in (ModelState.READY, ModelState.WORKING)

    @property
    def memory_bytes(self) -> int:
        try:
            return psutil.Process(self._process.pid).memory_info().rss if self._process else 0
        except psutil.Error:
            return 0

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def run(self, job: Job) -> None:
        assert self._process is not None
        self._jobs[job.number], self.state = job, ModelState.WORKING
        self._process.run(job.number, job.frames)

    def cancel(self, job: Job, soft: bool) -> None:
        """soft: let a picture that nobody waits for any more show its first step."""
        if job.number in self._jobs and self._process is not None:
            self._process.cancel(job.number, soft)

    def speaks(self, frames: Sequence[bytes]) -> bool:
        """Whether a message is of this worker (and not of one before it)."""
        return int(frames[0]) == self._number

    def take(self, frames: Sequence[bytes]) -> list[tuple[Job, bool, Sequence[bytes]]]:
        """A message of the worker: (job, final, event's frames); nothing when it was about the worker itself.

        For the jobs of a worker that died, the event's frames are empty and `problem` says why.
        """
        if frames[1] == DIED:
            lost, self._jobs = self._jobs, {}
            self._died()
            return [(job, True, ()) for job in lost.values()]
        head = msgpack.unpackb(frames[1])
        if "state" in head:
            self._state(head)
            return []
        job = self._jobs.get(head["job"])
        if job is None:
            return []
        if head["final"]:
            del self._jobs[job.number]
            self._deaths = 0
            self.state = ModelState.WORKING if self._jobs else ModelState.READY
        return [(job, head["final"], frames[2:])]

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def _state(self, head: dict[str, Any]) -> None:
        self.state = ModelState(head["state"])
        if self.state is ModelState.FAILED:
            self.problem = ProtocolError(ErrorCode(head["code"]), head["sentence"], head["cure"])
            _log.error("the model did not start: %s", self.problem)
            return
        self.problem = None
        self.device, self.versions = head["device"], head["versions"]
        _log.info("the model is ready on %s", self.device)

    def _died(self) -> None:
        assert self._process is not None
        code, self._process = self._process.exit_code, None
        self._deaths += 1
        self._failed_at = monotonic()
        if self.state is ModelState.FAILED:
            return  # it said why before it ended
        problem = _death(code, self.state is ModelState.STARTING)
        _log.error("%s", problem)
        if self._deaths < _QUICK_DEATHS:
            self.start()
        else:
            self.state = ModelState.FAILED
        self.problem = problem


def _death(code: int | None, loading: bool) -> ProtocolError:
    if code is not None and code == -signal.SIGTERM.value:
        how, cure = "was ended from outside", "Try again; it has been started again."
    elif code is not None and code == -getattr(signal, "SIGKILL", signal.SIGTERM).value:
        how, cure = "was killed, most likely because the memory is full", "Close other programs, or try a smaller size."
    else:
        how, cure = f"ended with code {code}", "Try again, and see the server's log for the reason."
    lost = "while it loaded the model" if loading else "; this picture is lost, nothing else"
    return ProtocolError(ErrorCode.WORKER, f"The model's process {how} {lost}.".replace(" ;", ";"), cure)
