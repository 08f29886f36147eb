"""How rough the pictures of a moving hand have to be, so that they follow it. Only values and a clock.

The scene's settings say how fine a draft may be at most. What a picture took says which of the rougher ones are quick
enough: first fewer steps, then fewer pixels. What was measured is forgotten after a while, since other programs come
and go, and a device that is fast again gets finer drafts again.
"""

from __future__ import annotations

from dataclasses import replace

from ..protocol.api import RenderSettings
from ..protocol.limits import MIN_SIDE

QUICK_SECONDS = 0.2  # five pictures in a second follow a hand
_MEMORY_SECONDS = 10.0
_GAIN = 0.9  # a rougher picture must be this much quicker to be worth it
_SHARES = (0.75, 0.5)  # of the sides, once there is a single step


class Pace:
    """Measured seconds of one view's drafts."""

    def __init__(self) -> None:
        self._measured: dict[tuple[float, ...], tuple[float, float]] = {}  # (seconds, when)

    def took(self, settings: RenderSettings, seconds: float, now: float) -> None:
        """A picture of these settings came after so many seconds."""
        self._measured[_cost(settings)] = seconds, now

    def draft(self, finest: RenderSettings, now: float) -> RenderSettings:
        """The finest settings, at most these, that are quick enough; else the quickest."""
        levels = _levels(finest)
        measured = {place: self._measured.get(_cost(level)) for place, level in enumerate(levels)}
        known = {place: found[0] for place, found in measured.items() if found and now - found[1] < _MEMORY_SECONDS}
        if not known:
            return finest
        tried = levels[: max(known) + 2]  # one level rougher at a time: rougher is not always quicker
        seconds = [_expected(place, levels, known) for place in range(len(tried))]
        enough = min(seconds) / _GAIN
        return next(level for level, needs in zip(tried, seconds, strict=True) if needs <= max(QUICK_SECONDS, enough))


def _expected(place: int, levels: list[RenderSettings], known: dict[int, float]) -> float:
    """Seconds of a level: measured, or those of the nearest measured one by their work."""
    nearest = min(known, key=lambda other: abs(other - place))
    return known[nearest] * _work(levels[place]) / _work(levels[nearest])


def _cost(settings: RenderSettings) -> tuple[float, ...]:
    """What the time of a picture depends on."""
    return settings.width, settings.height, settings.steps, settings.guidance


def _work(settings: RenderSettings) -> int:
    return settings.width * settings.height * settings.steps


def _levels(finest: RenderSettings) -> list[RenderSettings]:
    """From the finest to the roughest."""
    levels = [finest]
    while levels[-1].steps > 1:
        levels.append(replace(finest, steps=levels[-1].steps // 2))
    for share in _SHARES:
        width, height = (max(MIN_SIDE, round(side * share)) for side in (finest.width, finest.height))
        levels.append(replace(levels[-1], width=width, height=height))
    return list(dict.fromkeys(levels))
