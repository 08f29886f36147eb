"""A repository of extensions: a folder of files from which Blender installs and updates the add-on by itself.

Any web server, or a folder that all computers see, can offer it: nothing in it is a program.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from .process import InstallError, run, say


def write_repository(archive: Path, folder: Path, tool: Sequence[str | Path]) -> Path:
    """Put the extension's zip into a folder and list it there; returns the list.

    tool: the command of Blender's own `blender_ext.py`. The folder may hold other extensions; an older zip of this one
    goes, since a repository holds one version of each.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    identity = archive.name.split("-")[0]
    for older in folder.glob(f"{identity}-*.zip"):
        older.unlink()
    try:
        shutil.copyfile(archive, folder / archive.name)
    except OSError as error:
        raise InstallError(f"{folder} cannot be written ({error.strerror}): name another folder.") from error
    failure = f"Blender's own tool did not list the extensions in {folder}: see its words above."
    run([*tool, "server-generate", "--repo-dir", folder, "--html"], failure)
    say(f"The repository is in {folder}. Offer this folder, and in Blender add its address in Preferences,")
    say(f"Get Extensions, Repositories, +, Add Remote Repository: https://YOUR.SERVER/index.json or {_url(folder)}")
    return folder / "index.json"


def _url(folder: Path) -> str:
    return (folder / "index.json").as_uri()
