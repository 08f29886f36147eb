"""The keys: free in both of Blender's keymaps, theirs again when the add-on is off."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import bpy
import pytest

from .conftest import PACKAGE


@pytest.fixture
def blenders(monkeypatch) -> ModuleType:
    folder = Path(bpy.utils.system_resource("SCRIPTS"), "presets", "keyconfig", "keymap_data")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return pytest.importorskip("blender_default")


def _keymaps(name: str, blenders: ModuleType) -> list:
    if name == "industry":
        industry = pytest.importorskip("industry_compatible_data")
        return industry.generate_keymaps(industry.Params())
    more = {"select_mouse": "RIGHT"} if name == "right" else {"select_mouse": "LEFT", "use_v3d_tab_menu": True}
    return blenders.generate_keymaps(blenders.Params(**more))


# The maps that are heard in a 3D view in Object Mode, and everywhere.
HEARD = ("3D View", "3D View Generic", "Object Mode", "Object Non-modal", "Screen", "Window", "View2D", "Frames",
         "User Interface", "Screen Editing")  # fmt: skip


@pytest.mark.parametrize("name", ["left", "right", "industry"])
def test_no_key_is_taken_from_blender(addon, blenders, name):
    taken = {}
    for keymap, _, content in _keymaps(name, blenders):
        if keymap in HEARD:
            for operator, key, *_ in content["items"]:
                modifiers = frozenset(part for part in ("ctrl", "alt", "shift", "oskey") if key.get(part))
                taken[key["type"], modifiers] = operator
    assert len(taken) > 50
    for _, _, operator, key, modifiers in addon("keymap").KEYS:
        assert (key, frozenset(modifiers)) not in taken, f"{operator}: {taken.get((key, frozenset(modifiers)))}"


def test_the_keys_are_those_of_operators_that_are_there(addon):
    for _, _, operator, _, _ in addon("keymap").KEYS:
        assert operator.removeprefix("neural_assets.") in dir(bpy.ops.neural_assets)


def test_the_keys_go_with_the_add_on(addon):
    config = bpy.context.window_manager.keyconfigs.addon
    if config is None:
        assert not addon("keymap")._added
        return
    ours = lambda: [  # noqa: E731
        item.idname for keymap in config.keymaps for item in keymap.keymap_items if "neural_assets" in item.idname
    ]
    assert sorted(ours()) == ["neural_assets.draw_box", "neural_assets.live"]
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    try:
        assert not ours()
    finally:
        bpy.ops.preferences.addon_enable(module=PACKAGE)
    assert len(ours()) == 2
