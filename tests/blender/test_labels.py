"""Labels are in title case, as Blender's human interface guidelines want it; tooltips and reports are sentences."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator

import bpy
import pytest

from .conftest import PACKAGE, ROOT

SMALL = {"a", "an", "the", "and", "as", "but", "or", "at", "by", "for", "from", "in", "into", "of", "on", "onto", "to",
         "with"}  # fmt: skip
UNITS = {"mm", "px"}  # MB begins with a capital by itself
REGISTERED = (bpy.types.Operator, bpy.types.Panel, bpy.types.Menu, bpy.types.UIList, bpy.types.FileHandler,
              bpy.types.PropertyGroup, bpy.types.AddonPreferences, bpy.types.RenderEngine)  # fmt: skip
EXTENDED = (bpy.types.Scene, bpy.types.Object, bpy.types.World, bpy.types.WindowManager)
BUTTONS = {"operator", "prop", "popover", "menu"}  # layout.label is for sentences, too
WORDS_ON_BUTTONS = {"text", "heading", "confirm_text"}


def is_title_case(label: str) -> bool:
    """Whether each word begins with a capital, but small ones between two others with none."""
    words = [word.strip("()',:") for word in label.removesuffix("...").split()]
    last = len(words) - 1
    return all(_is_right(word, 0 < index < last) for index, word in enumerate(words))


def _is_right(word: str, between: bool) -> bool:
    if word in UNITS or not word[:1].isalpha():
        return True
    if between and word.lower() in SMALL:
        return word.islower()
    return word[0].isupper()


@pytest.mark.parametrize(
    "label",
    ["Set Camera from Lines", "Save As...", "Go On", "Focal Length (mm)", "3D View", "Limit in MB", "Its Asset 'Cup'",
     "The Same Object As", "Neural Assets"],
)  # fmt: skip
def test_title_case(label):
    assert is_title_case(label)


@pytest.mark.parametrize(
    "label",
    ["Set camera from lines", "Set Camera From Lines", "Save with settings", "Draw box", "Go on", "its Asset 'Cup'",
     "The Same Object as", "Relink all...", "Focal length (mm)"],
)  # fmt: skip
def test_other_case(label):
    assert not is_title_case(label)


def test_every_registered_label_is_in_title_case():
    labels = dict(_registered())
    wrong = {where: label for where, label in labels.items() if not is_title_case(label)}
    assert not wrong, wrong
    assert len(labels) > 150
    assert {"Draw Box", "Missing Assets", "History", "Per Shot", "Server Address", "Search"} <= set(labels.values())


def test_every_text_of_a_button_is_in_title_case(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "blender_addon" / "examples"))
    extract = importlib.import_module("extract_texts")
    labels = dict(_on_buttons(extract))
    wrong = {where: label for where, label in labels.items() if not is_title_case(label)}
    assert not wrong, wrong
    assert {"Add Box", "Go On", "Import...", "Rename", "Files"} <= set(labels.values())


def _registered() -> Iterator[tuple[str, str]]:
    """(where, label) of the add-on's registered classes and their properties."""
    for base in REGISTERED:
        for cls in _classes_of(base):
            if label := getattr(cls, "bl_label", ""):
                yield cls.__name__, label
            rna = _operator(cls) if base is bpy.types.Operator else cls.bl_rna
            inherited = {"rna_type", *base.bl_rna.properties.keys()}
            for prop in rna.properties:
                if prop.identifier not in inherited:
                    yield from _of_property(cls.__name__, prop)
    for cls in EXTENDED:
        for prop in cls.bl_rna.properties:
            if prop.identifier.startswith("neural_assets"):
                yield from _of_property(cls.__name__, prop)


def _classes_of(base: type) -> Iterator[type]:
    for cls in base.__subclasses__():
        if cls.__module__.startswith(PACKAGE) and cls.is_registered:
            yield cls
        yield from _classes_of(cls)


def _operator(cls: type) -> bpy.types.Struct:
    return getattr(bpy.ops.neural_assets, cls.bl_idname.partition(".")[2]).get_rna_type()


def _of_property(owner: str, prop: bpy.types.Property) -> Iterator[tuple[str, str]]:
    where = f"{owner}.{prop.identifier}"
    if not (prop.is_hidden and prop.name in ("", prop.identifier)):  # nobody sees those that have no name
        yield where, prop.name
    if prop.type == "ENUM":
        for item in prop.enum_items_static:
            yield f"{where}.{item.identifier}", item.name


def _on_buttons(extract) -> Iterator[tuple[str, str]]:
    """(where, text) that the add-on's source gives to buttons and fields instead of their own labels."""
    for file in sorted((ROOT / "blender_addon").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            is_button = getattr(node.func, "attr", "") in BUTTONS
            for keyword in node.keywords:
                if keyword.arg in WORDS_ON_BUTTONS and (is_button or keyword.arg != "text"):
                    for text, line in extract.constants(keyword.value):
                        yield f"{file.name}:{line} {text}", text
