"""`install.py test`: style, types, unit and server tests, then the add-on inside real Blender modules and windows.

Every part runs whatever the ones before it did, and the last line counts all of them: one for each test, one for
ruff, its formatter and pyright each, and one for a part that could not run at all.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .blenders import MODULE_VERSIONS, OTHER_MODULES, BlenderModule, blender_module
from .environment import set_up
from .extension import ADDON, build_extension, members, validate
from .process import ROOT, InstallError, merged, run, say, write_whole

PARTS = ("style", "unit", "blender", "gui")
OTHERS = "others"  # a part that is done only when it is named: the add-on in the other bpy modules, 1 GB each
INSIDE_BLENDER = ("tests/blender", "tests/gui")
WINDOWED = ("sid,trixie",)  # where the windowed Blender comes from: the first that installs, see tests/gui/conftest.py
REQUIRED_MODULE = "3.11"  # its absence is a failure; that of another Python is said
# Blender's stubs have no module behind them, call everything optional that can be None somewhere, lack special methods
# and do not know properties as annotations
WRONG_BY_STUBS = (
    "reportMissingModuleSource", "reportOptionalMemberAccess", "reportOptionalIterable", "reportOptionalSubscript",
    "reportIndexIssue", "reportGeneralTypeIssues", "reportInvalidTypeForm", "reportAttributeAccessIssue",
    "reportArgumentType", "reportReturnType", "reportAssignmentType",
)  # fmt: skip


@dataclass
class Tally:
    """What passed, failed and was skipped so far; failures keep their names."""

    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def add_command(self, name: str, command: Sequence[str | Path]) -> None:
        """Run one tool that counts as one test."""
        say(f"--- {name}")
        try:
            run(command, f"{name} found faults")
            self.passed += 1
        except InstallError as error:
            self.failures.append(str(error))

    def add_report(self, name: str, report: Path, code: int) -> None:
        """Count pytest's report. A bad exit code without a failed test in it is a failure of its own, as is a report
        that is missing, broken or empty."""
        try:
            cases = list(ElementTree.parse(report).iter("testcase"))
        except (OSError, ElementTree.ParseError):
            cases = []
        before = len(self.failures)
        for case in cases:
            outcomes = {child.tag for child in case}
            if outcomes & {"failure", "error"}:
                self.failures.append(f"{name}: {case.get('classname')}::{case.get('name')}")
            elif "skipped" in outcomes:
                self.skipped += 1
            else:
                self.passed += 1
        if len(self.failures) == before and (code or not cases):
            self.failures.append(f"{name}: pytest ended with code {code} after {len(cases)} tests")

    def summary(self) -> str:
        return f"{self.passed} passed, {len(self.failures)} failed, {self.skipped} skipped"


def pytest_command(python: Path, report: Path, arguments: Sequence[str]) -> list[str]:
    return [str(python), "-m", "pytest", f"--junitxml={report}", *arguments]


def run_tests(device: str, only: str | None, arguments: Sequence[str], windowed: Sequence[str] = WINDOWED) -> int:
    """All parts, or one. arguments: for pytest; windowed: the Blenders of the part "gui". Returns the exit code."""
    python = set_up(device, tests=True)
    tally = Tally()
    parts = (only,) if only else PARTS
    # Making a windowed Blender takes minutes, of which the processor works few: in the meantime the other parts run
    making = None if only else subprocess.Popen([str(python), "-m", "tests.gui.blenders", *windowed], cwd=ROOT)
    with tempfile.TemporaryDirectory(prefix="neural-assets-") as name:
        folder = Path(name)
        if "style" in parts:
            check_style(python, folder, tally)
        if "unit" in parts:
            say("--- unit and server tests")
            ignored = [f"--ignore={path}" for path in INSIDE_BLENDER]
            report = folder / "unit.xml"
            code = subprocess.call(pytest_command(python, report, [*ignored, *arguments]), cwd=ROOT)
            tally.add_report("unit", report, code)
        if "blender" in parts:
            check_in_blender(python, folder, tally, arguments if only else (), tuple(MODULE_VERSIONS.items()))
        if OTHERS in parts:
            check_in_blender(python, folder, tally, arguments, OTHER_MODULES)
        if making is not None:
            making.wait()
        if "gui" in parts:
            say("--- windowed Blender")
            report = folder / "gui.xml"
            blenders = [f"--blender={name}" for name in windowed]
            command = pytest_command(python, report, ["tests/gui", "-rs", *blenders, *(arguments if only else ())])
            tally.add_report("gui", report, subprocess.call(command, cwd=ROOT))
    for failure in tally.failures:
        say(f"FAILED {failure}")
    say(tally.summary())
    return 1 if tally.failures else 0


def check_style(python: Path, folder: Path, tally: Tally) -> None:
    tally.add_command("ruff", [python, "-m", "ruff", "check", "."])
    tally.add_command("ruff format", [python, "-m", "ruff", "format", "--check", "."])
    pyright = [python, "-m", "pyright", "--warnings", "--pythonpath", python]
    tally.add_command("pyright", pyright)
    tally.add_command("pyright of the add-on", [*pyright, "-p", unpacked_addon(folder / "addon")])


def unpacked_addon(folder: Path) -> Path:
    """The add-on as it is built, the contract inside, without its wheels; with what pyright is to check of it."""
    for name, data in members([]):
        file = folder / "neural_assets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    rules = {rule: False for rule in WRONG_BY_STUBS}
    settings = {"include": ["neural_assets"], "pythonVersion": "3.11", "typeCheckingMode": "basic", **rules}
    write_whole(folder / "pyrightconfig.json", json.dumps(settings))
    return folder


def check_in_blender(
    python: Path, folder: Path, tally: Tally, arguments: Sequence[str], modules: Sequence[tuple[str, str]]
) -> None:
    """tests/blender in each `bpy` module that a Python here can run, with the built zip installed.

    modules: pairs of a Python's version and a module's.
    """
    try:
        extension = build_extension(python)
    except InstallError as error:
        tally.failures.append(str(error))
        return
    for python_version, version in modules:
        name = f"bpy {version}"
        say(f"--- {name}")
        try:
            module = blender_module(python_version, version, tests=True)
            if module:
                _check_module(module, python, extension, folder / version, tally, arguments)
            elif python_version == REQUIRED_MODULE:
                tally.failures.append(f"{name}: there is no Python {python_version} here: install it")
            else:
                say(f"Left out: there is no Python {python_version} here.")
                tally.skipped += 1
        except InstallError as error:
            tally.failures.append(f"{name}: {error}")


def _check_module(
    module: BlenderModule, server_python: Path, extension: Path, folder: Path, tally: Tally, arguments: Sequence[str]
) -> None:
    (folder / "resources").mkdir(parents=True)
    environment = {
        "BLENDER_USER_RESOURCES": str(folder / "resources"),
        "NEURAL_ASSETS_EXTENSION": str(extension),
        "NEURAL_ASSETS_SERVER_PYTHON": str(server_python),
    }
    validate(extension, module.extension_tool())
    install = [module.python, ADDON / "examples" / "extension_here.py", extension]
    run(install, f"bpy {module.version} did not install the extension", environment)
    report = folder / "report.xml"
    command = pytest_command(module.python, report, ["tests/blender", *arguments])
    code = subprocess.call(command, cwd=ROOT, env=merged(environment))
    tally.add_report(f"bpy {module.version}", report, code)
