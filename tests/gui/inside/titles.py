"""Panels are opened by a click on their titles. Blender tells nobody where they are: their letters are coloured for a
moment, and looked for on the screen."""

from __future__ import annotations

import bpy

from .artist import Artist, Pauses, Point

_COLOUR = (0.0, 1.0, 1.0)


def open_panel(artist: Artist, name: str, within: str = "") -> Pauses:
    """Open a panel of the sidebar's tab, and close the others.

    name: its bl_idname; within: that of its parent, which is opened first, when it is a sub-panel.
    """
    if within:
        yield from open_panel(artist, within)
    else:
        top, *_ = yield from _titles(artist)
        if (yield from _is_open(artist, "NEURAL_ASSETS_PT_server")):
            yield from _click(artist, top)
        yield from _click(artist, top, "ctrl")  # one that was closed opens and closes all others
        yield from _click(artist, top)
    for title in reversed((yield from _titles(artist))):
        if (yield from _is_open(artist, name)):
            return
        yield from _click(artist, title, *([] if within else ["ctrl"]))
        if (yield from _is_open(artist, name)):
            return
        if within:
            yield from _click(artist, title)  # as it was
    raise AssertionError(f"no title opens the panel {name}")


def _click(artist: Artist, title: Point, *keys: str) -> Pauses:
    yield from artist.move(title)
    words = [word for key in keys for word in ("keydown", key)]
    words += ["click", "1", *(word for key in keys for word in ("keyup", key))]
    yield from artist.hand(*words)
    yield 0.5  # panels slide to their places


def _is_open(artist: Artist, name: str) -> Pauses:
    """Whether Blender draws the panel's inside."""
    panel, drawn = getattr(bpy.types, name), []
    draw = panel.draw
    own = "draw" in vars(panel)
    panel.draw = lambda self, context: (drawn.append(True), draw(self, context))[0]
    try:
        artist.region(region="UI").tag_redraw()
        yield 0.3
    finally:
        if own:
            panel.draw = draw
        else:
            del panel.draw
    return bool(drawn)


def _titles(artist: Artist) -> Pauses:
    """The middles of all titles in the sidebar, from above."""
    theme = bpy.context.preferences.themes[0]
    known = hasattr(theme.user_interface, "panel_title")
    owner, name = (theme.user_interface, "panel_title") if known else (theme.view_3d.space, "button_title")
    before = getattr(owner, name)[:]
    setattr(owner, name, (*_COLOUR, 1.0)[: len(before)])
    try:
        artist.region(region="UI").tag_redraw()
        yield 0.4
        seen = yield from artist.look("titles")
    finally:
        setattr(owner, name, before)
        artist.region(region="UI").tag_redraw()
    region = artist.region(region="UI")
    left, bottom = artist.on_screen(region, 0, 0)
    _, top = artist.on_screen(region, 0, region.height)
    rectangle = (left + 4, top, left + region.width * 0.8, bottom)
    rows = artist.stage.rows(seen, rectangle, tuple(round(255 * part) for part in _COLOUR))
    return [(left + 60, y) for y in rows]
