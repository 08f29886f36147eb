"""The running jobs and those that wait, as a client may see them."""

from __future__ import annotations

from dataclasses import replace

from .clients import Clients
from .protocol.events import JobInfo, JobState
from .protocol.limits import MAX_NAME
from .protocol.messages import Encode, Preview, Render, Request
from .scheduler import Job, Scheduler
from .sequence_runs import Run, SequenceRuns


def jobs_in_line(scheduler: Scheduler, runs: SequenceRuns, clients: Clients, asking: bytes) -> tuple[JobInfo, ...]:
    """In their order. A sequence is one job, whichever of its frames is at work."""
    found = [_job(job, JobState.RUNNING, clients, asking) for job in scheduler.at_work if job.run is None]
    waiting = [_job(job, JobState.WAITING, clients, asking) for job in scheduler.all_waiting() if job.run is None]
    for run in runs.unfinished():
        is_written = run.drawing and not scheduler.of_run(run) and not scheduler.is_full
        at_work = is_written or any(job.run is run for job in scheduler.at_work)
        state = JobState.RUNNING if at_work else JobState.WAITING
        (found if at_work else waiting).append(_sequence(run, state, clients, asking))
    return tuple(replace(info, position=position) for position, info in enumerate([*found, *waiting]))


def _job(job: Job, state: JobState, clients: Clients, asking: bytes) -> JobInfo:
    assert job.client is not None
    own, request = job.client == asking, job.request
    number = request.request if own else 0
    return JobInfo(number, clients.name(job.client), request.kind, _name(request), state, 0, own)


def _sequence(run: Run, state: JobState, clients: Clients, asking: bytes) -> JobInfo:
    own = next((listener for listener in run.listeners if listener.client == asking), None)
    client = own or next(iter(run.listeners), None)
    stored = run.stored
    return JobInfo(
        own.request if own else 0, clients.name(client.client) if client else "", "sequence", stored.request.name,
        state, 0, own is not None, stored.job, len(stored.request.frames), len(stored.finished),
    )  # fmt: skip


def _name(request: Request) -> str:
    if isinstance(request, Preview):
        return request.view
    if isinstance(request, Encode):
        return ", ".join(request.names)[:MAX_NAME] or request.background_name
    assert isinstance(request, Render)
    return f"{request.settings.width} x {request.settings.height}"
