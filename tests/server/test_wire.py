"""What is sent comes back equal; whatever else comes ends in a sentence."""

from __future__ import annotations

import dataclasses

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.protocol import events, messages
from server.protocol.api import Box, Camera, Placement, RenderSettings, Scene
from server.protocol.errors import ErrorCode, ProtocolError
from server.protocol.wire import event_from_wire, request_from_wire, request_number, to_wire, version_refusal

from .scenes import box, camera, picture, scene, turned

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
metres = st.floats(-1000, 1000)
poses = st.builds(turned, st.floats(-180, 180), st.tuples(metres, metres, metres))
boxes = st.builds(Box, poses, st.tuples(*[st.floats(1e-3, 100)] * 3))
cameras = st.builds(Camera, st.tuples(st.floats(0.1, 10), st.floats(0.1, 10), metres, metres), poses)
identifiers = st.text("abcdef0123456789-_", min_size=1, max_size=20)
names = st.text(min_size=1, max_size=20).filter(str.isprintable)
seeds = st.integers(0, (1 << 63) - 1)
placements = st.builds(Placement, names, identifiers, boxes, st.floats(0, 20), seeds)
scenes = st.builds(Scene, cameras, st.lists(placements, max_size=4).map(tuple), identifiers)
drawn = st.builds(
    RenderSettings, st.integers(64, 2048), st.integers(64, 2048), st.integers(1, 100), seeds,
    st.floats(0, 20), st.sampled_from(["default", "noise", "carried"]), st.floats(0.01, 1), st.booleans(),
)  # fmt: skip
numbers = st.integers(0, (1 << 63) - 1)
requests = st.one_of(
    st.builds(messages.Preview, numbers, scenes, drawn, names, st.booleans()),
    st.builds(messages.Render, numbers, scenes, drawn, st.booleans()),
    st.builds(messages.Sequence, numbers, st.lists(scenes, min_size=1, max_size=3).map(tuple), drawn, names),
    st.builds(messages.Cancel, numbers, numbers, identifiers),
    st.builds(messages.FetchMask, numbers, identifiers),
    st.builds(messages.ImportAsset, numbers, st.binary(max_size=50)),
    st.builds(messages.RenameAsset, numbers, identifiers, names),
)


def plain(value):
    """Something that compares by value."""
    if isinstance(value, np.ndarray):
        return value.dtype.name, value.shape, value.tobytes()
    if dataclasses.is_dataclass(value):
        return type(value), tuple(plain(getattr(value, f.name)) for f in dataclasses.fields(value))
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


@quick
@given(requests)
def test_requests_come_back_equal(request):
    back = request_from_wire(to_wire(request))
    assert plain(back) == plain(request)
    assert list(map(bytes, to_wire(back))) == list(map(bytes, to_wire(request)))
    assert request_number(to_wire(request)) == request.request


def some_events() -> list[events.Event]:
    image, index, depth = picture(), np.full((64, 64), -1, np.int16), np.ones((64, 64), np.float32)
    info = events.AssetInfo("id", "object", "Name", (1.0, 2.0, 3.0), 2, {"source": "here"}, ("gallery",))
    alpha = picture()[..., 0]
    job = events.JobInfo(3, "Blender", "sequence", "Walk", events.JobState.WAITING, 1, True, "job", 9, 4)
    return [
        events.Ready(0, (1, 3), "1.0", "abc", ("x",), {"clients": 3}, events.ModelState.READY),
        events.Pong(3), events.Queued(4, 2), events.Progress(5, 1, 4, 2, 9, image), events.Progress(5, 1, 4),
        events.Picture(6, image, index, depth, 3, 1 << 40, {"denoiser": 0.5}, alpha),
        events.Encoded(7, (info, info), info),
        events.SequenceAccepted(8, "job", 9, 1), events.SequenceFrame(8, image, index, depth, 3),
        events.SequenceDone(8, "job", 9), events.SequenceList(9, (events.SequenceInfo("j", "n", 3, 1, True),)),
        events.AssetList(10, (info,)), events.Thumbnail(11, "id", image),
        events.Mask(11, "id", image, alpha, (0.1, 0.2, 0.5, 1.0)), events.AssetFile(12, "id", b"bytes"),
        events.Status(13, events.ModelState.WORKING, "Working", "cpu", 1 << 34, versions={"torch": "2"}, jobs=(job,)),
        events.Done(14), events.Failed(15, ErrorCode.DISK, "It is full.", "Free some."),
    ]  # fmt: skip


@pytest.mark.parametrize("event", some_events(), ids=lambda event: event.kind)
def test_events_come_back_equal(event):
    assert plain(event_from_wire(to_wire(event))) == plain(event)


