"""Sequences at work: a frame for each worker to the scheduler, each finished one to disk and to who listens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from .clients import Clients
from .desk import Desk
from .protocol.errors import ErrorCode, ProtocolError
from .protocol.events import Event, Picture, Progress, SequenceAccepted, SequenceDone, SequenceFrame, SequenceInfo
from .protocol.messages import Render, Sequence
from .protocol.wire import to_wire
from .scheduler import Job, Scheduler
from .sequences import SequenceStore, StoredSequence

_log = logging.getLogger(__name__)
_CANCELLED = ProtocolError(ErrorCode.CANCELLED, "The sequence was cancelled.", "Finished frames stay.")


@dataclass(eq=False)
class _Listener:
    client: bytes
    request: int
    next: int = 0  # frame
    reading: bool = False


@dataclass(eq=False)
class Run:
    """A sequence that is being drawn or handed out."""

    stored: StoredSequence
    listeners: list[_Listener] = field(default_factory=list)
    drawing: set[int] = field(default_factory=set)  # frames that are with the scheduler, a worker or the desk


class SequenceRuns:
    """All of them. `room` raises ProtocolError when the disk has no room for another frame."""

    def __init__(
        self, folder: Path, model: str, scheduler: Scheduler, clients: Clients, desk: Desk, room: Callable[[], None]
    ) -> None:
        self.store = SequenceStore(folder, model)
        self.scheduler, self.clients, self.desk, self.room = scheduler, clients, desk, room
        self.runs: dict[str, Run] = {}
        self._opening: set[tuple[bytes, int]] = set()  # requests whose files the desk reads

    def resume(self) -> None:
        """Go on with what an earlier server left unfinished."""
        for stored in self.store.unfinished():
            if not stored.cancelled:
                _log.info("sequence %s goes on with %d frames finished", stored.job, len(stored.finished))
                run = self.runs[stored.job] = Run(stored)
                self._draw(run)

    def infos(self) -> tuple[SequenceInfo, ...]:
        return tuple(
            SequenceInfo(s.job, s.request.name, len(s.request.frames), len(s.finished), s.job in self.runs)
            for s in list(self.store.jobs.values())
        )

    def unfinished(self) -> tuple[Run, ...]:
        """Those at work that have frames to draw."""
        return tuple(run for run in self.runs.values() if run.drawing or run.stored.next_frame() is not None)

    def start(self, client: bytes, request: Sequence) -> None:
        """A client asks for a sequence: new, unfinished or finished."""
        self._opening.add((client, request.request))

        def opened(stored: StoredSequence) -> None:
            if (client, request.request) not in self._opening:  # cancelled meanwhile
                if stored.job not in self.runs:
                    self._mark_cancelled(stored)
                self.clients.refuse(client, request.request, _CANCELLED)
                return
            self._opening.discard((client, request.request))
            run = self.runs.setdefault(stored.job, Run(stored))
            count, done = len(stored.request.frames), len(stored.finished)
            if self.clients.send(client, SequenceAccepted(request.request, stored.job, count, done)):
                run.listeners.append(_Listener(client, request.request))
            self._draw(run)
            self._hand_out(run)

        def refused(error: ProtocolError) -> None:
            self._opening.discard((client, request.request))
            self.clients.refuse(client, request.request, error)

        self.desk.do(lambda: self.store.open(request), opened, refused)

    # --- drawing ---

    def _draw(self, run: Run) -> None:
        """The next frames to the scheduler; none when it was stopped meanwhile."""
        while len(run.drawing) < self.scheduler.workers and self.runs.get(run.stored.job) is run:
            frame = run.stored.next_frame(run.drawing)
            if frame is None:
                return
            try:
                self.room()
            except ProtocolError as error:
                self.end(run, error)
                return
            request = Render(0, run.stored.request.frames[frame], run.stored.request.settings, bool(run.listeners))
            run.drawing.add(frame)
            self.scheduler.add(Job(None, request, to_wire(request), run, frame))

    def progress(self, job: Job, event: Progress) -> None:
        """A step of a frame, to who listens."""
        count = len(job.run.stored.request.frames)
        for listener in job.run.listeners:
            self._tell(job.run, listener, replace(event, request=listener.request, frame=job.frame, frames=count))

    def finished(self, job: Job, picture: Picture) -> None:
        """A frame is drawn: to disk, then on."""
        run: Run = job.run

        def written(_: None) -> None:
            run.drawing.discard(job.frame)
            self._draw(run)
            self._hand_out(run)

        self.desk.do(
            lambda: self.store.write(run.stored, job.frame, picture), written, lambda error: self.end(run, error)
        )

    def end(self, run: Run, error: ProtocolError) -> None:
        """It stops here; finished frames stay."""
        if self.runs.get(run.stored.job) is not run:
            return  # it has stopped already
        _log.warning("sequence %s stopped: %s", run.stored.job, error)
        self.scheduler.remove(self.scheduler.of_run(run))
        del self.runs[run.stored.job]
        for listener in run.listeners:
            self.clients.refuse(listener.client, listener.request, error)
        run.listeners = []

    # --- handing out ---

    def _hand_out(self, run: Run) -> None:
        """Each listener gets the next frame in its order, read from disk one at a time."""
        for listener in list(run.listeners):
            if listener.next >= len(run.stored.request.frames):
                done = SequenceDone(listener.request, run.stored.job, len(run.stored.request.frames))
                if self._tell(run, listener, done):
                    run.listeners.remove(listener)
            elif listener.next in run.stored.finished and not listener.reading:
                self._read_for(run, listener)
        is_done = not run.listeners and run.stored.next_frame() is None and not run.drawing
        if is_done and self.runs.get(run.stored.job) is run:
            del self.runs[run.stored.job]

    def tick(self) -> None:
        """From time to time: what could not be handed out before."""
        for run in list(self.runs.values()):
            self._hand_out(run)

    def _read_for(self, run: Run, listener: _Listener) -> None:
        frame, listener.reading = listener.next, True

        def read(picture: Picture) -> None:
            listener.reading = False
            values = {f.name: getattr(picture, f.name) for f in fields(picture)}
            event = SequenceFrame(**{**values, "request": listener.request})
            if listener in run.listeners and self._tell(run, listener, event):
                listener.next = frame + 1
                self._hand_out(run)  # a client that does not read gets it at the next `tick`

        def damaged(error: ProtocolError) -> None:
            _log.warning("%s", error)
            listener.reading = False
            self._draw(run)  # once more

        self.desk.do(lambda: run.stored.read(frame), read, damaged)

    def _tell(self, run: Run, listener: _Listener, event: Event) -> bool:
        sent = self.clients.send(listener.client, event)
        if not sent and listener.client in self.clients.gone and listener in run.listeners:
            run.listeners.remove(listener)
        return sent

    # --- stopping ---

    def cancel(self, client: bytes, request: int) -> Run | None:
        """A listener cancels; returns the run, whose frame may be at the worker."""
        self._opening.discard((client, request))
        for run in self.runs.values():
            if any(listener.client == client and listener.request == request for listener in run.listeners):
                return self.cancel_job(run.stored.job)
        return None

    def cancel_job(self, job: str) -> Run | None:
        """The same by its id, whoever listens; raises ProtocolError (job_missing)."""
        self.store.get(job)
        run = self.runs.get(job)
        if run is not None:
            self.end(run, _CANCELLED)
            self._mark_cancelled(run.stored)
        return run

    def _mark_cancelled(self, stored: StoredSequence) -> None:
        """So that the next server does not go on with it."""
        self.desk.do(lambda: stored.set_cancelled(True), lambda _: None, lambda error: _log.warning("%s", error))

    def delete(self, job: str) -> Run | None:
        """Ends it when it is at work; the files are the desk's to remove."""
        run = self.runs.get(job)
        if run is not None:
            self.end(run, ProtocolError(ErrorCode.CANCELLED, "The sequence was deleted.", ""))
        return run

    def drop_client(self, client: bytes) -> None:
        """Nobody listens there any more; the work goes on."""
        for run in list(self.runs.values()):
            run.listeners = [listener for listener in run.listeners if listener.client != client]
            self._hand_out(run)
