"""What is done when Blender has written a picture's files, the compositor's File Output nodes' among them.

Every file is looked at: when a disk is full Blender cuts a PNG off and says "Saved". And where the stamp is not in the
file it is written beside it, for a video when it is finished: many formats keep no texts, and File Output nodes write
none into any.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from .. import compat
from ..identity import ENGINE_ID
from ..pictures import picture_text, stamp_files
from ..pictures.stamp import KEY
from ..protocol.errors import ProtocolError
from . import output_nodes
from .frame_files import is_whole

problem = ""  # what is wrong with the file that was written last, or with its settings; empty when all is well
_made: tuple[str, bool] | None = None  # of the render that is to be written: its stamp, and whether it is a frame
_results: dict[tuple[str, int], str] = {}  # the stamps of what Blender shows as its render result, by scene and slot
_place = ("", 0)  # of them, where the render at work goes
_before: output_nodes.States = {}  # the files of the compositor's nodes, before they are written
_of_nodes = ""  # what is wrong with one of them
_video: Path | None = None  # the video at work
_frames: list[str] = []  # the stamps of the frames that are in it


def finished(stamp: str, is_animation: bool) -> None:
    """The engine has finished a picture; Blender will write it, if it does, in the same thread."""
    global _made
    _made = stamp, is_animation


def stamp_of_result(scene: bpy.types.Scene) -> str:
    """Of the render result's slot that is shown; empty where it has no finished picture of ours."""
    return _results.get(_slot(scene), "")


def _slot(scene: bpy.types.Scene) -> tuple[str, int]:
    result = bpy.data.images.get("Render Result")
    return scene.name, result.render_slots.active_index if result is not None else 0


@persistent
def _begin(scene: bpy.types.Scene, *_: object) -> None:
    """Before a still or an animation: nothing of an earlier one is left."""
    global _made, _video
    _made, _video = None, None
    _frames.clear()


@persistent
def _begin_frame(scene: bpy.types.Scene, *_: object) -> None:
    """Before a still or a frame."""
    global _made, _before, _of_nodes, _place
    _made, _of_nodes, _place = None, "", _slot(scene)
    _results.pop(_place, None)
    _before = output_nodes.states(scene) if scene.render.engine == ENGINE_ID else {}


@persistent
def _look_at_nodes(scene: bpy.types.Scene, *_: object) -> None:
    """After the compositor, whether or not Blender writes a file of its own; in whatever thread renders."""
    global _of_nodes
    if scene.render.engine != ENGINE_ID or _made is None:
        return
    stamp, is_animation = _made
    _results[_place] = stamp
    written = [
        path for path, state in output_nodes.states(scene, not is_animation).items() if state != _before.get(path)
    ]
    _of_nodes = next(filter(None, [looked_at(path, stamp) for path in written]), "")
    if _of_nodes:
        _say(_of_nodes, repeated=not is_animation)


@persistent
def _look(scene: bpy.types.Scene, *_: object) -> None:
    """After a file, or a frame of a video, was written; in whatever thread renders."""
    global _made, _video
    if scene.render.engine != ENGINE_ID or _made is None:
        return
    (stamp, is_animation), _made = _made, None
    if compat.is_video(scene.render.image_settings):
        _video = _video or _frame_path(scene)
        _frames.append(stamp)
        return
    path = _frame_path(scene) if is_animation else _still_path(scene)
    words = "" if path is None else looked_at(path, stamp)
    _say(_of_nodes or words, repeated=not _of_nodes and not is_animation)


@persistent
def _end(scene: bpy.types.Scene, *_: object) -> None:
    """After the last frame, or where Escape was pressed: the video is whole."""
    if _video is not None:
        _say(_keep(_video, _frames), repeated=True)
    _begin(scene)


def looked_at(path: Path, stamp: str) -> str:
    """What is wrong with a picture's file; where all is well it holds the stamp, or has it beside it."""
    if not is_whole(path):
        return f"The file '{path}' is cut off: its disk is full. Make room, and save the picture again."
    try:
        return "" if picture_text.read_text(path, KEY) is not None else _keep(path, [stamp])
    except ProtocolError as error:
        return str(error)


def _keep(path: Path, stamps: list[str]) -> str:
    """Write the stamps beside a file; returns what went wrong."""
    try:
        stamp_files.write_beside(path, stamps)
    except ProtocolError as error:
        return str(error)
    return ""


def _frame_path(scene: bpy.types.Scene) -> Path:
    """Where the current frame of an animation goes, or all of a video."""
    return Path(bpy.path.abspath(scene.render.frame_path(frame=scene.frame_current)))


def _still_path(scene: bpy.types.Scene) -> Path | None:
    """Where a still went, which Blender does not tell: it replaces or adds the format's ending, or leaves the name."""
    render = scene.render
    name, ending = render.filepath, render.file_extension if render.use_file_extension else ""
    if "#" not in name:  # what stands in braces is filled in for frames, whose number comes last
        name = render.frame_path(frame=0).removesuffix(ending).removesuffix("0000")
    name = bpy.path.abspath(name)
    names = (name, os.path.splitext(name)[0] + ending, name + ending, f"{name}Untitled{ending}")  # the last in a folder
    found = [Path(each) for each in names if os.path.exists(each) and not os.path.isdir(each)]
    return max(found, key=lambda each: each.stat().st_mtime_ns, default=None)


@persistent
def _forget(*_: object) -> None:
    """Another file has other pictures."""
    _results.clear()


def _say(words: str, repeated: bool) -> None:
    """In the panel and as a pop-up, as Blender's own errors are; for frames the same words only once."""
    global problem
    is_news, problem = bool(words) and (repeated or words != problem), words
    if is_news and bpy.app.background:
        print(f"Neural Assets: {words}", file=sys.stderr)
    elif is_news:
        bpy.app.timers.register(_tell, first_interval=0.1)


def _tell() -> None:
    """In the main thread."""
    words = problem

    def draw(popup: bpy.types.UIPopupMenu, context: bpy.types.Context) -> None:
        popup.layout.label(text=words)

    bpy.context.window_manager.popup_menu(draw, title="Not everything was saved", icon="ERROR")


def _handlers() -> list[tuple[list, object]]:
    calls = bpy.app.handlers
    return [
        (calls.render_init, _begin),
        (calls.render_pre, _begin_frame),
        (calls.render_post, _look_at_nodes),
        (calls.render_write, _look),
        (calls.render_complete, _end),
        (calls.render_cancel, _end),
        (calls.load_post, _forget),
    ]


def register() -> None:
    for handlers, call in _handlers():
        handlers.append(call)


def unregister() -> None:
    for handlers, call in _handlers():
        handlers.remove(call)
