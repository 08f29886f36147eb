#!/usr/bin/env python3
"""Sets the project up and runs it. Needs only Python 3.11 or newer and its standard library.

    python3 install.py            a virtual environment with exact versions, beside this file
    python3 install.py test       the same with the test tools, then ruff, pyright and all tests
    python3 install.py doctor     what is installed and what is missing

Every command may be run again at any time: what is done is not done twice, what broke off goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = ROOT / "server" / "requirements"
WEIGHTS = ROOT / "model" / "weights"
STAMP = "neural-assets-stamp"
OLDEST_PYTHON = (3, 11)
NEEDED_BYTES = {"cpu": 3 << 30, "cuda": 9 << 30}


class InstallError(Exception):
    """One sentence that says what failed and how to cure it."""


def require_python(version: Sequence[int] = sys.version_info) -> None:
    """Raises InstallError for a Python that is too old."""
    if tuple(version[:2]) < OLDEST_PYTHON:
        found, least = ".".join(map(str, version[:2])), ".".join(map(str, OLDEST_PYTHON))
        raise InstallError(f"This is Python {found}: start install.py with Python {least} or newer.")


def chosen_device(wanted: str = "auto") -> str:
    """"cpu" or "cuda": by the presence of NVIDIA's driver unless named."""
    if wanted != "auto":
        return wanted
    return "cuda" if shutil.which("nvidia-smi") else "cpu"


def requirement_files(device: str, tests: bool) -> list[Path]:
    files = [REQUIREMENTS / f"{device}.txt"]
    return [*files, REQUIREMENTS / "test.txt"] if tests else files


def requirement_hash(file: Path) -> str:
    """Changes whenever a requirement or this Python does."""
    return hashlib.sha256(sys.version.encode() + file.read_bytes()).hexdigest()


def requirement_hashes(files: Sequence[Path]) -> dict[str, str]:
    return {file.name: requirement_hash(file) for file in files}


def environment_python(environment: Path = ENVIRONMENT) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def installed_hashes(environment: Path) -> dict[str, str]:
    """What the environment's stamp records: the hash of each requirement file as it was last installed."""
    file = environment / STAMP
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return {words[0]: words[1] for words in lines if len(words) == 2}


def write_stamp(environment: Path, hashes: dict[str, str]) -> None:
    (environment / STAMP).write_text("".join(f"{name} {value}\n" for name, value in sorted(hashes.items())))


def is_ready(environment: Path, wanted: dict[str, str]) -> bool:
    """Whether the environment was finished for exactly these requirements (or for more of them)."""
    return environment_python(environment).exists() and wanted.items() <= installed_hashes(environment).items()


def is_for_other_device(environment: Path, device: str) -> bool:
    """Whether another device's packages are there, whose torch pip would take for the wanted one."""
    return any(f"{name}.txt" in installed_hashes(environment) for name in NEEDED_BYTES if name != device)


def require_space(folder: Path, needed: int, free: int | None = None) -> None:
    """Raises InstallError when the disk has too little room."""
    free = shutil.disk_usage(folder).free if free is None else free
    if free < needed:
        raise InstallError(
            f"The disk of {folder} has {free / 2**30:.1f} GB free and {needed / 2**30:.0f} GB are needed: make room."
        )


def run(command: Sequence[str | Path], failure: str) -> None:
    """Run a command in the project's folder; raises InstallError with the sentence `failure`."""
    try:
        code = subprocess.call([str(part) for part in command], cwd=ROOT)
    except OSError as error:
        raise InstallError(f"{failure} ({error})") from error
    if code:
        raise InstallError(failure)


