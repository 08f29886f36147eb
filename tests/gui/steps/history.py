"""The history of pictures: kept by itself, restored, compared under a divider."""

from __future__ import annotations

import bpy

from tests.gui.colours import BOXES
from tests.gui.inside.artist import F12, Artist, Pauses
from tests.gui.steps.rendering import Ends

FRONT = (-1.0, -0.45, 0.3)  # of the table's left box, below its mark
TOLERANCE = 3  # an overlay's colours are exact to two levels


def _kept(artist: Artist) -> list[str]:
    """The ids of the list, newest first."""
    return [item.name for item in bpy.context.window_manager.neural_assets_history]


def _two_pictures(artist: Artist) -> Pauses:
    """The table's picture in the history, and the newest one, with the left box gone behind the right one."""
    yield from artist.live_table()
    before = len(_kept(artist))
    artist.scene.objects["Left"].location.x = 1.0
    artist.scene.objects["Left"].location.y = 2.0
    yield from artist.rest()
    yield from artist.until(lambda: len(_kept(artist)) > before, "the refined picture is kept")
    bpy.context.window_manager.neural_assets_history_index = 1


def stills_kept(artist: Artist) -> Pauses:
    """F12's picture is in the history, newest first, beside the refined ones of the view."""
    yield from artist.live_table()
    yield from artist.until(lambda: _kept(artist), "the view's picture is kept")
    before, ends = _kept(artist), Ends()
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key(F12)
    yield from artist.until(lambda: ends.told, "the render ends")
    yield from artist.until(lambda: len(_kept(artist)) > len(before), "the still is kept")
    newest = bpy.context.window_manager.neural_assets_history[0]
    assert newest.kind == "render" and newest.name not in before


def picture_restored(artist: Artist) -> Pauses:
    """Restore brings the box back to where it was in the picture; Ctrl-Z takes it away again."""
    yield from _two_pictures(artist)
    with artist.in_view():
        bpy.ops.ed.undo_push(message="Moved")
        bpy.ops.neural_assets.history_restore("EXEC_DEFAULT", True)
    assert abs(artist.scene.objects["Left"].location.x + 1.0) < 1e-4
    yield from artist.rest()
    seen = yield from artist.look("restored")
    assert artist.shown(seen)[0] == artist.wanted()
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: artist.scene.objects["Left"].location.x > 0.9, "the restoring is undone")


def pictures_compared(artist: Artist) -> Pauses:
    """The divider is dragged: left of it is the older picture, right of it the newest one; Escape ends it."""
    yield from _two_pictures(artist)
    x, y = artist.place_of(FRONT)
    left, top, right, bottom = artist.picture_rectangle()
    across, down = (x - left) / (right - left), (y - top) / (bottom - top)
    with artist.in_view():
        bpy.ops.neural_assets.history_compare("INVOKE_DEFAULT")
    yield 0.5
    compare, comparing = artist.part("operators.compare"), artist.part("drawing.comparing")
    margin = comparing.MARGIN * artist.part("drawing.strokes").scale()
    place = comparing.fitted(480 / 320, compare.inside(artist.area()), margin)
    region = artist.region()
    front = artist.on_screen(region, place[0] + across * (place[2] - place[0]), place[3] - down * (place[3] - place[1]))
    middle = artist.on_screen(region, (place[0] + place[2]) / 2, (place[1] + place[3]) / 2)
    yield from artist.drag(middle, (front[0] + 60, middle[1]))
    older = yield from artist.look("older")
    yield from artist.drag((front[0] + 60, middle[1]), (front[0] - 60, middle[1]))
    newest = yield from artist.look("newest")
    assert _is_box(artist.stage.colour(older, *front)) and not _is_box(artist.stage.colour(newest, *front))
    yield from artist.key("Escape")
    yield 0.5
    seen = yield from artist.look("ended")
    assert artist.shown(seen)[0] == artist.wanted()


def _is_box(colour: tuple[int, int, int]) -> bool:
    return max(abs(a - b) for a, b in zip(colour, BOXES["chair"], strict=True)) <= TOLERANCE
