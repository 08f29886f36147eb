"""How long the main thread is in the add-on's code each time Blender calls it: timers, handlers, drawing, operators.

Python's own monitoring tells every entry and exit of the add-on's functions, so that nothing has to be wrapped and
nothing can be forgotten. Needs Python 3.12 (Debian's Blenders have 3.13 and newer). Calls by a step are not counted.
"""

from __future__ import annotations

import sys
import threading
import time
from types import CodeType

import numpy as np

BIN, BINS = 1e-4, 10_000  # seconds; the last bin holds what is longer
LIMIT = 0.016  # seconds: one picture of a screen
SLOWEST = 20  # calls that are kept
_TOOL = sys.monitoring.PROFILER_ID


class Stopwatch:
    """`state` names what goes on; times are kept for each state and entry."""

    def __init__(self, folder: str) -> None:
        """folder: what is inside it is the add-on."""
        self.state = ""
        self.wall: dict[tuple[str, str], np.ndarray] = {}  # (state, entry) -> counts [BINS]
        self.work: dict[tuple[str, str], np.ndarray] = {}  # the same of the processor's time
        self.slowest: list[tuple[float, float, str, str]] = []  # (wall, work, state, entry), seconds
        self._folder = folder
        self._main = threading.main_thread().ident
        self._depth = 0
        self._start = (0.0, 0.0)

    def start(self) -> None:
        events = sys.monitoring.events
        sys.monitoring.use_tool_id(_TOOL, "neural assets")
        for event in (events.PY_START, events.PY_RESUME):
            sys.monitoring.register_callback(_TOOL, event, self._enter)
        for event in (events.PY_RETURN, events.PY_YIELD):
            sys.monitoring.register_callback(_TOOL, event, self._leave)
        sys.monitoring.register_callback(_TOOL, events.PY_UNWIND, self._unwind)
        every = events.PY_START | events.PY_RESUME | events.PY_RETURN | events.PY_YIELD | events.PY_UNWIND
        sys.monitoring.set_events(_TOOL, every)

    def stop(self) -> None:
        sys.monitoring.set_events(_TOOL, 0)
        sys.monitoring.free_tool_id(_TOOL)

    def _enter(self, code: CodeType, offset: int) -> object:
        if not code.co_filename.startswith(self._folder):
            return sys.monitoring.DISABLE
        if threading.get_ident() == self._main:
            # Called by Blender itself, and not by Python that a step runs
            if self._depth == 0 and sys._getframe(1).f_back is not None:
                return None
            if self._depth == 0:
                self._start = (time.perf_counter(), time.thread_time())
            self._depth += 1
        return None

    def _leave(self, code: CodeType, offset: int, value: object) -> object:
        if not code.co_filename.startswith(self._folder):
            return sys.monitoring.DISABLE
        self._left(code)
        return None

    def _unwind(self, code: CodeType, offset: int, error: BaseException) -> None:
        if code.co_filename.startswith(self._folder):
            self._left(code)

    def _left(self, code: CodeType) -> None:
        if self._depth == 0 or threading.get_ident() != self._main:
            return
        self._depth -= 1
        if self._depth == 0:
            wall, work = time.perf_counter() - self._start[0], time.thread_time() - self._start[1]
            module = code.co_filename[len(self._folder) :].lstrip("/").removesuffix(".py").replace("/", ".")
            key = (self.state, f"{module}.{code.co_qualname}")
            for times, seconds in ((self.wall, wall), (self.work, work)):
                times.setdefault(key, np.zeros(BINS, np.int64))[min(BINS - 1, int(seconds / BIN))] += 1
            if len(self.slowest) < SLOWEST or wall > self.slowest[-1][0]:
                self.slowest = sorted([*self.slowest, (wall, work, *key)], reverse=True)[:SLOWEST]

    def told(self) -> dict:
        """Plain values: per state, in milliseconds, [calls, p50, p95, p99, max, calls over the limit] of wall and work;
        the same per entry; the slowest calls; the entries that worked over the limit, per state."""
        states = sorted({state for state, _ in self.wall})
        entries = sorted({entry for _, entry in self.wall})
        found: dict = {"states": {}, "entries": {}}
        for part, names, place in (("states", states, 0), ("entries", entries, 1)):
            for name in names:
                keys = [key for key in self.wall if key[place] == name]
                found[part][name] = {
                    "wall": _summary(sum(self.wall[key] for key in keys)),
                    "work": _summary(sum(self.work[key] for key in keys)),
                }
        over = int(LIMIT / BIN)
        found["over"] = {
            state: [entry for of, entry in self.work if of == state and self.work[of, entry][over:].any()]
            for state in states
        }
        found["slowest"] = [
            [round(1000 * wall, 1), round(1000 * work, 1), state, entry] for wall, work, state, entry in self.slowest
        ]
        return found


def _summary(counts: np.ndarray) -> list[float]:
    """[calls, p50, p95, p99, max, calls over the limit]; milliseconds, upper edges of the bins."""
    below = np.cumsum(counts)
    places = [np.searchsorted(below, share * below[-1]) for share in (0.5, 0.95, 0.99)]
    places.append(int(np.flatnonzero(counts)[-1]))
    return [
        int(below[-1]),
        *(round((int(p) + 1) * BIN * 1000, 1) for p in places),
        int(counts[int(LIMIT / BIN) :].sum()),
    ]
