"""Turns one box about its vertical axis and renders the frames, without a window.

    blender -b SCENE.blend --python turntable.py -- BOX OUT [FRAMES [DEGREES]]

BOX is the object's name; OUT a folder for 0001.png and so on. 24 frames of 30 degrees to either side by default: what
no reference picture saw is invented.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import extension_here


def animate(box: bpy.types.Object, frames: int, degrees: float) -> None:
    """Keyframes of a full swing: to one side, to the other, and back. Frame 1 is the box as it stands."""
    start = box.rotation_euler.z
    for frame in range(1, frames + 1):
        box.rotation_euler.z = start + math.radians(degrees) * math.sin(2 * math.pi * (frame - 1) / frames)
        box.keyframe_insert("rotation_euler", index=2, frame=frame)


def main(box: str, out: str, frames: str = "24", degrees: str = "30") -> int:
    extension_here.enable()
    scene = bpy.context.scene
    bpy.ops.neural_assets.use_engine()
    if box not in scene.objects:
        print(
            f"There is no object '{box}' in this scene: name one of {', '.join(scene.objects.keys())}.", file=sys.stderr
        )
        return 1
    animate(scene.objects[box], int(frames), float(degrees))
    scene.frame_start, scene.frame_end = 1, int(frames)
    scene.render.filepath = str(Path(out).resolve() / "####")
    bpy.ops.render.render(animation=True)
    return 0


if __name__ == "__main__":
    extension_here.leave(main(*extension_here.arguments()))
