"""The server of this computer: installed, started again, tested, its queue; and the panel in every state."""

from __future__ import annotations

import sys
import time

import bpy
import pytest

from server.fake import FakeServer, Say
from server.protocol.events import JobInfo, JobState, ModelState, Status

from .conftest import until
from .drawing import Layout, shown

# A project whose install.py says what pip and the real one say, and ends as told.
INSTALL = """
import sys, time
assert sys.argv[1:] == ["server", "--set-up-only"], sys.argv
print("Making the environment .venv ...")
print("Installing the packages of cpu.txt (once; this takes a few minutes) ...")
print("Collecting numpy==2.0 (from -r cpu.txt (line 1))")
print("  Downloading numpy-2.0.whl (16 MB)")
print("Collecting torch==2.9 (from -r cpu.txt (line 2))", flush=True)
"""
FINISH = """
import pathlib
folder = pathlib.Path(__file__).parent / ".venv"
(folder / "bin").mkdir(parents=True)
(folder / "bin" / "python").touch()
(folder / "neural-assets-stamp").write_text("cpu.txt 0\\n")
"""


@pytest.fixture
def project(addon, monkeypatch, tmp_path):
    """A project folder in which install.py does as told; Blender may go online there."""
    online = [True]
    folder = tmp_path / "project"
    (folder / "server" / "requirements").mkdir(parents=True)
    (folder / "server" / "requirements" / "cpu.txt").write_text("numpy==2.0 \\\n    --hash=sha256:0\ntorch==2.9\n")

    def make(text: str, **changes: object) -> None:
        (folder / "install.py").write_text(text)
        values = {"folder": str(folder), "online": online[0], "logs": str(tmp_path), "address": "127.0.0.1:1"}
        target = addon("connection.target").Target(**(values | changes))
        monkeypatch.setattr(addon("preferences"), "target", lambda: target)
        addon("preferences").configure()

    return make


def test_installing_tells_how_far_it_is_and_what_comes_next(addon, project, tmp_path):
    project(INSTALL + "import time; time.sleep(1)\n" + FINISH)
    bridge = addon("connection.session").bridge
    bridge.install_server()
    assert bridge.words == "Installing the server"
    until(lambda: bridge.installation[1].startswith("torch (2 of 2), 0:0"))
    assert bridge.installation[0] == pytest.approx(0.45)
    assert "Cancel" in shown(addon("panels.server").ServerPanel)
    until(lambda: bridge.state == "offline" and bridge.target.installed)
    assert "Start Server" in shown(addon("panels.server").ServerPanel)
    assert "Downloading numpy" in (tmp_path / "install.log").read_text()


def test_an_installation_that_fails_says_why(addon, project):
    project("import sys; sys.exit('install.py: The disk has 1.0 GB free and 3 GB are needed: make room.')")
    with pytest.raises(RuntimeError, match="1.0 GB free and 3 GB are needed"):
        bpy.ops.neural_assets.install_server()
    bridge = addon("connection.session").bridge
    assert bridge.state == "failed" and bridge.log.name == "install.log"
    project("raise SystemExit(7)")
    with pytest.raises(RuntimeError, match="ended with code 7. See its log"):
        bpy.ops.neural_assets.install_server()


def test_an_installation_can_be_cancelled_with_all_that_it_started(addon, project, tmp_path):
    mark = tmp_path / "still-alive"
    child = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(mark)!r}).touch()"
    project(f"import subprocess, sys\nprint('Making the environment', flush=True)\n"
            f"subprocess.call([sys.executable, '-c', {child!r}])\n")  # fmt: skip
    bridge = addon("connection.session").bridge
    bridge.install_server()
    until(lambda: bridge.installation[1].startswith("Making the environment"))
    bpy.ops.neural_assets.stop_server()
    assert bridge.state == "offline" and not bridge.problem
    time.sleep(2.0)
    assert not mark.exists()


