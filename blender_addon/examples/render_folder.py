"""Renders every .blend file of a folder with Neural Assets, without a window.

    blender -b --python render_folder.py -- FOLDER OUT

Each file needs boxes with assets of the server's store. The server is started when none runs, if the add-on's
preferences name the project folder. Ends with code 1 when a file could not be rendered, and says why.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import extension_here


def render(blend: Path, picture: Path) -> None:
    """One still of the file's current frame; raises RuntimeError with the add-on's sentence."""
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    bpy.ops.neural_assets.use_engine()
    bpy.context.scene.render.filepath = str(picture)
    bpy.ops.render.render(write_still=True)


def main(folder: str, out: str) -> int:
    extension_here.enable()
    failed = 0
    for blend in sorted(Path(folder).resolve().glob("*.blend")):
        picture = Path(out).resolve() / f"{blend.stem}.png"
        try:
            render(blend, picture)
            print(f"{blend.name}: {picture}")
        except RuntimeError as error:
            failed += 1
            print(f"{blend.name}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    extension_here.leave(main(*extension_here.arguments()))
