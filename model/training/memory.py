"""Examples remembered: making a batch costs more than a training step on it, so each is used several times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..data.frames import Pairs
from ..parts import Parts
from .examples import Example, Precision, make_examples
from .loop import step_generator
from .pairs import PairStream
from .pictures import Pictures, drawn_pictures, pipeline_of

PICTURES_SHARE = 3  # so many times fewer batches are drawn by the sampler, which costs most


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
        self.pipeline = pipeline_of(parts)
        self.kept_pictures: dict[tuple[int, ...], Pictures] = {}

    def batch(self, step: int, count: int) -> Example:
        """The batch of `count` examples that belongs to `step`."""
        number = self.window.draw(step, self.seed)
        key = (number, count)
        if key not in self.kept:
            generator = step_generator(self.seed + 77, number)
            made = make_examples(self._pairs(number, count), self.parts, generator, precision=self.precision)
            self._keep(self.kept, key, made.packed(), step, self.window)
        return self.kept[key].unpacked()

    def pictures(self, step: int, count: int) -> Pictures:
        """A batch as the finished denoiser's sampler draws it."""
        window = self.window.thinned(PICTURES_SHARE)
        number = window.draw(step, self.seed)
        key = (number, count)
        if key not in self.kept_pictures:
            made = drawn_pictures(self.pipeline, self._pairs(number, count), step_generator(self.seed + 78, number))
            self._keep(self.kept_pictures, key, made.packed(), step, window)
        return self.kept_pictures[key].unpacked()

    def _pairs(self, number: int, count: int) -> Pairs:
        return self.stream.batch(number, count).to(self.device)

    def _keep(self, kept: dict, key: tuple[int, ...], value: object, step: int, window: Window) -> None:
        """Remember, and forget what no later step can draw."""
        oldest = window.numbers(step)[0] if window.distinct else key[0]
        for old in [k for k in kept if k[0] < oldest or (not window.distinct and k != key)]:
            del kept[old]
        kept[key] = value
