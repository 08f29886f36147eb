"""The device at work: time by part, pauses between parts, and a full memory as a sentence."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

from .errors import Cancelled, DeviceMemoryError

P = ParamSpec("P")
R = TypeVar("R")
Pause = Callable[[], None]  # called between parts of long work; raises Cancelled to end it


def never() -> None:
    """A pause that ends nothing."""


def pause_of(cancel: Callable[[], bool] | None) -> Pause:
    """Ends the work with Cancelled once `cancel()` is true."""

    def pause() -> None:
        if cancel is not None and cancel():
            raise Cancelled("The work was cancelled.")

    return pause


def memory_errors_as_sentences(function: Callable[P, R]) -> Callable[P, R]:
    """A full device ends in DeviceMemoryError, with what was cached given back."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise DeviceMemoryError(
                "The graphics card has no memory left: close other programs that use it, or make the picture smaller."
            ) from error

    return wrapped


class Clock:
    """Seconds spent by name, for the device at hand."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.last = time.perf_counter()

    def beside(self, pause: Pause) -> Pause:
        """The pause, whose time is no part's."""

        def timed() -> None:
            start = time.perf_counter()
            pause()
            self.last += time.perf_counter() - start

        return timed

    def mark(self, name: str) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.spent[name] = self.spent.get(name, 0.0) + now - self.last
        self.last = now
