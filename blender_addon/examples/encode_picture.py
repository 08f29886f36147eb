"""Makes assets of the objects in a picture, and a .blend file whose boxes carry them, without a window.

    blender -b --python encode_picture.py -- BOXES.json OUT.blend

BOXES.json names the picture and says where its boxes stand: see boxes_file.py for its form.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import extension_here
from boxes_file import read_picture
from make_blend import make_blend


def main(boxes: str, out: str) -> int:
    make_blend(read_picture(Path(boxes)), Path(out).resolve())
    bpy.ops.neural_assets.connect()
    bpy.ops.neural_assets.encode()
    bpy.ops.wm.save_mainfile()
    for thing in bpy.context.scene.objects:
        if thing.neural_assets.is_box:
            print(f"{thing.name}: {thing.neural_assets.asset}")
    return 0


if __name__ == "__main__":
    extension_here.leave(main(*extension_here.arguments()))
