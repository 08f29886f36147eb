"""The demonstration without any picture: a room of the gallery's assets, in which one thing turns all around."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import bpy
from blender_tools import addon
from demo_run import FRAMES, Run

STILLS = ["room", "behind", "elsewhere"]


class GalleryDemo(Run):
    """wish["room"]: a JSON file; see `room.json`."""

    def __init__(self, wish: dict[str, Any]) -> None:
        super().__init__(wish, list(STILLS), more_steps=1)
        self.room = json.loads(Path(wish["room"]).read_text(encoding="utf-8"))

    def run(self) -> None:
        """All pictures; raises RuntimeError with the add-on's sentence."""
        bpy.ops.wm.read_homefile(use_empty=True)
        self.start_server()
        scene = bpy.context.scene
        scene.render.engine = "NEURAL_ASSETS"
        scene.frame_start, scene.frame_end, scene.render.fps = 1, FRAMES, 12
        self.set_quality()
        addon("connection.waiting").for_assets(addon("connection.session").bridge)
        self.enter(self.room["background"])
        turning = [self.add(thing) for thing in self.room["things"]][0]
        self.animate(turning)
        bpy.ops.wm.save_as_mainfile(filepath=str(self.out / "room.blend"))
        scene.frame_set(1)
        self.still("room", "A room of the gallery")
        scene.frame_set(FRAMES // 2 + 1)
        self.still("behind", f"The {turning.name.lower()} from behind")
        scene.frame_set(1)
        self.enter(self.room["elsewhere"])
        self.still("elsewhere", "The same things elsewhere")
        self.enter(self.room["background"])
        self.make_sequence()

    def enter(self, name: str) -> None:
        """A background of the gallery, seen by its own camera."""
        bpy.ops.neural_assets.set_background(asset=self.id_of(name, "background"))
        bpy.ops.neural_assets.view_background()

    def add(self, thing: dict[str, Any]) -> bpy.types.Object:
        """A box with one asset. thing: asset, place [3] in metres, turn in degrees, scale."""
        turn = math.radians(thing.get("turn", 0.0))
        asset = self.id_of(thing["asset"], "object")
        bpy.ops.neural_assets.add_asset(asset=asset, location=thing["place"], rotation=(0.0, 0.0, turn))
        made = bpy.context.object
        assert made is not None  # it was added, selected and active
        made.scale = [thing.get("scale", 1.0)] * 3
        return made

    def animate(self, thing: bpy.types.Object) -> None:
        """One turn in all frames, at an even speed, so that the last frame goes on to the first."""
        start = thing.rotation_euler.z
        for frame in range(1, FRAMES + 1):
            thing.rotation_euler.z = start + 2 * math.pi * (frame - 1) / FRAMES
            thing.keyframe_insert("rotation_euler", index=2, frame=frame)

    def id_of(self, name: str, kind: str) -> str:
        """The id of a shipped asset; raises RuntimeError."""
        for info in addon("connection.session").bridge.assets.values():
            if (info.name, info.kind) == (name, kind) and "gallery" in info.tags:
                return info.id
        raise RuntimeError(f"The server's gallery has no {kind} '{name}': is model/gallery there?")
