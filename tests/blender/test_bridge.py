"""Connecting, starting a server, losing it: states in words, and never a wait in the main thread."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import bpy
import pytest

from server.fake import FakeServer, Hang, Say
from server.protocol.events import AssetInfo, AssetList, ModelState
from server.protocol.limits import Limits

from .conftest import ROOT, until
from .drawing import shown

# A program that plays the server: `server.fake`, started as the real one is.
PLAYED = f"""
import json, os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from server.fake import FakeServer
assert sys.argv[1:] == ["--parent", str(os.getppid())], sys.argv
print("loading", flush=True)
with FakeServer() as fake:
    print(json.dumps({{"event": "ready", "address": fake.address}}), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def command(addon, monkeypatch, tmp_path):
    """Lets the add-on start this Python program as its server."""

    def set_program(text: str) -> None:
        path = tmp_path / "played.py"
        path.write_text(text)
        # the played server needs this environment's packages, also those that the extension brought
        monkeypatch.setattr(
            addon("connection.child"), "_environment", lambda: {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        )
        target = addon("connection.target").Target(
            address="127.0.0.1:1", command=(sys.executable, str(path)), folder=str(tmp_path)
        )
        monkeypatch.setattr(addon("preferences"), "target", lambda: target)
        addon("preferences").configure()

    return set_program


def test_connecting_says_so_and_reads_the_store(addon):
    bridge = addon("connection.session").bridge
    assert bridge.words == "Not connected" and not bridge.is_ready
    with FakeServer() as fake:
        fake.answer("list_assets", Say(AssetList(0, (AssetInfo("id-1", "object", "Chair"),))))
        bridge.connect(fake.address)
        until(lambda: bridge.is_ready and bool(bridge.assets) and bridge.status is not None)
        assert bridge.words == "Ready" and bridge.assets["id-1"].name == "Chair" and not bridge.problem
        assert bridge.status.device == "cpu"
        bpy.ops.neural_assets.disconnect()
    assert bridge.words == "Not connected" and bridge.status is None


def test_the_status_is_asked_again_when_the_model_is_there(addon):
    bridge = addon("connection.session").bridge
    with FakeServer(limits=Limits(heartbeat_seconds=1)) as fake:
        fake.model = ModelState.STARTING
        bridge.connect(fake.address)
        until(lambda: bridge.status is not None)
        assert bridge.words == "Loading the model" and bridge.status.model == "starting"
        fake.model = ModelState.READY
        until(lambda: bridge.status.model == "ready")
        assert bridge.words == "Ready"


def test_a_server_that_goes_is_said_and_found_again(addon):
    bridge = addon("connection.session").bridge
    with FakeServer() as fake:
        bridge.connect(fake.address)
        until(lambda: bridge.is_ready)
        fake.stop()
        until(lambda: not bridge.is_ready)
        assert bridge.words.startswith("The server is gone") and "Start it again" in bridge.problem
        before = bridge.session
        fake.start()
        until(lambda: bridge.is_ready)
        until(lambda: bridge.session == before + 1)
        assert not bridge.problem


def test_the_side_to_update_is_named(addon):
    with FakeServer(protocol=(99, 0)) as newer, FakeServer(protocol=(0, 1)) as older:
        with pytest.raises(RuntimeError, match="Update the Blender add-on"):
            bpy.ops.neural_assets.connect(address=newer.address)
        with pytest.raises(RuntimeError, match="Update the server"):
            bpy.ops.neural_assets.connect(address=older.address)


@pytest.mark.parametrize("address", ["nonsense address", "host:99999999"])
def test_addresses_that_cannot_be_are_refused(address):
    with pytest.raises(RuntimeError, match="is not understood. Write it as 127.0.0.1:"):
        bpy.ops.neural_assets.connect(address=address)


def test_addresses_may_be_typed_as_people_do(addon, monkeypatch):
    monkeypatch.setattr(addon("connection.waiting"), "FIND_SECONDS", 0.1)
    with pytest.raises(RuntimeError, match="No server answers at tcp://127.0.0.1:1."):
        bpy.ops.neural_assets.connect(address="http://localhost:1/")


def test_another_computer_needs_online_access_and_this_one_never_does(addon):
    bridge = addon("connection.session").bridge
    assert not bridge.target.online
    with pytest.raises(RuntimeError, match="on another machine and Blender may not go online.* Allow Online Access"):
        bpy.ops.neural_assets.connect(address="192.0.2.1:47900")
    assert "Allow Online Access" in bridge.problem
    with FakeServer() as fake:
        bpy.ops.neural_assets.connect(address=fake.address)
        assert bridge.is_ready


@pytest.fixture
def outward() -> str:
    """This computer's address as others see it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this computer has no network")
        return probe.getsockname()[0]


@pytest.fixture
def online(addon) -> Iterator[bpy.types.PreferencesSystem]:
    """Blender's switch; the add-on's preferences may be changed, too."""
    system, preferences = bpy.context.preferences.system, addon("preferences").get()
    yield system
    system.use_online_access = False
    for name in ("address", "keys"):
        preferences.property_unset(name)


def test_a_server_of_another_computer_is_used_with_its_keys(addon, tmp_path, outward, online, box):
    import zmq

    (server_public, server_secret), (public, secret) = zmq.curve_keypair(), zmq.curve_keypair()
    for name, key in (("server.public", server_public), ("client.public", public), ("client.secret", secret)):
        (tmp_path / name).write_bytes(key)
    bridge, preferences = addon("connection.session").bridge, addon("preferences")
    with FakeServer(host=outward, secret=server_secret) as fake:
        online.use_online_access = True
        preferences.get().address, preferences.get().keys = fake.address, str(tmp_path)
        box()
        bpy.ops.render.render()
        assert bridge.address == fake.address and fake.wait_for("render")
        assert bpy.ops.neural_assets.test_connection() == {"FINISHED"}
        (tmp_path / "server.public").write_bytes(zmq.curve_keypair()[0])
        for operator in (bpy.ops.neural_assets.test_connection, bpy.ops.neural_assets.connect):
            with pytest.raises(RuntimeError, match="ends every connection at once. It has other keys"):
                operator()
        text = shown(addon("panels.server").ServerPanel)
        assert "It has other keys" in text and "project's folder" not in text
        (tmp_path / "server.public").unlink()
        with pytest.raises(RuntimeError, match="keys in .* cannot be read .*--make-keys"):
            bpy.ops.neural_assets.connect()


def test_a_silent_or_dead_server_never_holds_the_main_thread_up(addon):
    """Every call that a panel, a timer or a redraw makes returns at once, whatever the server does."""
    bridge, preview = addon("connection.session").bridge, addon("protocol.messages").Preview
    api = addon("protocol.api")
    scene = api.Scene(api.Camera((1, 1, 0.5, 0.5), (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)), (), "room")
    waits = []
    monotonic = time.sleep
    with FakeServer() as fake:
        bridge.connect(fake.address)
        until(lambda: bridge.is_ready)
        fake.answer("preview", Hang())
        try:
            time.sleep = lambda seconds: waits.append(seconds)
            pending = bridge.submit(preview(scene=scene))
            bridge.submit(preview(scene=scene))
            assert pending.wait(0) is None
            _ = bridge.words, bridge.problem
            addon("connection.session").tick()
        finally:
            time.sleep = monotonic
    assert not waits


def test_starting_the_server_connects_to_it_and_stopping_ends_it(addon, command):
    command(PLAYED)
    bridge = addon("connection.session").bridge
    bpy.ops.neural_assets.start_server()
    assert bridge.is_ready and bridge.has_server
    process = bridge._local._launcher._child._process
    bpy.ops.neural_assets.stop_server()
    assert process.wait(10) is not None and not bridge.has_server and bridge.words == "Not connected"


def test_a_restart_is_another_server_and_needs_one(addon, command):
    command(PLAYED)
    bridge = addon("connection.session").bridge
    assert not bpy.ops.neural_assets.restart_server.poll()
    bpy.ops.neural_assets.start_server()
    before = bridge._local._launcher._child._process
    assert bpy.ops.neural_assets.restart_server() == {"FINISHED"}
    after = bridge._local._launcher._child._process
    assert before.wait(10) is not None and after.pid != before.pid and bridge.is_ready
    bpy.ops.neural_assets.stop_server()


def test_the_log_is_the_servers_and_is_opened_with_the_systems_program(addon, command, tmp_path, monkeypatch):
    command(PLAYED)
    bridge, opened = addon("connection.session").bridge, []
    assert not bpy.ops.neural_assets.show_log.poll(), "there is none before a start"
    log = tmp_path / "server.log"
    log.write_text("The model is ready.")
    monkeypatch.setattr(type(bridge), "log", log)
    system = SimpleNamespace(path_open=lambda filepath: opened.append(filepath) or {"FINISHED"})
    monkeypatch.setattr(addon("operators.server"), "bpy", SimpleNamespace(ops=SimpleNamespace(wm=system)))
    assert bpy.ops.neural_assets.show_log() == {"FINISHED"} and opened == [str(log)]


def test_the_button_does_not_wait(addon, command):
    """What the panel's button does (`invoke`) comes back before the server is there."""
    command(PLAYED)
    bridge = addon("connection.session").bridge
    bridge.start_server()
    assert bridge.is_starting and bridge.words == "Starting the server"
    until(lambda: bridge.is_ready, 30)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("raise SystemExit('no weights here')", "ended by itself (code 1): no weights here"),
        (
            "import json as j; print(j.dumps({'event': 'failed', 'sentence': 'The store is taken.', 'cure': 'End.'}))",
            "ended by itself: The store is taken. End.",
        ),
        ("", "ended by itself (code 0): It said nothing."),
    ],
)
def test_a_server_that_does_not_start_says_why(addon, command, program, words):
    command(program)
    with pytest.raises(RuntimeError, match=re.escape(words)):
        bpy.ops.neural_assets.start_server()
    assert words in addon("connection.session").bridge.problem


def test_without_a_project_folder_starting_says_where_to_name_it(addon):
    with pytest.raises(RuntimeError, match="does not know where the Neural Assets project is. Choose its folder"):
        bpy.ops.neural_assets.start_server()


def test_a_project_folder_without_environment_says_what_to_run(addon, tmp_path, monkeypatch):
    monkeypatch.setenv("NEURAL_ASSETS_PROJECT", str(tmp_path))
    with pytest.raises(RuntimeError, match="cannot be run .*Install the server"):
        bpy.ops.neural_assets.start_server()


def test_a_render_starts_the_server_that_it_needs(addon, scene, box, command, monkeypatch):
    monkeypatch.setattr(addon("connection.waiting"), "FIND_SECONDS", 0.2)
    command(PLAYED)
    box()
    bpy.ops.render.render()
    assert addon("connection.session").bridge.has_server


def test_the_servers_command_is_the_projects_own_python(addon, tmp_path):
    made = addon("preferences").server_command
    assert made("", "") == () and made("ssh 'my host' serve", "x") == ("ssh", "my host", "serve")
    assert made("", str(tmp_path)) == (str(tmp_path / ".venv/bin/python"), "-m", "server")
