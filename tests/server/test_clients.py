"""Both clients against a server that answers as told: losses, silence, refusals. Real sockets, no model."""

from __future__ import annotations

import threading

import pytest

from server.fake import Die, FakeServer, Hang, Say, SayBytes, Wait, flat_picture
from server.protocol.background_client import BackgroundClient, ConnectionState
from server.protocol.client import Client
from server.protocol.errors import ErrorCode, ProtocolError
from server.protocol.events import Failed, ModelState, Picture, Progress, SequenceFrame
from server.protocol.limits import Limits
from server.protocol.messages import AskStatus, Encode, Preview, Render, Sequence
from tests.another_program import another_program

from .processes import until
from .scenes import SMALL, box, camera, picture, scene


def drain(client: BackgroundClient, count: int) -> list:
    found: list = []
    until(lambda: found.extend(client.poll()) or len(found) >= count)
    return found


@pytest.fixture
def fake():
    with FakeServer() as server:
        yield server


@pytest.fixture
def client(fake):
    made = BackgroundClient(fake.address)
    made.start()
    until(lambda: made.state is ConnectionState.READY)
    yield made
    made.stop()


# --- the plain client ---


def test_the_plain_client_asks_and_gets(fake):
    with Client(fake.address.replace("tcp://", "http://") + "/") as client:
        assert client.ready.server == "fake" and client.status().model is ModelState.READY
        assert 0 < client.ping() < 5
        assert client.render(scene(), SMALL).image.shape == (64, 64, 3)
        made = client.encode(picture(), [box()], camera(), names=["Cup"])
        assert made.assets[0].name == "Cup" and made.background is not None
        dotted = client.encode(picture(), [box()], camera(), names=["Cup.001"]).assets[0]
        assert client.render(scene(dotted.id), SMALL).image.shape == (64, 64, 3), "its id is one that scenes take"
        assert client.mask(dotted.id).mask.max() == 255 and client.rename_asset(dotted.id, "Mug").name == "Mug"
        assert [frame.frame for frame in client.sequence([scene()] * 3, SMALL)] == [0, 1, 2]
    fake.wait_for("goodbye")


def test_the_plain_client_tells_progress_and_raises_failures(fake):
    fake.answer("render", Say(Progress(step=1, steps=2)), Say(Failed(code=ErrorCode.MEMORY, sentence="F.", cure="C.")))
    seen: list = []
    with Client(fake.address) as client:
        with pytest.raises(ProtocolError, match="F. C.") as caught:
            client.render(scene(), SMALL, on_event=seen.append)
        assert caught.value.code is ErrorCode.MEMORY and seen[0].fraction == 0.5
        fake.answer("render", SayBytes((b"nonsense",)))
        with pytest.raises(ProtocolError, match="cannot be read"):
            client.render(scene(), SMALL)


def test_the_plain_client_does_not_wait_for_a_dead_or_silent_server(fake):
    client = Client(fake.address, timeout=1.5)
    fake.answer("render", Hang())
    with pytest.raises(ProtocolError, match="said nothing for 1.5 seconds") as caught:
        client.render(scene())
    assert caught.value.code is ErrorCode.TIMEOUT
    client.close()
    fake.start()
    client = Client(fake.address, timeout=60)
    fake.answer("render", Die())
    with pytest.raises(ProtocolError, match="is gone; nothing was written") as caught:
        client.render(scene())
    assert caught.value.code is ErrorCode.LOST
    client.close()
    with pytest.raises(ProtocolError, match="Nothing answers at tcp://127.0.0.1") as caught:
        Client(fake.address, timeout=0.3)
    assert caught.value.code is ErrorCode.UNREACHABLE


def test_large_work_is_not_taken_for_silence(fake):
    fake.answer("render", Wait(2.5), Say(flat_picture(64, 64)))
    with Client(fake.address, timeout=2.0) as client:
        client.render(scene(), SMALL)
    assert fake.wait_for("ping")