def test_names_of_python_that_only_say_no_are_passed_over(addon, tmp_path, monkeypatch):
    """A version manager puts names on the path for which there is no Python."""
    chosen = addon("connection.with_python").chosen
    for name, text in (("python3.13", "echo 'not found'; exit 127"), ("python3.12", "exit 0"), ("python3.11", "x")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chosen() == str(tmp_path / "python3.12")
    (tmp_path / "python3.12").unlink()
    assert chosen() == sys.executable


def test_installing_needs_the_internet_and_a_project(addon, project):
    project(INSTALL, online=False)
    with pytest.raises(RuntimeError, match="may not go online. Allow Online Access .* or run 'python3 install.py' in"):
        bpy.ops.neural_assets.install_server()
    project(INSTALL, folder="")
    with pytest.raises(RuntimeError, match="project folder is not known. Choose the folder"):
        bpy.ops.neural_assets.install_server()
    project(INSTALL, folder="/nowhere")
    with pytest.raises(RuntimeError, match="There is no install.py in /nowhere"):
        bpy.ops.neural_assets.install_server()
    assert addon("connection.session").bridge.state == "offline"


def test_a_render_does_not_break_an_installation_off(addon, project, scene, box):
    project(INSTALL + "import time; time.sleep(30)")
    bridge = addon("connection.session").bridge
    bridge.install_server()
    box()
    with pytest.raises(RuntimeError, match="The server is being installed. Wait until it is done."):
        bpy.ops.render.render()
    assert bridge.state == "installing"


def test_a_failure_stays_to_be_read_while_the_live_view_goes_on_asking(addon, project):
    project("", command=(sys.executable, "-c", "raise SystemExit('no weights')"))
    bridge, errors = addon("connection.session").bridge, addon("protocol.errors")
    bridge.start_server()
    until(lambda: bridge.state == "failed")
    for _ in range(3):
        with pytest.raises(errors.ProtocolError, match="no weights"):
            bridge.submit(addon("protocol.messages").ListAssets())
    assert bridge.state == "failed" and "no weights" in bridge.problem


def test_a_project_is_installed_when_its_environment_was_finished(addon, tmp_path):
    installed = addon("connection.installer").is_installed
    assert not installed(str(tmp_path)) and not installed("")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    stamp = tmp_path / ".venv" / "neural-assets-stamp"
    stamp.write_text("test.txt 0\n")
    assert not installed(str(tmp_path)), "only the tests' packages are there"
    stamp.write_text("test.txt 0\ncuda.txt 0\n")
    assert installed(str(tmp_path))


# A server that holds its store while it runs and for a moment after it was told to stop.
SLOW_END = """
import json, os, pathlib, signal, sys, time
lock = pathlib.Path(__file__).with_name("lock")
try:
    lock.touch(exist_ok=False)
except FileExistsError:
    print(json.dumps({"event": "failed", "code": "store_taken", "sentence": "Another server uses the store.",
                      "cure": "Connect to that one.", "address": "tcp://127.0.0.1:47999"}), flush=True)
    sys.exit(1)
def end(*_):
    time.sleep(0.5)
    lock.unlink()
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print(json.dumps({"event": "ready", "address": "tcp://127.0.0.1:1"}), flush=True)
time.sleep(60)
"""


def test_a_restart_waits_for_the_end_of_the_old_server(addon, project, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW_END)
    project("", command=(sys.executable, str(tmp_path / "slow.py")))
    bridge = addon("connection.session").bridge
    bridge.start_server()
    until(lambda: bridge.has_server and not bridge.is_starting)
    bridge.start_server()
    assert bridge.state == "starting" and not bridge.has_server
    until(lambda: bridge.has_server and not bridge.is_starting)
    assert not bridge.problem


def test_a_taken_store_is_answered_with_a_button_to_the_server_that_has_it(addon, project, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW_END)
    (tmp_path / "lock").touch()
    project("", command=(sys.executable, str(tmp_path / "slow.py")))
    bridge = addon("connection.session").bridge
    bridge.start_server()
    until(lambda: bridge.state == "failed")
    assert "Another server uses the store. Connect to that one." in bridge.problem
    layout = Layout()
    shown(addon("panels.server").ServerPanel, layout)
    assert layout.find("Connect to It").address == "tcp://127.0.0.1:47999"
    with FakeServer() as fake:
        bpy.ops.neural_assets.connect(address=fake.address)
        assert bridge.state == "ready" and not bridge.problem, "the old failure is forgotten"


def test_the_test_tells_version_and_time(addon):
    bridge = addon("connection.session").bridge
    with FakeServer() as fake:
        assert bpy.ops.neural_assets.test_connection(address=fake.address) == {"FINISHED"}
        assert len(fake.wait_for("ping", 10)) == 10
        fake.wait_for("goodbye")
    words = bridge.test.words
    assert words.startswith("Server fake answers in ") and words.endswith(" ms") and not bridge.test.problem
    assert float(words.split()[-2]) < 1000 and bridge.state == "offline", "the test leaves the connection alone"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "No server answers at tcp://127.0.0.1:1. Start it, or check the address."),
        ("192.0.2.1", "on another machine and Blender may not go online"),
        ("what is this", "is not understood"),
    ],
)
def test_the_test_tells_what_is_wrong(addon, monkeypatch, address, words):
    monkeypatch.setattr(addon("connection.connection_test"), "FIND_SECONDS", 0.1)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.neural_assets.test_connection(address=address)


