"""Jobs between clients and workers: what a request must have, the queue, the answers, the ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .protocol import messages
from .protocol.api import Scene
from .protocol.errors import ErrorCode, ProtocolError
from .protocol.events import Encoded, Failed, ModelState, Picture, Progress, Queued
from .protocol.messages import Request
from .protocol.wire import event_from_wire
from .scheduler import Job

if TYPE_CHECKING:
    from .broker import Broker
    from .sequence_runs import Run

_CANCELLED = ProtocolError(ErrorCode.CANCELLED, "The request was cancelled.", "")
_SILENT = ProtocolError(ErrorCode.TIMEOUT, "The client said nothing for too long.", "Keep its heartbeat going.")
_SUPERSEDED = ProtocolError(ErrorCode.SUPERSEDED, "A newer preview replaced this one.", "")


class Jobs:
    """A part of the broker, in its thread."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.scheduler, self.clients, self.model = broker.scheduler, broker.clients, broker.model
        self.runs, self.desk, self.store = broker.runs, broker.desk, broker.store

    # --- requests ---

    def ask(self, client: bytes, request: Request, body: Sequence[Any]) -> None:
        """Queue a job; raises ProtocolError for one that cannot be done."""
        self.model.wake()
        if self.model.state is ModelState.FAILED and self.model.problem is not None:
            raise self.model.problem
        if isinstance(request, messages.Sequence):
            self._ask_sequence(client, request)
            return
        if isinstance(request, (messages.Preview, messages.Render)):
            assert request.scene is not None
            self._require_assets([request.scene])
        if isinstance(request, messages.Encode):
            self.broker.require_free()
            self.store.require_room(len(request.boxes) + 1)
        if self.scheduler.count(client) >= self.broker.limits.jobs_per_client:
            raise ProtocolError(
                ErrorCode.BUSY,
                f"This client has {self.broker.limits.jobs_per_client} jobs waiting (limit 'jobs_per_client').",
                "Wait until some are done.",
            )
        job = Job(client, request, list(body))
        replaced = self.scheduler.add(job)
        if replaced is not None:
            self._refuse(replaced, _SUPERSEDED)
        for stale in self.scheduler.stale():
            self.model.cancel(stale, soft=True)
        if job.view is None and self.scheduler.is_full:
            self.clients.send(client, Queued(request.request, self.scheduler.position(job)))

    def _ask_sequence(self, client: bytes, request: messages.Sequence) -> None:
        if len(request.frames) > self.broker.limits.frames_per_sequence:
            raise ProtocolError(
                ErrorCode.SCENE,
                f"The sequence has {len(request.frames)} frames and {self.broker.limits.frames_per_sequence} are the "
                "most (limit 'frames_per_sequence').",
                "Send it in parts.",
            )
        self._require_assets(request.frames)
        self.runs.start(client, request)

    def _require_assets(self, scenes: Sequence[Scene]) -> None:
        objects = {placed.asset for scene in scenes for placed in scene.placements}
        backgrounds = {scene.background for scene in scenes if scene.background is not None}
        self.store.require(objects, backgrounds)

    def cancel(self, client: bytes, target: int) -> None:
        """A client's request ends: at once when it waits, between two steps when it runs."""
        run = self.runs.cancel(client, target)
        if run is not None:
            self.cancel_run(run)
            return
        job = self.scheduler.find(client, target)
        if job is not None and job in self.scheduler.at_work:
            self.model.cancel(job, soft=False)
        elif job is not None:
            self.scheduler.remove([job])
            self._refuse(job, _CANCELLED)

    def cancel_sequence(self, job: str) -> None:
        """Raises ProtocolError (job_missing)."""
        run = self.runs.cancel_job(job)
        if run is not None:
            self.cancel_run(run)

    def cancel_run(self, run: Run) -> None:
        """The frame of a sequence that was stopped."""
        for job in self.scheduler.at_work:
            if job.run is run:
                self.model.cancel(job, soft=False)

    def drop_client(self, client: bytes) -> None:
        """A silent client's work ends; it is told in case that it is only slow."""
        waiting = self.scheduler.of_client(client)
        self.scheduler.remove(waiting)
        for job in waiting:
            self._refuse(job, _SILENT)
        for job in self.scheduler.at_work:
            if job.client == client:
                self.model.cancel(job, soft=False)

    # --- the workers ---

    def pump(self) -> None:
        """Hand each worker its next job, or a preview beside the one it has; without any worker, end what waits with
        its sentence."""
        if self.model.state is ModelState.FAILED and self.model.problem is not None:
            waiting = self.scheduler.all_waiting()
            self.scheduler.remove(waiting)
            for job in waiting:
                self._refuse(job, self.model.problem)
        for number, worker in self.model.loaded():
            job = self.scheduler.next(number) or self.scheduler.next_guest(number)
            if job is not None:
                worker.run(job)

    def take(self, frames: Sequence[bytes]) -> None:
        """A message of a worker."""
        for job, final, event in self.model.take(frames):
            if final:
                self.scheduler.finish(job)
            self._tell(job, event)

    def _tell(self, job: Job, event: Sequence[bytes]) -> None:
        if not event:
            self._worker_died(job)
        elif job.run is not None:
            self._of_sequence(job, event)
        elif isinstance(job.request, messages.Encode):
            self._of_encode(job, event)
        else:
            self._forward(job, event)

    def _forward(self, job: Job, event: Sequence[bytes]) -> None:
        """To the client as it came. Failures are logged; a stale preview's end is told as what it is."""
        assert job.client is not None
        answer = event_from_wire(event) if len(event) == 1 else None  # pictures are not looked into
        if isinstance(answer, Failed):
            stale = answer.code is ErrorCode.CANCELLED and job.view in self.scheduler.views
            self._refuse(job, _SUPERSEDED if stale else answer.error())
        else:
            self.clients.send_frames(job.client, event)

    def _of_encode(self, job: Job, frames: Sequence[bytes]) -> None:
        """The new assets enter the index before anybody hears of them."""
        event = event_from_wire(frames)
        client = job.client
        assert client is not None
        if not isinstance(event, Encoded) or event.background is None:
            self._forward(job, frames)
            return
        infos = [*event.assets, event.background]
        self.desk.do(
            lambda: self.store.written(infos),
            lambda _: self.clients.send_frames(client, frames),
            lambda error: self._refuse(job, error),
        )

    def _of_sequence(self, job: Job, frames: Sequence[bytes]) -> None:
        event = event_from_wire(frames)
        if isinstance(event, Picture):
            self.runs.finished(job, event)
        elif isinstance(event, Progress):
            self.runs.progress(job, event)
        elif isinstance(event, Failed):
            self.runs.end(job.run, event.error())

    def _worker_died(self, job: Job) -> None:
        """A frame of a sequence is tried once more; the rest ends with the reason."""
        job.tried += 1
        if job.run is not None and job.tried < 2 and self.model.state is not ModelState.FAILED:
            self.scheduler.again(job)
        elif self.model.problem is not None:
            self._refuse(job, self.model.problem)

    def _refuse(self, job: Job, error: ProtocolError) -> None:
        if job.run is not None:
            self.runs.end(job.run, error)
        elif job.client is not None:
            self.clients.refuse(job.client, job.request.request, error)
