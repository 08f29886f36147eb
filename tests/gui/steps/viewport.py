"""The live view."""

from __future__ import annotations

import bpy

from tests.gui import mark
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
    drafts = [request for request in asked if request["steps"] < settings.steps]
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


def two_views(artist: Artist) -> Pauses:
    """Two rendered views, one of the camera and one free, each with the picture of its own eyes."""
    yield from artist.live_table()
    with artist.in_view():
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    yield 0.5
    assert len(artist.windows_areas()) == 2
    artist.space(1).region_3d.view_perspective = "PERSP"
    for number in range(2):
        artist.space(number).overlay.show_overlays = False
        artist.space(number).shading.type = "RENDERED"
    yield from artist.rest(views=2)
    artist.scene.objects["Right"].location.y = 0.5
    yield from artist.rest(views=2)
    seen = yield from artist.look("both")
    shown = [artist.shown(seen, number)[0] for number in range(2)]
    assert shown == [artist.wanted(0), artist.wanted(1)] and shown[0] != shown[1]


def two_windows(artist: Artist) -> Pauses:
    """A second window has a live picture of its own; undo, loading and closing it leave no trace of it."""
    yield from artist.live_table()
    artist.select("Right")
    bpy.ops.wm.window_new()
    yield 1.0
    assert len(bpy.context.window_manager.windows) == 2
    second = len(artist.windows_areas()) - 1
    artist.space(second).region_3d.view_perspective = "PERSP"
    artist.space(second).shading.type = "RENDERED"
    yield from artist.rest(views=2)
    for change in (lambda: None, _moved, bpy.ops.ed.undo, bpy.ops.ed.redo):
        with artist.in_view():
            change()
        yield from artist.rest(views=2)
        shown = {mark.digest(live.shown.scene) for live in artist.live_views()}
        assert shown == {artist.wanted(), artist.wanted(second)} and len(shown) == 2
    yield from artist.look("both")
    bpy.ops.wm.save_as_mainfile(filepath=str(artist.out / "two-windows.blend"))
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    yield 0.5
    for _, area in artist.windows_areas():
        area.spaces.active.shading.type = "RENDERED"  # Blender opens every file without it
    yield from artist.rest(views=2)
    for window in list(bpy.context.window_manager.windows)[1:]:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()
    yield from artist.until(lambda: len(artist.live_views()) == 1, "the closed window's view is gone")
    artist.scene.objects["Right"].location.y = -0.5
    yield from artist.rest()
    seen = yield from artist.look("one")
    assert artist.shown(seen)[0] == artist.wanted()


def _moved() -> None:
    bpy.context.object.location.y = 0.5
    bpy.ops.ed.undo_push(message="Moved")


def overlays(artist: Artist) -> Pauses:
    """The boxes are drawn over the picture where the objects are; Shift-Alt-Z takes them away, the picture stays."""
    yield from artist.live_table()
    artist.select("Right")
    yield 0.5
    over = yield from artist.look("over")
    yield from artist.move(artist.place_of((0.0, 0.0, 1.5)))
    yield from artist.key("shift+alt+z")
    yield from artist.until(lambda: not artist.space().overlay.show_overlays, "the overlays are off")
    yield 0.5
    without = yield from artist.look("without")
    artist.compare(without, artist.within_picture(0.1, 0.1, 0.9, 0.85), "table")
    for corner in ((0.55, -0.45, 1.2), (1.45, -0.45, 0.0), (-1.45, -0.45, 1.2)):
        x, y = artist.place_of(corner)
        assert artist.stage.differs(over, without, (x - 6, y - 6, x + 6, y + 6)) > 0.1, f"no box over {corner}"
    sky = artist.within_picture(0.1, 0.05, 0.9, 0.3)
    assert artist.stage.differs(over, without, sky) == 0


def scene_colours(artist: Artist) -> Pauses:
    """With the scene's own colours its view transform lies on the picture; exact ones come back with the choice."""
    yield from artist.live_table()
    artist.scene.neural_assets.colours = "SCENE"
    assert artist.scene.view_settings.view_transform == "AgX"
    yield 0.5
    changed = yield from artist.look("scene")
    artist.scene.neural_assets.colours = "EXACT"
    yield 0.5
    exact = yield from artist.look("exact")
    left, top, _, _ = artist.picture_rectangle()
    assert tuple(artist.stage.colour(changed, left + 12, top + 12)) != BACKGROUND
    assert tuple(artist.stage.colour(exact, left + 12, top + 12)) == BACKGROUND