def works(environment: Path) -> bool:
    """Whether the environment's Python starts and has pip."""
    try:
        command = [str(environment_python(environment)), "-c", "import pip"]
        return subprocess.call(command, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def make_environment(device: str, environment: Path = ENVIRONMENT) -> None:
    """A fresh virtual environment, unless a working one is there; a broken one or another device's is made anew."""
    other = is_for_other_device(environment, device)
    if not other and works(environment):
        return
    if environment.exists():
        reason = f"not for {device}" if other else "broken"
        print(f"The environment {environment} is {reason} and is made anew.", flush=True)
        shutil.rmtree(environment)
    print(f"Making the environment {environment} ...", flush=True)
    cure = "The virtual environment could not be made: install your system's python3-venv package and try again."
    run([sys.executable, "-m", "venv", environment], cure)


def set_up(device: str, tests: bool = False) -> Path:
    """Everything installed; returns the environment's Python."""
    require_python()
    files = requirement_files(device, tests)
    wanted = requirement_hashes(files)
    if is_ready(ENVIRONMENT, wanted):
        return environment_python()
    require_space(ROOT, NEEDED_BYTES[device])
    make_environment(device)
    kept = {name: value for name, value in installed_hashes(ENVIRONMENT).items() if name not in wanted}
    write_stamp(ENVIRONMENT, kept)  # a break in what follows must not look finished
    python = environment_python()
    print(f"Installing {', '.join(file.name for file in files)} (once; this takes a few minutes) ...", flush=True)
    lists = [argument for file in files for argument in ("-r", str(file))]
    cure = "Packages could not be installed: see pip's words above, check network and disk, and run this again."
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *lists], cure)
    write_stamp(ENVIRONMENT, {**kept, **wanted})
    print("Everything is installed.", flush=True)
    return python


def command_install(options: argparse.Namespace) -> int:
    set_up(chosen_device(options.device))
    return 0


def command_test(options: argparse.Namespace) -> int:
    """ruff, pyright, then pytest last, so that its count closes the output."""
    python = set_up(chosen_device(options.device), tests=True)
    checks = [
        ([python, "-m", "ruff", "check", "."], "ruff found faults: see above."),
        ([python, "-m", "pyright", "--pythonpath", python], "pyright found faults: see above."),
    ]
    failed = False
    for command, failure in checks:
        try:
            run(command, failure)
        except InstallError as error:
            failed = True
            print(f"install.py: {error}", file=sys.stderr, flush=True)
    tests = subprocess.call([str(python), "-m", "pytest", *options.arguments], cwd=ROOT)
    return 1 if failed or tests else 0


def weight_lines(weights: Path = WEIGHTS) -> list[str]:
    """One line for each folder of weights: its name and size."""
    folders = sorted(file.parent for file in weights.glob("*/model_index.json"))
    sizes = [sum(file.stat().st_size for file in folder.rglob("*.safetensors")) for folder in folders]
    return [f"{folder.name}: {size / 2**20:.0f} MB" for folder, size in zip(folders, sizes, strict=True)]


def command_doctor(options: argparse.Namespace) -> int:
    """Versions, device, weights."""
    print(f"Python       {sys.version.split()[0]} ({sys.executable})")
    print(f"device       {chosen_device(options.device)}")
    free = shutil.disk_usage(ROOT).free / 2**30
    print(f"disk         {free:.1f} GB free")
    for line in weight_lines() or [f"missing: nothing in {WEIGHTS}"]:
        print(f"weights      {line}")
    python = environment_python()
    if not python.exists():
        print("environment  missing: run python3 install.py")
        return 1
    names = "torch diffusers transformers accelerate safetensors numpy zmq msgpack PIL"
    script = "import importlib,sys\nfor n in sys.argv[1:]:\n print(f'  {n:12}', importlib.import_module(n).__version__)"
    print(f"environment  {ENVIRONMENT}", flush=True)
    return subprocess.call([str(python), "-c", script, *names.split()])


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "install": command_install,
    "test": command_test,
    "doctor": command_doctor,
}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", default="install", choices=tuple(COMMANDS))
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "test":
        parser.error(f"{options.command} takes no {rest[0]}")
    options.arguments = rest
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        return COMMANDS[options.command](options)
    except InstallError as error:
        print(f"install.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("install.py: stopped; run the same command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
