"""Virtual environments with exact versions: made once, resumed after a break, made anew when broken.

An environment's stamp file holds the hash of every list of requirements that was installed to its end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .process import ROOT, InstallError, output_of, run, say, write_whole

ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = ROOT / "server" / "requirements"
STAMP = "neural-assets-stamp"
OLDEST_PYTHON = (3, 11)
NEWER_PYTHONS = ("3.13", "3.12", "3.11", "3.14")  # in order of preference
NEEDED_BYTES = {"cpu": 3 << 30, "cuda": 9 << 30}


def chosen_device(wanted: str = "auto") -> str:
    """ "cpu" or "cuda": by the presence of NVIDIA's driver unless named."""
    if wanted != "auto":
        return wanted
    return "cuda" if shutil.which("nvidia-smi") else "cpu"


def find_python(version: str) -> Path | None:
    """A Python of this version ("3.13") on this machine that can make environments."""
    if "{}.{}".format(*sys.version_info) == version and sys.prefix == sys.base_prefix:
        return Path(sys.executable)
    names = [shutil.which(f"python{version}")]
    names += sorted(map(str, (Path.home() / ".pyenv" / "versions").glob(f"{version}*/bin/python")), reverse=True)
    if os.name == "nt":
        found = output_of(["py", f"-{version}", "-c", "import sys; print(sys.executable)"])
        names.append(found.strip() if found else None)
    for name in names:
        asked = name and output_of([name, "-c", "import ensurepip, sys; print('{}.{}'.format(*sys.version_info))"])
        if name and asked and asked.strip() == version:
            return Path(name)
    return None


def base_python(version: Sequence[int] = sys.version_info) -> Path:
    """The Python that makes the environment: this one, or a newer one where this one is 3.10.

    The locked numpy and networkx start at Python 3.11. Raises InstallError when there is none.
    """
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return Path(sys.executable)
    for newer in NEWER_PYTHONS:
        python = find_python(newer)
        if python:
            say(f"This is Python {version[0]}.{version[1]}; the environment is made with {python}.")
            return python
    found, least = ".".join(map(str, version[:2])), ".".join(map(str, OLDEST_PYTHON))
    raise InstallError(f"This is Python {found}, and no newer one is found: install Python {least} or newer.")


def requirement_files(device: str, tests: bool) -> list[Path]:
    files = [REQUIREMENTS / f"{device}.txt"]
    return [*files, REQUIREMENTS / "test.txt"] if tests else files


def requirement_hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


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
    write_whole(environment / STAMP, "".join(f"{name} {value}\n" for name, value in sorted(hashes.items())))


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


def works(environment: Path) -> bool:
    """Whether the environment's Python starts and has pip."""
    try:
        command = [str(environment_python(environment)), "-c", "import pip"]
        return subprocess.call(command, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def make_environment(environment: Path, base: Callable[[], Path], other: str = "") -> None:
    """A fresh virtual environment, unless a working one is there; a broken one is made anew, as is one for which
    the reason `other` is given. base: tells the Python to make it with."""
    if not other and works(environment):
        return
    if environment.exists():
        say(f"The environment {environment} is {other or 'broken'} and is made anew.")
        shutil.rmtree(environment)
    say(f"Making the environment {environment} ...")
    cure = "The virtual environment could not be made: install your system's python3-venv package and try again."
    run([base(), "-m", "venv", environment], cure)


def install_lists(environment: Path, files: Sequence[Path], what: str) -> None:
    """Install lists of requirements into an environment that is there; does nothing when that was done before."""
    wanted = requirement_hashes(files)
    if is_ready(environment, wanted):
        return
    kept = {name: value for name, value in installed_hashes(environment).items() if name not in wanted}
    write_stamp(environment, kept)  # a break in what follows must not look finished
    say(f"Installing {what} (once; this takes a few minutes) ...")
    lists = [argument for file in files for argument in ("-r", str(file))]
    cure = "Packages could not be installed: see pip's words above, check network and disk, and run this again."
    command = [environment_python(environment), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*command, *lists], cure)
    write_stamp(environment, {**kept, **wanted})


def set_up(device: str, tests: bool = False) -> Path:
    """The server's environment with everything in it; returns its Python."""
    files = requirement_files(device, tests)
    if not is_ready(ENVIRONMENT, requirement_hashes(files)):
        require_space(ROOT, NEEDED_BYTES[device])
        other = f"not for {device}" if is_for_other_device(ENVIRONMENT, device) else ""
        make_environment(ENVIRONMENT, base_python, other)
        install_lists(ENVIRONMENT, files, f"the packages of {', '.join(file.name for file in files)}")
        say("The environment is complete.")
    return environment_python()
