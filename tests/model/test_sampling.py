"""The sampler on distributions whose velocity is known in closed form."""

from __future__ import annotations

import pytest
import torch

from model.sampling import flow_times, logit_normal_times, noised, sample_flow, starting_latents

MEAN, DEVIATION = 1.5, 0.4


def gaussian_velocity(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The exact velocity of rectified flow towards N(MEAN, DEVIATION^2)."""
    t = t[:, None, None, None]
    variance = (1 - t) ** 2 * DEVIATION**2 + t**2
    centred = z - (1 - t) * MEAN
    clean = MEAN + (1 - t) * DEVIATION**2 / variance * centred
    noise = t / variance * centred
    return noise - clean


def test_sampler_reaches_a_gaussian():
    noise = torch.randn(64, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    made = sample_flow(gaussian_velocity, noise, flow_times(200))
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(made.std()) == pytest.approx(DEVIATION, abs=0.02)


def test_one_step_reaches_a_single_picture_from_anywhere():
    picture = torch.rand(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    state, start = starting_latents(picture + 0.3, torch.randn(1, 4, 8, 8), "carried", 0.7)
    made = sample_flow(lambda z, t: (z - picture) / t[:, None, None, None], state, flow_times(1, start))
    torch.testing.assert_close(made, picture, atol=1e-5, rtol=0)


def test_starts():
    clean, noise = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    state, start = starting_latents(clean, noise, "carried", 0.6)
    assert start == 0.6 and torch.allclose(state, noised(clean, noise, 0.6))
    state, start = starting_latents(clean, noise, "noise", 0.6)
    assert start == 1.0 and torch.equal(state, noise)


def test_times_fall_from_start_to_zero():
    times = flow_times(4, 0.7, shift=2.0)
    assert times[0] == pytest.approx(2 * 0.7 / 1.7) and times[-1] == 0
    assert (times[1:] < times[:-1]).all()


def test_high_noise_shift_moves_times_up():
    plain = logit_normal_times(4096, torch.Generator().manual_seed(0))
    shifted = logit_normal_times(4096, torch.Generator().manual_seed(0), 3.0)
    assert float(plain.mean()) == pytest.approx(0.5, abs=0.02)
    assert (shifted > plain).all() and float(shifted.max()) < 1


def test_each_step_is_reported_and_may_stop():
    seen: list[int] = []

    def stop(step: int, estimate: torch.Tensor) -> None:
        seen.append(step)
        if step == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sample_flow(gaussian_velocity, torch.zeros(1, 1, 2, 2), flow_times(5), stop)
    assert seen == [0, 1]
