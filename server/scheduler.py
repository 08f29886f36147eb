"""Which job is next. Pure logic: no sockets, no threads.

Previews go first, and one view has at most one waiting: a newer one replaces it, and makes a running one stale. Jobs
(encode, render) go in the order in which they came. Frames of sequences go when nothing else waits. So that a viewport
that moves all the time does not keep jobs waiting for ever, every fourth picture is a job's when one waits. While a job
or a frame runs, one preview at a time may be its guest: the worker draws it in a pause between two steps. Of a view at
most one preview is at work, however many workers there are: its pictures come in their order.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from .protocol.messages import Preview, Request

PREVIEWS_IN_A_ROW = 3
_View = tuple[bytes | None, str]  # client, and which of its views


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
    def view(self) -> _View | None:
        return (self.client, self.request.view) if isinstance(self.request, Preview) else None


@dataclass
class _Place:
    """What one worker has: a job, and a preview beside it."""

    job: Job | None = None
    guest: Job | None = None


class Scheduler:
    """Holds what waits and what runs. Workers are numbered from 0."""

    def __init__(self, workers: int = 1) -> None:
        self._places = [_Place() for _ in range(workers)]
        self._previews: dict[_View, Job] = {}
        self._jobs: deque[Job] = deque()
        self._frames: deque[Job] = deque()
        self._in_a_row = 0

    @property
    def waiting(self) -> int:
        return len(self._previews) + len(self._jobs) + len(self._frames)

    @property
    def workers(self) -> int:
        return len(self._places)

    @property
    def is_full(self) -> bool:
        """Whether every worker has a job."""
        return all(place.job is not None for place in self._places)

    @property
    def at_work(self) -> list[Job]:
        """With the workers."""
        return [job for place in self._places for job in (place.job, place.guest) if job is not None]

    @property
    def views(self) -> Container[_View | None]:
        """Those that have a preview waiting."""
        return self._previews.keys()

    def position(self, job: Job) -> int:
        """How many go before it (previews aside)."""
        return self._jobs.index(job) + self.is_full

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

    def stale(self) -> list[Job]:
        """The previews at work of whose views newer ones wait."""
        return [job for job in self.at_work if job.view in self._previews]

    def again(self, job: Job) -> None:
        """Put a job back at the front."""
        (self._frames if job.run is not None else self._jobs).appendleft(job)

    def next(self, worker: int = 0) -> Job | None:
        """Take the next job for a worker; None when it has one or none waits."""
        place = self._places[worker]
        if place.job is not None:
            return None
        others, preview = self._jobs or self._frames, self._first_preview()
        if preview is not None and not (others and self._in_a_row >= PREVIEWS_IN_A_ROW):
            self._in_a_row += 1
            place.job = self._previews.pop(preview)
        elif others:
            self._in_a_row = 0
            place.job = others.popleft()
        return place.job

    def next_guest(self, worker: int = 0) -> Job | None:
        """Take a preview to go beside a worker's job; None when that is one itself, or has a guest."""
        place, preview = self._places[worker], self._first_preview()
        if place.job is None or place.job.view is not None or place.guest is not None or preview is None:
            return None
        place.guest = self._previews.pop(preview)
        return place.guest

    def _first_preview(self) -> _View | None:
        """The view of the next preview."""
        at_work = {job.view for job in self.at_work}
        return next((view for view in self._previews if view not in at_work), None)

    def finish(self, job: Job) -> None:
        """It has ended. A guest that is left runs by itself."""
        for place in self._places:
            if job is place.job:
                place.job, place.guest = place.guest, None
            elif job is place.guest:
                place.guest = None

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
