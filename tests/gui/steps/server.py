"""The server's buttons: one that Blender starts, restarts and stops, its log, and one on another computer."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import bpy

from tests.gui.inside.artist import Artist, Pauses

# A server's start as Blender sees it: it tells its log who it is, and Blender the address of the stage's server
STARTED = """
import json, os, sys, time
with open(sys.argv[1], "a") as file:
    print(os.getpid(), file=file)
print("This is process", os.getpid(), flush=True)
print(json.dumps({"event": "ready", "address": sys.argv[2]}), flush=True)
time.sleep(600)
"""
OPENER = """#!/bin/sh
printf %s "$1" > "$(dirname "$0")/opened"
"""


def started_restarted_and_log_shown(artist: Artist) -> Pauses:
    """Start, Restart (another process, and the picture follows again), the log's button, Stop: each by a click."""
    bridge, preferences = artist.bridge, artist.part("preferences").get()
    folder = _folder(artist)
    (folder / "server.py").write_text(STARTED)
    processes = folder / "processes"
    command = [sys.executable, str(folder / "server.py"), str(processes), artist.address]
    bridge.close()
    preferences.command = shlex.join(command)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{_program(folder, 'xdg-open', OPENER)}:{path}"
    try:
        yield from artist.table()
        artist.space().region_3d.view_perspective = "CAMERA"
        yield from artist.open_sidebar()
        yield from _click(artist, "neural_assets.start_server")
        yield from artist.until(lambda: bridge.is_ready and bridge.has_server, "the server is started")
        artist.space().shading.type = "RENDERED"
        yield from artist.rest()
        yield from artist.look("started")
        yield from _click(artist, "neural_assets.restart_server", columns=(0.7,))
        yield from artist.until(lambda: len(_ids(processes)) == 2, "another process is there", 20)
        yield from artist.until(lambda: bridge.is_ready and bridge.has_server, "it is connected")
        first, second = _ids(processes)
        assert not _is_alive(first) and _is_alive(second)
        artist.scene.objects["Left"].location.x = 0.2
        yield from artist.rest()
        seen = yield from artist.look("restarted")
        assert artist.shown(seen)[0] == artist.wanted()
        yield from _click(artist, "neural_assets.show_log", columns=(0.83,))
        yield from artist.until(lambda: (folder / "opened").exists(), "the log is opened", 10)
        log = Path((folder / "opened").read_text())
        assert log == bridge.log and f"This is process {second}" in log.read_text()
        yield from _click(artist, "neural_assets.stop_server")
        yield from artist.until(lambda: not _is_alive(second), "the process has ended", 20)
        assert not bridge.has_server and not bridge.is_ready
        yield 0.6
        yield from artist.look("stopped")
    finally:
        bridge.close()
        os.environ["PATH"] = path
        preferences.property_unset("command")


def another_computer_used(artist: Artist) -> Pauses:
    """An address outside asks for Online Access; with its keys the view shows that server's picture; a wrong key is
    said."""
    bridge, preferences, system = artist.bridge, artist.part("preferences").get(), bpy.context.preferences.system
    folder = _folder(artist)
    bridge.close()
    address = artist.stage.another_computer(str(folder))
    artist.figures["address"] = address
    if not address:
        return  # this computer has no network
    before = preferences.address, preferences.keys
    preferences.address, preferences.keys = address, str(folder)
    try:
        yield from artist.table()
        artist.space().region_3d.view_perspective = "CAMERA"
        yield from artist.open_sidebar()
        yield from _click(artist, "neural_assets.connect", columns=(0.7,))
        yield from artist.until(lambda: "Allow Online Access" in bridge.problem, "the panel says what is missing", 10)
        yield 0.6
        yield from artist.look("offline")
        yield from artist.key("Escape")  # the report, which covers the panel
        system.use_online_access = True
        yield from _click(artist, "neural_assets.connect", columns=(0.7,))
        yield from artist.until(lambda: bridge.is_ready, "it is connected", 10)
        assert bridge.address == address
        artist.space().shading.type = "RENDERED"
        yield from artist.rest()
        seen = yield from artist.look("connected")
        assert artist.shown(seen)[0] == artist.wanted()
        assert not artist.stage.requests("preview"), "the other server has drawn it"
        artist.space().shading.type = "SOLID"
        yield from _click(artist, "neural_assets.disconnect")
        artist.stage.other_key(str(folder))
        yield from _click(artist, "neural_assets.connect", columns=(0.7,))
        yield from artist.until(lambda: "It has other keys" in bridge.problem, "the panel says it", 10)
        yield 0.6
        yield from artist.look("other-key")
    finally:
        bridge.close()
        system.use_online_access = False
        preferences.address, preferences.keys = before


def _click(artist: Artist, button: str, columns: tuple[float, ...] = (0.3,)) -> Pauses:
    place = yield from artist.find(button, columns=columns)
    yield from artist.click(place)
    yield 0.3


def _folder(artist: Artist) -> Path:
    folder = artist.out / artist.step
    folder.mkdir()
    return folder


def _program(folder: Path, name: str, text: str) -> Path:
    """A program in a folder of programs, which is returned."""
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder


def _ids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
