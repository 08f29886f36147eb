"""The demonstration, inside Blender: what an artist does by hand, through the add-on's own operators and renders.

    blender -b --python demo.py -- WISH.json

WISH.json is written by `install.py demo`. The pictures and `report.json` go to its folder `out`. Every line that
starts with `@ ` tells the caller how far it is. Exit code 0 only when every picture came from the server's model.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import extension_here
from blender_tools import addon, ask_preview, projected_boxes, save_image, select_only
from boxes_file import BoxesFileError, Picture, read_picture
from demo_run import Run
from gallery_demo import GalleryDemo
from make_blend import FRAMES, make_blend

STILLS = ("encoded", "preview", "final", "removed", "replaced", "background")


class PictureDemo(Run):
    """A picture whose objects are moved, removed and replaced."""

    def __init__(self, wish: dict[str, Any]) -> None:
        self.picture = read_picture(Path(wish["boxes"]), Path(wish["image"]) if wish.get("image") else None)
        other = self.picture.story.other
        self.other: Picture | None = read_picture(other) if other else None
        super().__init__(wish, [name for name in STILLS if self._has(name)], more_steps=3)

    def _has(self, name: str) -> bool:
        story = self.picture.story
        wanted = {"removed": story.removed, "replaced": story.replaced and self.other, "background": story.background}
        return bool(wanted.get(name, True))

    # --- the story ---

    def run(self) -> None:
        """All pictures; raises RuntimeError with the add-on's sentence."""
        self.start_server()
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
        self.set_quality()

    def make_stills(self, found: dict[str, str]) -> None:
        scene, story = bpy.context.scene, self.picture.story
        save_image(addon("reference.images").pixels(scene.neural_assets.reference), self.out / "reference.png")
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

    def preview(self) -> None:
        """What the live viewport asks for while a box is dragged: few pixels, few steps, ahead of all jobs."""
        save_image(ask_preview(side=256, steps=2), self.out / "preview.png")
        self.prove("preview.png")


def main() -> int:
    wish = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    try:
        demo = GalleryDemo(wish) if wish.get("room") else PictureDemo(wish)
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
