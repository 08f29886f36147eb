"""`install.py doctor`: what is installed, what is missing, and how quick the server answers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .blenders import MODULE_VERSIONS, find_blenders, module_environment
from .environment import ENVIRONMENT, chosen_device, environment_python
from .extension import OUT
from .process import ROOT, output_of, say

WEIGHTS = ROOT / "model" / "weights"
PACKAGES = "torch diffusers transformers accelerate safetensors numpy zmq msgpack PIL"
_VERSIONS = "import importlib,sys\nfor n in sys.argv[1:]: print(n, importlib.import_module(n).__version__)"
_STORE = "from server.options import default_store\nprint(default_store())"


def examine(device: str) -> int:
    """Prints one line for each thing; 1 when something that the product needs is missing or broken."""
    show("Python", f"{sys.version.split()[0]} ({sys.executable})")
    show("device", device)
    show("disk", f"{shutil.disk_usage(ROOT).free / 2**30:.1f} GB free")
    weights = weight_lines()
    for line in weights or [f"MISSING: nothing in {WEIGHTS}: get the project again"]:
        show("weights", line)
    show_blenders()
    built = sorted(OUT.glob("*.zip"))
    show("extension", str(built[-1]) if built else "not built yet: run python3 install.py addon")
    python = environment_python()
    if not python.exists():
        show("environment", "MISSING: run python3 install.py")
        return 1
    return 0 if show_environment(python) and show_server(python) and weights else 1


def show(name: str, text: str) -> None:
    say(f"{name:12} {text}")


def weight_lines(weights: Path = WEIGHTS) -> list[str]:
    """One line for each folder of weights: its name and size."""
    folders = sorted(file.parent for file in weights.glob("*/model_index.json"))
    sizes = [sum(file.stat().st_size for file in folder.rglob("*.safetensors")) for folder in folders]
    return [f"{folder.name}: {size / 2**20:.0f} MB" for folder, size in zip(folders, sizes)]  # noqa: B905 - 3.10


def show_blenders() -> None:
    found = [blender.title for blender in find_blenders()]
    versions = MODULE_VERSIONS.values()
    found += [f"bpy {version}" for version in versions if environment_python(module_environment(version)).exists()]
    for line in found or ["none found; the demonstration and the tests use the bpy module"]:
        show("Blender", line)


def show_environment(python: Path) -> bool:
    show("environment", str(ENVIRONMENT))
    told = output_of([python, "-c", _VERSIONS, *PACKAGES.split()])
    if told is None:
        show("", "BROKEN: delete it and run python3 install.py")
        return False
    for line in told.splitlines():
        name, version = line.split()
        show("", f"{name:14} {version}")
    return True


def show_server(python: Path) -> bool:
    """Start a server with a store of its own for the moment, ask it, stop it."""
    store = _output_here([python, "-c", _STORE])
    show("store", store.strip() if store else "unknown: the server's code does not start")
    with tempfile.TemporaryDirectory(prefix="neural-assets-") as folder:
        server = subprocess.Popen(
            [str(python), "-m", "server", "--store", folder], cwd=ROOT, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            told = told_by(server)
            answer = _output_here([python, "-m", "server", "--check", told["address"]]) if told else None
        finally:
            server.terminate()
            server.wait(30)
    if answer is None:
        show("server", "BROKEN: it does not start; `python3 install.py server` shows why")
        return False
    status = json.loads(answer)
    show("server", f"answers in {status['round_trip_ms']} ms; device {status['device'] or chosen_device()}")
    return True


def told_by(server: subprocess.Popen) -> dict | None:
    """The server's ready message; None when it ends without one."""
    assert server.stdout is not None
    for line in server.stdout:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and "address" in message:
            return message
    return None


def _output_here(command: Sequence[str | Path]) -> str | None:
    """What a command prints when it runs in the project's folder; None when it fails."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    return done.stdout if done.returncode == 0 else None
