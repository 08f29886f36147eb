"""A program outside Blender: a thread reads what it prints and keeps it in a log."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

_STOP_SECONDS = 10.0


class Child:
    """Runs at once. `on_line` gets every line that it prints, `on_end` its exit code, None after `stop`; both are
    called in a thread of their own."""

    def __init__(
        self,
        command: Sequence[str],
        folder: str,
        log: Path | None,
        on_line: Callable[[str], None],
        on_end: Callable[[int | None], None],
        variables: dict[str, str] | None = None,
    ) -> None:
        """folder: where it runs, empty for here; variables: further ones of the environment. Raises OSError when the
        command cannot be run."""
        self._stopped = False
        self._process = subprocess.Popen(
            command,
            cwd=folder or None,
            env=_environment() | (variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            start_new_session=True,  # so that `stop_all` reaches what it has started
        )
        self._listener = threading.Thread(
            target=self._listen, args=(log, on_line, on_end), name="neural-assets-child", daemon=True
        )
        self._listener.start()

    @property
    def is_running(self) -> bool:
        """Until it has ended and `on_end` was called."""
        return self._listener.is_alive()

    def stop(self) -> None:
        """Ask it to end, and make sure of it later; returns at once."""
        self._end(self._process.terminate)

    def stop_all(self) -> None:
        """The same with everything that it has started."""
        if os.name == "nt":
            tree = ["taskkill", "/T", "/F", "/PID", str(self._process.pid)]
            self._end(lambda: subprocess.Popen(tree, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)))
        else:
            self._end(lambda: os.killpg(self._process.pid, signal.SIGTERM))

    def _end(self, how: Callable[[], object]) -> None:
        self._stopped = True
        if self._process.poll() is None:
            how()
            threading.Thread(target=self._make_sure, name="neural-assets-stop", daemon=True).start()

    def _make_sure(self) -> None:
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _listen(self, log: Path | None, on_line: Callable[[str], None], on_end: Callable[[int | None], None]) -> None:
        assert self._process.stdout is not None
        file = _opened(log)
        for line in self._process.stdout:
            if file is not None:
                file.write(line)
                file.flush()
            on_line(line.rstrip())
        if file is not None:
            file.close()
        code = self._process.wait()
        on_end(None if self._stopped else code)


def _opened(log: Path | None) -> TextIO | None:
    """The log, begun anew; None where it cannot be written, which must not keep the program from running."""
    if log is None:
        return None
    try:
        return open(log, "w", encoding="utf-8")
    except OSError:
        return None


def _environment() -> dict[str, str]:
    """Blender's environment without what would lead another Python astray."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
