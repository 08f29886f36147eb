"""Examples remembered: where training is slow and a set of pairs is small, each batch is made once and kept."""

from __future__ import annotations

import numpy as np
import torch

from ..parts import Parts
from .examples import Example, Precision, make_examples
from .loop import step_generator
from .pairs import PairStream


class ExampleMemory:
    """Batches of examples by step; with `distinct` > 0 only so many different ones, kept packed in memory.

    Stateless as the pairs are: which batch a step sees, and what is in it, follows from the seed alone.
    The pairs' own networks (autoencoder, surface) must be finished before the first call.
    """

    def __init__(
        self,
        stream: PairStream,
        parts: Parts,
        distinct: int,
        seed: int,
        precision: Precision,
        device: torch.device,
    ) -> None:
        self.stream, self.parts, self.distinct, self.seed = stream, parts, distinct, seed
        self.precision, self.device = precision, device
        self.kept: dict[tuple[int, int], Example] = {}

    def batch(self, step: int, count: int, generator: torch.Generator) -> Example:
        """The batch of `count` examples that belongs to `step`."""
        if not self.distinct:
            return self._make(step, count, generator)
        number = int(np.random.default_rng((self.seed, step)).integers(self.distinct))
        key = (number, count)
        if key not in self.kept:
            self.kept[key] = self._make(number, count, step_generator(self.seed + 77, number)).packed()
        return self.kept[key].unpacked()

    def _make(self, number: int, count: int, generator: torch.Generator) -> Example:
        pairs = self.stream.batch(number, count).to(self.device)
        return make_examples(pairs, self.parts, generator, precision=self.precision)
