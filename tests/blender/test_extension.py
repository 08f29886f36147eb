"""The extension as a part of Blender: manifest, registration, and what is left when it is switched off."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
import tomllib
from pathlib import Path

import bpy
import pytest

from .conftest import PACKAGE, ROOT


def _installed(addon) -> Path:
    return Path(addon("").__file__).parent


def test_the_manifest_says_what_the_code_says(addon):
    manifest = tomllib.loads((_installed(addon) / "blender_manifest.toml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert manifest["version"] == addon("identity").VERSION == project["version"]
    assert manifest["id"] == PACKAGE.split(".")[-1] and manifest["blender_version_min"] == "4.2.0"


def test_the_contract_in_the_extension_is_the_servers(addon):
    theirs = {path.name: path.read_bytes() for path in (ROOT / "server" / "protocol").glob("*.py")}
    assert theirs == {path.name: path.read_bytes() for path in (_installed(addon) / "protocol").glob("*.py")}


def _imports(path: Path) -> tuple[set[str], set[str]]:
    """The packages outside this add-on that a file imports, and all names that it takes from anywhere."""
    packages, names = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names}
            if node.level == 0:
                packages.add((node.module or "").split(".")[0])
    return packages, names


def test_the_room_keeps_to_itself():
    """Only bpy, numpy and the contract; the bridge alone has the client; what has threads knows no bpy."""
    files = [path for path in (ROOT / "blender_addon").rglob("*.py") if "examples" not in path.parts]
    blenders = {"blf", "bpy", "bpy_extras", "gpu", "gpu_extras", "mathutils", "numpy", "rna_keymap_ui"}
    allowed = blenders | set(sys.stdlib_module_names) - {"socket", "urllib", "http"}
    for file in files:
        packages, names = _imports(file)
        assert packages <= allowed, file
        assert ("BackgroundClient" in names) == (file.name == "bridge.py"), file
        if "subprocess" in packages or names & {"Thread", "RLock", "BackgroundClient"}:
            assert not packages & {"bpy", "gpu"}, file
    assert len(files) > 20
    assert not {"torch", "model", "diffusers", "transformers"} & set(sys.modules)


def test_no_two_rooms_need_each_other():
    """The add-on's folders, and the modules beside them, import each other in one direction only."""
    needs: dict[str, set[str]] = {}
    for file in (ROOT / "blender_addon").rglob("*.py"):
        inside = file.relative_to(ROOT / "blender_addon").parts
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == len(inside):
                names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
                needs.setdefault(inside[0].removesuffix(".py"), set()).update(names)
    assert {"scene", "connection"} <= needs["rendering"]
    graphlib.TopologicalSorter(needs).prepare()  # raises CycleError


def test_blenders_own_panels_show_for_the_engine():
    for name in ("RENDER_PT_format", "RENDER_PT_output", "RENDER_PT_frame_range", "DATA_PT_lens"):
        panel = getattr(bpy.types, name)
        assert "NEURAL_ASSETS" in panel.COMPAT_ENGINES


def test_switching_off_leaves_nothing_and_on_again_works(addon, scene):
    bpy.ops.neural_assets.use_engine()
    operators = set(dir(bpy.ops.neural_assets))
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    try:
        assert not dir(bpy.ops.neural_assets)
        assert not hasattr(bpy.types.Scene, "neural_assets") and not hasattr(bpy.types.Object, "neural_assets")
        assert not any("NEURAL_ASSETS" in getattr(p, "COMPAT_ENGINES", ()) for p in bpy.types.Panel.__subclasses__())
        assert scene.view_settings.view_transform == "AgX", "the scene has its own colours back"
        lists = [found for name in dir(bpy.app.handlers) if isinstance(found := getattr(bpy.app.handlers, name), list)]
        assert not [handler for found in lists for handler in found if handler.__module__.startswith(PACKAGE)]
    finally:
        bpy.ops.preferences.addon_enable(module=PACKAGE)
    assert set(dir(bpy.ops.neural_assets)) == operators
    bpy.context.view_layer.update()
    assert scene.view_settings.view_transform == "Standard"


def test_what_a_file_holds_survives_saving_loading_and_appending(scene, box, tmp_path):
    thing = box("Chair", "id-chair")
    thing.neural_assets.asset_name, thing.neural_assets.guidance = "Chair", 2.0
    scene.neural_assets.background = "id-room"
    path = str(tmp_path / "a.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    carried = bpy.data.objects["Chair"].neural_assets
    assert (carried.is_box, carried.asset, carried.asset_name, carried.guidance) == (True, "id-chair", "Chair", 2.0)
    assert bpy.context.scene.neural_assets.background == "id-room"
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.append(directory=f"{path}/Object/", filename="Chair")
    assert bpy.data.objects["Chair"].neural_assets.asset == "id-chair"


def test_undo_takes_a_new_box_away(scene):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.neural_assets.add_box()
    bpy.ops.ed.undo_push(message="Neural Box")
    assert "Box" in bpy.data.objects
    bpy.ops.ed.undo()
    assert "Box" not in bpy.data.objects


def test_boxes_are_added_in_object_mode_only(scene, box):
    box()
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Boxes are added in Object Mode: press Tab first"):
        bpy.ops.neural_assets.add_box()
    bpy.ops.object.mode_set(mode="OBJECT")


_TEMPORARY = """
import gc, importlib, os, sys
import bpy
bpy.ops.preferences.addon_enable(module=sys.argv[1])
compat = importlib.import_module(sys.argv[1] + ".compat")
for _ in range(50):
    with compat.temporary_data() as data:
        thing = data.objects.new("Box", data.meshes.new("Box"))
        del data
    rubbish = [bytearray(500) for _ in range(200)]
    gc.collect()
print("alive", flush=True)
os._exit(0)
"""


def test_temporary_data_is_freed_once():
    """Blender's own frees it twice, and dies of it at some later collection of garbage."""
    done = subprocess.run([sys.executable, "-c", _TEMPORARY, PACKAGE], capture_output=True, text=True, timeout=120)
    assert done.stdout.endswith("alive\n"), done.stderr[-500:]
