"""How a server is to be started."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .protocol.limits import Limits

ROOT = Path(__file__).resolve().parent.parent


def default_store() -> Path:
    """Where this system keeps a program's data; NEURAL_ASSETS_STORE overrides it."""
    named = os.environ.get("NEURAL_ASSETS_STORE")
    if named:
        return Path(named)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "Neural Assets"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Neural Assets"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "neural-assets"


@dataclass(frozen=True)
class Options:
    """See `python -m server --help`. port None: the usual one, or any when that is taken; 0: any free one.
    parent: the process whose end ends the server, 0: none."""

    bind: str = "127.0.0.1"
    port: int | None = None
    weights: Path = ROOT / "model" / "weights" / "base"
    device: str = "auto"
    store: Path = field(default_factory=default_store)
    parent: int = 0
    log: Path | None = None
    keys: Path | None = None
    limits: Limits = Limits()
    gallery: Path = ROOT / "model" / "gallery"  # assets that come with the program

    @property
    def devices(self) -> tuple[str, ...]:
        """Of the workers, one for each."""
        return tuple(filter(None, map(str.strip, self.device.split(",")))) or ("auto",)

    @property
    def log_file(self) -> Path:
        return self.log or self.store / "logs" / "server.log"

    @property
    def assets(self) -> Path:
        return self.store / "assets"

    @property
    def sequences(self) -> Path:
        return self.store / "sequences"

    @property
    def model_name(self) -> str:
        """Changes with the weights' files: a sequence of other weights is another one."""
        digest = hashlib.sha256()
        for path in sorted(self.weights.rglob("*.safetensors")):
            status = path.stat()
            digest.update(f"{path.relative_to(self.weights)} {status.st_size} {status.st_mtime_ns}".encode())
        return digest.hexdigest()[:16]
