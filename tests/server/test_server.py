"""The real server with a real tiny model: what comes back, and what happens to everything that is wrong."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import msgpack
import numpy as np
import pytest
import zmq

from model.pipeline import NeuralAssetsPipeline
from server import convert
from server.asset_folder import LoadedAssets
from server.protocol.api import Placement, RenderSettings, Scene
from server.protocol.background_client import BackgroundClient, ConnectionState
from server.protocol.client import Client
from server.protocol.errors import ErrorCode, ProtocolError
from server.protocol.events import (
    Encoded,
    Event,
    Failed,
    JobState,
    ModelState,
    Picture,
    Progress,
    Queued,
    SequenceAccepted,
    SequenceFrame,
    Status,
)
from server.protocol.messages import AskStatus, Encode, FetchFrame, Hello, Ping, Preview, Render, Sequence
from server.protocol.wire import event_from_wire, to_wire

from .processes import first, gone, until
from .scenes import SMALL, box, camera, picture

LONG = RenderSettings(width=64, height=64, steps=100)  # some seconds


@pytest.fixture(scope="module")
def posed(server):
    """A scene of an encoded picture, its two boxes turned by some degrees."""
    with Client(server.address) as client:
        made = client.encode(picture(), [box(x=-0.7), box(x=0.7)], camera(), names=["Left", "Right"])
    assert made.background is not None
    behind = made.background.id

    def pose(degrees: float = 0.0) -> Scene:
        boxes = (box(degrees, -0.7), box(-degrees, 0.7))
        placed = tuple(Placement(a.name, a.id, b) for a, b in zip(made.assets, boxes, strict=True))
        return Scene(camera(), placed, behind)

    return pose


def final(pending) -> tuple[Event, list[Event]]:
    """The last event and those before it."""
    events = []
    while not pending.done:
        event = pending.wait(30)
        assert event is not None, "no answer"
        events.append(event)
    return events[-1], events[:-1]


class Raw:
    """Frames as they are."""

    def __init__(self, address: str, greet: bool = True) -> None:
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(address)
        if greet:
            self.ask(to_wire(Hello()))

    def ask(self, frames) -> Event:
        self.socket.send_multipart(frames)
        assert self.socket.poll(20_000), "no answer"
        return event_from_wire(self.socket.recv_multipart())


@pytest.fixture
def raw(server):
    made = Raw(server.address)
    yield made
    made.socket.close()


# --- what it is for ---


def test_the_picture_is_the_one_that_the_model_makes(server, client, posed, weights):
    settings = replace(SMALL, width=96, height=64, seed=3)
    seen: list[Event] = []
    made = client.render(posed(20), settings, on_event=seen.append)
    pipeline = NeuralAssetsPipeline.load(weights)
    scene = convert.scene(posed(20), LoadedAssets(server.store / "assets").load)
    bare = pipeline.render(scene, convert.settings(settings))
    assert np.array_equal(made.image, bare.image) and made.image.shape == (64, 96, 3)
    assert np.array_equal(made.object_index, bare.object_index) and np.array_equal(made.depth, bare.depth)
    assert np.array_equal(made.alpha, bare.alpha) and made.alpha.shape == (64, 96)
    assert made.seed == 3 and made.timings.keys() == bare.timings.keys()
    steps = [event for event in seen if isinstance(event, Progress)]
    assert [event.step for event in steps] == [1, 2] and steps[-1].fraction == 1
    assert all(event.image is not None and event.image.dtype == np.uint8 for event in steps)
    assert np.array_equal(client.preview(posed(20), settings).image, made.image)


def test_assets_are_listed_shown_moved_and_deleted(client, posed):
    infos = {info.id: info for info in client.assets()}
    left, right = (infos[placed.asset] for placed in posed().placements)
    assert (left.name, right.name, left.kind) == ("Left", "Right", "object")
    assert max(client.thumbnail(left.id).shape[:2]) <= 128
    data = client.export_asset(left.id)
    mask = client.mask(left.id)
    u0, v0, u1, v1 = (round(64 * x) for x in mask.rectangle)
    assert np.array_equal(picture()[v0:v1, u0:u1], mask.image) and mask.mask.shape == mask.image.shape[:2]
    assert client.rename_asset(left.id, "Links").name == "Links"
    merged = client.merge_assets(left.id, right.id)
    assert merged.views == 2
    client.delete_asset(merged.id)
    assert merged.id not in [info.id for info in client.assets()]
    with pytest.raises(ProtocolError) as caught:
        client.thumbnail(merged.id)
    assert caught.value.code is ErrorCode.ASSET_MISSING
    assert client.import_asset(data).id == left.id


def test_a_sequence_comes_in_order_and_again_from_the_store(client, posed):
    frames = [posed(10 * i) for i in range(3)]
    made = list(client.sequence(frames, SMALL, name="Walk"))
    assert [frame.frame for frame in made] == [0, 1, 2]
    assert np.array_equal(made[2].image, client.render(frames[2], SMALL).image)
    seen: list[Event] = []
    again = list(client.sequence(frames, SMALL, on_event=seen.append))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(made, again, strict=True))
    assert not any(isinstance(event, Progress) for event in seen), "nothing was drawn"
    info = next(info for info in client.sequences() if info.name == "Walk")
    assert (info.frames, info.finished, info.running) == (3, 3, False)
    assert np.array_equal(client.frame(info.job, 1).image, made[1].image)
    client.delete_sequence(info.job)
    with pytest.raises(ProtocolError) as caught:
        client.frame(info.job, 1)
    assert caught.value.code is ErrorCode.JOB_MISSING


def test_a_cancelled_sequence_keeps_its_frames_and_can_go_on(client, background, posed):
    frames = tuple(posed(11 * i) for i in range(3))
    settings = replace(SMALL, steps=40)
    sequence = background.submit(Sequence(frames=frames, settings=settings, name="Stopped"))
    first(sequence, SequenceFrame)
    sequence.cancel()
    last, _ = final(sequence)
    assert isinstance(last, Failed) and last.code is ErrorCode.CANCELLED and "Finished frames stay" in last.cure
    info = next(info for info in client.sequences() if info.name == "Stopped")
    assert 1 <= info.finished < 3 and not info.running
    at_once = background.submit(Sequence(frames=frames[::-1], settings=settings))
    at_once.cancel()
    last, before = final(at_once)
    assert isinstance(last, Failed) and last.code is ErrorCode.CANCELLED
    assert not any(isinstance(event, SequenceFrame) for event in before)
    seen: list[Event] = []
    assert [f.frame for f in client.sequence(frames, settings, on_event=seen.append)] == [0, 1, 2]
    assert isinstance(seen[0], SequenceAccepted) and seen[0].finished >= info.finished


def test_only_the_newest_preview_is_finished(background, posed):
    numbers = [background.send(Preview(scene=posed(i), settings=replace(LONG, steps=60))) for i in range(6)]
    events: list[Event] = []
    until(lambda: events.extend(background.poll()) or any(isinstance(e, Picture) for e in events))
    assert [e.request for e in events if isinstance(e, Picture)] == numbers[-1:]
    failed = [e for e in events if isinstance(e, Failed)]
    assert sorted(e.request for e in failed) == numbers[:-1]
    assert {e.code for e in failed} == {ErrorCode.SUPERSEDED}
    assert any(isinstance(e, Progress) and e.request == numbers[0] for e in events), "even a stale one shows a step"


def test_jobs_wait_in_line_and_are_cancelled_where_they_are(background, posed):
    running = background.submit(Render(scene=posed(), settings=LONG))
    waiting = background.submit(Render(scene=posed(1), settings=LONG))
    first(running, Progress)
    assert isinstance(waiting.wait(10), Queued)
    waiting.cancel()
    running.cancel()
    for pending in (waiting, running):
        last, _ = final(pending)
        assert isinstance(last, Failed) and last.code is ErrorCode.CANCELLED


def test_everybody_sees_the_line_and_cancels_their_own(client, background, posed):
    running = background.submit(Render(scene=posed(), settings=LONG))
    first(running, Progress)
    waiting = background.submit(Render(scene=posed(1), settings=replace(LONG, width=96)))
    walk = background.submit(Sequence(frames=(posed(31), posed(32)), settings=LONG, name="Walk"))
    first(walk, SequenceAccepted)
    mine, others = background.submit(AskStatus()).wait(10), client.status()
    assert isinstance(mine, Status)
    assert [(job.kind, job.name, job.state, job.position) for job in mine.jobs] == [
        ("render", "64 x 64", JobState.RUNNING, 0), ("render", "96 x 64", JobState.WAITING, 1),
        ("sequence", "Walk", JobState.WAITING, 2),
    ]  # fmt: skip
    assert [job.request for job in mine.jobs] == [running.number, waiting.number, walk.number]
    assert all(job.own and job.client == "background" for job in mine.jobs)
    assert [replace(job, request=0, own=False) for job in mine.jobs] == list(others.jobs), "others see, but no numbers"
    client.cancel(mine.jobs[1].request)
    assert len(client.status().jobs) == 3, "a number of another client is nothing"
    for pending in (waiting, running):
        background.cancel(pending.number)
        last, _ = final(pending)
        assert isinstance(last, Failed) and last.code is ErrorCode.CANCELLED
    (job,) = until(lambda: [job for job in client.status().jobs if job.state is JobState.RUNNING])
    assert (job.kind, job.frames, job.finished, job.position) == ("sequence", 2, 0, 0)
    client.cancel_sequence(job.job)
    last, _ = final(walk)
    assert isinstance(last, Failed) and last.code is ErrorCode.CANCELLED
    assert until(lambda: client.status().model is ModelState.READY) and client.status().jobs == ()
    client.cancel_sequence(job.job)  # it has stopped, which is what was asked for
    with pytest.raises(ProtocolError) as caught:
        client.cancel_sequence("never")
    assert caught.value.code is ErrorCode.JOB_MISSING
    client.delete_sequence(job.job)


def test_a_preview_does_not_wait_for_a_render(client, background, posed):
    alone = client.render(posed(3), LONG)
    for ask in (Render(scene=posed(3), settings=LONG), Sequence(frames=(posed(3),), settings=LONG, name="One")):
        running = background.submit(ask)
        first(running, Progress)
        for degrees in (4, 5):
            made = client.preview(posed(degrees), SMALL)
            assert made.image.shape == (64, 64, 3)
        assert {job.kind for job in client.status().jobs} == {ask.kind}, "it is still at work"
        last, before = final(running)
        drawn = last if isinstance(last, Picture) else next(e for e in before if isinstance(e, SequenceFrame))
        assert isinstance(drawn, Picture) and np.array_equal(drawn.image, alone.image)


def test_encodings_and_previews_stand_in_the_line(client, background, posed):
    running = background.submit(Render(scene=posed(), settings=LONG))
    first(running, Progress)
    view = background.submit(Preview(scene=posed(), settings=LONG, view="3D view"))
    cups = background.submit(
        Encode(image=picture(), boxes=(box(x=-0.7), box(x=0.7)), camera=camera(), names=("Cup", "Jar"))
    )
    jobs = until(lambda: (jobs := client.status().jobs)[2:] and jobs)
    assert [(job.kind, job.name) for job in jobs[1:]] == [("preview", "3D view"), ("encode", "Cup, Jar")]
    assert [job.state for job in jobs] == [JobState.RUNNING, JobState.RUNNING, JobState.WAITING]
    running.cancel()
    assert isinstance(final(view)[0], Picture) and isinstance(final(cups)[0], Encoded)


def test_work_of_a_client_that_left_is_dropped(server, client, posed):
    leaving = BackgroundClient(server.address)
    leaving.start()
    until(lambda: leaving.state is ConnectionState.READY)
    running = leaving.submit(Render(scene=posed(), settings=LONG))
    for _ in range(3):
        leaving.submit(Render(scene=posed(), settings=LONG))
    first(running, Progress)
    leaving.stop()
    until(lambda: client.status().waiting == 0)
    until(lambda: client.status().model is ModelState.READY, 10)


def test_work_of_a_client_that_vanished_is_dropped(server, client, posed):
    vanishing = Raw(server.address)
    vanishing.socket.send_multipart(to_wire(Render(1, posed(), LONG)))
    assert vanishing.socket.poll(20_000)
    vanishing.socket.close()  # without a goodbye
    until(lambda: client.status().model is ModelState.READY, 8)
    assert client.status().clients == 1


def test_the_status_says_what_there_is(server, client):
    status = client.status()
    assert status.model is ModelState.READY and status.sentence == "Ready" and status.device == "cpu"
    assert {"server", "torch", "diffusers", "model", "python"} <= status.versions.keys()
    assert status.memory_bytes > 1e7 and status.store == str(server.store) and status.assets > 0
    assert client.ready.session and client.ready.limits == status.limits


# --- what is wrong ---


def test_what_cannot_be_read_is_answered_and_survived(raw):
    for frames in ([b""], [b"\xc1"], [b"nonsense", b"more"], [msgpack.packb([1, 2])], [b"", b"", b""]):
        event = raw.ask(frames)
        assert isinstance(event, Failed) and event.code is ErrorCode.MALFORMED and event.cure
    event = raw.ask([msgpack.packb({"kind": "dance", "request": 9})])
    assert isinstance(event, Failed) and event.code is ErrorCode.UNKNOWN_MESSAGE and event.request == 9
    event = raw.ask([msgpack.packb({"kind": "ready", "request": 9})])
    assert isinstance(event, Failed) and event.code is ErrorCode.UNKNOWN_MESSAGE
    assert raw.ask(to_wire(Ping(10))).kind == "pong"


def spoilt(request, **changes):
    """A request on the wire with fields inside its scene changed."""
    header, *rest = to_wire(request)
    fields = msgpack.unpackb(header)
    for path, value in changes.items():
        *way, last = [int(step) if step.isdigit() else step for step in path.split("__")]
        place = fields
        for step in way:
            place = place[step]
        place[last] = value
    return [msgpack.packb(fields), *rest]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scene__placements__0__box__pose__3": float("nan")}, ErrorCode.BOX),
        ({"scene__placements__0__box__pose__0": -1.0}, ErrorCode.BOX),
        ({"scene__placements__0__box__size__0": -1.0}, ErrorCode.BOX),
        ({"scene__placements__0__box__pose": [1.0] * 5}, ErrorCode.BOX),
        ({"scene__camera__intrinsics__0": 0.0}, ErrorCode.CAMERA),
        ({"scene__placements": [], "scene__background": None}, ErrorCode.SCENE),
        ({"scene": None}, ErrorCode.SCENE),
        ({"settings__steps": 1000}, ErrorCode.SETTINGS),
        ({"settings__width": "wide"}, ErrorCode.MALFORMED),
        ({"scene__placements__0__asset": "../../secret"}, ErrorCode.ASSET_MISSING),
        ({"scene__placements__0__asset": "0123456789abcdef"}, ErrorCode.ASSET_MISSING),
        ({"scene__background": "0123456789abcdef"}, ErrorCode.ASSET_MISSING),
    ],
)
def test_scenes_that_cannot_be_are_refused_with_their_code(raw, posed, changes, code):
    for request in (Preview(5, posed()), Render(5, posed())):
        event = raw.ask(spoilt(request, **changes))
        assert isinstance(event, Failed) and event.code is code and event.request == 5
        assert event.sentence.endswith(".") and event.cure.endswith(".")


def test_a_background_in_a_box_and_a_box_as_background(client, posed):
    good = posed()
    swapped = replace(good.placements[0], asset=good.background)
    for scene in (replace(good, placements=(swapped,)), replace(good, background=good.placements[0].asset)):
        with pytest.raises(ProtocolError) as caught:
            client.render(scene, SMALL)
        assert caught.value.code is ErrorCode.SCENE


def test_another_version_is_refused_with_the_side_to_update(server):
    for protocol, side in (((0, 9), "add-on"), ((9, 0), "the server"), ((), "add-on")):
        raw = Raw(server.address, greet=False)
        event = raw.ask(to_wire(Hello(1, protocol)))
        assert isinstance(event, Failed) and event.code is ErrorCode.VERSION and side in event.cure
        event = raw.ask(to_wire(Ping(2)))
        assert isinstance(event, Failed) and event.code is ErrorCode.NO_HELLO
        raw.socket.close()


def test_messages_that_are_too_large(server, raw, client):
    event = raw.ask([*to_wire(Ping(4)), bytes(3_500_000)])
    assert isinstance(event, Failed) and event.code is ErrorCode.TOO_LARGE and event.request == 4
    raw.socket.send_multipart([*to_wire(Ping(5)), bytes(7_000_000)])  # ZeroMQ itself cuts this one off
    client.ping()
    with pytest.raises(ProtocolError) as caught:
        client.encode(picture(1200), [box()], camera())
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_boxes_that_the_picture_does_not_show(client):
    behind, beside = box(), replace(box(), pose=box(x=100).pose)
    behind = replace(behind, pose=(*behind.pose[:7], -50.0, *behind.pose[8:]))
    for wrong in (behind, beside):
        with pytest.raises(ProtocolError, match="Box 2 lies") as caught:
            client.encode(picture(), [box(), wrong], camera())
        assert caught.value.code is ErrorCode.BOX
    assert len(client.encode(picture(), [], camera()).assets) == 0, "a picture may be a background alone"


def test_more_jobs_than_a_client_may_have(background, posed):
    pending = [background.submit(Render(scene=posed(), settings=LONG)) for _ in range(20)]
    ends = {}
    for one in pending:
        one.cancel()
        ends[one.number] = final(one)[0]
    codes = [end.code for end in ends.values()]
    assert codes.count(ErrorCode.BUSY) >= 2 and set(codes) == {ErrorCode.BUSY, ErrorCode.CANCELLED}


def test_a_frame_that_is_not_there(raw):
    for job, frame in (("0123456789abcdef", 0), ("../..", 0), ("", -1)):
        event = raw.ask(to_wire(FetchFrame(3, job, frame)))
        assert isinstance(event, Failed) and event.code is ErrorCode.JOB_MISSING


def test_unreadable_reference_pictures(raw):
    frames = to_wire(Encode(6, picture(), (box(),), camera()))
    for changes in ({"image__shape": [64, 48, 4]}, {"image__shape": [8, 512, 3]}):
        event = raw.ask(spoilt(Encode(6, picture(), (box(),), camera()), **changes))
        assert isinstance(event, Failed) and event.code is ErrorCode.IMAGE
    for broken in ([frames[0]], [frames[0], frames[1][:100]]):
        event = raw.ask([bytes(frame) for frame in broken])
        assert isinstance(event, Failed) and event.code is ErrorCode.MALFORMED and event.request == 6


def test_a_killed_worker_ends_one_picture_and_comes_back(server, background, posed):
    running = background.submit(Render(scene=posed(), settings=LONG))
    sequence_frames = tuple(posed(7 * i) for i in range(2))
    first(running, Progress)
    guest = background.submit(Preview(scene=posed(1), settings=LONG))
    first(guest, Progress)
    worker = server.children()
    os.kill(worker[0].pid, signal.SIGKILL)
    for pending in (guest, running):
        last, _ = final(pending)
        assert isinstance(last, Failed) and last.code is ErrorCode.WORKER
    assert "was killed" in last.sentence and "nothing else" in last.sentence
    assert gone(worker)
    with Client(server.address, timeout=30) as client:
        assert [f.frame for f in client.sequence(sequence_frames, SMALL)] == [0, 1], "it was started again"
