"""From the mouse to the screen: how long after a mouse event the picture is seen that shows what it did."""

from __future__ import annotations

import random
import threading
import time

import bpy
import numpy as np

from tests.gui.inside.artist import Artist, Pauses
from tests.gui.inside.mouse import Mouse

SINGLE_PIXELS = 12  # of one event; of one alone
SWEEP_SECONDS, SWEEP_PIXELS = 12.0, 2  # of the constant movement; of each of its events
EVENT_SECONDS = 1 / 60
WAIT_SECONDS = 60.0  # for a picture
BOX = "Left"


class Screen:
    """Which pictures came to the screen, and when. A picture is there when Blender's loop goes on after drawing it."""

    def __init__(self, artist: Artist) -> None:
        self.seen: list[tuple[float, float, bool]] = []  # (when, the box's x in it, whether it is a refined one)
        self._artist, self._last = artist, None
        self._handler = bpy.types.SpaceView3D.draw_handler_add(self._drawn, (), "WINDOW", "POST_PIXEL")

    def _drawn(self) -> None:
        live = self._artist.live_views()[0]
        if live.picture is not None and live.picture is not self._last:
            self._last = live.picture
            poses = {placement.name: placement.box.pose for placement in live.shown.scene.placements}
            told = (poses[BOX][3], live.shown.is_fine)

            def swapped() -> None:
                self.seen.append((time.perf_counter(), *told))

            bpy.app.timers.register(swapped, first_interval=0.0)

    def close(self) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self._handler, "WINDOW")


def mouse_to_picture(artist: Artist) -> Pauses:
    """settings: count of single events. Figures: seconds "single" (event at rest -> first picture of it) and "constant"
    (age of the event that each new picture shows, while the mouse moves all the time), pictures per second."""
    yield from artist.table()
    yield from artist.connect()
    yield from _real_assets(artist)
    artist.space().region_3d.view_perspective = "CAMERA"
    artist.space().shading.type = "RENDERED"
    yield from artist.until(lambda: artist.live_views() and artist.live_views()[0].words == "Done", "a picture", 180)
    yield 1.0
    artist.select(BOX)
    screen, mouse = Screen(artist), Mouse()
    x, y = (round(part) for part in artist.place_of((-1.0, 0.0, 0.6)))
    yield from artist.move((x - 2, y))
    yield from artist.key("g")
    yield from artist.key("x")
    scale = yield from _metres_per_pixel(artist, mouse, x, y)
    artist.figures["single"] = yield from _singles(artist, screen, mouse, x, y)
    artist.figures["constant"], artist.figures["pictures_per_second"] = yield from _sweep(
        artist, screen, mouse, (x, y), scale
    )
    screen.close()
    yield from artist.hand("click", 1)


def _real_assets(artist: Artist) -> Pauses:
    """What a server other than the fake one has: two of its objects and a background."""
    bridge = artist.bridge
    yield from artist.until(lambda: bridge.assets and bridge.words in ("Ready", "Connected"), "the assets", 180)
    if "chair" in bridge.assets:
        return
    objects = sorted(asset.id for asset in bridge.assets.values() if asset.kind == "object")
    grounds = sorted(asset.id for asset in bridge.assets.values() if asset.kind == "background")
    for name, asset in zip((BOX, "Right"), objects, strict=False):
        artist.scene.objects[name].neural_assets.asset = asset
    artist.scene.neural_assets.background = grounds[0] if grounds else ""


def _metres_per_pixel(artist: Artist, mouse: Mouse, x: int, y: int) -> Pauses:
    """How far the box goes with the mouse."""
    found = []
    for step in (0, 60, 0):
        mouse.move(x + step, y)
        yield 0.5
        found.append(artist.scene.objects[BOX].location.x)
    assert found[1] - found[0] > 0.1, "the box does not follow the mouse"
    yield from artist.until(lambda: not artist.live_views()[0].busy, "rest", WAIT_SECONDS)
    yield 0.5
    return (found[1] - found[0]) / 60


def _singles(artist: Artist, screen: Screen, mouse: Mouse, x: int, y: int) -> Pauses:
    """Seconds from an event at rest to the first picture that shows it."""
    chance, times = random.Random(1), []
    for number in range(artist.settings["count"]):
        yield from artist.until(lambda: not artist.live_views()[0].busy, "rest", WAIT_SECONDS)
        yield chance.uniform(0.4, 0.8)
        before = len(screen.seen)
        start = time.perf_counter()
        mouse.move(x + SINGLE_PIXELS * ((number + 1) % 2), y)
        yield from artist.until(lambda before=before: len(screen.seen) > before, "the picture", WAIT_SECONDS)
        times.append(round(screen.seen[before][0] - start, 4))
    return times


def _sweep(artist: Artist, screen: Screen, mouse: Mouse, start: tuple[int, int], scale: float) -> Pauses:
    """(ages in seconds, pictures per second) while a thread moves the mouse to and fro, sixty times a second."""
    x, y = start
    yield from artist.until(lambda: not artist.live_views()[0].busy, "rest", WAIT_SECONDS)
    mouse.move(x, y)
    yield from artist.until(lambda: not artist.live_views()[0].busy, "rest", WAIT_SECONDS)
    yield 1.0
    origin = artist.scene.objects[BOX].location.x
    events: list[tuple[float, int]] = []  # (when, pixels from the start)
    first = len(screen.seen)

    def go() -> None:
        hand = Mouse()
        begin, place, step = time.perf_counter(), 0, SWEEP_PIXELS
        while time.perf_counter() - begin < SWEEP_SECONDS:
            place += step
            if not 0 <= place + step <= 160:
                step = -step
            hand.move(x + place, y)
            events.append((time.perf_counter(), place))
            time.sleep(EVENT_SECONDS)

    thread = threading.Thread(target=go)
    thread.start()
    yield from artist.until(lambda: not thread.is_alive(), "the sweep", SWEEP_SECONDS + 30)
    ages = []
    when, place = (np.array(column) for column in zip(*events, strict=True))
    for shown, box, _ in screen.seen[first:]:
        candidates = np.flatnonzero((np.abs(place - (box - origin) / scale) < SWEEP_PIXELS / 2) & (when < shown))
        if len(candidates) and shown < when[-1]:
            ages.append(round(float(shown - when[candidates[-1]]), 4))
    return ages, round(len(ages) / SWEEP_SECONDS, 2)
