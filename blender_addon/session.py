"""This Blender's one connection, and the timer of the main thread that serves it."""

from __future__ import annotations

import time
from weakref import WeakSet

import bpy

from .bridge import Bridge
from .preferences import target
from .protocol.errors import ProtocolError

VERSION = "0.1.0"
_BUSY, _IDLE = 0.025, 0.25  # seconds between two looks for answers

bridge = Bridge(VERSION)
views: WeakSet = WeakSet()  # of viewport.Viewport; each has `tick`, which is True while it waits for something
_shown = ""
_idling = True


def tick() -> float:
    """Hands out what came, moves every live view on, redraws panels whose words changed; the next look's delay."""
    try:
        changed = bridge.pump()
    except ProtocolError:
        changed = True  # the bridge keeps the sentence and the panel shows it
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


def redraw_panels() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if (area.type, region.type) in (("VIEW_3D", "UI"), ("PROPERTIES", "WINDOW")):
                    region.tag_redraw()


def configure() -> None:
    """Take the preferences over; they are read in the main thread only."""
    bridge.target = target()


def _words_changed() -> bool:
    global _shown
    words = bridge.words + bridge.problem
    changed, _shown = words != _shown, words
    return changed


def register() -> None:
    configure()
    if not bpy.app.background:
        bpy.app.timers.register(tick, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    bridge.close()
