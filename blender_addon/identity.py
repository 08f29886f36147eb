"""Who this add-on is for Blender: its package, version and names, and its folder for the user's files."""

from __future__ import annotations

from pathlib import Path

import bpy

PACKAGE = __package__  # by which Blender keeps preferences and files of the add-on
VERSION = "0.1.0"
ENGINE_ID = "NEURAL_ASSETS"
TAB = "Neural Assets"  # of the sidebar


def user_folder(name: str, create: bool = False) -> Path:
    """A folder of the user's, outside the extension's own, which an update replaces. create: make it if need be."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path=name, create=create))
