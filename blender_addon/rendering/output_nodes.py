"""The files that the compositor's File Output nodes write while a picture is rendered.

Blender tells nobody their names: what may be written is looked up before and after.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import bpy

from .. import compat
from ..pictures.stamp_files import SUFFIX

States = dict[Path, tuple[int, int]]  # of files: when each was changed, in nanoseconds, and its size


def states(scene: bpy.types.Scene, is_still: bool = True) -> States:
    """Of all files that are there and that the scene's nodes may write for its current frame."""
    tree = compat.compositor(scene)
    nodes = [] if tree is None else _file_outputs(tree)
    patterns = {
        pattern
        for node in nodes
        for folder, name in compat.file_output_names(node)
        for pattern in _patterns(f"{bpy.path.abspath(folder)}/{name}", scene.frame_current, is_still)
    }
    found: States = {}
    for path in {path for pattern in patterns for path in glob.glob(pattern) if not path.endswith(SUFFIX)}:
        with suppress(OSError):  # somebody has just deleted it
            state = os.stat(path)
            if stat.S_ISREG(state.st_mode):
                found[Path(path)] = state.st_mtime_ns, state.st_size
    return found


def _file_outputs(tree: bpy.types.NodeTree) -> Iterator[bpy.types.Node]:
    """Of a tree and of the groups in it."""
    for node in tree.nodes:
        if node.bl_idname == "CompositorNodeOutputFile":
            yield node
        elif getattr(node, "node_tree", None) is not None:
            yield from _file_outputs(node.node_tree)


def _patterns(path: str, frame: int, is_still: bool) -> Iterator[str]:
    """glob's patterns of what Blender makes of a path: it puts the frame's number for #, or at the end (from 5.0 on not
    for stills), fills in what stands in braces, and adds the format's ending or replaces that of another one."""
    sign, digits = "-" * (frame < 0), str(abs(frame))
    name, count = re.subn("#+(?=[^#/]*$)", lambda found: sign + digits.zfill(len(found[0])), path)
    for each in [name] * (count > 0 or is_still) + [f"{name}{sign}{digits.zfill(4)}"] * (count == 0):
        stem, ending = os.path.splitext(each)
        whole = stem if ending.lower() in bpy.path.extensions_image else each
        pattern = re.sub(r"\{[^{}]*\}|[*?[]", lambda found: "*" if found[0][0] == "{" else f"[{found[0]}]", whole)
        yield pattern
        yield f"{pattern}.*"
