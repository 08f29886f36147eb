"""Boxes in the live view: chosen by a click, marked, hidden; Live on, paused and off."""

from __future__ import annotations

import bpy

from tests.gui.inside.artist import Artist, Pauses


def _previews(artist: Artist) -> int:
    return len(artist.stage.requests("preview"))


def proxy_clicked(artist: Artist) -> Pauses:
    """Over the engine's picture a click chooses a wire box and a mesh that is used as a box, of which Blender itself
    shows nothing there."""
    yield from artist.live_table()
    with artist.in_view():
        bpy.ops.mesh.primitive_uv_sphere_add(radius=0.4, location=(0.0, -0.8, 0.4))
        bpy.ops.neural_assets.use_as_box()
    ball = bpy.context.object
    ball.name, ball.neural_assets.asset = "Ball", "lamp"
    yield from artist.rest()
    for name, place in (("Left", (-1.0, -0.45, 0.6)), ("Ball", (0.0, -1.2, 0.4)), ("Right", (1.0, -0.45, 0.6))):
        for thing in artist.scene.objects:
            thing.select_set(False)
        bpy.context.view_layer.objects.active = None
        yield from artist.click(artist.place_of(place))
        chosen = lambda name=name: [thing.name for thing in bpy.context.selected_objects] == [name]  # noqa: E731
        yield from artist.until(chosen, f"a click chooses '{name}'")
    yield from artist.look("chosen")


def boxes_marked(artist: Artist) -> Pauses:
    """Boxes are marked over the picture; the marks follow their own switch and Blender's."""
    yield from artist.live_table()
    artist.select("Left")
    yield from artist.rest()
    place = artist.within_picture(0.1, 0.1, 0.9, 0.9)
    marked = yield from artist.look("marked")
    artist.scene.neural_assets.show_boxes = False
    artist.area().tag_redraw()
    yield 0.5
    plain = yield from artist.look("plain")
    assert artist.stage.differs(marked, plain, place) > 0.005, "the marks were not drawn"
    artist.scene.neural_assets.show_boxes = True
    artist.space().overlay.show_overlays = False
    yield 0.5
    without = yield from artist.look("without")
    artist.scene.neural_assets.show_boxes = False
    artist.area().tag_redraw()
    yield 0.5
    again = yield from artist.look("without-again")
    assert artist.stage.differs(without, again, place) == 0, "marks were drawn without overlays"


def box_hidden(artist: Artist) -> Pauses:
    """H takes a box out of the picture, Alt-H puts it back."""
    yield from artist.live_table()
    artist.select("Left")
    yield from artist.move(artist.place_of((0, 0, 0)))
    for key, wanted in (("h", ["Right"]), ("alt+h", ["Left", "Right"])):
        yield from artist.key(key)
        names = lambda wanted=wanted: [p.name for p in artist.live_views()[0].shown.scene.placements] == wanted  # noqa: E731
        yield from artist.until(names, f"the picture shows {wanted}", 10)
        yield from artist.rest()
        seen = yield from artist.look(f"{len(wanted)}")
        assert artist.shown(seen)[0] == artist.wanted()


def local_view(artist: Artist) -> Pauses:
    """Local view takes the other boxes out of this view's picture, and a collection's eye too."""
    yield from artist.live_table()
    artist.select("Left")
    for wanted in (["Left"], ["Left", "Right"]):
        with artist.in_view():
            bpy.ops.view3d.localview()
        yield from artist.rest()
        shown = artist.live_views()[0].shown
        assert [placement.name for placement in shown.scene.placements] == wanted


def live_paused(artist: Artist) -> Pauses:
    """Pause keeps the picture and asks for nothing; a second click goes on with the newest scene."""
    yield from artist.live_table()
    yield from artist.open_sidebar()
    button = yield from artist.find("neural_assets.pause_live", columns=(0.95, 0.9, 0.85))
    yield from artist.click(button)
    yield from artist.until(lambda: artist.live_views()[0].is_paused, "Live is paused")
    before = _previews(artist)
    artist.scene.objects["Left"].location.z = 0.4
    yield 0.8
    assert _previews(artist) == before, "a paused view asked for a picture"
    yield from artist.click(button)
    yield from artist.rest()
    seen = yield from artist.look("went-on")
    assert artist.shown(seen)[0] == artist.wanted()


def live_left(artist: Artist) -> Pauses:
    """The button Live stops the view: the shading is as it was before, and nothing is asked for any more."""
    yield from artist.table()
    yield from artist.connect()
    artist.space().region_3d.view_perspective = "CAMERA"
    artist.space().shading.type = "WIREFRAME"
    yield from artist.open_sidebar()
    button = yield from artist.find("neural_assets.live")
    yield from artist.click(button)
    yield from artist.rest()
    yield from artist.look("on")
    yield from artist.click(button)
    yield from artist.until(lambda: artist.space().shading.type == "WIREFRAME", "the shading is as before")
    yield from artist.until(lambda: not artist.live_views(), "no view is live")
    before = _previews(artist)
    artist.scene.objects["Left"].location.z = 0.4
    yield 0.8
    assert _previews(artist) == before, "a view that was left asked for a picture"
