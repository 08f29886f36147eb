"""F12 and its friends, with keys."""

from __future__ import annotations

import bpy

from tests.gui.inside.artist import F12, Artist, Pauses


class Ends:
    """What Blender tells of its renders: "complete" or "cancel", in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        bpy.app.handlers.render_complete.append(lambda *_: self.told.append("complete"))
        bpy.app.handlers.render_cancel.append(lambda *_: self.told.append("cancel"))


def _saved(artist: Artist) -> str:
    """The render result as a screenshot of its own, for the stage's questions."""
    name = f"{artist.step}-result"
    bpy.data.images["Render Result"].save_render(str(artist.out / f"{name}.png"))
    return name


def still(artist: Artist) -> Pauses:
    """F12 renders the scene through the server, in exact colours."""
    yield from artist.table()
    yield from artist.connect()
    ends = Ends()
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key(F12)
    yield from artist.until(lambda: ends.told, "the render ends")
    assert ends.told == ["complete"]
    width, height = artist.scene.render.resolution_x, artist.scene.render.resolution_y
    asked = artist.stage.requests("render")
    assert len(asked) == 1 and (asked[0]["width"], asked[0]["height"]) == (width, height)
    assert asked[0]["boxes"] == ["Left", "Right"]
    assert artist.stage.mark(_saved(artist), (0, 0, width, height)) == [asked[0]["digest"], asked[0]["steps"]]


def still_stopped(artist: Artist) -> Pauses:
    """Escape ends a render soon, while the window lives on."""
    yield from artist.table()
    yield from artist.connect()
    artist.stage.slow_down(2.0)
    ends = Ends()
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key(F12)
    yield from artist.until(lambda: artist.stage.requests("render"), "the render is asked for")
    yield 0.3
    yield from artist.key("Escape")
    yield from artist.until(lambda: ends.told, "the render ends", seconds=3)
    assert ends.told == ["cancel"]
