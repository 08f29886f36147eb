"""Examples remembered: making a batch costs more than a training step on it, so each is used several times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..parts import Parts
from .examples import Example, Precision, make_examples
from .loop import step_generator
from .pairs import PairStream
from .pictures import Pictures, sampled_pictures

PICTURES_SHARE = 3  # one in so many remembered batches is also sampled, which costs most


@dataclass(frozen=True)
class Window:
    """Which batches a step may draw: the newest `distinct` ones, a fresh one every `refresh` steps after the
    first `distinct` (0: never, the set stays as it is). distinct 0: every step has a batch of its own."""

    distinct: int = 0
    refresh: int = 0

    def numbers(self, step: int) -> range:
        """Numbers of the batches that `step` may draw; `distinct` must not be 0."""
        first = step // self.refresh if self.refresh else 0
        return range(first, first + self.distinct)

    def draw(self, step: int, seed: int) -> int:
        if not self.distinct:
            return step
        numbers = self.numbers(step)
        return numbers[int(np.random.default_rng((seed, step)).integers(len(numbers)))]

    def thinned(self, share: int) -> Window:
        """A window of one in `share` batches, refreshed as much more slowly."""
        return Window(max(1, self.distinct // share) if self.distinct else 0, self.refresh * share)


class ExampleMemory:
    """Batches of examples by step, kept packed on the training device while their window lasts.

    Stateless as the pairs are: which batch a step sees, and what is in it, follows from seed and step alone.
    The pairs' own networks (autoencoder, surface) must be finished before the first call.
    """

    def __init__(
        self, stream: PairStream, parts: Parts, window: Window, seed: int, precision: Precision, device: torch.device
    ) -> None:
        self.stream, self.parts, self.window, self.seed = stream, parts, window, seed
        self.precision, self.device = precision, device
        self.kept: dict[tuple[int, ...], Example] = {}
        self.kept_pictures: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}

    def batch(self, step: int, count: int) -> Example:
        """The batch of `count` examples that belongs to `step`."""
        return self._example(self.window.draw(step, self.seed), step, count, self.window, False)

    def pictures(self, step: int, count: int) -> Pictures:
        """A batch with what the sampler makes of it; the denoiser must be finished before the first call."""
        window = self.window.thinned(PICTURES_SHARE)
        number = window.draw(step, self.seed)
        example, key = self._example(number, step, count, window, True), (number, count)
        if key not in self.kept_pictures:
            with self.precision():
                made = sampled_pictures(self.parts, example, step_generator(self.seed + 78, number))
            decoded, again = ((picture * 255).round().byte() for picture in made)
            self._keep(self.kept_pictures, key, (decoded, again), step, window)
        decoded, again = (picture.float() / 255 for picture in self.kept_pictures[key])
        return Pictures(example, decoded, again)

    def _example(self, number: int, step: int, count: int, window: Window, fitted: bool) -> Example:
        key = (number, count, int(fitted))
        if key not in self.kept:
            pairs = self.stream.batch(number, count).to(self.device)
            generator = step_generator(self.seed + 77, number)
            made = make_examples(pairs, self.parts, generator, precision=self.precision, fitted=fitted).packed()
            self._keep(self.kept, key, made, step, window)
        return self.kept[key].unpacked()

    def _keep(self, kept: dict, key: tuple[int, ...], value: object, step: int, window: Window) -> None:
        """Remember, and forget what no later step can draw."""
        oldest = window.numbers(step)[0] if window.distinct else key[0]
        for old in [k for k in kept if k[0] < oldest or (not window.distinct and k != key)]:
            del kept[old]
        kept[key] = value
