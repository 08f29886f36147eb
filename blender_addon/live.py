"""The live view: which preview is asked for when. No Blender in here, only values, a clock and a way to submit.

While something moves, drafts follow each other: the next one is sent when the last one has arrived, always of the
newest scene, so that the hand is followed as fast as the model can and never slower. When nothing has moved for a
moment, one fine picture is asked for; a new move replaces that at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .protocol.api import RenderSettings, Scene
from .protocol.events import Event, Failed, Picture
from .protocol.messages import Preview, Request

REST_SECONDS = 0.3


class Pending(Protocol):
    """A request on its way, as the background client gives it."""

    done: bool

    def wait(self, seconds: float) -> Event | None: ...
    def cancel(self) -> None: ...


@dataclass(frozen=True)
class Wish:
    """What the view should show: the scene, roughly while it changes and finely when it rests."""

    scene: Scene
    draft: RenderSettings
    fine: RenderSettings


class LiveView:
    """The requests of one viewport."""

    def __init__(self, view: str, submit: Callable[[Request], Pending]) -> None:
        self.picture: np.ndarray | None = None  # uint8 [h, w, 3], the newest that arrived
        self.problem = ""  # why the newest request has no picture
        self._view, self._submit = view, submit
        self._wish: Wish | None = None
        self._changed_at = 0.0
        self._pending: Pending | None = None
        self._asked: tuple[Scene, RenderSettings] | None = None  # the newest request
        self._shown: tuple[Scene, RenderSettings] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is awaited, or will be asked for soon."""
        return self._pending is not None or self._next(float("inf")) is not None

    @property
    def words(self) -> str:
        """The state for the view's corner."""
        if self.problem:
            return self.problem
        wish = self._wish
        if wish is None:
            return ""
        if self._shown == (wish.scene, wish.fine):
            return "Done"
        refining = self._pending is not None and self._asked == (wish.scene, wish.fine)
        return "Refining ..." if refining else "Draft ..."

    def want(self, wish: Wish, now: float) -> None:
        """The newest wish; now: seconds of a monotonic clock."""
        if wish == self._wish:
            return
        self._wish, self._changed_at, self.problem = wish, now, ""

    def refuse(self, sentence: str) -> None:
        """There is nothing to show, and why: an older picture would show something else."""
        self.stop()
        self.problem, self.picture, self._shown = sentence, None, None

    def advance(self, now: float) -> bool:
        """Take in what came and ask for what is next; True when there is something new to show."""
        changed = self._receive()
        request = self._next(now)
        if request is not None:
            scene, settings = request
            self._asked = request
            self._pending = self._submit(Preview(scene=scene, settings=settings, view=self._view, steps_shown=False))
            changed = True
        return changed

    def again(self) -> None:
        """Another server is there: what failed is asked for once more (a scene that was refused still is)."""
        if self.problem and self._wish is not None:
            self.problem, self._asked = "", None

    def stop(self) -> None:
        """Nothing is wanted any more; the last picture stays."""
        if self._pending is not None:
            self._pending.cancel()
        self._pending = self._wish = self._asked = None

    def _receive(self) -> bool:
        pending, changed = self._pending, False
        while pending is not None and (event := pending.wait(0)) is not None:
            if isinstance(event, Picture):
                self.picture, self._shown, changed = event.image, self._asked, True
            elif isinstance(event, Failed) and event.is_failure:
                self.problem, changed = str(event.error()), True
            if event.final:
                self._pending = pending = None
        return changed

    def _next(self, now: float) -> tuple[Scene, RenderSettings] | None:
        """What to ask for now, if anything."""
        wish = self._wish
        if wish is None:
            return None
        draft, fine = (wish.scene, wish.draft), (wish.scene, wish.fine)
        if self._asked in (draft, fine):  # the newest scene is on its way or there
            rested = now - self._changed_at >= REST_SECONDS
            wait = self._asked == fine or self._pending is not None or not rested or bool(self.problem)
            return None if wait else fine
        drafting = self._pending is not None and self._asked is not None and self._asked[1] == wish.draft
        return None if drafting else draft
