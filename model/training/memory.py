"""Examples remembered: where training is slow and a set of pairs is small, each batch is made once and kept."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..parts import Parts
from .examples import Example, Precision, make_examples
from .loop import step_generator
from .pairs import PairStream
from .pictures import Pictures, sampled_pictures

PICTURES_SHARE = 3  # one in so many remembered batches is also sampled, which costs most


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
        self.kept_pictures: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def batch(self, step: int, count: int, generator: torch.Generator) -> Example:
        """The batch of `count` examples that belongs to `step`."""
        if not self.distinct:
            return self._make(step, count, generator)
        return self._numbered(self._number(step, self.distinct), count)

    def pictures(self, step: int, count: int, generator: torch.Generator) -> Pictures:
        """A batch with what the sampler makes of it; the denoiser must be finished before the first call."""
        if not self.distinct:
            example = self._make(step, count, generator)
            with self.precision():
                return Pictures(example, *sampled_pictures(self.parts, example, generator))
        number = self._number(step, max(1, self.distinct // PICTURES_SHARE))
        example, key = self._numbered(number, count), (number, count)
        if key not in self.kept_pictures:
            with self.precision():
                made = sampled_pictures(self.parts, example, step_generator(self.seed + 78, number))
            self.kept_pictures[key] = tuple((x * 255).round().byte() for x in made)  # type: ignore[assignment]
        decoded, again = (x.float() / 255 for x in self.kept_pictures[key])
        return Pictures(example, decoded, again)

    def _number(self, step: int, distinct: int) -> int:
        return int(np.random.default_rng((self.seed, step)).integers(distinct))

    def _numbered(self, number: int, count: int) -> Example:
        key = (number, count)
        if key not in self.kept:
            self.kept[key] = self._make(number, count, step_generator(self.seed + 77, number)).packed()
        return self.kept[key].unpacked()

    def _make(self, number: int, count: int, generator: torch.Generator) -> Example:
        pairs = self.stream.batch(number, count).to(self.device)
        return make_examples(pairs, self.parts, generator, precision=self.precision)
