"""Sampling with diffusers' own schedulers (DDIM, DPM-Solver ...), for backbones trained with them (`sd21`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from .denoiser import TIME_SCALE
from .scene import RenderSettings


def pretrained_scheduler() -> DDIMScheduler:
    """Stable Diffusion 2.1's schedule, as its folder has it."""
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        clip_sample=False, set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip


def sample_scheduler(
    scheduler: Any, predict: Callable[[Tensor, Tensor], Tensor], carried: Tensor, noise: Tensor,
    settings: RenderSettings, start: str, report: Callable[[int, Tensor], None] = lambda step, latents: None,
) -> Tensor:  # fmt: skip
    """Latents [1, C, h, w] after `settings.steps` of `scheduler`; `predict(z, t)` takes times in 0..1.

    From the carried picture the steps begin at `settings.start_time` of the schedule (SDEdit, Meng et al. 2022).
    """
    scheduler.set_timesteps(settings.steps, device=noise.device)
    times = scheduler.timesteps
    state = noise * scheduler.init_noise_sigma
    if start == "carried":
        most = settings.start_time * scheduler.config.num_train_timesteps
        times = times[times <= most] if bool((times <= most).any()) else times[-1:]
        state = scheduler.add_noise(carried, noise, times[:1])
    for i, t in enumerate(times):
        share = torch.full((state.shape[0],), float(t) / TIME_SCALE, device=state.device)
        answer = predict(scheduler.scale_model_input(state, t), share)
        step = scheduler.step(answer, t, state)
        state = step.prev_sample
        clean = getattr(step, "pred_original_sample", None)
        report(i, state if clean is None else clean)
    return state