def test_the_test_names_the_side_to_update():
    with FakeServer(protocol=(99, 0)) as newer, pytest.raises(RuntimeError, match="Update the Blender add-on"):
        bpy.ops.neural_assets.test_connection(address=newer.address)


LOOPBACK = (
    "127.0.0.1", "127.0.0.1:47900", "localhost", "localhost:5000", "http://localhost:5000/", "tcp://127.0.0.1:5000",
    "127.0.0.2", "127.255.255.254:1", "[::1]", "[::1]:5000", "::1", "LocalHost", ":5000", "ipc:///tmp/neural.sock",
)  # fmt: skip
ELSEWHERE = ("192.168.1.7", "render-node", "render-node:5000", "[2001:db8::1]:5000", "0.0.0.0", "localhost.evil.org")


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_computer_never_asks_for_online_access(addon, address):
    assert not addon("connection.session").bridge.target.online
    client = addon("connection.session").bridge._new_client(address)
    client.stop()


@pytest.mark.parametrize("address", ELSEWHERE)
def test_every_other_computer_does(addon, address):
    with pytest.raises(addon("protocol.errors").ProtocolError, match="Allow Online Access"):
        addon("connection.session").bridge._new_client(address)


def test_ipc_is_connected_to_without_online_access(addon, tmp_path):
    """A server at a path of this computer is really reached."""
    if sys.platform == "win32":
        pytest.skip("ZeroMQ has no ipc here")
    import zmq

    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.bind(f"ipc://{tmp_path}/s")
    client = addon("connection.session").bridge._new_client(f"ipc://{tmp_path}/s")
    try:
        assert socket.poll(5000) and b"hello" in b"".join(socket.recv_multipart())
    finally:
        client.stop()
        socket.close(linger=0)
        context.destroy(linger=0)


JOBS = (
    JobInfo(0, "blender", "render", "1920 x 1080", JobState.RUNNING, 0, False),
    JobInfo(5, "blender", "preview", "view 18-1", JobState.WAITING, 0, True),  # not shown: it comes and goes
    JobInfo(7, "blender", "encode", "Chair, Lamp", JobState.WAITING, 1, True),
    JobInfo(8, "blender", "sequence", "shot_010", JobState.WAITING, 2, True, "job-1", 24, 3),
)


@pytest.fixture
def queue(addon, server):
    """The add-on connected to a server that works on three jobs."""
    bridge = addon("connection.session").bridge
    until(lambda: bridge.status is not None)
    status = Status(0, ModelState.WORKING, "", "cuda:0", 3 << 30, 2, jobs=JOBS)
    server.answer("ask_status", Say(status))
    bridge.ask_status()
    until(lambda: bool(bridge.status.jobs))
    return bridge


def test_the_queue_shows_every_job_and_cancels_own_ones(addon, server, queue):
    layout = Layout()
    text = shown(addon("panels.server").QueuePanel, layout)
    assert "Render 1920 x 1080, other Blender" in text
    assert "Encode Chair, Lamp" in text and "Sequence shot_010, 3 of 24" in text and "view 18-1" not in text
    buttons = layout.all("neural_assets.cancel_job")
    assert [(button.request, button.job) for button in buttons] == [(7, ""), (8, "job-1")]
    assert bpy.ops.neural_assets.cancel_job(request=7) == {"FINISHED"}
    bpy.ops.neural_assets.cancel_job(request=8, job="job-1")
    cancels = server.wait_for("cancel", 2)
    assert [(cancel.target, cancel.job) for cancel in cancels] == [(7, ""), (0, "job-1")]


