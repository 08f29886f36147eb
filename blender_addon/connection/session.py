"""This Blender's one connection, and the timer of the main thread that serves it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from weakref import WeakSet

import bpy

from ..identity import TAB, VERSION
from ..protocol.errors import ProtocolError
from .bridge import Bridge

_BUSY, _IDLE = 0.01, 0.25  # seconds between two looks for answers
_STATUS_SECONDS = 1.0  # between two questions for the status while the panel is seen

bridge = Bridge(VERSION)
views: WeakSet = WeakSet()  # of viewport.Viewport; each has `tick`, which is True while it waits for something
_shown: tuple[object, ...] = ()
_asked_at = 0.0  # when the status was asked for last
_idling = True


def tick() -> float:
    """Hands out what came, moves every live view on, redraws panels whose words changed; the next look's delay."""
    try:
        changed = bridge.pump()
    except ProtocolError:
        changed = True  # the bridge keeps the sentence and the panel shows it
    _follow_status(time.monotonic())
    waiting = [view.tick(time.monotonic()) for view in list(views)]
    if changed or _words_changed():
        redraw_panels()
    global _idling
    _idling = not any(waiting) and not bridge.is_busy
    return _IDLE if _idling else _BUSY


def hurry() -> None:
    """End an idle pause: look for answers soon. A pause that is short already stays, else quick redraws would put the
    look off for ever. Does nothing where no timer runs."""
    global _idling
    if _idling and bpy.app.timers.is_registered(tick):
        _idling = False
        bpy.app.timers.unregister(tick)
        bpy.app.timers.register(tick, first_interval=_BUSY, persistent=True)


def _follow_status(now: float) -> None:
    """Ask for the status again while somebody looks at the panel."""
    global _asked_at
    if bridge.is_ready and now - _asked_at >= _STATUS_SECONDS and _panel_is_seen():
        _asked_at = now
        bridge.ask_status()


def _panel_is_seen() -> bool:
    """Whether a sidebar is open at our tab."""
    return any(
        (area.type, region.type) == ("VIEW_3D", "UI") and region.width > 1 and region.active_panel_category == TAB
        for area, region in _regions()
    )


def redraw_panels() -> None:
    for area, region in _regions():
        if (area.type, region.type) in (("VIEW_3D", "UI"), ("PROPERTIES", "WINDOW"), ("PREFERENCES", "WINDOW")):
            region.tag_redraw()


def _regions() -> Iterator[tuple[bpy.types.Area, bpy.types.Region]]:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                yield area, region


def _words_changed() -> bool:
    global _shown
    words = (bridge.state, bridge.problem, bridge.installation, bridge.test is not None and bridge.test.is_done)
    changed, _shown = words != _shown, words
    return changed


def register() -> None:
    if not bpy.app.background:
        bpy.app.timers.register(tick, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    bridge.close()
