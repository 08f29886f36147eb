"""The Blenders of this machine, the `bpy` modules of its own environments, and installing the extension there."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import environment as environments
from .process import ROOT, InstallError, output_of, run, say

OLDEST_BLENDER = (4, 2)
MODULE_VERSIONS = {"3.11": "4.5.15", "3.13": "5.2.3"}  # Python -> the bpy module that it runs
OTHER_MODULES = (("3.11", "4.2.23"), ("3.11", "5.0.1"))  # tested when they are asked for


@dataclass(frozen=True)
class Blender:
    """A program; version (major, minor, patch)."""

    program: Path
    version: tuple[int, ...]

    @property
    def title(self) -> str:
        return f"Blender {'.'.join(map(str, self.version))} ({self.program})"


@dataclass(frozen=True)
class BlenderModule:
    """A `bpy` module in an environment of its own: Blender without its window."""

    python: Path
    version: str

    @property
    def title(self) -> str:
        return f"bpy {self.version} ({self.python})"

    def extension_tool(self) -> list[str | Path]:
        """The command of Blender's own extension checker."""
        tools = sorted(self.python.parents[1].rglob("bl_pkg/cli/blender_ext.py"))
        if not tools:
            raise InstallError(f"bpy {self.version} has no blender_ext.py: delete {self.python.parents[1]}, try again.")
        return [self.python, tools[0]]


def candidate_programs() -> Iterator[Path]:
    """Where Blender usually is, the variable BLENDER first."""
    if os.environ.get("BLENDER"):
        yield Path(os.environ["BLENDER"])
    on_path = shutil.which("blender")
    if on_path:
        yield Path(on_path)
    home = Path.home()
    if sys.platform == "darwin":
        for folder in (Path("/Applications"), home / "Applications"):
            yield from sorted(folder.glob("Blender*.app/Contents/MacOS/Blender"), reverse=True)
    elif os.name == "nt":
        for name in ("ProgramFiles", "ProgramW6432", "LOCALAPPDATA"):
            folder = Path(os.environ.get(name, "C:/Program Files")) / "Blender Foundation"
            yield from sorted(folder.glob("Blender */blender.exe"), reverse=True)
    else:
        yield Path("/snap/bin/blender")
        for folder in (Path("/opt"), home, home / "Applications", home / "Downloads", home / ".local" / "opt"):
            yield from sorted(folder.glob("blender*/blender"), reverse=True)


def version_in(text: str | None) -> tuple[int, ...] | None:
    """(4, 5, 3) of "Blender 4.5.3 LTS ..."; None for anything else."""
    found = re.search(r"^Blender (\d+)\.(\d+)(?:\.(\d+))?", text or "", re.MULTILINE)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def find_blenders(oldest: tuple[int, ...] = OLDEST_BLENDER) -> list[Blender]:
    """Every Blender that is new enough, each once."""
    found: dict[Path, Blender] = {}
    for program in candidate_programs():
        if not program.is_file() or program.resolve() in found:
            continue
        version = version_in(output_of([program, "--version"]))
        if version and version >= oldest:
            found[program.resolve()] = Blender(program, version)
    return list(found.values())


def extension_tool() -> list[str | Path]:
    """The command of Blender's own extension tool: of the newest Blender here, else of its module."""
    blenders = find_blenders()
    if blenders:
        newest = max(blenders, key=lambda blender: blender.version)
        return [newest.program, "--command", "extension"]
    return any_blender_module().extension_tool()


def install_into(blender: Blender, extension: Path) -> None:
    """Install and enable the extension; it stays when it was there, in its new version."""
    failure = f"{blender.title} did not take the extension: close that Blender and run this again."
    script = ROOT / "blender_addon" / "examples" / "extension_here.py"
    run([blender.program, "-b", "--python-exit-code", "1", "--python", script, "--", extension, ROOT], failure)
    say(f"Installed into {blender.title}.")


def offer(extension: Path, agreed: bool) -> None:
    """Ask for each Blender found whether to install the extension; only says how when nobody can answer."""
    blenders = find_blenders()
    if not blenders:
        say("No Blender 4.2 or newer is found here. In Blender: Edit > Preferences > Get Extensions > v >")
        say(f"Install from Disk, and choose {extension}")
    for blender in blenders:
        if agreed or _answered_yes(f"Install the extension into {blender.title}? [y/N] "):
            install_into(blender, extension)
        else:
            say(f"Not installed into {blender.title}: `python3 install.py addon --yes` does it.")


def _answered_yes(question: str) -> bool:
    if not (sys.stdin and sys.stdin.isatty()):
        return False
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def module_environment(version: str) -> Path:
    return ROOT / f".venv-bpy-{version}"


def blender_module(python_version: str, version: str = "", tests: bool = False) -> BlenderModule | None:
    """The `bpy` module for a Python ("3.13"), installed when it is not there; None without such a Python.

    version: the module's, the usual one by default.
    """
    version = version or MODULE_VERSIONS[python_version]
    environment = module_environment(version)
    files = [environments.REQUIREMENTS / f"bpy-{version}.txt"]
    files += [environments.REQUIREMENTS / "bpy-test.txt"] if tests else []
    if not environments.is_ready(environment, environments.requirement_hashes(files)):
        python = environments.find_python(python_version)
        if python is None:
            return None
        environments.require_space(ROOT, 2 << 30)
        environments.make_environment(environment, lambda: python)
        environments.install_lists(environment, files, f"Blender {version} as a Python module")
    return BlenderModule(environments.environment_python(environment), version)


def any_blender_module() -> BlenderModule:
    """The newest `bpy` module that a Python here can run; raises InstallError when there is none."""
    for python_version in sorted(MODULE_VERSIONS, reverse=True):
        module = blender_module(python_version)
        if module:
            return module
    needed = " or ".join(MODULE_VERSIONS)
    raise InstallError(f"There is no Blender here and no Python {needed} to run its module: install one of them.")
