"""The README's pictures of the window: a room of the gallery in the template's workspace, a box dragged in it."""

from __future__ import annotations

import json
import math

import bpy

from server.setup.process import ROOT
from tests.gui.inside.artist import Artist, Pauses

ROOM = ROOT / "blender_addon" / "examples" / "room.json"
PATIENCE = 240.0  # seconds for a picture of the real model


def room_lived_in(artist: Artist) -> Pauses:
    """File > New > Neural Assets, assets of the gallery added, Live on, an armchair dragged."""
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.neural_assets.new_scene()
    yield 1.0
    yield from artist.until(lambda: "Floor" in bpy.data.objects, "the new file is there")
    yield from artist.until(
        lambda: artist.region(region="UI").active_panel_category == "Neural Assets", "it is laid out"
    )
    artist.space().show_region_toolbar = False
    yield from artist.connect()
    bridge = artist.bridge
    yield from artist.until(lambda: bridge.assets and bridge.words == "Ready", "the assets", PATIENCE)
    room = json.loads(ROOM.read_text())
    ids = {info.name: info.id for info in bridge.assets.values()}
    with artist.in_view():
        bpy.ops.neural_assets.set_background(asset=ids[room["background"]])
        bpy.ops.neural_assets.view_background()
        for thing in reversed(room["things"]):
            turn = (0.0, 0.0, math.radians(thing.get("turn", 0.0)))
            bpy.ops.neural_assets.add_asset(asset=ids[thing["asset"]], location=thing["place"], rotation=turn)
        bpy.ops.view3d.view_center_camera()
        bpy.ops.neural_assets.live()
    yield from artist.until(
        lambda: artist.live_views() and artist.live_views()[0].words == "Done", "it rests", PATIENCE
    )
    library = artist.part("assets.library")
    files = [library.folder() / library.file_name(info) for info in bridge.assets.values()]
    yield from artist.until(lambda: all(file.exists() for file in files), "the library is made", PATIENCE)
    yield 3.0  # previews of the Asset Browser
    yield from artist.look("live")
    chair = bpy.context.object
    x, y = artist.place_of((*chair.location[:2], 0.5))
    yield from artist.move((x, y))
    yield from artist.key("g")
    before = artist.live_views()[0].picture
    yield from artist.glide((x, y), (x + 90, y + 25))
    view = artist.live_views()[0]
    yield from artist.until(lambda: view.picture is not before, "a draft", PATIENCE)
    yield 2.0
    yield from artist.look("dragged")
    yield from artist.hand("click", 1)