def test_an_empty_queue_takes_no_room(addon, server):
    bridge, panel = addon("connection.session").bridge, addon("panels.server").QueuePanel
    until(lambda: bridge.status is not None)
    assert not panel.poll(bpy.context)


def test_cancelling_what_is_over_says_so(addon, server):
    refusal = addon("protocol.errors").ErrorCode.JOB_MISSING
    events = addon("protocol.events")
    server.answer("cancel", Say(events.Failed(0, refusal, "This job is over.", "Look at the queue.")))
    with pytest.raises(RuntimeError, match="This job is over. Look at the queue."):
        bpy.ops.neural_assets.cancel_job(request=5)


def test_device_and_memory_are_readable(addon, queue):
    text = shown(addon("panels.server").ServerPanel)
    assert "cuda:0, 3.0 GB, 127.0.0.1:" in text
    size = addon("panels.server").size
    assert (size(0), size(700 << 20), size(1_610_612_736)) == ("", "700 MB", "1.5 GB")


def test_the_status_is_followed_only_while_somebody_looks(addon, server, monkeypatch):
    session = addon("connection.session")
    until(lambda: session.bridge.status is not None)
    asked = len(server.wait_for("ask_status"))
    monkeypatch.setattr(session, "_STATUS_SECONDS", 0.02)
    monkeypatch.setattr(session, "_panel_is_seen", lambda: False)
    for _ in range(20):
        session.tick()
        time.sleep(0.01)
    assert len([r for r in server.requests if r.kind == "ask_status"]) == asked
    monkeypatch.setattr(session, "_panel_is_seen", lambda: True)
    until(lambda: len([r for r in server.requests if r.kind == "ask_status"]) >= asked + 3)


@pytest.mark.parametrize("state", ["offline", "installing", "starting", "connecting", "loading", "ready", "working",
                                   "failed", "lost", "refused"])  # fmt: skip
def test_every_state_has_words_an_icon_and_a_way_on(addon, monkeypatch, project, state):
    """Whatever happens, the panel says so and has a button."""
    module, kinds = addon("panels.server"), addon("connection.server_state").ServerState
    assert len(kinds) == 10
    project(INSTALL)
    monkeypatch.setattr(addon("connection.bridge").Bridge, "state", kinds(state))
    layout = Layout()
    text = shown(module.ServerPanel, layout)
    assert kinds(state).words in text and len(kinds(state).words) < 45
    assert layout.buttons - {"neural_assets.use_engine", "neural_assets.show_log"}


def test_a_server_that_is_gone_can_be_started(addon, monkeypatch, project):
    project(INSTALL, installed=True)
    monkeypatch.setattr(addon("connection.bridge").Bridge, "state", addon("connection.server_state").ServerState.LOST)
    layout = Layout()
    shown(addon("panels.server").ServerPanel, layout)
    assert {"neural_assets.start_server", "neural_assets.disconnect"} <= layout.buttons


def test_without_a_project_the_panel_asks_for_its_folder(addon):
    layout = Layout()
    text = shown(addon("panels.server").ServerPanel, layout)
    assert "Choose the project's folder" in text and "project" in layout.properties


@pytest.mark.parametrize("folder", ["", "/project"])
@pytest.mark.parametrize("address", ["render-node", "192.0.2.1:47900", "nonsense address"])
def test_for_another_computers_server_nothing_is_to_be_chosen_or_installed_here(addon, project, address, folder):
    project(INSTALL, address=address, folder=folder)
    layout = Layout()
    text = shown(addon("panels.server").ServerPanel, layout)
    assert "Choose the project's folder" not in text and "not installed" not in text and not layout.properties
    assert layout.buttons - {"neural_assets.use_engine"} == {"neural_assets.connect"}


def test_offline_the_panel_offers_to_allow_online_access(addon, project):
    project(INSTALL, online=False)
    layout = Layout()
    shown(addon("panels.server").ServerPanel, layout)
    assert bpy.app.online_access == ("use_online_access" not in layout.properties)
