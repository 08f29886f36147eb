"""The demonstration, inside Blender: what an artist does by hand, through the add-on's own operators and renders.

    blender -b --python demo.py -- WISH.json

WISH.json is written by `install.py demo`. The pictures and `report.json` go to its folder `out`. Every line that
starts with `@ ` tells the caller how far it is. Exit code 0 only when every picture came from the server's model.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import extension_here
from blender_tools import (
    addon,
    ask_preview,
    projected_boxes,
    render_still,
    same_pixels,
    save_image,
    select_only,
    server_versions,
    set_output,
)
from boxes_file import BoxesFileError, Picture, read_picture
from make_blend import FRAMES, make_blend

STILLS = ("encoded", "preview", "final", "removed", "replaced", "background")


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


class Demo:
    """One run. wish: see `server/setup/demo.py`."""

    def __init__(self, wish: dict[str, Any]) -> None:
        self.out = Path(wish["out"])
        self.wish = wish
        self.picture = read_picture(Path(wish["boxes"]), Path(wish["image"]) if wish.get("image") else None)
        other = self.picture.story.other
        self.other: Picture | None = read_picture(other) if other else None
        self.stills = [name for name in STILLS if self._has(name)]
        self.steps = 3 + len(self.stills) + FRAMES
        self.step = 0
        self.times: dict[str, float] = {}
        self.proofs: dict[str, bool] = {}  # whether a file shows what the server sent, to the last pixel
        self.corners: dict[str, Any] = {}
        self.witness: Witness | None = None

    def _has(self, name: str) -> bool:
        story = self.picture.story
        wanted = {"removed": story.removed, "replaced": story.replaced and self.other, "background": story.background}
        return bool(wanted.get(name, True))

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

    # --- the story ---

    def run(self) -> None:
        """All pictures; raises RuntimeError with the add-on's sentence."""
        extension_here.install(self.wish["extension"])
        preferences = bpy.context.preferences.addons[extension_here.MODULE].preferences
        preferences.project, preferences.command = self.wish["project"], self.wish["command"]
        self.witness = Witness(addon("session").bridge)
        self.timed("server", "Starting the model server", bpy.ops.neural_assets.start_server)
        found = {}
        if self.other is not None:
            make_blend(self.other, self.out / "other.blend")
            self.encode("encode_other", "Making assets of the second picture")
            found = {name: thing.neural_assets.asset for name, thing in bpy.data.objects.items()}
            found["background"] = bpy.context.scene.neural_assets.background
        else:
            self.step += 1
        make_blend(self.picture, self.out / "example.blend")
        self.encode("encode", "Making assets of the picture's objects")
        bpy.ops.wm.save_mainfile()
        self.make_stills(found)
        self.make_sequence()

    def encode(self, name: str, words: str) -> None:
        self.timed(name, words, lambda: bpy.ops.neural_assets.encode(which="ALL"))
        settings = bpy.context.scene.neural_assets
        settings.steps, settings.seed = self.wish["steps"], self.wish["seed"]

    def make_stills(self, found: dict[str, str]) -> None:
        scene, story = bpy.context.scene, self.picture.story
        save_image(addon("pictures").pixels(scene.neural_assets.reference), self.out / "reference.png")
        scene.frame_set(1)
        self.corners["reference"] = projected_boxes(scene)
        self.still("encoded", "The same poses")
        scene.frame_set(FRAMES)
        self.corners["final"] = projected_boxes(scene)
        self.timed("preview", "A preview of the moved boxes", self.preview)
        self.still("final", "Boxes moved")
        scene.frame_set(1)
        if "removed" in self.stills:
            self.with_asset(story.removed, "", "removed", f"{story.removed} removed")
        if "replaced" in self.stills:
            words = f"{story.replaced} replaced: {story.replacement}"
            self.with_asset(story.replaced, found[story.replacement], "replaced", words)
        if "background" in self.stills:
            own = scene.neural_assets.background
            bpy.ops.neural_assets.set_background(asset=found["background"])
            self.still("background", "Another background")
            bpy.ops.neural_assets.set_background(asset=own)

    def with_asset(self, box: str, asset: str, name: str, words: str) -> None:
        """A still in which a box carries another asset, or none."""
        thing = bpy.data.objects[box]
        own = thing.neural_assets.asset
        select_only(thing)
        if asset:
            bpy.ops.neural_assets.assign_asset(asset=asset)
        else:
            bpy.ops.neural_assets.clear_asset()
        self.still(name, words)
        bpy.ops.neural_assets.assign_asset(asset=own)

    def still(self, name: str, words: str) -> None:
        """F12 to a file."""
        path = self.out / f"{name}.png"
        self.timed(name, words, render_still, path)
        self.prove(path.name)

    def prove(self, name: str) -> None:
        assert self.witness is not None
        self.proofs[name] = same_pixels(self.out / name, self.witness.take())

    def preview(self) -> None:
        """What the live viewport asks for while a box is dragged: few pixels, few steps, ahead of all jobs."""
        save_image(ask_preview(side=256, steps=2), self.out / "preview.png")
        self.prove("preview.png")

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


def main() -> int:
    wish = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    try:
        demo = Demo(wish)
    except BoxesFileError as error:
        write_report(Path(wish["out"]), {"ok": False, "problem": str(error), "files": []})
        return 1
    problem = ""
    try:
        demo.run()
    except RuntimeError as error:  # an operator's or a render's report
        problem = str(error).strip().removeprefix("Error: ")
    except Exception as error:
        traceback.print_exc()
        problem = f"The demonstration broke off ({error})."
    report = demo.report(problem)
    write_report(demo.out, report)
    if extension_here.MODULE in bpy.context.preferences.addons:
        bpy.ops.neural_assets.stop_server()
    return 0 if report["ok"] else 1


def write_report(out: Path, report: dict[str, Any]) -> None:
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    code = 2
    try:
        code = main()
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)  # bpy 4.5 can hang at its end while classes are registered
