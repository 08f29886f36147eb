"""`python -m model.bench`: how long a picture takes, where the time goes, and what memory it needs.

Times are medians of five warm calls at 256 x 256 on the device at hand. Peak memory is that of a
fresh process that loads the weights, encodes one picture and renders one.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .data import convert
from .data.as_scene import Encoded, encode_source
from .data.frames import Pairs, PairSource
from .evaluation.loading import load_pipeline
from .geometry import look_at
from .scene import Box, PinholeCamera, Placement, RenderSettings, Scene

WEIGHTS = Path("model/weights/base")
SIZE, STEPS, RUNS, MANY = 256, 4, 5, 32
SEED = 77
RATE_SECONDS, RATE_BATCH = 6.0, 8  # of a renderer's rate
LIMITS = {"render_s": 2.0, "encode_s": 0.5, "boxes_ratio": 1.3, "peak_gib": 2.0}
TARGET_RATES = {"procedural_pairs_s": 12.0, "meshes_pairs_s": 6.0}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark of the command line."""
    options = _parser().parse_args(arguments)
    with torch.no_grad():
        if options.memory_only:
            _render_once(options.weights)
            print(json.dumps(_peak_bytes()))
            return
        figures: dict[str, Any] = {"device": device_name(), "threads": torch.get_num_threads()}
        print(f"{figures['device']}, {figures['threads']} threads, torch {torch.__version__}")
        if options.weights.is_dir():
            figures |= pipeline_figures(options.weights)
            figures["peak_gib"] = peak_memory(options.weights)
        else:
            print(f"no weights in {options.weights}: only the renderers are measured")
        figures |= renderer_figures(options.assets)
    print_figures(figures)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def pipeline_figures(weights: Path) -> dict[str, Any]:
    """Encode, render with one and with 32 boxes, and the split of one render, in seconds."""
    pipe, pair = load_pipeline(weights), _pair()
    settings = RenderSettings(width=SIZE, height=SIZE, steps=STEPS)
    encoded = encode_source(pipe, pair)
    encode, _ = timed(lambda: encode_source(pipe, pair))
    one, timings = timed(lambda: pipe.render(scene_of(pair, encoded, 1), settings).timings)
    many, many_timings = timed(lambda: pipe.render(scene_of(pair, encoded, MANY), settings).timings)
    return {
        "preset": pipe.model_config.preset,
        "encode_s": encode, "render_s": one, "render_32_s": many,
        "boxes_ratio": many / one, "split_s": _split(timings),
        "split_32_s": _split(many_timings),
    }  # fmt: skip


def _split(timings: list[dict[str, float]]) -> dict[str, float]:
    """Median seconds of every part of a render."""
    return {key: statistics.median(t[key] for t in timings) for key in timings[0]}


def scene_of(pair: Pairs, encoded: Encoded, count: int) -> Scene:
    """A scene of `count` boxes: the encoded assets in turn, spread around their places.

    Every box is nudged a little by its number and by the clock, so that no cached answer serves.
    """
    random = np.random.default_rng(time.perf_counter_ns())
    placements = []
    for index in range(count):
        which = index % len(encoded.assets)
        box = convert.box_of(pair.source, encoded.slots[which])
        pose = box.pose.copy()
        spread = 0.05 if index < len(encoded.assets) else 1.0
        pose[:2, 3] += random.uniform(-spread, spread, 2).astype(np.float32) * box.size[:2]
        placements.append(Placement(encoded.assets[which], Box(pose, box.size)))
    return Scene(convert.camera_of(pair.source), tuple(placements), encoded.background)


def timed(action: Callable[[], Any]) -> tuple[float, list[Any]]:
    """Median seconds of `RUNS` warm calls, and what they returned."""
    action()
    seconds, results = [], []
    for _ in range(RUNS):
        _wait()
        start = time.perf_counter()
        results.append(action())
        _wait()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), results


def peak_memory(weights: Path) -> float:
    """Peak resident memory in GiB of a fresh process that renders one picture."""
    command = [sys.executable, "-m", "model.bench", "--memory-only", "--weights", str(weights)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1]) / 2**30


def renderer_figures(assets: Path | None) -> dict[str, float]:
    """Pairs a second of the procedural engine and, given assets, of the mesh renderer."""
    from .data.procedural import ProceduralSource

    figures = {"procedural_pairs_s": rate(ProceduralSource())}
    if assets:
        from .data.meshes import MeshSource

        figures["meshes_pairs_s"] = rate(MeshSource(assets))
    return figures


def rate(source: PairSource) -> float:
    """Pairs a second of a source at 256 x 256, first call left out."""
    source.pairs(RATE_BATCH, SIZE, SEED)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < RATE_SECONDS:
        source.pairs(RATE_BATCH, SIZE, SEED + 1 + count)
        count += RATE_BATCH
    return count / (time.perf_counter() - start)


def device_name() -> str:
    """The accelerator, or the processor and its number of cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU {platform.processor() or platform.machine()}"


def print_figures(figures: dict[str, Any]) -> None:
    """One line a figure, beside the mark to reach."""
    for key, value in figures.items():
        if isinstance(value, dict):
            parts = ", ".join(f"{name} {seconds:.3f}" for name, seconds in value.items())
            print(f"{key:20} {parts}")
        elif isinstance(value, float):
            mark = f"(at most {LIMITS[key]:g})" if key in LIMITS else ""
            mark = f"(at least {TARGET_RATES[key]:g})" if key in TARGET_RATES else mark
            print(f"{key:20} {value:8.3f} {mark}")


def _pair() -> Pairs:
    from .data.procedural import ProceduralSource

    source = ProceduralSource()
    for seed in range(SEED, SEED + 20):
        pair = source.pairs(1, SIZE, seed, split="unseen_instances")
        if convert.usable_slots(pair.source).sum() >= 3:
            return pair
    raise RuntimeError("The procedural engine made no scene with three objects.")


def _render_once(weights: Path) -> None:
    """Load, encode and render one picture of three boxes: plain input, no engine in the memory."""
    pipe = load_pipeline(weights)
    image = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    eye, aim = torch.tensor([0.0, -5.0, 2.0]), torch.tensor([0.0, 0.0, 0.5])
    camera = PinholeCamera(np.array([1.2, 1.2, 0.5, 0.5]), look_at(eye, aim).numpy())
    boxes = []
    for x in (-1.2, 0.0, 1.2):
        pose = np.eye(4)
        pose[:3, 3] = (x, 0, 0.5)
        boxes.append(Box(pose, np.ones(3)))
    assets, background = pipe.encode(image, boxes, camera)
    placements = tuple(Placement(a, b) for a, b in zip(assets, boxes, strict=True))
    settings = RenderSettings(width=SIZE, height=SIZE, steps=STEPS)
    pipe.render(Scene(camera, placements, background), settings)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.bench", description="Time and memory")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="pipeline folder")
    parser.add_argument("--assets", type=Path, help="folder of meshes and HDRIs: measures their renderer")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--memory-only", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
