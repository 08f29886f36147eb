"""Keyframed boxes: playback in the view, and Ctrl-F12."""

from __future__ import annotations

import bpy

from tests.gui.inside.artist import F12, Artist, Pauses
from tests.gui.steps.rendering import Ends


def _keyframes(artist: Artist, last: int) -> None:
    """The left box goes one metre to the right."""
    scene, box = artist.scene, artist.scene.objects["Left"]
    scene.frame_start, scene.frame_end = 1, last
    box.keyframe_insert("location", frame=1)
    box.location.x += 1.0
    box.keyframe_insert("location", frame=last)
    scene.frame_set(1)


def playback(artist: Artist) -> Pauses:
    """The space bar plays the keyframes: drafts of many frames come, and where it stops the picture is that frame's."""
    yield from artist.live_table()
    _keyframes(artist, 40)
    yield from artist.rest()
    before = len(artist.stage.requests("preview"))
    yield from artist.move(artist.place_of((0.0, 0.0, 1.5)))
    yield from artist.key("space")
    yield from artist.until(lambda: bpy.context.screen.is_animation_playing, "the playback begins")
    yield 2.0
    yield from artist.key("space")
    yield from artist.until(lambda: not bpy.context.screen.is_animation_playing, "the playback ends")
    yield from artist.rest()
    seen = yield from artist.look("stopped")
    played = {request["digest"] for request in artist.stage.requests("preview")[before:]}
    assert len(played) >= 5, f"{len(played)} frames were drawn in two seconds"
    assert artist.shown(seen) == (artist.wanted(), artist.scene.neural_assets.steps)


def animation(artist: Artist) -> Pauses:
    """Ctrl-F12 writes a file for every frame, each of the scene at that frame."""
    yield from artist.table()
    yield from artist.connect()
    _keyframes(artist, 3)
    scene = artist.scene
    scene.render.filepath = str(artist.out / "frames" / "####")
    scene.neural_assets.steps = 2
    ends = Ends()
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key(f"ctrl+{F12}")
    yield from artist.until(lambda: ends.told, "the animation ends")
    assert ends.told == ["complete"]
    asked = artist.stage.requests("render")
    files = sorted(path.name for path in (artist.out / "frames").iterdir())
    assert files == ["0001.png", "0002.png", "0003.png"]
    frame = (0, 0, scene.render.resolution_x, scene.render.resolution_y)
    shown = [artist.stage.mark(f"frames/{file[:-4]}", frame)[0] for file in files]
    assert shown == [request["digest"] for request in asked] and len(set(shown)) == 3
