"""The live view."""

from __future__ import annotations

from tests.gui.colours import BACKGROUND, BOXES
from tests.gui.inside.artist import Artist, Pauses


def picture_appears(artist: Artist) -> Pauses:
    """The rendered view shows the server's picture of this very scene, in the camera's frame, in exact colours."""
    yield from artist.live_table()
    artist.space().overlay.show_overlays = False
    yield 0.5
    seen = yield from artist.look("picture")
    assert artist.shown(seen) == (artist.wanted(), artist.scene.neural_assets.steps)
    left, top, right, bottom = artist.picture_rectangle()
    assert tuple(artist.stage.colour(seen, left + 12, top + 12)) == BACKGROUND
    chair = artist.place_of((-1.0, -0.45, 0.6))
    assert tuple(artist.stage.colour(seen, *chair)) == BOXES["chair"]
    artist.compare(seen, artist.within_picture(0.1, 0.1, 0.9, 0.85), "table")


def box_dragged(artist: Artist) -> Pauses:
    """G and the mouse move a box: drafts follow the hand, and the refined picture comes when it rests."""
    yield from artist.live_table()
    artist.select("Left")
    before = len(artist.stage.requests("preview"))
    start = artist.place_of((-1.0, 0.0, 0.6))
    yield from artist.move(start)
    yield from artist.key("g")
    yield from artist.glide(start, (start[0] + 120, start[1]))
    moving = yield from artist.look("moving")
    yield from artist.hand("click", 1)
    yield from artist.rest()
    seen = yield from artist.look("moved")
    x = artist.scene.objects["Left"].location.x
    assert x > -0.8, f"the box was not moved: x is {x}"
    asked = artist.stage.requests("preview")[before:]
    settings = artist.scene.neural_assets
    drafts = [request for request in asked if request["steps"] == settings.draft_steps]
    assert len({draft["digest"] for draft in drafts}) >= 3, f"{len(drafts)} drafts came while the box moved"
    assert asked[-1]["steps"] == settings.steps and asked[-1]["width"] > drafts[0]["width"]
    assert artist.shown(seen) == (artist.wanted(), settings.steps)
    assert artist.stage.differs(moving, seen, artist.view_rectangle()) > 0.001


def orbit(artist: Artist) -> Pauses:
    """The middle mouse button turns a free view: its picture follows, and fills the view."""
    yield from artist.live_table()
    artist.space().region_3d.view_perspective = "PERSP"
    yield from artist.rest()
    before = yield from artist.look("before")
    left, top, right, bottom = artist.view_rectangle()
    centre = ((left + right) / 2, (top + bottom) / 2)
    first = artist.wanted()
    yield from artist.drag(centre, (centre[0] + 90, centre[1] + 20), button=2)
    yield from artist.rest()
    seen = yield from artist.look("after")
    assert artist.wanted() != first, "the view was not turned"
    assert artist.shown(seen) == (artist.wanted(), artist.scene.neural_assets.steps)
    assert artist.stage.differs(before, seen, (left, top, right, bottom)) > 0.02
