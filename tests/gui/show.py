"""One windowed session: the extension installed into a fresh profile, a stage beside it, steps done one by one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from server.setup.extension import build_extension
from server.setup.process import ROOT

from .blenders import WindowedBlender
from .stage import Stage

OUT = ROOT / "out" / "gui"
SIZE = "1000x700"  # smaller screens are drawn quicker
START_SECONDS = 120
STEP_SECONDS = 45


@dataclass(frozen=True)
class Report:
    """What a session told. steps: name -> {"seconds", "problem" (empty when it went well), "figures"}."""

    folder: Path
    code: int
    version: str = ""
    steps: dict[str, dict] = field(default_factory=dict)
    at_work: dict = field(default_factory=dict)  # figures of the step that was not finished

    def problem_of(self, step: str) -> str:
        """Why a step failed; empty when it did not."""
        if step in self.steps:
            return self.steps[step]["problem"]
        log = self.folder / "blender.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:]) if log.exists() else ""
        return f"Blender ended with code {self.code} before this step was finished; {log} ends:\n{tail}"


def play(
    blender: WindowedBlender,
    steps: Sequence[str],
    folder: Path | None = None,
    seconds: int | None = None,
    settings: Mapping[str, object] | None = None,
    address: str = "",
    package: str = "tests.gui.steps",
    size: str = SIZE,
) -> Report:
    """Run steps ("module.function" of the package) in one session.

    folder: for screenshots, log and report (out/gui/NAME); settings: for the steps; address: a server other than the
    fake one; size: of the screen, pixels.
    """
    folder = folder or OUT / blender.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "profile")}
    extension = build_extension(Path(sys.executable))
    install = ["-b", "--python-exit-code", "1", "--python", ROOT / "blender_addon" / "examples" / "extension_here.py"]
    stage = Stage(folder)
    order = {
        "root": str(ROOT), "out": str(folder), "port": stage.port, "key": stage.key.hex(), "steps": list(steps),
        "settings": dict(settings or {}), "address": address or stage.address(), "package": package,
    }  # fmt: skip
    (folder / "order.json").write_text(json.dumps(order))
    limit = seconds or START_SECONDS + STEP_SECONDS * len(steps)
    arguments = ["--window-geometry", "0", "0", *size.split("x"), "--python", ROOT / "tests/gui/inside/run.py"]
    try:
        with open(folder / "blender.log", "wb") as log:
            output = {"env": environment, "cwd": ROOT, "stdout": log, "stderr": subprocess.STDOUT}
            code = subprocess.call(blender.command([*install, "--", extension]), **output)
            if code == 0:
                windowed = blender.windowed(size, limit, folder / "end.png", [*arguments, "--", folder / "order.json"])
                code = subprocess.call(windowed, **output)
    finally:
        stage.close()
        shutil.rmtree(folder / "profile", ignore_errors=True)
    return _report(folder, code)


def _report(folder: Path, code: int) -> Report:
    try:
        told = json.loads((folder / "report.json").read_text())
    except (OSError, ValueError):
        return Report(folder, code)
    return Report(folder, code, told["version"], told["steps"], told["at_work"])
