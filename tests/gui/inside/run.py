"""Runs in the windowed Blender: does the steps of an order one by one and writes report.json.

    blender --python run.py -- ORDER.json

A step is a generator; a timer takes its next pause when the last one is over, so that Blender stays alive meanwhile.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import bpy

ORDER = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text())
sys.path.insert(0, ORDER["root"])
sys.dont_write_bytecode = True

from tests.gui.inside.artist import Artist  # noqa: E402
from tests.gui.inside.line import Line  # noqa: E402

HUNG_SECONDS = 60


class Session:
    """The steps in their order; the report is written after each, for the case that Blender crashes in the next."""

    def __init__(self) -> None:
        self.out = Path(ORDER["out"])
        stage = Line(ORDER["port"], bytes.fromhex(ORDER["key"]))
        self.artist = Artist(stage, self.out, ORDER["address"], ORDER["settings"], self.write)
        self.report = {"version": bpy.app.version_string, "steps": {}}
        self.pauses = self.steps()
        self.read = 0  # bytes of blender.log
        self.armed = 0.0  # when the watch for a hanging main thread was set last

    def steps(self) -> Iterator[float]:
        for name in ORDER["steps"]:
            start, problem = time.monotonic(), ""
            self.artist.step, self.artist.figures = name, {}
            print(f"--- {name}", flush=True)
            try:
                yield from self.artist.fresh_file()
                self.artist.stage.revive()
                yield from self.step(name)
                fault = self.new_fault()
                assert not fault, fault
            except Exception as error:
                problem = traceback.format_exc() if not isinstance(error, AssertionError) else _place_of(error)
                print(problem, flush=True)
                yield from self.artist.look("failed")
            self.artist.figures, figures = {}, self.artist.figures
            told = {"seconds": time.monotonic() - start, "problem": problem, "figures": figures}
            self.report["steps"][name] = told
            self.write()

    def step(self, name: str) -> Iterator[float]:
        module, function = name.rsplit(".", 1)
        yield from getattr(importlib.import_module(f"{ORDER['package']}.{module}"), function)(self.artist)

    def new_fault(self) -> str:
        """What Blender has printed of exceptions in the add-on since the last call: in panels, handlers, timers."""
        text = (self.out / "blender.log").read_bytes()[self.read :]
        self.read += len(text)
        _, mark, rest = text.decode(errors="replace").partition("Traceback (most recent call last)")
        return mark + rest[:3000] if "/neural_assets/" in rest else ""

    def write(self) -> None:
        """The report so far, with what the step at work has measured."""
        self.report["at_work"] = self.artist.figures
        part = self.out / "report.part"
        part.write_text(json.dumps(self.report, indent=1))
        part.rename(self.out / "report.json")

    def tick(self) -> float:
        if time.monotonic() > self.armed + HUNG_SECONDS / 10:
            self.armed = time.monotonic()
            faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)  # of every thread, into blender.log
        try:
            return next(self.pauses)
        except StopIteration:
            leave(0)
        except BaseException:  # a timer's exception would be the end of the session, in silence
            traceback.print_exc()
            leave(3)


def _place_of(error: AssertionError) -> str:
    """An assertion's words and where it stands."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "steps" in frame.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""
    return f"{error}\n{where}"


def leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


faulthandler.enable()  # a crash ends with every thread's traces in blender.log, and Blender's own in the folder
bpy.context.preferences.filepaths.temporary_directory = ORDER["out"]
bpy.context.preferences.view.show_splash = False
session = Session()
session.write()
bpy.app.timers.register(session.tick, first_interval=1.0, persistent=True)