def test_pictures_of_an_older_server_have_the_coverage_of_their_index():
    index = np.full((64, 64), -1, np.int16)
    index[:8] = 2
    made = events.Picture(1, picture(), index, np.zeros((64, 64), np.float32))
    header, *rest = to_wire(made)
    fields = msgpack.unpackb(header)
    del fields["alpha"]
    older = event_from_wire([msgpack.packb(fields), *rest])
    assert isinstance(older, events.Picture) and older.alpha.dtype == np.uint8
    assert (older.alpha[:8] == 255).all() and (older.alpha[8:] == 0).all()
    for wrong in (np.zeros((64, 63), np.uint8), np.zeros((64, 64), np.int16)):
        with pytest.raises(ProtocolError, match="wrong arrays"):
            dataclasses.replace(made, alpha=wrong)


def test_every_message_is_covered():
    assert {event.kind for event in some_events()} == set(events.EVENTS)
    for kind, message in {**messages.REQUESTS, **events.EVENTS}.items():
        assert message.kind == kind


def test_reference_pictures_travel_as_raw_frames():
    mask = np.full((64, 64), 255, np.uint8)
    request = messages.Encode(
        1, picture(), (box(), box(90)), camera(), ("a", "b"), (mask, None), 0.5, "Sky", {"a": "b"}
    )
    frames = to_wire(request)
    assert [len(f) for f in frames[1:]] == [64 * 64 * 3, 64 * 64] and len(frames[0]) < 2000
    assert plain(request_from_wire(frames)) == plain(request)


@quick
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_random_bytes_end_in_a_sentence(frames):
    for read in (request_from_wire, event_from_wire):
        with pytest.raises(ProtocolError) as caught:
            read(frames)
        assert caught.value.sentence and caught.value.cure
    assert request_number(frames) >= 0


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats() | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@quick
@given(st.sampled_from(sorted(messages.REQUESTS)), st.data())
def test_wrong_fields_end_in_a_sentence_or_in_a_valid_request(kind, data):
    fields = [f.name for f in dataclasses.fields(messages.REQUESTS[kind])]
    header = data.draw(st.dictionaries(st.sampled_from(fields), anything, max_size=4))
    try:
        request = request_from_wire([msgpack.packb({"kind": kind, **header}), b"frame"])
    except ProtocolError as error:
        assert error.sentence and error.cure
    else:
        assert plain(request_from_wire(to_wire(request))) == plain(request)


@quick
@given(st.integers(0), st.integers(0, 255))
def test_a_flipped_byte_is_refused_or_harmless(place, value):
    frames = [bytearray(frame) for frame in to_wire(messages.Preview(1, scene()))]
    frames[0][place % len(frames[0])] = value
    try:
        request_from_wire([bytes(frame) for frame in frames])
    except ProtocolError as error:
        assert error.sentence


@pytest.mark.parametrize(
    "lie",
    [
        {"frame": 5}, {"frame": -1}, {"frame": True}, {"dtype": "object"}, {"dtype": "float64"}, {"shape": [64, 64, 4]},
        {"shape": [-1, 64, 3]}, {"shape": [1 << 40, 1 << 40]}, {"shape": "abc"}, {"dtype": "int16"},
    ],
)  # fmt: skip
def test_arrays_that_lie_are_refused(lie):
    header, *rest = to_wire(messages.Encode(7, picture(), (), camera()))
    changed = msgpack.unpackb(header)
    changed["image"] |= lie
    with pytest.raises(ProtocolError):
        request_from_wire([msgpack.packb(changed), *rest])


def test_unknown_messages_say_so_and_newer_fields_are_left_out():
    with pytest.raises(ProtocolError, match="'dance' is unknown") as caught:
        request_from_wire([msgpack.packb({"kind": "dance", "request": 3})])
    assert caught.value.code is ErrorCode.UNKNOWN_MESSAGE
    newer = msgpack.unpackb(to_wire(messages.Ping(3))[0]) | {"mood": "good"}
    assert request_from_wire([msgpack.packb(newer)]).request == 3


def test_deep_nesting_is_refused():
    with pytest.raises(ProtocolError):
        request_from_wire([b"\x81\xa4kind" + b"\x91" * 5000 + b"\x01"])


@pytest.mark.parametrize(
    ("client", "server", "side"),
    [((1, 0), (2, 0), "add-on"), ((3, 1), (2, 0), "the server"), ((), (1, 0), "add-on")],
)
def test_a_version_refusal_names_the_side_to_update(client, server, side):
    refusal = version_refusal(client, server)
    assert refusal is not None and side in refusal.cure and refusal.code is ErrorCode.VERSION
    assert version_refusal((server[0], 99), server) is None
