"""The workers as one model: each device has its own, which takes the next job whenever it is free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import zmq

from .model_link import ModelLink
from .protocol.errors import ProtocolError
from .protocol.events import ModelState
from .scheduler import Job

_BEST_FIRST = (ModelState.WORKING, ModelState.READY, ModelState.STARTING, ModelState.FAILED)


class Models:
    """All of them. It is there as soon as one is, and failed when all are."""

    def __init__(self, context: zmq.Context, inbox: str, devices: Sequence[str], settings: dict[str, str]) -> None:
        self._links = [ModelLink(context, inbox, {**settings, "device": device}) for device in devices]
        self._heard = self._links[0]  # last

    @property
    def state(self) -> ModelState:
        states = {link.state for link in self._links}
        return next(state for state in _BEST_FIRST if state in states)

    @property
    def problem(self) -> ProtocolError | None:
        """Of the worker that was heard of last, else of any."""
        problems = (link.problem for link in (self._heard, *self._links))
        return next((problem for problem in problems if problem is not None), None)

    @property
    def device(self) -> str:
        return ", ".join(link.device for link in self._links if link.device)

    @property
    def versions(self) -> dict[str, str]:
        return next((link.versions for link in self._links if link.versions), {})

    @property
    def memory_bytes(self) -> int:
        return sum(link.memory_bytes for link in self._links)

    def loaded(self) -> Iterator[tuple[int, ModelLink]]:
        """Those that take jobs, with their numbers from 0."""
        return ((number, link) for number, link in enumerate(self._links) if link.is_loaded)

    def wake(self) -> None:
        for link in self._links:
            link.wake()

    def cancel(self, job: Job, soft: bool) -> None:
        """See `ModelLink.cancel`; only the one that has it listens."""
        for link in self._links:
            link.cancel(job, soft)

    def take(self, frames: Sequence[bytes]) -> list[tuple[Job, bool, Sequence[bytes]]]:
        """A message of one of them, see `ModelLink.take`."""
        for link in self._links:
            if link.speaks(frames):
                self._heard = link
                return link.take(frames)
        return []  # of a worker that is no more

    def stop(self) -> None:
        for link in self._links:
            link.stop()