@pytest.mark.parametrize(("protocol", "side"), [((2, 0), "add-on"), ((0, 9), "the server")])
def test_another_protocol_is_refused_with_the_side_to_update(protocol, side):
    with FakeServer(protocol=protocol) as fake:
        with pytest.raises(ProtocolError, match=f"Update .*{side}") as caught:
            Client(fake.address)
        assert caught.value.code is ErrorCode.VERSION
        client = BackgroundClient(fake.address)
        client.start()
        until(lambda: client.state is ConnectionState.REFUSED)
        assert side in str(client.problem)
        failed = client.submit(Render(scene=scene())).wait(5)
        assert isinstance(failed, Failed) and failed.code is ErrorCode.VERSION
        client.stop()


def test_another_program_at_the_address_is_told_from_a_server_that_is_gone():
    with another_program() as address:
        with pytest.raises(ProtocolError, match="is no Neural Assets server: check the address"):
            Client(address, timeout=1)
        client = BackgroundClient(address)
        client.start()
        until(lambda: client.problem is not None)
        assert "ends every connection at once" in str(client.problem) and client.state is ConnectionState.CONNECTING
        client.stop()


def test_an_address_of_another_machine_needs_keys():
    for make in (lambda: Client("10.1.2.3:5"), lambda: BackgroundClient("10.1.2.3:5").start()):
        with pytest.raises(ProtocolError, match="no keys were given") as caught:
            make()
        assert caught.value.code is ErrorCode.ADDRESS


def test_messages_larger_than_the_server_takes_are_not_sent():
    with FakeServer(limits=Limits(message_bytes=5000)) as fake:
        with Client(fake.address) as client:
            with pytest.raises(ProtocolError, match="larger than the server takes") as caught:
                client.encode(picture(), [box()], camera())
            assert caught.value.code is ErrorCode.TOO_LARGE
            client.ping()
        background = BackgroundClient(fake.address)
        background.start()
        until(lambda: background.state is ConnectionState.READY)
        failed = background.submit(Encode(image=picture(), boxes=(box(),), camera=camera())).wait(5)
        assert isinstance(failed, Failed) and failed.code is ErrorCode.TOO_LARGE
        background.stop()


# --- the background client ---


def test_events_come_to_who_asked(fake, client):
    number = client.send(Preview(scene=scene(), settings=SMALL))
    pending = client.submit(Render(scene=scene(), settings=SMALL))
    event = pending.wait(5)
    assert isinstance(event, Picture) and pending.done and event.request == pending.number != number
    assert [event.request for event in drain(client, 1)] == [number]
    assert client.poll() == [] and pending.wait(0) is None


def test_heartbeat_and_model_state(fake):
    fake.limits, fake.model = Limits(heartbeat_seconds=1), ModelState.STARTING
    client = BackgroundClient(fake.address)
    client.start()
    until(lambda: client.state is ConnectionState.READY)
    assert client.model is ModelState.STARTING
    fake.model = ModelState.READY
    until(lambda: client.latency is not None)
    assert client.model is ModelState.READY and client.state.words == "Connected"
    client.stop()
    assert client.state is ConnectionState.OFFLINE


def test_nothing_waits_for_a_server_that_is_not_there(fake):
    fake.stop()
    client = BackgroundClient(fake.address)
    offline = client.submit(Render(scene=scene())).wait(0)
    assert isinstance(offline, Failed) and offline.code is ErrorCode.UNREACHABLE
    client.start()
    render = client.submit(Render(scene=scene()))
    failed = render.wait(5)
    assert isinstance(failed, Failed) and failed.code is ErrorCode.UNREACHABLE and "Start the server" in failed.cure
    old, new = (client.send(Preview(scene=scene(degrees=i), settings=SMALL)) for i in (1, 2))
    other = client.send(Preview(scene=scene(), settings=SMALL, view="other"))
    assert [e.code for e in drain(client, 1) if e.request == old] == [ErrorCode.SUPERSEDED]
    fake.start()
    assert sorted(e.request for e in drain(client, 2)) == [new, other]
    assert [r.scene for r in fake.wait_for("preview", 2)] == [scene(degrees=2), scene()]
    client.stop()


def test_a_server_that_dies_in_the_middle_of_a_frame(fake, client):
    fake.answer("render", Say(Progress(step=1, steps=4)), Wait(0.05), Die())
    render = client.submit(Render(scene=scene(), settings=SMALL))
    assert isinstance(render.wait(5), Progress)
    failed = render.wait(5)
    assert isinstance(failed, Failed) and failed.code is ErrorCode.LOST and "nothing was written" in failed.sentence
    assert client.state is ConnectionState.LOST and client.problem is not None
    fake.start()
    until(lambda: client.state is ConnectionState.READY)
    assert client.problem is None
    assert isinstance(client.submit(Render(scene=scene(), settings=SMALL)).wait(5), Picture)


