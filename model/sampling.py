"""Sampling: rectified flow in few steps, written as pure functions of a velocity field.

z_t = (1 - t) z_0 + t e, velocity v = e - z_0 (Liu et al. 2023, Rectified Flow, section 2.1); t = 1 is noise.
For `sd21` diffusers' own schedulers (DDIM, DPM-Solver) are used instead; see `model.pipeline`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]  # (z [B, C, h, w], t [B]) -> v [B, C, h, w]
START_TIME = 0.7  # the carried picture is noised to this time when sampling starts from it


def flow_times(steps: int, start: float = 1.0, shift: float = 1.0) -> Tensor:
    """Times from `start` down to 0, [steps + 1]; shift > 1 spends more steps near noise (Esser et al. 2024, eq. 23)."""
    t = torch.linspace(start, 0, steps + 1)
    return shift * t / (1 + (shift - 1) * t)


def noised(clean: Tensor, noise: Tensor, t: Tensor | float) -> Tensor:
    """z_t of clean latents and noise [B, C, h, w] at times t [B] (or one time)."""
    t = torch.as_tensor(t, dtype=clean.dtype, device=clean.device).reshape(-1, *[1] * (clean.dim() - 1))
    return (1 - t) * clean + t * noise


def training_state(prediction: str, clean: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Noised latents and what the denoiser shall answer, at times t [B] in 0..1.

    "flow": rectified flow. "v_prediction": Stable Diffusion 2.1's (Salimans and Ho 2022, appendix D), with its
    scaled-linear schedule of 1000 steps.
    """
    if prediction == "flow":
        return noised(clean, noise, t), noise - clean
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, device=clean.device) ** 2
    kept = (1 - betas).cumprod(0)[(t * 1000).long().clamp(0, 999)].view(-1, 1, 1, 1)
    signal, other = kept.sqrt(), (1 - kept).sqrt()
    return signal * clean + other * noise, signal * noise - other * clean


def sample_flow(
    velocity: Velocity,
    latents: Tensor,
    times: Tensor,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Euler steps along `times` [S + 1] from `latents` at times[0] (Liu et al. 2023, algorithm 1).

    `on_step(i, clean estimate)` is called after every step; it may raise to stop.
    """
    for i in range(len(times) - 1):
        now, later = times[i].item(), times[i + 1].item()
        v = velocity(latents, torch.full((latents.shape[0],), now, device=latents.device))
        estimate = latents - now * v
        latents = estimate if later == 0 else latents + (later - now) * v
        if on_step is not None:
            on_step(i, estimate)
    return latents


def starting_latents(carried: Tensor | None, noise: Tensor, start: str, start_time: float) -> tuple[Tensor, float]:
    """Latents and time to start from: pure noise, or the carried picture noised to `start_time`."""
    if start == "carried" and carried is not None:
        return noised(carried, noise, start_time), start_time
    return noise, 1.0


def logit_normal_times(count: int, generator: torch.Generator, shift: float = 1.0) -> Tensor:
    """Training times [count] in 0..1 (Esser et al. 2024, section 3.1), shifted to high noise by `shift`."""
    t = torch.sigmoid(torch.randn(count, generator=generator))
    return shift * t / (1 + (shift - 1) * t)
