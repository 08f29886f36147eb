"""Which job is next. Pure logic: no sockets, no threads.

Previews go first, and one view has at most one waiting: a newer one replaces it, and makes a running one stale. Jobs
(encode, render) go in the order in which they came. Frames of sequences go when nothing else waits. So that a viewport
that moves all the time does not keep jobs waiting for ever, every fourth picture is a job's when one waits. While a job
or a frame runs, one preview at a time may be its guest: the worker draws it in a pause between two steps.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from .protocol.messages import Preview, Request

PREVIEWS_IN_A_ROW = 3


@dataclass(eq=False)
class Job:
    """One piece of work for the worker. client None: a frame (of `run`, a sequence) that belongs to the server."""

    client: bytes | None
    request: Request
    frames: list[Any]  # the request on the wire
    run: Any = None
    frame: int = 0
    number: int = field(default_factory=itertools.count(1).__next__)
    cancelled: bool = False
    tried: int = 0

    @property
    def view(self) -> tuple[bytes | None, str] | None:
        return (self.client, self.request.view) if isinstance(self.request, Preview) else None


class Scheduler:
    """Holds what waits and what runs."""

    def __init__(self) -> None:
        self.running: Job | None = None
        self.guest: Job | None = None  # a preview that is with the worker beside the running job
        self._previews: dict[tuple[bytes | None, str], Job] = {}
        self._jobs: deque[Job] = deque()
        self._frames: deque[Job] = deque()
        self._in_a_row = 0

    @property
    def waiting(self) -> int:
        return len(self._previews) + len(self._jobs) + len(self._frames)

    @property
    def at_work(self) -> list[Job]:
        """With the worker."""
        return [job for job in (self.running, self.guest) if job is not None]

    @property
    def views(self) -> Container[tuple[bytes | None, str] | None]:
        """Those that have a preview waiting."""
        return self._previews.keys()

    def position(self, job: Job) -> int:
        """How many go before it (previews aside)."""
        return self._jobs.index(job) + (self.running is not None)

    def count(self, client: bytes) -> int:
        """Of a client's waiting jobs; previews do not count."""
        return sum(job.client == client for job in self._jobs)

    def add(self, job: Job) -> Job | None:
        """Put it in its queue; returns the waiting preview that it replaced."""
        if job.run is not None:
            self._frames.append(job)
            return None
        if job.view is None:
            self._jobs.append(job)
            return None
        replaced = self._previews.pop(job.view, None)
        self._previews[job.view] = job
        return replaced

    def stale(self) -> Job | None:
        """The preview at work, when a newer one of its view waits."""
        return next((job for job in self.at_work if job.view in self._previews), None)

    def again(self, job: Job) -> None:
        """Put a job back at the front."""
        (self._frames if job.run is not None else self._jobs).appendleft(job)

    def next(self) -> Job | None:
        """Take the next job and make it the running one; None when one runs or none waits."""
        if self.running is not None:
            return None
        others = self._jobs or self._frames
        if self._previews and not (others and self._in_a_row >= PREVIEWS_IN_A_ROW):
            self._in_a_row += 1
            self.running = self._first_preview()
        elif others:
            self._in_a_row = 0
            self.running = others.popleft()
        return self.running

    def next_guest(self) -> Job | None:
        """Take a preview to go beside the running job; None when that is one itself, or has a guest."""
        if self.running is None or self.running.view is not None or self.guest is not None or not self._previews:
            return None
        self.guest = self._first_preview()
        return self.guest

    def _first_preview(self) -> Job:
        return self._previews.pop(next(iter(self._previews)))

    def finish(self, job: Job) -> None:
        """It has ended. A guest that is left runs by itself."""
        if job is self.running:
            self.running, self.guest = self.guest, None
        elif job is self.guest:
            self.guest = None

    def remove(self, jobs: Iterable[Job]) -> None:
        """Out of the queues."""
        gone = set(map(id, jobs))
        self._jobs = deque(job for job in self._jobs if id(job) not in gone)
        self._frames = deque(job for job in self._frames if id(job) not in gone)
        self._previews = {view: job for view, job in self._previews.items() if id(job) not in gone}

    def of_client(self, client: bytes) -> list[Job]:
        """Waiting."""
        return [job for job in self._all() if job.client == client]

    def of_run(self, run: Any) -> list[Job]:
        return [job for job in self._frames if job.run is run]

    def find(self, client: bytes, request: int) -> Job | None:
        """A client's job at work or waiting by its number."""
        return next(
            (j for j in [*self.at_work, *self._all()] if j.client == client and j.request.request == request), None
        )

    def all_waiting(self) -> list[Job]:
        return self._all()

    def _all(self) -> list[Job]:
        return [*self._previews.values(), *self._jobs, *self._frames]
