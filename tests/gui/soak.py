"""Random artist actions in a windowed Blender for a long time.

    python -m tests.gui.soak [--blender sid] [--minutes 30] [--seed 1]

Fails (exit code 1) when Blender crashes or hangs, a picture is stale, memory grows by more than 5 % between the first
quarter and the end, or the add-on works for more than 16 ms at a stretch in Blender's main thread while the server is
away. Times are told as waited (wall) and as worked (the processor's time of that thread alone).

Memory is what the process holds with the same file at rest, without the free blocks of its allocators. In the first
quarter Blender loads what it keeps: with forty renders some 60 MB, without the add-on, too. EEVEE is never shown, which
takes and gives back up to 900 MB. blender.log has each action and the memory after it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence

from . import blenders
from .show import OUT, Report, play

STEP = "soak.random_actions"
GROWTH = 0.05
AWAY = ("dead", "silent", "slow")  # states of the server


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", default="sid", help="sid, trixie, or a program")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], metavar="ACTION", help="these actions, see trials/soak.py")
    options = parser.parse_args(arguments)
    report = play(
        blenders.find(options.blender),
        [STEP],
        OUT / f"soak-{options.blender.replace('/', '_')}",
        seconds=round(60 * options.minutes) + 400,
        settings={"minutes": options.minutes, "seed": options.seed, "only": options.only},
        package="tests.gui.trials",
    )
    figures = report.steps[STEP]["figures"] if STEP in report.steps else report.at_work
    faults = [*find_faults(report, figures)]
    show(report, figures)
    for fault in faults:
        print(f"FAILED {fault}")
    return 1 if faults else 0


def growth(memory: list) -> float:
    """Relative growth of the memory from the first quarter, once settled, to the end; memory: (minutes, MB)."""
    end = memory[-1][0]
    first = [size for minutes, size in memory if end / 8 <= minutes <= end / 4] or [memory[0][1]]
    last = [size for minutes, size in memory if minutes >= end * 7 / 8]
    return statistics.median(last) / statistics.median(first) - 1


def find_faults(report: Report, figures: dict):
    """Sentences."""
    problem = report.problem_of(STEP)
    if problem:
        yield problem
    yield from figures.get("faults", [])
    if not figures.get("looks"):
        yield "no picture was compared with the scene"
    memory = figures.get("memory", [])
    if len(memory) > 4 and (grown := growth(memory)) > GROWTH:
        yield f"memory grew by {grown:.1%}"
    for state in AWAY:
        times = figures.get("times", {})
        work = times.get("states", {}).get(state, {}).get("work")
        if work and work[-1]:
            where = ", ".join(times["over"][state])
            yield f"{work[-1]} calls of {where} worked for more than 16 ms while the server was {state}"


def show(report: Report, figures: dict) -> None:
    print(f"Blender {report.version}, {report.folder}")
    print(f"actions {sum(figures.get('actions', {}).values())}: {json.dumps(figures.get('actions'))}")
    print(f"pictures compared with the scene: {figures.get('looks')}; faults: {len(figures.get('faults', []))}")
    memory = figures.get("memory", [])
    print(f"memory (minutes, MB): {memory}")
    if len(memory) > 4:
        print(f"growth: {growth(memory):+.1%}")
    times = figures.get("times", {"states": {}, "entries": {}, "slowest": []})
    print("main thread, ms a call: [calls, p50, p95, p99, max, calls over 16]")
    for part in ("states", "entries"):
        for name, told in sorted(times[part].items(), key=lambda item: -item[1]["wall"][4]):
            print(f"  {name:44} waited {told['wall']}  worked {told['work']}")
    print("slowest [waited, worked, state, entry]:")
    for line in times["slowest"]:
        print(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
