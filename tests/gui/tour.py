"""Pictures of the window for the README: `python -m tests.gui.tour [--blender sid]`, with the project's own server.

They lie in out/gui/tour.
"""

from __future__ import annotations

import argparse

from . import blenders
from .latency import real_server
from .show import OUT, play

STEP = "tour.room_lived_in"
SIZE = "1600x900"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--blender", default="sid", help="sid, trixie, or a program")
    blender = blenders.find(parser.parse_args().blender)
    with real_server() as address:
        report = play(blender, [STEP], OUT / "tour", 900, {}, address, "tests.gui.trials", SIZE)
    problem = report.problem_of(STEP)
    print(f"FAILED {problem}" if problem else f"The pictures are in {OUT / 'tour'}")
    return 1 if problem else 0


if __name__ == "__main__":
    raise SystemExit(main())
