"""From the mouse event to the new picture on the screen of a windowed Blender.

    python -m tests.gui.latency [--blender sid] [--count 40]      a fake server whose pictures take 50 ms
    python -m tests.gui.latency --real                            the project's own server and model, on this machine

"single": one mouse event at rest, to the first picture of it. "constant": a mouse that moves sixty times a second; the
age of the event that each new picture shows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np

from server.setup.process import ROOT

from . import blenders
from .show import OUT, play

STEP = "latency.mouse_to_picture"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", default="sid", help="sid, trixie, or a program")
    parser.add_argument("--count", type=int, default=40, help="single events")
    parser.add_argument("--real", action="store_true", help="the project's own server and model")
    options = parser.parse_args(arguments)
    blender = blenders.find(options.blender)
    with real_server() if options.real else contextlib.nullcontext("") as address:
        report = play(
            blender,
            [STEP],
            OUT / "latency",
            seconds=1500,
            settings={"count": options.count},
            address=address,
            package="tests.gui.trials",
        )
    problem = report.problem_of(STEP)
    if problem:
        print(f"FAILED {problem}")
        return 1
    figures = report.steps[STEP]["figures"]
    print(f"Blender {report.version}, {os.cpu_count()} threads, load {os.getloadavg()[0]:.1f}")
    for name in ("single", "constant"):
        times = np.array(figures[name]) * 1000
        middle, most = np.percentile(times, [50, 95])
        print(f"{name:9} {len(times):4} pictures: p50 {middle:.0f} ms, p95 {most:.0f} ms, max {times.max():.0f} ms")
    print(f"pictures per second while the mouse moves: {figures['pictures_per_second']}")
    return 0


@contextlib.contextmanager
def real_server() -> Iterator[str]:
    """The address of a server with a store of its own, which begins with the gallery."""
    with tempfile.TemporaryDirectory(prefix="neural-assets-") as store:
        command = [sys.executable, "-m", "server", "--port", "0", "--store", store]
        server = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert server.stdout is not None
        try:
            for line in server.stdout:
                with contextlib.suppress(ValueError):
                    told = json.loads(line)
                    if told.get("event") == "ready":
                        yield told["address"]
                        return
            raise RuntimeError("the server did not start: python3 install.py doctor tells why")
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    sys.exit(main())
