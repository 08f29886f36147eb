"""Builds the Blender extension: the add-on, a copy of the contract and client, and the wheels they need.

The zip is the same for the same sources: sorted names, fixed dates. The manifest's list of wheels is written from
the folder of wheels, whose every file must be in `server/requirements/extension.txt` by its hash, and the other way
round.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .process import ROOT, InstallError, output_of, run, say

ADDON = ROOT / "blender_addon"
CONTRACT = ROOT / "server" / "protocol"
LOCKED_WHEELS = ROOT / "server" / "requirements" / "extension.txt"
OUT = ROOT / "out" / "addon"
LEFT_OUT = {"examples", "__pycache__"}
PYTHONS = ("3.11", "3.13", "3.14")  # Blender 4.2 to 5.0; 5.1 and later; Debian's own 5.2
PLATFORMS = ("manylinux_2_28_x86_64", "win_amd64", "win_arm64", "macosx_11_0_arm64", "macosx_11_0_x86_64")
_DATE = (2026, 1, 1, 0, 0, 0)


def locked_hashes(file: Path = LOCKED_WHEELS) -> set[str]:
    """sha256 of every wheel that belongs into the extension."""
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", file.read_text()))


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def checked_wheels(folder: Path, hashes: set[str]) -> list[Path]:
    """The wheels in a folder, sorted; wrong files are removed. Fewer than `hashes` when some are missing."""
    wheels = sorted(folder.glob("*.whl"))
    for wheel in wheels:
        if sha256(wheel) not in hashes:
            wheel.unlink()
    return [wheel for wheel in wheels if wheel.exists()]


def fetch_wheels(python: Path, folder: Path = OUT / "wheels", locked: Path = LOCKED_WHEELS) -> list[Path]:
    """All wheels, downloaded with `python`'s pip where they are not there yet; pip and this check the hashes."""
    hashes = locked_hashes(locked)
    folder.mkdir(parents=True, exist_ok=True)
    if len(checked_wheels(folder, hashes)) < len(hashes):
        say(f"Downloading {len(hashes)} small wheels for Blender's Pythons into {folder} ...")
        for version in PYTHONS:
            for platform in PLATFORMS:
                _download(python, folder, locked, version, platform)
    wheels = checked_wheels(folder, hashes)
    if {sha256(wheel) for wheel in wheels} != hashes:
        raise InstallError(
            f"The wheels in {folder} are not those of {locked.name}: delete the folder and run this again."
        )
    return wheels


def _download(python: Path, folder: Path, locked: Path, version: str, platform: str) -> None:
    command = [
        python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes",
        "--only-binary=:all:", "--implementation", "cp", "--python-version", version, "--platform", platform,
        "--dest", folder, "-r", locked,
    ]  # fmt: skip
    cure = "see pip's words above, check the network and run this again."
    run(command, f"The wheels of Python {version} on {platform} could not be downloaded: {cure}")


def manifest_with_wheels(manifest: str, names: Sequence[str]) -> str:
    """The manifest's text with its empty list of wheels filled in; raises InstallError where there is none."""
    if manifest.count("\nwheels = []\n") != 1:
        raise InstallError("blender_manifest.toml has no line 'wheels = []': put it back.")
    listed = "".join(f'  "./wheels/{name}",\n' for name in names)
    return manifest.replace("\nwheels = []\n", f"\nwheels = [\n{listed}]\n")


def version_of(manifest: str) -> str:
    """The extension's version."""
    found = re.search(r'^version = "([^"]+)"$', manifest, re.MULTILINE)
    if not found:
        raise InstallError("blender_manifest.toml has no line 'version = ...': put it back.")
    return found[1]


def gallery_index(python: Path, path: Path) -> bytes:
    """What the extension knows of the shipped gallery; `python` is the server's."""
    run([python, "-m", "server.setup.shipped", path], "The gallery could not be read: fetch the project again.")
    return path.read_bytes()


def members(wheels: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """(name in the zip, content) of everything, in no order."""
    manifest = (ADDON / "blender_manifest.toml").read_text(encoding="utf-8")
    yield "blender_manifest.toml", manifest_with_wheels(manifest, [wheel.name for wheel in wheels]).encode()
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()
    for file in ADDON.rglob("*"):
        inside = file.relative_to(ADDON)
        hidden = any(part in LEFT_OUT or part.startswith(".") for part in inside.parts)
        if file.is_file() and not hidden and file.name != "blender_manifest.toml":
            yield inside.as_posix(), file.read_bytes()
    for file in CONTRACT.glob("*.py"):
        yield f"protocol/{file.name}", file.read_bytes()
    for wheel in wheels:
        yield f"wheels/{wheel.name}", wheel.read_bytes()


def write_zip(path: Path, content: Sequence[tuple[str, bytes]]) -> None:
    """A zip that appears whole or not at all."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in sorted(content):
                entry = zipfile.ZipInfo(name, _DATE)
                entry.external_attr = 0o644 << 16
                stored = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
                archive.writestr(entry, data, stored)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def build_extension(python: Path, out: Path = OUT) -> Path:
    """Makes `out/neural_assets-VERSION.zip` with `python`'s pip and returns its path."""
    wheels = fetch_wheels(python, out / "wheels")
    version = version_of((ADDON / "blender_manifest.toml").read_text(encoding="utf-8"))
    path = out / f"neural_assets-{version}.zip"
    write_zip(path, [*members(wheels), ("gallery.npz", gallery_index(python, out / "gallery.npz"))])
    say(f"Built the Blender extension {path} ({path.stat().st_size / 1e6:.1f} MB).")
    return path


def validate(path: Path, tool: Sequence[str | Path]) -> None:
    """Blender's own judgement; tool: the command of its `blender_ext.py` or of `blender --command extension`."""
    if output_of([*tool, "validate", path]) is None:
        raise InstallError(
            f"Blender refuses the extension: run `{' '.join(map(str, tool))} validate {path}` to see why."
        )
