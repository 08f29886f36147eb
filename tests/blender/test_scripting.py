"""Every operator, property and panel of ours: words, options, scripts without a window, and the list of the README."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from server.fake import FakeServer

from .conftest import PACKAGE, ROOT

EXAMPLES = ROOT / "blender_addon" / "examples"
TESTS = ROOT / "tests"
# Buttons that change nothing in the file, or start what ends later: a step of undo would be empty.
LIVING = (
    "connect", "disconnect", "install_server", "start_server", "restart_server", "stop_server", "test_connection",
    "cancel_job", "show_log",
)  # fmt: skip


def _classes(base: type) -> list[type]:
    """The registered classes of ours."""
    found, todo = [], [base]
    while todo:
        for cls in todo.pop().__subclasses__():
            todo.append(cls)
            if cls.__module__.startswith(PACKAGE) and getattr(cls, "is_registered", False):
                found.append(cls)
    return sorted(set(found), key=lambda cls: cls.__name__)


def _operators() -> list[type]:
    return _classes(bpy.types.Operator)


def _properties() -> Iterator[tuple[str, bpy.types.Property]]:
    """(where, property) of operators, settings of files, and preferences."""
    for name in dir(bpy.ops.neural_assets):
        for prop in getattr(bpy.ops.neural_assets, name).get_rna_type().properties:
            if prop.identifier != "rna_type":
                yield f"{name}.{prop.identifier}", prop
    for cls in (*_classes(bpy.types.PropertyGroup), *_classes(bpy.types.AddonPreferences)):
        for name in {name for base in cls.__mro__ for name in base.__dict__.get("__annotations__", {})}:
            if name in cls.bl_rna.properties:
                yield f"{cls.__name__}.{name}", cls.bl_rna.properties[name]


def _fault(text: str) -> str:
    """What is wrong with a tooltip; empty when nothing is."""
    if not text:
        return "has none"
    if "\n" in text:
        return "has a line break"
    if text.endswith((".", "!")) or "!" in text:
        return "ends with a full stop, or shouts"
    if not (text[0].isupper() or text[0].isdigit()):
        return "begins small"
    return ""


def test_every_operator_has_words_as_blender_writes_them():
    faults = []
    names = dir(bpy.ops.neural_assets)
    for name in names:
        kind = getattr(bpy.ops.neural_assets, name).get_rna_type()
        if fault := _fault(kind.description):
            faults.append(f"{name}: its tooltip {fault}")
        if not re.match(r"[A-Z0-9]", kind.name) or kind.name.endswith(".") or kind.name.isupper():
            faults.append(f"{name}: its label is '{kind.name}'")
    assert not faults, "\n".join(faults)
    assert len(names) == len(_operators()) > 30


def test_every_property_has_a_name_and_a_tooltip():
    faults = []
    for where, prop in _properties():
        if prop.is_hidden or where.endswith((".filter_glob", ".filter_image", ".filter_folder")):
            continue
        if not prop.name or prop.name == prop.identifier:
            faults.append(f"{where} has no name")
        if fault := _fault(prop.description):
            faults.append(f"{where}: its tooltip {fault}")
        faults += [
            f"{where}: item {item.identifier} {fault}"
            for item in getattr(prop, "enum_items", ())
            if item.description and (fault := _fault(item.description))
        ]
    assert not faults, "\n".join(sorted(faults))


def test_every_panel_has_a_label():
    panels = _classes(bpy.types.Panel)
    assert len(panels) > 5
    for cls in panels:
        assert cls.bl_label[:1].isupper() or "HIDE_HEADER" in cls.bl_options, cls.__name__


def test_every_operator_works_from_scripts():
    for cls in _operators():
        if cls.__name__ == "SettleDrop":
            continue  # asks only where the mouse is; `add_asset` and `replace_asset` are for scripts
        own = [base for base in cls.__mro__ if base.__module__.startswith(PACKAGE)]
        assert any("execute" in base.__dict__ for base in own), f"{cls.__name__} has no execute"


def test_only_what_changes_the_file_is_a_step_of_undo():
    for cls in _operators():
        name = cls.bl_idname.split(".")[-1] if "." in cls.bl_idname else cls.bl_idname.split("_OT_")[-1]
        options = getattr(cls, "bl_options", set())
        if name in LIVING:
            assert "UNDO" not in options, name
        if "UNDO" in options and "INTERNAL" not in options:
            assert "REGISTER" in options, f"{name}: its settings cannot be changed afterwards"


def test_asking_whether_an_operator_can_run_never_raises():
    """`poll` with a file that has nothing in it, and with no scene, object or area at all."""
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    for name in dir(bpy.ops.neural_assets):
        assert getattr(bpy.ops.neural_assets, name).poll() in (True, False)


def test_waiting_belongs_to_execute():
    """An `invoke` that sleeps or waits would hold the window up."""
    for cls in _operators():
        invoke = cls.__dict__.get("invoke")
        if invoke is None:
            continue
        source = inspect.getsource(invoke)
        assert not re.search(r"\bsleep\(|\bwaiting\.|\banswer\(|\.wait\(", source), cls.__name__


# --- the README ---


@pytest.fixture
def examples(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


def test_the_readme_lists_the_operators_as_they_are(examples):
    write_reference = importlib.import_module("write_reference")
    text = (ROOT / "blender_addon" / "README.md").read_text(encoding="utf-8")
    wrong = "run `blender -b --python blender_addon/examples/write_reference.py`"
    assert write_reference.written(text) == text, wrong


def test_every_test_that_the_readme_names_is_there():
    text = (ROOT / "blender_addon" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)(?:::(test_\w+))?`", text)
    assert len(named) > 15
    files = {path.stem: path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")}
    for module, function in named:
        assert module in files, module
        assert not function or f"def {function}(" in files[module], f"{module}::{function}"


# --- the examples, in a Blender of their own ---


def _run(script: str, *words: object, address: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "NEURAL_ASSETS_ADDRESS": address}
    command = [sys.executable, EXAMPLES / script, *words]
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def files(scene, box, tmp_path) -> Path:
    """A folder with two files; the box of the second carries nothing."""
    scene.neural_assets.background = "room"
    thing = box()
    (tmp_path / "files").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "files" / "good.blend"))
    scene.camera = None
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "files" / "no camera.blend"))
    assert thing
    return tmp_path / "files"


def test_a_folder_of_files_is_rendered(files, tmp_path):
    with FakeServer() as fake:
        done = _run("render_folder.py", files, tmp_path / "out", address=fake.address)
    assert done.returncode == 1 and "no camera.blend: " in done.stderr, done.stderr[-1500:]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


def test_a_box_turns(files, tmp_path):
    with FakeServer() as fake:
        script = tmp_path / "turn.py"  # opens the file, as `blender -b FILE` does
        script.write_text(f"import bpy, runpy\nbpy.ops.wm.open_mainfile(filepath={str(files / 'good.blend')!r})\n"
                          f"runpy.run_path({str(EXAMPLES / 'turntable.py')!r}, run_name='__main__')\n")  # fmt: skip
        done = _run(str(script), "Box", tmp_path / "frames", 4, 90, address=fake.address)
        poses = [np.reshape(request.scene.placements[0].box.pose, (4, 4)) for request in fake.wait_for("render", 4)]
    assert done.returncode == 0, done.stderr[-1500:]
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [f"{i:04d}.png" for i in (1, 2, 3, 4)]
    turns = [np.degrees(np.arctan2(pose[1, 0], pose[0, 0])) for pose in poses]
    assert np.allclose(turns, [0, 90, 0, -90], atol=1e-3)


def test_a_box_that_is_not_there_is_named(files, tmp_path):
    done = _run("turntable.py", "Chair", tmp_path, address="127.0.0.1:1")
    assert done.returncode == 1 and "There is no object 'Chair'" in done.stderr


def test_a_picture_is_encoded(tmp_path):
    for name in ("coffee.json", "coffee.jpg"):
        shutil.copy(EXAMPLES / name, tmp_path)
    with FakeServer() as fake:
        done = _run("encode_picture.py", tmp_path / "coffee.json", tmp_path / "coffee.blend", address=fake.address)
        (request,) = fake.wait_for("encode")
    assert done.returncode == 0, done.stderr[-1500:]
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "coffee.blend"))
    boxes = [thing for thing in bpy.context.scene.objects if thing.neural_assets.is_box]
    assert sorted(thing.name for thing in boxes) == sorted(request.names)
    assert all(thing.neural_assets.asset for thing in boxes) and bpy.context.scene.neural_assets.background


def test_a_keyed_context_is_not_needed(scene):
    """Scripts have no area under the mouse."""
    assert SimpleNamespace(area=bpy.context.area).area is None
    assert bpy.ops.neural_assets.add_box() == {"FINISHED"}
