"""The process that has the model: takes one job after the other from its standard input, answers on its output. A
preview that comes while something else is drawn or encoded is drawn in that one's next pause.

In:  [msgpack {"do": "run", "job": n}, the client's request as it came ...]
     [msgpack {"do": "cancel", "job": n, "soft": bool}]      soft: only after a first step was shown
Out: [msgpack {"job": n, "final": bool}, an event for the client ...]
     [msgpack {"state": ..., "sentence": ..., "cure": ..., "code": ..., "device": ..., "versions": {...}}]

It ends when its input ends, so that it never outlives its server. What libraries print goes to the error output.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgpack
import numpy as np

from . import convert
from .asset_folder import LoadedAssets, write_all
from .failures import as_refusal
from .pipes import read_frames, write_frames
from .protocol.events import Encoded, Event, Failed, ModelState, Picture, Progress
from .protocol.messages import Encode, Preview, Render, Request
from .protocol.wire import request_from_wire, to_wire

if TYPE_CHECKING:
    from model.pipeline import NeuralAssetsPipeline


@dataclass
class _Job:
    number: int
    request: Request
    cancelled: bool = False
    superseded: bool = False
    steps: int = field(default=0)  # shown so far

    def stop(self) -> bool:
        """Superseded pictures show one step before they end: a box that moves all the time is still seen moving."""
        return self.cancelled or (self.superseded and self.steps > 0)


class Worker:
    """Runs jobs with a pipeline; `emit` sends frames to the server, `waiting` takes a job that waits, if any."""

    def __init__(
        self, pipeline: NeuralAssetsPipeline, assets: Path, emit: Callable[[list[Any]], None],
        waiting: Callable[[], _Job | None],
    ) -> None:  # fmt: skip
        self.pipeline, self.folder, self.emit, self.waiting = pipeline, assets, emit, waiting
        self.assets = LoadedAssets(assets)

    def run(self, job: _Job) -> None:
        """One job, whatever happens in it."""
        try:
            self._send(job, self._answer(job))
        except Exception as error:  # noqa: BLE001 - every failure of a job is an answer to it
            refusal = as_refusal(error)
            if refusal.code == "internal":
                sys.excepthook(*sys.exc_info())
            self._send(job, Failed(0, refusal.code, refusal.sentence, refusal.cure))

    def _answer(self, job: _Job) -> Event:
        request = job.request
        if isinstance(request, Encode):
            return self._encode(job, request)
        if isinstance(request, (Preview, Render)):
            return self._render(job, request)
        raise TypeError(f"the worker has no '{request.kind}'")

    def _pause(self, job: _Job) -> bool:
        """Between parts of a job: whether it is to end. Others than previews let a preview that waits go first: one,
        so that they go on however many come."""
        if not job.stop() and not isinstance(job.request, Preview) and (guest := self.waiting()) is not None:
            self.run(guest)
        return job.stop()

    def _encode(self, job: _Job, request: Encode) -> Encoded:
        assert request.camera is not None
        boxes = [convert.box(box) for box in request.boxes]
        camera = convert.camera(request.camera)
        masks = list(request.masks) or None
        objects, background = self.pipeline.encode(
            request.image, boxes, camera, masks, request.ground, lambda: self._pause(job)
        )
        named = [
            replace(asset, name=name, provenance={**request.provenance, **asset.provenance})
            for asset, name in zip(objects, request.names, strict=True)
        ]
        provenance = {**request.provenance, **background.provenance}
        behind = replace(background, name=request.background_name, provenance=provenance)
        infos = write_all(self.folder, [*named, behind])
        return Encoded(0, tuple(infos[:-1]), infos[-1])

    def _render(self, job: _Job, request: Preview | Render) -> Picture:
        assert request.scene is not None
        scene = convert.scene(request.scene, self.assets.load)
        steps = request.settings.steps

        def on_step(step: int, image: np.ndarray) -> None:
            job.steps = step + 1
            self._send(job, Progress(0, step + 1, steps, image=image), final=False)

        made = self.pipeline.render(
            scene,
            convert.settings(request.settings),
            on_step if request.steps_shown else None,
            lambda: self._pause(job),
        )
        return Picture(
            0, made.image, made.object_index, made.depth, seed=request.settings.seed, timings=dict(made.timings),
            alpha=made.alpha,
        )  # fmt: skip

    def _send(self, job: _Job, event: Event, final: bool = True) -> None:
        event = replace(event, request=job.request.request)
        self.emit([msgpack.packb({"job": job.number, "final": final}), *to_wire(event)])


class _Inbox:
    """Reads the input in a thread, so that a cancel reaches the job that runs."""

    def __init__(self, pipe: BinaryIO) -> None:
        self.jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._open: dict[int, _Job] = {}
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def next(self) -> _Job | None:
        """Without waiting for one."""
        with suppress(queue.Empty):
            return self.jobs.get_nowait()
        return None

    def _read(self, pipe: BinaryIO) -> None:
        while (frames := read_frames(pipe)) is not None:
            order = msgpack.unpackb(frames[0])
            if order["do"] == "run":
                job = _Job(order["job"], request_from_wire(frames[1:]))
                self._open = {number: old for number, old in self._open.items() if number > job.number - 16}
                self._open[job.number] = job
                self.jobs.put(job)
            elif job := self._open.get(order["job"]):
                job.superseded = True
                job.cancelled = job.cancelled or not order["soft"]
        os._exit(0)  # the server is gone; there is nobody to finish for


def chosen_device(wanted: str) -> str:
    """ "auto" as cuda, mps or cpu."""
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def main(settings: dict[str, str]) -> int:
    """Load the model, then work until the input ends. settings: weights, device, assets."""
    output = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    lock = threading.Lock()

    def emit(frames: list[Any]) -> None:
        with lock:
            write_frames(output, frames)

    inbox = _Inbox(sys.stdin.buffer)
    try:
        pipeline, facts = _load(settings)
    except Exception as error:  # noqa: BLE001 - every failure to start is told to the server
        refusal = as_refusal(error)
        words = {"sentence": refusal.sentence, "cure": refusal.cure, "code": refusal.code.value}
        emit([msgpack.packb({"state": ModelState.FAILED.value, **words})])
        return 1
    emit([msgpack.packb({"state": ModelState.READY.value, **facts})])
    worker = Worker(pipeline, Path(settings["assets"]), emit, inbox.next)
    while True:
        worker.run(inbox.jobs.get())


def _load(settings: dict[str, str]) -> tuple[NeuralAssetsPipeline, dict[str, Any]]:
    import diffusers
    import torch

    from model.pipeline import NeuralAssetsPipeline

    device = chosen_device(settings["device"])
    pipeline = NeuralAssetsPipeline.load(settings["weights"], device)
    name = f" ({torch.cuda.get_device_name()})" if device.startswith("cuda") else ""
    versions = {"python": platform.python_version(), "torch": torch.__version__, "diffusers": diffusers.__version__,
                "model": pipeline.fingerprint}  # fmt: skip
    return pipeline, {"device": f"{device}{name}", "versions": versions}


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
