"""From start to end of a real server process: what it refuses to start with, how it stops, what survives."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import filelock
import numpy as np
import pytest

from model.assets import save_asset
from server.lifecycle import READY_FILE
from server.protocol.background_client import BackgroundClient, ConnectionState
from server.protocol.client import Client
from server.protocol.connection import Keys
from server.protocol.errors import ErrorCode, ProtocolError
from server.protocol.events import Failed, ModelState, Progress, SequenceFrame
from server.protocol.messages import PROTOCOL, Encode, Render, Sequence

from .processes import ROOT, ServerProcess, gone, until
from .scenes import SMALL, box, camera, picture, scene
from .test_store import an_object


@pytest.fixture
def start(tmp_path):
    """Servers without a model, which start at once; stopped at the end."""
    started: list[ServerProcess] = []

    def begin(*arguments: str, store: str = "store", **options) -> ServerProcess:
        options.setdefault("weights", tmp_path / "no weights")
        started.append(ServerProcess(tmp_path / store, *arguments, **options))
        return started[-1]

    yield begin
    for server in started:
        if server.process.poll() is None:
            server.stop()


def refused(server: ServerProcess) -> dict:
    """What a server said that did not start: JSON on its output, the sentence on its error output."""
    said = server.says()
    assert server.wait() == 1 and said["event"] == "failed"
    assert said["sentence"] in server.errors and said["cure"] in server.errors and "Traceback" not in server.errors
    return said


def test_it_says_where_it_is_and_stops_when_told(start):
    server = start()
    said = server.says()
    assert said["event"] == "ready" and said["pid"] == server.process.pid and said["protocol"] == list(PROTOCOL)
    assert json.loads((server.store / READY_FILE).read_text()) == said
    with Client(said["address"]) as client:
        assert client.ready.session == said["session"]
        assert server.stop() == 0
        with pytest.raises(ProtocolError) as caught:
            client.ping()
        assert caught.value.code is ErrorCode.LOST
    assert not (server.store / READY_FILE).exists() and "stopped" in server.log
    assert "Traceback" not in server.errors


def test_without_weights_it_says_so_and_everything_else_works(start):
    server = start()
    with Client(server.says()["address"]) as client:
        assert client.ready.model is ModelState.FAILED
        assert "no weights in" in client.status().sentence and "--weights" in client.status().sentence
        assert client.assets() == ()
        with pytest.raises(ProtocolError) as caught:
            client.encode(picture(), [box()], camera())
        assert caught.value.code is ErrorCode.WEIGHTS


def test_a_new_store_begins_with_the_gallery(start, tmp_path):
    (tmp_path / "gallery").mkdir()
    save_asset(tmp_path / "gallery" / "cup.safetensors", an_object(0, "Cup"))
    server = start("--gallery", str(tmp_path / "gallery"))
    with Client(server.says()["address"]) as client:
        (cup,) = client.assets()
        assert (cup.name, cup.tags) == ("Cup", ("gallery",))
        client.delete_asset(cup.id)
    server.stop()
    with Client(start("--gallery", str(tmp_path / "gallery")).says()["address"]) as client:
        assert client.assets() == ()


def test_one_server_for_one_store(start):
    first = start()
    address = first.says()["address"]
    said = refused(start())
    assert said["code"] == ErrorCode.STORE_TAKEN and address in said["sentence"]
    with Client(said["address"]) as client:
        assert client.status().store == str(first.store)
    first.kill()
    assert start().says()["event"] == "ready", "a killed server leaves nothing in the way"


def test_two_servers_that_start_at_once(start):
    both = [start(), start()]
    said = [server.says() for server in both]
    (ready,) = (told for told in said if told["event"] == "ready")
    (failed,) = (told for told in said if told["event"] == "failed")
    assert failed["code"] == ErrorCode.STORE_TAKEN and failed["address"] == ready["address"]


def test_a_store_whose_server_does_not_say_where_it_is(start, tmp_path):
    (tmp_path / "store").mkdir()
    with filelock.FileLock(tmp_path / "store" / "server.lock"):
        said = refused(start())
    assert said["code"] == ErrorCode.STORE_TAKEN and said["address"] == ""


def test_a_taken_port(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(start("--port", str(taken.getsockname()[1])))
    assert said["code"] == ErrorCode.BIND and "taken" in said["sentence"] and "--port 0" in said["cure"]


@pytest.mark.parametrize("bind", ["0.0.0.0", "::"])
def test_other_machines_need_keys(start, bind):
    said = refused(start("--bind", bind))
    assert said["code"] == ErrorCode.BIND and "no keys" in said["sentence"] and "--make-keys" in said["cure"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--limit", "nonsense=3"], "no limit 'nonsense'"), (["--bind", "no.such.address.invalid"], "keys")],
)
def test_wrong_options(start, arguments, words):
    server = start(*arguments)
    assert server.wait() == 1 and words in server.errors and "Traceback" not in server.errors


def test_a_store_that_cannot_be_made(start, tmp_path):
    (tmp_path / "file").write_text("")
    said = refused(start(store="file/store"))
    assert said["code"] == ErrorCode.STORE and "file" in said["sentence"]


def test_only_clients_with_its_keys(start, tmp_path):
    for name in ("keys", "others"):
        command = [sys.executable, "-m", "server", "--make-keys", str(tmp_path / name)]
        assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 1, "keys are not overwritten"
    address = start("--keys", str(tmp_path / "keys")).says()["address"]
    good = Keys.read(tmp_path / "keys")
    with Client(address, keys=good) as client:
        assert client.ping() > 0
    stranger = replace(Keys.read(tmp_path / "others"), server_public=good.server_public)
    for keys in (stranger, Keys.read(tmp_path / "others")):
        with pytest.raises(ProtocolError) as caught:
            Client(address, keys=keys, timeout=2)
        assert caught.value.code in (ErrorCode.ADDRESS, ErrorCode.UNREACHABLE)
    with pytest.raises(ProtocolError):
        Client(address, timeout=1)
    with pytest.raises(ProtocolError, match="--make-keys"):
        Keys.read(tmp_path / "nothing")
    if os.name != "nt":
        assert (tmp_path / "keys" / "server.secret").stat().st_mode & 0o077 == 0


def test_it_ends_with_its_parent(start):
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    server = start("--parent", str(parent.pid))
    server.says()
    assert server.process.poll() is None
    parent.kill()
    parent.wait()
    assert server.wait() == 0 and not (server.store / READY_FILE).exists()


def test_no_room_on_the_disk(start):
    server = start("--limit", f"free_disk_bytes={1 << 60}")
    with Client(server.says()["address"]) as client:
        with pytest.raises(ProtocolError, match="are kept free") as caught:
            client.import_asset(b"data")
        assert caught.value.code is ErrorCode.DISK and "--store" in caught.value.cure


def test_a_disk_that_is_really_full(start, tmp_path):
    (tmp_path / "small").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tmp_path / "small")]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by Linux's root alone")
    try:
        server = start("--limit", "free_disk_bytes=1", "--log", str(tmp_path / "log"), store="small")
        with Client(server.says()["address"]) as client:
            before = sorted(path.name for path in server.store.rglob("*"))
            with pytest.raises(ProtocolError, match="is full; nothing was written") as caught:
                client.import_asset(bytes(500_000))
            assert caught.value.code is ErrorCode.DISK
            assert sorted(path.name for path in server.store.rglob("*")) == before
            assert client.ping() > 0
        assert server.stop() == 0
    finally:
        subprocess.run(["umount", str(tmp_path / "small")], check=True)


def test_more_clients_than_it_takes(start):
    address = start("--limit", "clients=1").says()["address"]
    with Client(address):
        with pytest.raises(ProtocolError, match="limit 'clients'") as caught:
            Client(address)
        assert caught.value.code is ErrorCode.BUSY

    def accepted() -> bool:
        try:
            with Client(address) as after:
                return after.ping() > 0
        except ProtocolError:
            return False  # the goodbye of the first is still on its way

    until(accepted)


def test_a_silent_client_is_told_and_may_go_on(start):
    address = start("--limit", "silence_seconds=1").says()["address"]
    with Client(address) as client:
        time.sleep(2.5)
        assert client.ping() > 0


def test_check_says_how_the_server_is(start):
    server = start()
    server.says()
    command = [sys.executable, "-m", "server", "--check", "--store", str(server.store)]  # finds it by its store
    told = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert told["round_trip_ms"] > 0 and told["model"] == "failed" and told["store"] == str(server.store)
    server.stop()
    none = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert none.returncode == 1 and "python -m server" in none.stderr


def test_a_server_killed_in_the_middle_of_a_frame_loses_no_sequence(start, weights):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    server = start("--port", port, weights=weights)
    client = BackgroundClient(server.says()["address"])
    client.start()
    until(lambda: client.state is ConnectionState.READY)
    encoded = client.submit(Encode(image=picture(), boxes=(box(),), camera=camera())).wait(90)
    frames = tuple(scene(encoded.assets[0].id, encoded.background.id, 15 * i) for i in range(3))  # type: ignore
    sequence = client.submit(Sequence(frames=frames, settings=replace(SMALL, steps=60)))
    while not isinstance(event := sequence.wait(60), SequenceFrame):
        assert event is not None and not event.final, event
    render = client.submit(Render(scene=frames[0], settings=replace(SMALL, steps=100)))
    while not isinstance(sequence.wait(60), Progress):
        pass
    children = server.children()
    server.kill()
    events = []
    while not render.done:
        events.append(render.wait(30))
    assert isinstance(events[-1], Failed) and events[-1].code is ErrorCode.LOST
    assert client.state is ConnectionState.LOST and gone(children), "the worker does not outlive its server"
    again = start("--port", port, weights=weights)
    again.says()
    got = {event.frame: event.image}
    while not sequence.done:
        event = sequence.wait(90)
        assert event is not None and not isinstance(event, Failed), event
        if isinstance(event, SequenceFrame):
            got[event.frame] = event.image
    with Client(f"127.0.0.1:{port}") as plain:
        last = plain.render(frames[2], replace(SMALL, steps=60)).image
    assert sorted(got) == [0, 1, 2] and np.array_equal(got[2], last)
    assert not list(again.store.rglob("*.part")), "nothing is written half"
    client.stop()
