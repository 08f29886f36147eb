"""A look at every picture file after Blender wrote it: when a disk is full Blender cuts a PNG off and says "Saved"."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..identity import ENGINE_ID
from .frame_files import is_whole

problem = ""  # which file was cut off last; empty when the last one is whole
_RECENT = 10.0  # seconds


@persistent
def _look(scene: bpy.types.Scene, *_: object) -> None:
    """After a file was written, in whatever thread renders."""
    global problem
    if scene.render.engine != ENGINE_ID:
        return
    cut_off = next((path for path in _paths(scene) if _is_new(path) and not is_whole(path)), None)
    problem = ""
    if cut_off is not None:
        problem = f"The file '{cut_off}' is cut off: its disk is full. Make room, and save the picture again."
    if problem and bpy.app.background:
        print(f"Neural Assets: {problem}", file=sys.stderr)
    elif problem:
        bpy.app.timers.register(_tell, first_interval=0.1)


def _paths(scene: bpy.types.Scene) -> list[Path]:
    """Where a still or a frame of an animation goes: Blender does not tell which of them it wrote."""
    render = scene.render
    still = bpy.path.abspath(render.filepath)
    if render.use_file_extension and not still.endswith(render.file_extension):
        still += render.file_extension
    return [Path(still), Path(bpy.path.abspath(render.frame_path(frame=scene.frame_current)))]


def _is_new(path: Path) -> bool:
    try:
        return time.time() - max(path.stat().st_mtime, path.lstat().st_mtime) < _RECENT
    except OSError:
        return False


def _tell() -> None:
    """In the main thread: a pop-up, as Blender's own errors are."""
    words = problem

    def draw(popup: bpy.types.UIPopupMenu, context: bpy.types.Context) -> None:
        popup.layout.label(text=words)

    bpy.context.window_manager.popup_menu(draw, title="The picture was not saved", icon="ERROR")


def register() -> None:
    bpy.app.handlers.render_write.append(_look)


def unregister() -> None:
    bpy.app.handlers.render_write.remove(_look)
