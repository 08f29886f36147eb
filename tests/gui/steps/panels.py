"""The sidebar's buttons and fields, with mouse and keys."""

from __future__ import annotations

from tests.gui.inside.artist import Artist, Pauses


def buttons_clicked(artist: Artist) -> Pauses:
    """The sidebar's buttons do what they say: a box is added, the engine is chosen."""
    yield from artist.connect()
    yield from artist.open_sidebar()
    assert artist.scene.render.engine != "NEURAL_ASSETS"
    engine = yield from artist.find("neural_assets.use_engine")
    yield from artist.click(engine)
    yield from artist.until(lambda: artist.scene.render.engine == "NEURAL_ASSETS", "the engine is chosen")
    add = yield from artist.find("neural_assets.add_box")
    yield from artist.click(add)
    boxes = lambda: [thing for thing in artist.scene.objects if thing.neural_assets.is_box]  # noqa: E731
    yield from artist.until(boxes, "a box is there")
    yield from artist.look("clicked")


def value_typed(artist: Artist) -> Pauses:
    """A number typed into a field changes the picture that is asked for."""
    yield from artist.live_table()
    yield from artist.open_sidebar()
    field = yield from artist.find("neural_assets.steps")
    yield from artist.hand("mousemove", round(field[0]), round(field[1]), "click", "--repeat", 2, "--delay", 80, 1)
    yield from artist.key("ctrl+a")
    yield from artist.type("9")
    yield from artist.key("Return")
    yield from artist.until(lambda: artist.scene.neural_assets.steps == 9, "the number is taken over")
    yield from artist.rest()
    seen = yield from artist.look("typed")
    assert artist.shown(seen) == (artist.wanted(), 9)
