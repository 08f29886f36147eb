"""`python -m server.bench`: what the way through client and server adds to a picture.

A box is moved; the time until its finished preview is there, through the background client and a real server process,
is compared with the bare call of the pipeline in this process. Both take turns on the same poses in one run, so that
whatever else the machine does falls on both. Every pair of pictures must be equal.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: the side that waits must not spin

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from . import convert
from .asset_folder import LoadedAssets
from .options import ROOT, Options
from .protocol.api import Box, Camera, Placement, RenderSettings, Scene
from .protocol.background_client import BackgroundClient
from .protocol.client import Client
from .protocol.events import ModelState, Picture
from .protocol.messages import Preview

CAMERA = Camera((1.1, 1.1, 0.5, 0.5), (1, 0, 0, 0, 0, 0, -1, 0.5, 0, 1, 0, 4, 0, 0, 0, 1))
AIM = 1.1


def main(arguments: list[str] | None = None) -> int:
    """Print the figures as JSON; exit code 1 when pictures differ."""
    parser = argparse.ArgumentParser(prog="python -m server.bench", description="The way through client and server.")
    parser.add_argument("--weights", type=Path, default=Options().weights)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args(arguments)
    settings = RenderSettings(options.size, options.size, options.steps)
    with tempfile.TemporaryDirectory() as store:
        command = [sys.executable, "-m", "server", "--store", store, "--weights", str(options.weights.resolve())]
        server = subprocess.Popen(
            [*command, "--device", options.device, "--parent", str(os.getpid())], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["address"]
            figures = measure(address, Path(store), options, settings)
        finally:
            server.terminate()
            server.wait()
    print(json.dumps(figures, indent=1))
    return 0 if figures["equal_pictures"] == options.pairs else 1


def measure(address: str, store: Path, options: argparse.Namespace, settings: RenderSettings) -> dict[str, Any]:
    """The two ways in turns."""
    from model.pipeline import NeuralAssetsPipeline

    pipeline = NeuralAssetsPipeline.load(options.weights, options.device)
    with Client(address, timeout=120) as client:
        while client.status().model is ModelState.STARTING:
            time.sleep(0.2)
        scene = _scene(client)
    assets = LoadedAssets(store / "assets")
    background = BackgroundClient(address)
    background.start()
    while background.ready is None:
        time.sleep(0.01)
    pairs, equal = [], 0
    for turn in range(options.pairs + 2):  # the first two warm both sides up
        moved = _moved(scene, 0.05 * turn)
        start = time.perf_counter()
        bare = pipeline.render(convert.scene(moved, assets.load), convert.settings(settings))
        middle = time.perf_counter()
        moved = _moved(scene, 0.05 * turn)  # the contract's checks are a part of the way
        through = background.submit(Preview(scene=moved, settings=settings, steps_shown=False)).wait(600)
        end = time.perf_counter()
        if turn >= 2 and isinstance(through, Picture):
            pairs.append((middle - start, end - middle, sum(through.timings.values())))
            equal += np.array_equal(bare.image, through.image)
    background.stop()
    bare_s, through_s, inside_s = (median(column) for column in zip(*pairs, strict=True))
    ratio = median(through / bare for bare, through, _ in pairs)
    return {
        "size": settings.width, "steps": settings.steps, "device": options.device, "pairs": len(pairs),
        "bare_s": round(bare_s, 4), "through_server_s": round(through_s, 4), "ratio": round(ratio, 3), "aim": AIM,
        "outside_the_pipeline_s": round(median(through - inside for _, through, inside in pairs), 4),
        "pipeline_in_worker_s": round(inside_s, 4), "equal_pictures": int(equal),
    }  # fmt: skip


def _scene(client: Client) -> Scene:
    """Two boxes of a picture that this makes: coloured squares on a gradient."""
    image = np.zeros((256, 256, 3), np.uint8)
    image[..., 0] = np.linspace(60, 200, 256)[None]
    image[..., 2] = np.linspace(200, 60, 256)[:, None]
    image[110:190, 40:110] = (220, 60, 40)
    image[110:190, 150:220] = (40, 190, 80)
    boxes = [_box(-0.7, 0.0), _box(0.7, 0.0)]
    made = client.encode(image, boxes, CAMERA, names=["Red", "Green"])
    placed = tuple(Placement(a.name, a.id, b) for a, b in zip(made.assets, boxes, strict=True))
    return Scene(CAMERA, placed, made.background and made.background.id)


def _box(x: float, turn: float) -> Box:
    c, s = math.cos(turn), math.sin(turn)
    return Box((c, -s, 0, x, s, c, 0, 0, 0, 0, 1, 0.4, 0, 0, 0, 1), (0.8, 0.8, 0.8))


def _moved(scene: Scene, turn: float) -> Scene:
    first = replace(scene.placements[0], box=_box(-0.7 + 0.3 * turn, turn))
    return replace(scene, placements=(first, *scene.placements[1:]))


if __name__ == "__main__":
    sys.exit(main())
