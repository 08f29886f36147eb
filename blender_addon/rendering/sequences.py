"""Animations that the server renders by itself, and which of its stored frames is which picture of ours.

A job at the server goes on when Blender ends. A note of each job, kept in the user's folder, tells the digest of every
frame's scene and settings, so that any later render of an equal frame takes the finished one from the server's store.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path

from ..connection.session import bridge
from ..identity import user_folder
from ..protocol.api import RenderSettings, Scene
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import Event, Failed, SequenceAccepted, SequenceInfo, SequenceList
from ..protocol.messages import ListSequences, Sequence
from ..whole_file import write_whole

FOLDER = "sequences"  # in the folder that Blender gives an extension for the user's files
_LOOK_SECONDS = 2.0

infos: tuple[SequenceInfo, ...] = ()  # what the server has, as of the last look
problem = ""  # why the last job ended without its frames
collected: list[tuple[Scene, RenderSettings]] | None = None  # where renders leave what they would ask for
_looked = 0.0


class Notes:
    """The notes of a folder: JOB.json with the digests of the job's "frames" in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._frames: dict[str, tuple[str, int]] | None = None  # (job, frame) by digest; read when first needed

    def add(self, job: str, frames: list[tuple[Scene, RenderSettings]], model: str) -> None:
        digests = [digest(scene, settings, model) for scene, settings in frames]
        write_whole(self.folder / f"{job}.json", json.dumps({"frames": digests}).encode())
        self._frames = None

    def find(self, scene: Scene, settings: RenderSettings, model: str) -> tuple[str, int] | None:
        """The job and its frame (from 0) that is this picture."""
        if self._frames is None:
            self._frames = {}
            for path in sorted(self.folder.glob("*.json")):
                self._frames |= {text: (path.stem, number) for number, text in enumerate(_read(path))}
        return self._frames.get(digest(scene, settings, model))

    def forget(self, job: str) -> None:
        (self.folder / f"{job}.json").unlink(missing_ok=True)
        self._frames = None


def digest(scene: Scene, settings: RenderSettings, model: str) -> str:
    """Equal for equal pictures of the same weights."""
    text = json.dumps([asdict(scene), asdict(settings), model], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(path: Path) -> list[str]:
    """A note's digests; of a damaged one none: its frames are rendered again."""
    try:
        return [text for text in json.loads(path.read_text())["frames"] if isinstance(text, str)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


notes = Notes(Path())


def stored(scene: Scene, settings: RenderSettings) -> tuple[str, int] | None:
    """Where the server may have this picture; it may have lost it meanwhile. Any thread."""
    return notes.find(scene, settings, _model())


def request_of(frames: list[tuple[Scene, RenderSettings]], name: str) -> Sequence:
    """One job of all frames; raises ProtocolError when they differ in more than their scenes."""
    settings = {made for _, made in frames}
    if len(settings) > 1:
        raise ProtocolError(
            ErrorCode.SETTINGS,
            "The frames differ in size, steps, guidance or seed, and one job at the server has one of each.",
            "Remove their keyframes and set Noise to Per Shot, or render with Ctrl-F12.",
        )
    return Sequence(frames=tuple(scene for scene, _ in frames), settings=settings.pop(), name=name)


def follow(frames: list[tuple[Scene, RenderSettings]], event: Event) -> None:
    """What the server says of a job that was handed over; its pictures stay in its store."""
    global problem
    if isinstance(event, SequenceAccepted):
        problem = ""
        notes.add(event.job, frames, _model())
    elif isinstance(event, Failed) and event.is_failure:
        problem = str(event.error())


def look() -> None:
    """Ask the server for its sequences, not more often than every other second. Never waits."""
    global _looked
    if bridge.is_ready and time.monotonic() - _looked > _LOOK_SECONDS:
        _looked = time.monotonic()
        bridge.ask(ListSequences(), take)


def take(event: Event) -> None:
    """The server's list."""
    global infos
    if isinstance(event, SequenceList):
        infos = event.sequences


def _model() -> str:
    return bridge.versions().get("model", "")


def register() -> None:
    notes.folder = user_folder(FOLDER)


def unregister() -> None:
    global infos, problem
    infos, problem = (), ""
