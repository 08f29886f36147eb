"""The built extension, installed and enabled in a real Blender module, with a server that answers as told.

`python3 install.py test` installs the zip into BLENDER_USER_RESOURCES before it starts these tests.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "bl_ext.user_default.neural_assets"
sys.path.insert(0, str(ROOT))
if "BLENDER_USER_RESOURCES" not in os.environ:
    raise RuntimeError("Set BLENDER_USER_RESOURCES to a folder with the extension: run 'python3 install.py test'.")
bpy.ops.preferences.addon_enable(module=PACKAGE)

from server.fake import FakeServer  # noqa: E402 - its wheels come with the extension


def part(name: str) -> ModuleType:
    """A module of the installed extension."""
    return importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)


@pytest.fixture
def addon() -> Callable[[str], ModuleType]:
    return part


@pytest.fixture(autouse=True)
def scene(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bpy.types.Scene]:
    """An empty file with a camera, ready to render small pictures; nothing of one test reaches the next."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bridge = part("connection.session").bridge
    bridge.close()
    bridge.assets, bridge.target = {}, part("connection.target").Target(address="127.0.0.1:1")
    keeping = part("pictures.keeping")
    monkeypatch.setattr(keeping, "_history", part("pictures.history").History(tmp_path_factory.mktemp("history")))
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (0, -5, 1), (np.pi / 2, 0, 0)
    scene.camera = camera
    render = scene.render
    render.engine = "NEURAL_ASSETS"
    render.resolution_x, render.resolution_y, render.resolution_percentage = 96, 64, 100
    render.image_settings.file_format = "PNG"
    render.filepath = str(tmp_path / "picture.png")
    yield scene
    bridge.close()
    keeping.flush()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake server that the add-on is connected to."""
    with FakeServer() as fake:
        bpy.ops.neural_assets.connect(address=fake.address)
        yield fake
        part("connection.session").bridge.close()


@pytest.fixture
def box() -> Callable[..., bpy.types.Object]:
    """Adds a box that carries an asset."""

    def add(name: str = "Box", asset: str = "asset-1", **changes: object) -> bpy.types.Object:
        bpy.ops.neural_assets.add_box()
        thing = bpy.context.object
        thing.name, thing.neural_assets.asset = name, asset
        for key, value in changes.items():
            setattr(thing, key, value)
        bpy.context.view_layer.update()
        return thing

    return add


def every_id() -> list[bpy.types.ID]:
    """All data-blocks of the open file."""
    kinds = [each.identifier for each in bpy.data.bl_rna.properties if each.type == "COLLECTION"]
    return [thing for kind in kinds for thing in getattr(bpy.data, kind)]


def read_png(path: str | Path) -> np.ndarray:
    """uint8 [h, w, 3], top row first, exactly as in the file."""
    image = bpy.data.images.load(str(path))
    width, height = image.size
    values = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(values)
    bpy.data.images.remove(image)
    return np.round(values.reshape(height, width, 4)[::-1, :, :3] * 255).astype(np.uint8)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Pump the bridge, as the window's timer does, until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        part("connection.session").tick()
        time.sleep(0.005)


def full_disk(handle: int) -> None:
    """Stands for os.fsync where a disk is full."""
    raise OSError(28, "No space left on device")
