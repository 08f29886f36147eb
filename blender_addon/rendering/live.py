"""The live view: which preview is asked for when. No Blender in here, only values, a clock and a way to submit.

While something moves, drafts follow each other: the next one is sent when the last one has arrived, always of the
newest scene, so that the hand is followed as fast as the model can and never slower. When nothing has moved for a
moment, one fine picture is asked for; a new move replaces that at once.

What the scene is refused for is asked again when the scene changes, what the connection failed at when there is a new
one. Any other failure stops the view until somebody says to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..protocol.api import RenderSettings, Scene
from ..protocol.errors import ErrorCode
from ..protocol.events import Event, Failed, Picture
from ..protocol.messages import Preview, Request
from .pace import Pace

REST_SECONDS = 0.3
_MENDED_BY_A_CHANGE = {
    ErrorCode.BOX, ErrorCode.CAMERA, ErrorCode.SCENE, ErrorCode.SETTINGS, ErrorCode.IMAGE, ErrorCode.ASSET_MISSING,
    ErrorCode.ASSET_DAMAGED, ErrorCode.BUSY, ErrorCode.UNREACHABLE, ErrorCode.LOST,
}  # fmt: skip


class Pending(Protocol):
    """A request on its way, as the background client gives it."""

    done: bool

    def wait(self, seconds: float) -> Event | None: ...
    def cancel(self) -> None: ...


class Seen(Protocol):
    """What a view sees; equal ones give equal pictures."""

    @property
    def scene(self) -> Scene:
        """Made only when it is asked for; raises ProtocolError when no picture of it can be made."""
        ...


@dataclass(frozen=True)
class Wish:
    """What the view should show: what it sees, at most as fine as `draft` while it changes and as `fine` when it
    rests."""

    seen: Seen
    draft: RenderSettings
    fine: RenderSettings


@dataclass(frozen=True)
class Asked:
    """One request: what is seen, its settings, whether it is the fine one, when it was sent, and how long it took."""

    seen: Seen
    settings: RenderSettings
    is_fine: bool
    sent: float
    seconds: float = 0.0

    @property
    def scene(self) -> Scene:
        return self.seen.scene


class LiveView:
    """The requests of one viewport."""

    def __init__(self, view: str, submit: Callable[[Request], Pending]) -> None:
        self.picture: np.ndarray | None = None  # uint8 [h, w, 3], the newest that arrived
        self.alpha: np.ndarray | None = None  # its coverage by objects, uint8 [h, w]
        self.shown: Asked | None = None  # what it was asked for
        self.problem = ""  # why the newest request has no picture
        self.is_paused = False  # by hand
        self.is_stopped = False  # by a failure that no change of the scene mends
        self._view, self._submit = view, submit
        self._pace = Pace()
        self._wish: Wish | None = None
        self._changed_at = 0.0
        self._pending: Pending | None = None
        self._asked: Asked | None = None  # the newest request

    @property
    def busy(self) -> bool:
        """Whether something is awaited, or will be asked for soon."""
        return self._pending is not None or self._next(float("inf")) is not None

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is asked for until `go_on`."""
        return self.is_paused or self.is_stopped

    @property
    def words(self) -> str:
        """The state for the view's corner."""
        if self.problem:
            return self.problem
        if self.is_paused:
            return "Paused"
        wish = self._wish
        if wish is None:
            return ""
        if self.finished is not None:
            return "Done"
        refining = self._pending is not None and self._asked is not None and self._asked.is_fine
        return "Refining ..." if refining else "Draft ..."

    @property
    def finished(self) -> np.ndarray | None:
        """The refined picture of the newest scene; None while it is awaited."""
        wish, shown = self._wish, self.shown
        if wish is None or shown is None or not (shown.is_fine and self._is_of(shown, wish)):
            return None
        return self.picture

    def want(self, wish: Wish, now: float) -> None:
        """The newest wish; now: seconds of a monotonic clock."""
        if wish == self._wish:
            return
        self._wish, self._changed_at = wish, now
        if not self.is_stopped:
            self.problem = ""

    def refuse(self, sentence: str) -> None:
        """There is nothing to show, and why: an older picture would show something else."""
        self._drop()
        self._wish, self.picture, self.shown = None, None, None
        if not self.is_stopped:
            self.problem = sentence

    def pause(self) -> None:
        """Ask for nothing until `go_on`; the last picture stays."""
        self._drop()
        self.is_paused = True

    def halt(self, sentence: str) -> None:
        """Stop because of something that no change of the scene mends; the last picture stays."""
        self._drop()
        self.is_stopped, self.problem = True, sentence

    def go_on(self) -> None:
        """After `pause`, or after a failure."""
        self.is_paused = self.is_stopped = False
        self.problem, self._asked = "", None

    def advance(self, now: float) -> bool:
        """Take in what came and ask for what is next; True when there is something new to show. Raises ProtocolError
        when there can be no picture of what is seen."""
        changed = self._receive(now)
        request = self._next(now)
        if request is not None:
            preview = Preview(scene=request.scene, settings=request.settings, view=self._view, steps_shown=False)
            self._asked, self._pending = request, self._submit(preview)
            changed = True
        return changed

    def again(self) -> None:
        """Another server is there: what failed is asked for once more (a scene that was refused still is)."""
        if self.problem and self._wish is not None:
            self.is_stopped, self.problem, self._asked = False, "", None

    def stop(self) -> None:
        """Nothing is wanted any more; the last picture stays."""
        self._drop()
        self._wish = None

    def _drop(self) -> None:
        """Await nothing: what still comes is not shown."""
        if self._pending is not None:
            self._pending.cancel()
        self._pending = self._asked = None

    def _receive(self, now: float) -> bool:
        pending, asked, changed = self._pending, self._asked, False
        while pending is not None and asked is not None and (event := pending.wait(0)) is not None:
            if event.final:
                self._pending = pending = None
            if isinstance(event, Picture):
                seconds = now - asked.sent
                self.picture, self.alpha, changed = event.image, event.alpha, True
                self.shown = replace(asked, seconds=seconds)
                if not asked.is_fine:
                    self._pace.took(asked.settings, seconds, now)
            elif isinstance(event, Failed) and event.is_failure:
                changed, self.problem = True, str(event.error())
                self.is_stopped = event.code not in _MENDED_BY_A_CHANGE
        return changed

    def _next(self, now: float) -> Asked | None:
        """What to ask for now, if anything."""
        wish, asked = self._wish, self._asked
        if wish is None or self.is_waiting:
            return None
        if asked is not None and self._is_of(asked, wish):  # the newest scene is on its way or there
            rested = now - self._changed_at >= REST_SECONDS
            wait = asked.is_fine or self._pending is not None or not rested or bool(self.problem)
            return None if wait else Asked(wish.seen, wish.fine, True, now)
        if self._pending is not None and asked is not None and not asked.is_fine:
            return None  # the next draft when this one has come
        return Asked(wish.seen, self._pace.draft(wish.draft, now), False, now)

    @staticmethod
    def _is_of(asked: Asked, wish: Wish) -> bool:
        """Whether a request is for this wish; a draft may be rougher than the wish allows."""
        if asked.is_fine:
            return (asked.seen, asked.settings) == (wish.seen, wish.fine)
        allowed = (asked.settings.seed, asked.settings.guidance) == (wish.draft.seed, wish.draft.guidance)
        return allowed and asked.seen == wish.seen
