"""The self-hosted repository: listed by Blender's own tool, and a Blender installs from it."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import bpy
import pytest

from server.setup import repository
from server.setup.extension import ADDON, OUT, validate, version_of

INSTALL = """
import os, sys
import bpy
preferences = bpy.context.preferences
preferences.system.use_online_access = True  # Blender wants it for every repository
repository = preferences.extensions.repos.new(name="Ours", module="ours", remote_url=sys.argv[1])
index = list(preferences.extensions.repos).index(repository)
bpy.ops.extensions.repo_sync(repo_index=index)
bpy.ops.extensions.package_install(repo_index=index, pkg_id="neural_assets", enable_on_install=True)
bpy.ops.neural_assets.add_box()
print("installed", *(name for name in preferences.addons.keys() if "neural" in name), bpy.context.object.name)
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture(scope="module")
def tool() -> list[str | Path]:
    return [sys.executable, Path(bpy.utils.system_resource("SCRIPTS"), "addons_core/bl_pkg/cli/blender_ext.py")]


@pytest.fixture(scope="module")
def archive() -> Path:
    """The built zip with its wheels."""
    named = os.environ.get("NEURAL_ASSETS_EXTENSION")
    built = [Path(named)] if named else sorted(OUT.glob("*.zip"))
    if not built:
        pytest.skip("there is no built zip: run 'python3 install.py addon'")
    return built[-1]


@pytest.fixture(scope="module")
def folder(archive: Path, tool: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "neural_assets-0.0.1.zip").write_bytes(b"an older one")
    repository.write_repository(archive, folder, tool)
    return folder


def _install(url: str, resources: Path) -> str:
    """What a Blender of its own says when it installs from there."""
    (resources / "script.py").write_text(INSTALL)
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(resources)}
    command = [sys.executable, str(resources / "script.py"), url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(line for line in done.stdout.splitlines() if line.startswith("installed"))


def test_the_list_names_the_version_and_the_page_can_be_dragged_from(folder, archive, tool):
    (listed,) = json.loads((folder / "index.json").read_text())["data"]
    assert listed["id"] == "neural_assets" and listed["blender_version_min"] == "4.2.0"
    assert listed["version"] == version_of((ADDON / "blender_manifest.toml").read_text())
    assert (folder / listed["archive_url"]).read_bytes() == archive.read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "index.json", archive.name]
    assert f"./{archive.name}?repository=.%2Findex.json" in (folder / "index.html").read_text()
    validate(folder / archive.name, tool)


def test_blender_installs_from_a_folder(folder, tmp_path):
    words = _install((folder / "index.json").as_uri(), tmp_path)
    assert words == "installed bl_ext.ours.neural_assets Box"


def test_blender_installs_from_a_web_server(folder, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        words = _install(f"http://127.0.0.1:{web.server_port}/index.json", tmp_path)
        web.shutdown()
    assert words == "installed bl_ext.ours.neural_assets Box"
