"""One run of a demonstration inside Blender: steps told and timed, files proved against the server's pictures."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import extension_here
from blender_tools import addon, render_still, same_pixels, server_versions, set_output
from make_blend import FRAMES


class Witness:
    """Sees every picture that the server sends to this Blender's bridge; `picture` is the last one, uint8 [h, w, 3]."""

    def __init__(self, bridge: Any) -> None:
        self.picture: np.ndarray | None = None
        self._submit = bridge.submit
        bridge.submit = self.submit

    def take(self) -> np.ndarray | None:
        """The last picture, once."""
        picture, self.picture = self.picture, None
        return picture

    def submit(self, request: Any) -> Any:
        pending = self._submit(request)
        wait = pending.wait

        def watched(*arguments: Any) -> Any:
            event = wait(*arguments)
            if event is not None and event.kind == "picture":
                self.picture = event.image
            return event

        pending.wait = watched
        return pending


class Run:
    """What every demonstration does. wish: see `server/setup/demo.py`; stills: names of the pictures it makes."""

    def __init__(self, wish: dict[str, Any], stills: list[str], more_steps: int) -> None:
        self.out, self.wish, self.stills = Path(wish["out"]), wish, stills
        self.steps = more_steps + len(stills) + FRAMES
        self.step = 0
        self.times: dict[str, float] = {}
        self.proofs: dict[str, bool] = {}  # whether a file shows what the server sent, to the last pixel
        self.corners: dict[str, Any] = {}
        self.witness: Witness | None = None

    def start_server(self) -> None:
        """Install the extension and start the server from the wish; raises RuntimeError with the add-on's sentence."""
        extension_here.install(self.wish["extension"])
        preferences = bpy.context.preferences.addons[extension_here.MODULE].preferences
        preferences.project, preferences.command = self.wish["project"], self.wish["command"]
        self.witness = Witness(addon("connection.session").bridge)
        self.timed("server", "Starting the model server", bpy.ops.neural_assets.start_server)

    def set_quality(self) -> None:
        settings = bpy.context.scene.neural_assets
        settings.steps, settings.seed = self.wish["steps"], self.wish["seed"]

    def tell(self, words: str) -> None:
        print("@ " + json.dumps({"step": self.step, "steps": self.steps, "words": words}), flush=True)

    def timed(self, name: str, words: str, action: Any, *arguments: Any) -> Any:
        """Run one step and keep its time."""
        self.tell(words)
        start = time.monotonic()
        result = action(*arguments)
        self.times[name] = round(time.monotonic() - start, 3)
        self.step += 1
        return result

    def still(self, name: str, words: str) -> None:
        """F12 to a file."""
        path = self.out / f"{name}.png"
        self.timed(name, words, render_still, path)
        self.prove(path.name)

    def prove(self, name: str) -> None:
        assert self.witness is not None
        self.proofs[name] = same_pixels(self.out / name, self.witness.take())

    def make_sequence(self) -> None:
        """Ctrl-F12, smaller than the stills."""
        scene, folder = bpy.context.scene, self.out / "sequence"
        set_output(scene, folder / "frame_")
        scene.render.resolution_percentage = self.wish["sequence_percent"]
        scene.neural_assets.steps = self.wish["sequence_steps"]

        sent: dict[int, np.ndarray | None] = {}
        take = self.witness.take if self.witness else lambda: None

        def frame_written(*_: Any) -> None:
            sent[scene.frame_current] = take()  # compared later: no data-block may be made during a render
            self.step += 1
            self.tell(f"Frame {scene.frame_current} of {FRAMES}")

        bpy.app.handlers.render_write.append(frame_written)
        self.tell("The sequence")
        start = time.monotonic()
        bpy.ops.render.render(animation=True)
        self.times["sequence"] = round(time.monotonic() - start, 3)
        bpy.app.handlers.render_write.remove(frame_written)
        for frame, picture in sent.items():
            name = f"sequence/frame_{frame:04d}.png"
            self.proofs[name] = same_pixels(self.out / name, picture)

    # --- the report ---

    def report(self, problem: str) -> dict[str, Any]:
        wanted = [f"{name}.png" for name in self.stills]
        wanted += [f"sequence/frame_{frame:04d}.png" for frame in range(1, FRAMES + 1)]
        missing = [name for name in wanted if not (self.out / name).is_file()]
        unlike = [name for name in wanted if name not in missing and not self.proofs.get(name)]
        if not problem and missing:
            problem = f"These files are missing: {', '.join(missing)}."
        if not problem and unlike:
            problem = f"These files differ from the server's pictures: {', '.join(unlike)}."
        return {
            "ok": not problem,
            "problem": problem,
            "seconds": self.times,
            "versions": {"blender": bpy.app.version_string, "python": sys.version.split()[0], **server_versions()},
            "seed": self.wish["seed"],
            "steps": self.wish["steps"],
            "size": [bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y],
            "boxes": self.corners,
            "equal_to_the_servers_pictures": self.proofs,
            "files": [name for name in wanted if name not in missing],
        }
