"""One server that draws on two devices at once; here on the processor twice."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from server.protocol.api import Placement, RenderSettings, Scene
from server.protocol.client import Client
from server.protocol.errors import ErrorCode
from server.protocol.events import Failed, JobState, ModelState, Picture, Progress
from server.protocol.messages import Preview, Render, Sequence

from .processes import ServerProcess, first, gone, until
from .scenes import SMALL, box, camera, picture

LONG = RenderSettings(width=64, height=64, steps=100)  # some seconds


@pytest.fixture(scope="module")
def server(weights, tmp_path_factory):
    process = ServerProcess(tmp_path_factory.mktemp("store"), "--device", "cpu,cpu", weights=weights)
    process.address = process.says()["address"]
    with Client(process.address) as client:
        until(lambda: client.status().device == "cpu, cpu")
    yield process
    children = process.children()
    assert process.stop() == 0, process.errors
    assert len(children) == 2 and gone(children), "no process is left"


@pytest.fixture(scope="module")
def posed(server):
    with Client(server.address) as client:
        made = client.encode(picture(), [box()], camera(), names=["Thing"])
    assert made.background is not None
    behind = made.background.id
    return lambda degrees: Scene(camera(), (Placement("Thing", made.assets[0].id, box(degrees)),), behind)


def test_two_pictures_are_drawn_at_the_same_time_and_the_third_waits(client, background, posed):
    pending = [background.submit(Render(scene=posed(degrees), settings=LONG)) for degrees in (0, 10, 20)]
    for each in pending[:2]:
        first(each, Progress)
    states = [job.state for job in client.status().jobs]
    assert states == [JobState.RUNNING, JobState.RUNNING, JobState.WAITING]
    assert client.status().model is ModelState.WORKING and client.status().memory_bytes > 0
    background.cancel(pending[1].number)
    assert first(pending[1], Failed).code is ErrorCode.CANCELLED
    first(pending[2], Progress)
    for each in (pending[0], pending[2]):
        background.cancel(each.number)
        assert first(each, Failed).code is ErrorCode.CANCELLED
    until(lambda: client.status().model is ModelState.READY)


def test_a_sequence_is_shared_out_and_comes_in_its_order(client, posed):
    frames, settings = [posed(degrees) for degrees in range(0, 60, 10)], replace(LONG, steps=20)
    alone = [client.render(frame, settings).image for frame in frames[:2]]
    found = list(client.sequence(frames, settings, name="Walk"))
    assert [frame.frame for frame in found] == [0, 1, 2, 3, 4, 5]
    assert all(np.array_equal(frame.image, image) for frame, image in zip(found, alone, strict=False))
    assert not client.status().jobs


def test_the_frames_of_one_sequence_are_at_work_together(client, background, posed):
    frames = tuple(posed(degrees) for degrees in range(100, 140, 10))
    walk = background.submit(Sequence(frames=frames, settings=LONG, name="Together"))
    seen = {first(walk, Progress).frame}
    until(lambda: seen.add(first(walk, Progress).frame) or seen == {0, 1})
    (job,) = client.status().jobs
    assert (job.kind, job.state, job.finished) == ("sequence", JobState.RUNNING, 0)
    client.cancel_sequence(job.job)
    first(walk, Failed)
    until(lambda: client.status().model is ModelState.READY)


def test_a_moving_view_gets_its_pictures_in_their_order(background, posed):
    """A newer picture of a view waits for the end of the older one, also where a worker has nothing to do."""
    older, newer = (background.submit(Preview(scene=posed(degrees), settings=LONG, view="v")) for degrees in (1, 2))
    first(newer, Progress)
    events = []
    while (event := older.wait(0)) is not None:
        events.append(event)
    assert events and events[-1].final
    background.cancel(newer.number)
    first(newer, (Failed, Picture))


def test_the_other_goes_on_when_one_is_killed(server, client, background, posed):
    running = [background.submit(Render(scene=posed(degrees), settings=LONG)) for degrees in (0, 10)]
    for each in running:
        first(each, Progress)
    killed = server.children()[0]
    os.kill(killed.pid, signal.SIGKILL)
    ends = [first(each, (Failed, Picture)) for each in running]
    failed = [event for event in ends if isinstance(event, Failed)]
    assert len(failed) == 1 and failed[0].code is ErrorCode.WORKER and "nothing else" in failed[0].sentence
    assert gone([killed])
    assert client.render(posed(5), SMALL).image.shape == (64, 64, 3)
    until(lambda: len(server.children()) == 2 and client.status().model is ModelState.READY)
    until(lambda: client.status().device == "cpu, cpu")


def test_a_device_that_is_not_there_does_not_keep_the_other_from_drawing(weights, tmp_path):
    process = ServerProcess(tmp_path / "store", "--device", "nonsense, cpu", weights=weights)
    with Client(process.says()["address"]) as client:
        until(lambda: client.status().model is ModelState.READY)
        until(lambda: "nonsense" in client.status().sentence or "device" in client.status().sentence)
        made = client.encode(picture(), [box()], camera(), names=["Thing"])
        assert made.assets and client.status().device == "cpu"
    assert process.stop() == 0