def test_sequences_and_the_newest_preview_are_sent_again_after_a_loss(fake, client):
    fake.answer("sequence", Wait(30))
    fake.answer("preview", Wait(30))
    sequence = client.submit(Sequence(frames=(scene(), scene()), settings=SMALL))
    preview = client.submit(Preview(scene=scene(), settings=SMALL))
    fake.wait_for("preview")
    fake.stop()
    until(lambda: client.state is ConnectionState.LOST)
    fake.start()
    kinds = []
    while not sequence.done:
        event = sequence.wait(5)
        assert event is not None
        kinds.append(event.kind)
    assert kinds == ["sequence_accepted", "sequence_frame", "sequence_frame", "sequence_done"]
    assert isinstance(preview.wait(5), Picture)


def test_a_silent_server_is_lost_and_found_again():
    with FakeServer(limits=Limits(heartbeat_seconds=1, silence_seconds=2)) as fake:
        client = BackgroundClient(fake.address)
        client.start()
        until(lambda: client.state is ConnectionState.READY)
        fake.answer("render", Hang())
        failed = client.submit(Render(scene=scene())).wait(10)
        assert isinstance(failed, Failed) and failed.code is ErrorCode.TIMEOUT and "for 2 seconds" in failed.sentence
        fake._silent = False
        until(lambda: client.state is ConnectionState.READY)
        client.stop()


def test_a_server_that_was_replaced_is_greeted_anew(fake, client):
    fake.answer("ask_status", Say(Failed(code=ErrorCode.NO_HELLO, sentence="Who?", cure="Hello.")))
    failed = client.submit(AskStatus()).wait(5)
    assert isinstance(failed, Failed)
    until(lambda: len(fake.wait_for("hello")) == 2 and client.state is ConnectionState.READY)


def test_cancel_reaches_the_server_and_the_waiting_room(fake, client):
    fake.answer("render", Wait(30))
    render = client.submit(Render(scene=scene()))
    fake.wait_for("render")
    render.cancel()
    assert [r.target for r in fake.wait_for("cancel")] == [render.number]
    fake.stop()
    until(lambda: client.state is ConnectionState.LOST)
    waiting = client.submit(Sequence(frames=(scene(),)))
    waiting.cancel()
    failed = waiting.wait(5)
    assert isinstance(failed, Failed) and failed.code is ErrorCode.CANCELLED and not failed.is_failure


def test_nonsense_from_the_server_is_told_and_survived(fake, client):
    fake.answer("ask_status", SayBytes((b"\xc1 nonsense",)))
    client.send(AskStatus())
    until(lambda: client.problem is not None)
    assert isinstance(client.submit(Render(scene=scene(), settings=SMALL)).wait(5), Picture)


def test_stopping_ends_what_is_open(fake, client):
    fake.answer("render", Wait(30))
    pending = client.submit(Render(scene=scene()))
    fake.wait_for("render")
    client.stop()
    client.stop()
    failed = pending.wait(1)
    assert isinstance(failed, Failed) and failed.code is ErrorCode.CANCELLED
    fake.wait_for("goodbye")
    client.start()
    until(lambda: client.state is ConnectionState.READY)


def test_many_threads_may_send(fake, client):
    pending: list = []
    threads = [
        threading.Thread(target=lambda: pending.extend(client.submit(AskStatus()) for _ in range(50))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({p.number for p in pending}) == 200
    assert all(p.wait(10).request == p.number for p in pending)


def test_frames_of_a_sequence_tell_their_number(fake, client):
    image = flat_picture(64, 64)
    frames = [SequenceFrame(0, image.image, image.object_index, image.depth, i) for i in (0, 1)]
    fake.answer("sequence", *[Say(frame) for frame in frames], Wait(0.3), Die())
    pending = client.submit(Sequence(frames=(scene(), scene())))
    assert [pending.wait(5).frame for _ in range(2)] == [0, 1] and not pending.done
