"""Plans: how long each stage trains, on what, for the machines that people have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .loop import StageSettings
from .memory import Window


@dataclass(frozen=True)
class Plan:
    """stages in order with their settings; leg_minutes after which a run stops to be started again (0: never);
    cached_pairs to render beforehand (0: pairs are rendered while training); window: how long batches of examples
    are remembered and used again."""

    stages: dict[str, StageSettings]
    leg_minutes: float = 0.0
    cached_pairs: int = 0
    window: Window = Window()
    bf16: bool = True


_BASE = StageSettings(steps=0, warm_up=40)

PLANS: dict[str, Plan] = {
    # two CPU cores, a few hours
    "cpu": Plan(
        {
            "autoencoder": replace(_BASE, minutes=25, batch=8, learning_rate=1e-3, decay=0.995),
            "surface": replace(_BASE, minutes=40, batch=8, learning_rate=5e-4, decay=0.998),
            "relief": replace(_BASE, minutes=30, batch=8, learning_rate=1e-3, decay=0.998),
            "denoiser": replace(_BASE, minutes=60, batch=8, learning_rate=4e-4, decay=0.998),
            "few_step": replace(_BASE, minutes=30, batch=8, learning_rate=2e-4, decay=0.998),
            "fusion": replace(_BASE, minutes=60, batch=4, learning_rate=6e-4, decay=0.998),
        },
        cached_pairs=2048,
        window=Window(96, refresh=3),
        bf16=False,
    ),
    # one data-centre GPU, 30 minutes in legs of 9 (some minutes go to starting and fetching)
    "gpu30": Plan(
        {
            "autoencoder": replace(_BASE, minutes=3.0, batch=256, learning_rate=1e-3),
            "surface": replace(_BASE, minutes=1.5, batch=128, learning_rate=1e-3),
            "relief": replace(_BASE, minutes=0.7, batch=128, learning_rate=1e-3),
            "denoiser": replace(_BASE, minutes=12, batch=256, learning_rate=4e-4, decay=0.9995),
            "few_step": replace(_BASE, minutes=4, batch=256, learning_rate=1e-4),
            "fusion": replace(_BASE, minutes=3, batch=128, learning_rate=1e-3),
        },
        leg_minutes=9,
        window=Window(24, refresh=4),
    ),
}


def shrink(plan: Plan) -> Plan:
    """The same walk in seconds (`--dry-run`): three steps a stage, batches of two, few cached pairs."""
    stages = {k: replace(v, steps=3, minutes=0.0, batch=2, warm_up=2) for k, v in plan.stages.items()}
    return replace(
        plan,
        stages=stages,
        cached_pairs=min(plan.cached_pairs, 8),
        window=Window(min(plan.window.distinct, 2), plan.window.refresh),
        bf16=False,
    )
