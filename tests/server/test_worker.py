"""What the worker does between the parts of a job; a pipeline that only pauses stands for the model."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import msgpack
import numpy as np
import pytest

from model.device import pause_of
from server.protocol.errors import ErrorCode
from server.protocol.events import Event, Failed, Picture, Progress
from server.protocol.messages import Encode, Preview, Render, Request
from server.protocol.wire import event_from_wire
from server.worker import Worker, _Job

from .scenes import SMALL, box, camera, picture, scene
from .test_store import an_object, write_asset


class Pauses:
    """Draws grey in four steps, encodes in four parts; `between(part)` is called before each of the first job's."""

    def __init__(self, between) -> None:
        self.between, self.depth = between, 0

    def render(self, scene, settings, on_step, cancel):
        self.depth += 1
        for step in range(4):
            self._part(step, cancel)
            if on_step is not None:
                on_step(step, np.zeros((8, 8, 3), np.uint8))
        self.depth -= 1
        grey, plane = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64))
        index, depth, alpha = plane.astype(np.int16), plane.astype(np.float32), plane.astype(np.uint8)
        return SimpleNamespace(image=grey, object_index=index, depth=depth, alpha=alpha, timings={})

    def encode(self, image, boxes, camera, masks, ground, cancel):
        self.depth += 1
        for part in range(4):
            self._part(part, cancel)
        raise AssertionError("it was to be cancelled")

    def _part(self, part, cancel) -> None:
        if self.depth == 1:
            self.between(part)
        pause_of(cancel)()


@pytest.fixture
def worked(tmp_path):
    """`run(request, between)`: what is answered, as (number of the request, event) in order."""
    asset = write_asset(tmp_path, an_object())
    waiting: deque[_Job] = deque()
    told: list[tuple[int, Event]] = []

    def emit(frames) -> None:
        told.append((msgpack.unpackb(frames[0])["job"], event_from_wire(frames[1:])))

    def run(job: _Job, between=lambda part: None) -> list[tuple[int, Event]]:
        pipeline: Any = Pauses(between)
        Worker(pipeline, tmp_path, emit, lambda: waiting.popleft() if waiting else None).run(job)
        return told

    run.waiting = waiting  # type: ignore[attr-defined]
    run.asset = asset.id  # type: ignore[attr-defined]
    return run


def draw(number: int, kind: type[Request], asset: str) -> _Job:
    return _Job(number, kind(number, scene(asset), SMALL))  # type: ignore[call-arg]


def finals(told) -> list[tuple[int, type[Event]]]:
    return [(number, type(event)) for number, event in told if event.final]


def test_a_preview_is_drawn_between_two_steps_of_a_render(worked):
    def between(step: int) -> None:
        if step == 1:
            worked.waiting.extend([draw(2, Preview, worked.asset), draw(3, Preview, worked.asset)])

    told = worked(draw(1, Render, worked.asset), between)
    assert finals(told) == [(2, Picture), (3, Picture), (1, Picture)]
    numbers = [number for number, event in told if isinstance(event, Progress)]
    assert numbers == [1, *[2] * 4, 1, *[3] * 4, 1, 1], "one after each step, so that the render goes on"


def test_previews_have_no_guests(worked):
    worked.waiting.append(draw(2, Preview, worked.asset))
    assert finals(worked(draw(1, Preview, worked.asset))) == [(1, Picture)] and len(worked.waiting) == 1


def test_a_guest_that_fails_ends_alone(worked):
    worked.waiting.append(draw(2, Preview, "0123456789abcdef"))
    told = worked(draw(1, Render, worked.asset))
    assert finals(told) == [(2, Failed), (1, Picture)]
    assert next(event.code for _, event in told if isinstance(event, Failed)) is ErrorCode.ASSET_MISSING


def test_a_cancelled_job_ends_before_its_guest_begins(worked):
    job = draw(1, Render, worked.asset)

    def between(step: int) -> None:
        if step == 2:
            worked.waiting.append(draw(2, Preview, worked.asset))
            job.cancelled = True

    told = worked(job, between)
    assert finals(told) == [(1, Failed)] and len(worked.waiting) == 1


def test_an_encoding_is_cancelled_half_way_and_writes_nothing(worked, tmp_path):
    before = sorted(tmp_path.iterdir())
    job = _Job(1, Encode(1, picture(), (box(),), camera()))

    def between(part: int) -> None:
        job.cancelled = part == 2

    ((_, ended),) = worked(job, between)
    assert isinstance(ended, Failed) and ended.code is ErrorCode.CANCELLED and sorted(tmp_path.iterdir()) == before
