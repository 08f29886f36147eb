"""One loop for every stage: batches in, loss, optimiser, average, checkpoints, progress."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .checkpoint import load_checkpoint, save_checkpoint
from .stages import Stage

MakeBatch = Callable[[int, torch.Generator], Any]


@dataclass(frozen=True)
class StageSettings:
    """steps or minutes (whichever ends first; 0 = no limit), batch per process, learning rates, average's decay."""

    steps: int = 1000
    minutes: float = 0.0
    batch: int = 8
    learning_rate: float = 2e-4
    warm_up: int = 100
    weight_decay: float = 0.01
    decay: float = 0.999
    clip: float = 1.0


@dataclass
class Progress:
    """Counters of a stage that survive a restart."""

    step: int = 0
    pairs: int = 0
    seconds: float = 0.0
    logs: dict[str, float] = field(default_factory=dict)

    def share(self, settings: StageSettings) -> float:
        """How much of the stage is done, 0..1."""
        by_step = self.step / settings.steps if settings.steps else 0.0
        by_time = self.seconds / 60 / settings.minutes if settings.minutes else 0.0
        return min(1.0, max(by_step, by_time))


def learning_rate(settings: StageSettings, step: int, share: float) -> float:
    """Linear warm-up, constant, linear cool-down over the last fifth."""
    return settings.learning_rate * min(1.0, (step + 1) / settings.warm_up) * min(1.0, (1 - share) / 0.2 + 0.01)


def step_generator(seed: int, step: int, rank: int = 0) -> torch.Generator:
    """All randomness of a step, on the CPU, from (seed, step, rank) alone."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 64 + rank)


def train_stage(
    stage: Stage, name: str, make_batch: MakeBatch, settings: StageSettings, folder: Path, accelerator: Accelerator,
    seed: int, leg_seconds: float = 0.0, checkpoint_seconds: float = 120.0,
    sample: Callable[[Path], None] | None = None,
) -> bool:  # fmt: skip
    """Train `stage` until its settings say so (True) or the leg's time is used up (False).

    Leaves the averaged weights in the stage's modules when it is done. Resumes exactly from `folder`.
    """
    parameters = [p for p in stage.trained.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, settings.learning_rate, (0.9, 0.99), weight_decay=settings.weight_decay)
    stage.trained.to(accelerator.device)
    average = {k: v.detach().float().clone() for k, v in stage.trained.state_dict().items()}
    counters = load_checkpoint(folder / name, stage.trained, average, optimizer)
    progress = Progress(**counters) if counters else Progress()  # type: ignore[arg-type]
    if progress.share(settings) < 1:
        ready, optimizer = accelerator.prepare(stage, optimizer)
        _run(ready, stage, name, make_batch, settings, folder, accelerator, seed, leg_seconds, checkpoint_seconds,
             optimizer, average, progress, sample)  # fmt: skip
    if progress.share(settings) < 1:
        return False
    stage.trained.load_state_dict({k: v.to(stage.trained.state_dict()[k].dtype) for k, v in average.items()})
    return True


def _run(
    ready: nn.Module, stage: Stage, name: str, make_batch: MakeBatch, settings: StageSettings, folder: Path,
    accelerator: Accelerator, seed: int, leg_seconds: float, checkpoint_seconds: float, optimizer, average,
    progress: Progress,
    sample: Callable[[Path], None] | None,
) -> None:  # fmt: skip
    world, rank = accelerator.num_processes, accelerator.process_index
    started = saved = reported = time.monotonic()
    meter = Utilisation(accelerator)
    waited = 0.0
    while (share := progress.share(settings)) < 1 and not (leg_seconds and time.monotonic() - started > leg_seconds):
        begin = time.monotonic()
        generator = step_generator(seed, progress.step, rank)
        batch = make_batch(progress.step * world + rank, generator)
        waited += time.monotonic() - begin
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, progress.step, share)
        if meter.flops is None:
            meter.count(lambda: ready(batch, step_generator(seed, progress.step, rank), share)[0])  # noqa: B023
            optimizer.zero_grad(set_to_none=True)
        with accelerator.autocast():
            loss, progress.logs = ready(batch, generator, share)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(stage.trained.parameters(), settings.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _update_average(average, stage.trained, min(settings.decay, (1 + progress.step) / (10 + progress.step)))
        progress.step += 1
        progress.pairs += settings.batch * world
        progress.seconds += time.monotonic() - begin
        if accelerator.is_main_process and time.monotonic() - reported > 15:
            reported = time.monotonic()
            _report(name, settings, progress, meter, waited)
        if accelerator.is_main_process and time.monotonic() - saved > checkpoint_seconds:
            saved = time.monotonic()
            save_checkpoint(folder / name, stage.trained, average, optimizer, vars(progress))
            if sample is not None:
                sample(folder / f"{name}.png")
    if accelerator.is_main_process:
        _report(name, settings, progress, meter, waited)
        save_checkpoint(folder / name, stage.trained, average, optimizer, vars(progress))


@torch.no_grad()
def _update_average(average: dict[str, Tensor], module: nn.Module, decay: float) -> None:
    for key, value in module.state_dict().items():
        average[key].lerp_(value.float(), 1 - decay)


def _report(name: str, settings: StageSettings, progress: Progress, meter: Utilisation, waited: float) -> None:
    share = max(progress.share(settings), 1e-6)
    line = {
        "stage": name, "step": progress.step, "pairs": progress.pairs, "done": round(share, 4),
        "pairs_per_second": round(progress.pairs / max(progress.seconds, 1e-6), 2),
        "seconds_left": round(progress.seconds * (1 - share) / share), "seconds_on_data": round(waited, 1),
        "utilisation": round(meter.utilisation(progress), 4), **{k: round(v, 4) for k, v in progress.logs.items()},
    }  # fmt: skip
    print(json.dumps(line), flush=True)


class Utilisation:
    """Share of the device's own matrix-multiply rate that the networks' arithmetic reaches.

    The arithmetic is counted on a step of its own, since counting changes how some operations are carried
    out, and with that their last bits; the peak is measured by multiplying large matrices.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self.flops: float | None = None
        dtype = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32
        self.peak = _matmul_rate(accelerator.device, dtype)

    def count(self, loss: Callable[[], Tensor]) -> None:
        """Count one step's forward and backward."""
        counter = FlopCounterMode(display=False)
        with counter:
            with self.accelerator.autocast():
                value = loss()
            self.accelerator.backward(value)
        self.flops = float(counter.get_total_flops())

    def utilisation(self, progress: Progress) -> float:
        return (self.flops or 0.0) * progress.step / max(progress.seconds, 1e-6) / self.peak


def _matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    side = 8192 if device.type == "cuda" else 1024
    a = torch.randn(side, side, device=device, dtype=dtype)
    _ = a @ a
    begin, count = time.monotonic(), 0
    while time.monotonic() - begin < 0.5:
        (a @ a)[0, 0].item()
        count += 1
    return 2 * side**3 * count / (time.monotonic() - begin)
