"""Sequences on disk: what is to be drawn, and every finished frame, so that neither side's end loses one.

sequences/JOB/request.bin       the request's header, as it came over the wire
sequences/JOB/frame_00000.npz   image, object_index, depth, seed, alpha
sequences/JOB/cancelled         exists when somebody stopped it
"""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
from collections.abc import Container, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from model.asset_files import write_whole

from .protocol.checks import identifier
from .protocol.errors import ErrorCode, ProtocolError
from .protocol.events import Picture
from .protocol.messages import Sequence
from .protocol.wire import request_from_wire, to_wire

_log = logging.getLogger(__name__)


class StoredSequence:
    """One job's folder and what is in it."""

    def __init__(self, folder: Path, request: Sequence) -> None:
        self.folder, self.request = folder, request
        self.finished = {int(path.stem[6:]) for path in folder.glob("frame_*.npz")}

    @property
    def job(self) -> str:
        return self.folder.name

    @property
    def cancelled(self) -> bool:
        return (self.folder / "cancelled").exists()

    def set_cancelled(self, cancelled: bool) -> None:
        if cancelled:
            (self.folder / "cancelled").touch()
        else:
            (self.folder / "cancelled").unlink(missing_ok=True)

    def next_frame(self, at_work: Container[int] = ()) -> int | None:
        """The first that is not finished, nor at work."""
        numbers = range(len(self.request.frames))
        return next((i for i in numbers if i not in self.finished and i not in at_work), None)

    def write(self, frame: int, picture: Picture) -> int:
        """Whole or not at all; returns its bytes. Raises AssetFileError."""
        data = io.BytesIO()
        np.savez_compressed(
            data, image=picture.image, object_index=picture.object_index, depth=picture.depth, seed=picture.seed,
            alpha=picture.alpha,
        )  # fmt: skip
        write_whole(self._path(frame), data.getvalue())
        self.finished.add(frame)
        return data.tell()

    def read(self, frame: int) -> Picture:
        """Raises ProtocolError for a frame that is not there or is damaged (which is then drawn again)."""
        if frame not in self.finished:
            raise ProtocolError(
                ErrorCode.JOB_MISSING, f"Frame {frame} of sequence {self.job} is not finished.", "Wait for it."
            )
        try:
            with np.load(self._path(frame), allow_pickle=False) as arrays:
                kept = {name: arrays[name] for name in arrays if name != "seed"}  # earlier versions had no alpha
                return Picture(frame=frame, seed=int(arrays["seed"]), **kept)
        except Exception as error:  # noqa: BLE001 - numpy and zipfile raise many
            self._path(frame).unlink(missing_ok=True)
            self.finished.discard(frame)
            raise ProtocolError(
                ErrorCode.JOB_MISSING, f"Frame {frame} of sequence {self.job} is damaged.", "Start the sequence again."
            ) from error

    def _path(self, frame: int) -> Path:
        return self.folder / f"frame_{frame:05d}.npz"


class SequenceStore:
    """All of them. `model`: names the weights, so that others draw their own pictures."""

    def __init__(self, folder: Path, model: str) -> None:
        self.folder, self.model = folder, model
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob("*/.*.part"):
            left_over.unlink(missing_ok=True)
        self.jobs: dict[str, StoredSequence] = {job.job: job for job in self._read()}
        self.bytes = sum(path.stat().st_size for path in folder.glob("*/frame_*"))

    def _read(self) -> Iterator[StoredSequence]:
        for path in sorted(self.folder.glob("*/request.bin")):
            try:
                request = request_from_wire([path.read_bytes()])
                assert isinstance(request, Sequence)
                yield StoredSequence(path.parent, request)
            except (ProtocolError, OSError, AssertionError) as error:
                _log.warning("sequence %s is left out: %s", path.parent.name, error)

    def job_id(self, request: Sequence) -> str:
        """Of scenes, settings and weights."""
        header = to_wire(replace(request, request=0, name="job"))[0]
        return hashlib.sha256(bytes(header) + self.model.encode()).hexdigest()[:16]

    def unfinished(self) -> list[StoredSequence]:
        """Those that these weights began: a sequence does not change its look half way."""
        return [s for s in self.jobs.values() if s.next_frame() is not None and self.job_id(s.request) == s.job]

    def open(self, request: Sequence) -> StoredSequence:
        """New, or with the frames that it already has."""
        job = self.job_id(request)
        if job not in self.jobs:
            folder = self.folder / job
            folder.mkdir(exist_ok=True)
            write_whole(folder / "request.bin", bytes(to_wire(replace(request, request=0))[0]))
            self.jobs[job] = StoredSequence(folder, request)
        self.jobs[job].set_cancelled(False)
        return self.jobs[job]

    def write(self, stored: StoredSequence, frame: int, picture: Picture) -> None:
        """A finished frame; raises AssetFileError."""
        self.bytes += stored.write(frame, picture)

    def get(self, job: str) -> StoredSequence:
        """Raises ProtocolError (job_missing)."""
        found = self.jobs.get(identifier(job, ErrorCode.JOB_MISSING, "The sequence"))
        if found is None:
            raise ProtocolError(ErrorCode.JOB_MISSING, f"There is no sequence {job}.", "Start it again.")
        return found

    def delete(self, job: str) -> None:
        """With its frames."""
        found = self.get(job)
        del self.jobs[found.job]
        (found.folder / "request.bin").unlink(missing_ok=True)  # first: the rest is nothing without it
        self.bytes -= sum(path.stat().st_size for path in found.folder.glob("frame_*"))
        shutil.rmtree(found.folder, ignore_errors=True)
