"""The extension's zip: its parts, its manifest, its wheels."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from model.assets import load_asset
from server.asset_folder import asset_id, asset_info
from server.setup import extension
from server.setup.process import InstallError

MANIFEST = (extension.ADDON / "blender_manifest.toml").read_text(encoding="utf-8")


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{name}-1-py3-none-any.whl" for name in ("b", "a")]
    for file in files:
        file.write_bytes(file.name.encode())
    return files


def _lock(tmp_path: Path, files: list[Path]) -> Path:
    lock = tmp_path / "lock.txt"
    hashes = " ".join(f"--hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files)
    lock.write_text(f"a==1 {hashes}\n")
    return lock


def test_the_zip_holds_addon_contract_and_wheels_and_not_the_examples(wheels, tmp_path):
    path = tmp_path / "x.zip"
    extension.write_zip(path, list(extension.members(wheels)))
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        for name in ("api.py", "client.py", "__init__.py"):
            assert archive.read(f"protocol/{name}") == (extension.CONTRACT / name).read_bytes()
    assert names == sorted(names) and len(set(names)) == len(names)
    assert {"__init__.py", "LICENSE", "rendering/engine.py", "operators/encode.py"} <= set(names)
    assert not [name for name in names if "example" in name or "__pycache__" in name or name.startswith("server/")]
    assert manifest["wheels"] == [f"./wheels/{wheel.name}" for wheel in wheels]
    assert {f"./{name}" for name in names if name.endswith(".whl")} == set(manifest["wheels"])


def test_the_gallery_is_in_the_index_with_ids_sizes_and_pictures(tmp_path):
    path = tmp_path / "gallery.npz"
    extension.gallery_index(Path(sys.executable), path)
    with np.load(path) as found:
        entries = {entry["name"]: entry for entry in json.loads(found["index"].tobytes())}
        assert set(found) == {"index", *(entry["id"] for entry in entries.values())}
        assert all(max(found[entry["id"]].shape) == 128 for entry in entries.values())
    shipped = list(extension.ROOT.glob("model/gallery/*.safetensors"))
    assert len(entries) == len(shipped) > 0 and all(entry["tags"] == ["gallery"] for entry in entries.values())
    for file in shipped:
        info = asset_info(asset_id(load_asset(file)), load_asset(file))
        assert (entries[info.name]["id"], tuple(entries[info.name]["size"])) == (info.id, info.size)
    before = path.read_bytes()
    extension.gallery_index(Path(sys.executable), path)
    assert path.read_bytes() == before, "equal sources give equal zips"


def test_equal_sources_give_equal_zips(wheels, tmp_path):
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    extension.write_zip(first, list(extension.members(wheels)))
    extension.write_zip(second, list(extension.members(wheels))[::-1])
    assert first.read_bytes() == second.read_bytes()


def test_a_zip_that_breaks_off_leaves_the_old_one(tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        extension.write_zip(path, [("a", b"1"), ("b", 3)])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"


def test_the_lock_covers_every_python_and_platform():
    text = extension.LOCKED_WHEELS.read_text()
    assert len(extension.locked_hashes()) == text.count("--hash") == 23
    assert re.findall(r"^(\w+)==", text, re.MULTILINE) == ["msgpack", "pyzmq"]
    assert len(extension.PYTHONS) * len(extension.PLATFORMS) == 15  # msgpack one each, pyzmq one for 3.13 and 3.14


def test_the_server_speaks_with_the_same_versions_as_the_extension():
    locked = {line.split(" ")[0] for line in extension.LOCKED_WHEELS.read_text().splitlines() if "==" in line}
    for name in ("cpu.txt", "cuda.txt"):
        assert locked <= set(extension.LOCKED_WHEELS.with_name(name).read_text().splitlines())


def test_wheels_that_are_there_are_not_downloaded(wheels, tmp_path, monkeypatch):
    monkeypatch.setattr(extension, "_download", lambda *_: pytest.fail("downloads"))
    assert extension.fetch_wheels(Path("python"), tmp_path, _lock(tmp_path, wheels)) == sorted(wheels)


def test_a_wheel_with_another_content_is_removed_and_downloaded_again(wheels, tmp_path, monkeypatch):
    lock = _lock(tmp_path, wheels)
    good = wheels[0].read_bytes()
    wheels[0].write_bytes(b"tampered")
    monkeypatch.setattr(extension, "_download", lambda *_: wheels[0].write_bytes(good))
    assert extension.fetch_wheels(Path("python"), tmp_path, lock) == sorted(wheels)


def test_a_wheel_that_cannot_be_had_is_a_sentence(wheels, tmp_path, monkeypatch):
    lock = _lock(tmp_path, wheels)
    wheels[0].unlink()
    monkeypatch.setattr(extension, "_download", lambda *_: None)
    with pytest.raises(InstallError, match="delete the folder"):
        extension.fetch_wheels(Path("python"), tmp_path, lock)


def test_a_manifest_without_its_empty_list_is_refused():
    assert '"./wheels/a.whl"' in extension.manifest_with_wheels(MANIFEST, ["a.whl"])
    with pytest.raises(InstallError, match="wheels"):
        extension.manifest_with_wheels(MANIFEST.replace("wheels = []", ""), ["a.whl"])
    with pytest.raises(InstallError, match="version"):
        extension.version_of("name = 1")


def test_addon_and_manifest_tell_one_version():
    identity = (extension.ADDON / "identity.py").read_text(encoding="utf-8")
    assert f'VERSION = "{extension.version_of(MANIFEST)}"' in identity
