"""Installs the extension's zip into the Blender that runs this, and enables it.

    python extension_here.py ZIP [PROJECT]          with the `bpy` module
    blender -b --python extension_here.py -- ZIP [PROJECT]

PROJECT is the folder whose server the add-on starts; it goes into the add-on's preferences. Set BLENDER_USER_RESOURCES
to a folder of your own to leave the user's Blender alone.
"""

from __future__ import annotations

import os
import sys

import bpy

MODULE = "bl_ext.user_default.neural_assets"


def install(archive: str) -> None:
    """Install and enable; raises RuntimeError with Blender's words."""
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    enable()


def enable() -> None:
    """Enable the installed extension in this process; raises RuntimeError when it is not there or broken."""
    if MODULE not in bpy.context.preferences.addons:
        bpy.ops.preferences.addon_enable(module=MODULE)
    if MODULE not in bpy.context.preferences.addons:
        raise RuntimeError("Blender cannot enable the extension Neural Assets: see its words above.")


def set_project(folder: str) -> None:
    """The folder whose server the add-on starts."""
    bpy.context.preferences.addons[MODULE].preferences.project = folder


def arguments() -> list[str]:
    """The words that are for the script: after "--" in a Blender, all in the `bpy` module."""
    after = sys.argv.index("--") if "--" in sys.argv else 0
    return sys.argv[after + 1 :]


def leave(code: int) -> None:
    """End at once: bpy 4.5 can hang at its end while classes are registered."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    archive, *project = arguments()
    install(archive)
    if project:
        set_project(project[0])
    bpy.ops.wm.save_userpref()


if __name__ == "__main__":
    main()
    leave(0)
