"""Where a windowed Blender comes from: a chroot with Debian's, or any program of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.setup.process import ROOT

HERE = Path(__file__).resolve().parent
SUITES = {"sid": "5.2", "trixie": "4.3"}  # Debian's suites and the Blenders in them
PROGRAMS = ("xdotool", "import")  # what a session needs beside Blender, and Xvfb or a display
UNABLE = 2  # get_blender.sh: this machine cannot


class NoBlender(Exception):
    """One sentence: why there is no windowed Blender here."""


@dataclass(frozen=True)
class WindowedBlender:
    """name: of its folder in out/gui; program and wrapper: what starts it, without and with a screen."""

    name: str
    program: str
    chroot: Path | None = None

    def command(self, arguments: Sequence[str | Path]) -> list[str]:
        """Blender without a window."""
        return [*self._inside(), self.program, *map(str, arguments)]

    def windowed(self, size: str, seconds: int, picture: Path, arguments: Sequence[str | Path]) -> list[str]:
        """Blender on a screen of its own; see screen.sh."""
        screen = [str(HERE / "screen.sh"), size, str(seconds), str(picture)]
        return [*self._inside(), *screen, self.program, *map(str, arguments)]

    def _inside(self) -> list[str]:
        return [] if self.chroot is None else [str(HERE / "chroot" / "run.sh"), str(self.chroot), str(ROOT)]


def chroots() -> Path:
    """The folder of the chroots, shared by all checkouts: NEURAL_ASSETS_CHROOTS, or the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("NEURAL_ASSETS_CHROOTS") or cache / "neural-assets")


def from_debian(suite: str) -> WindowedBlender:
    """The Blender of a Debian suite, made when it is not there yet; raises NoBlender."""
    title = f"the windowed Blender {SUITES[suite]} of Debian's {suite}"
    if os.name != "posix" or os.geteuid() != 0:
        raise NoBlender(f"Making {title} needs root; name a Blender of your own instead.")
    if not shutil.which("apt-get"):
        raise NoBlender(f"Making {title} needs Debian or a relative of it; name a Blender of your own instead.")
    folder = chroots() / f"blender-{suite}"
    code = subprocess.call([HERE / "chroot" / "get_blender.sh", folder, suite])
    if code:
        why = "this machine cannot" if code == UNABLE else "its packages did not install"
        raise NoBlender(f"Making {title} failed: {why}, see the words above.")
    return WindowedBlender(suite, "/usr/bin/blender", folder)


def from_program(program: str) -> WindowedBlender:
    """A Blender of this machine; raises NoBlender."""
    found = shutil.which(program)
    if found is None:
        raise NoBlender(f"There is no program {program}.")
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if not shutil.which("Xvfb") and not os.environ.get("DISPLAY"):
        missing.append("Xvfb")
    if missing:
        raise NoBlender(f"The windowed tests need {' and '.join(missing)}: install your system's xdotool, imagemagick"
                        " and xvfb.")  # fmt: skip
    return WindowedBlender("program", str(Path(found).resolve()))


def find(wanted: str) -> WindowedBlender:
    """The first that is there of suites' names and programs, with commas between them; raises NoBlender."""
    reasons = []
    for name in wanted.split(","):
        try:
            return from_debian(name) if name in SUITES else from_program(name)
        except NoBlender as error:
            print(f"\n{error}", flush=True)
            reasons.append(str(error))
    raise NoBlender(" ".join(reasons))


if __name__ == "__main__":  # makes them, so that they are there when they are wanted
    for argument in sys.argv[1:]:
        with contextlib.suppress(NoBlender):
            find(argument)
