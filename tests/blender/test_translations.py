"""The texts can be translated: all are found, the translations are of texts that exist, and Blender gets them."""

from __future__ import annotations

import importlib
import re

import bpy
import pytest

from .conftest import PACKAGE, ROOT

EXAMPLES = ROOT / "blender_addon" / "examples"


@pytest.fixture
def extract(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("extract_texts")


def test_labels_tooltips_and_words_are_found(extract):
    found = extract.texts()
    assert len(found) > 250
    for text in ("Load Reference Picture", "Steps of the sampler for renders and for the resting view", "Per Shot",
                 "Start the model server on this computer. It ends with Blender", "Loading the model",
                 "{job}, {finished} of {frames}", "Choose the project's folder, in which install.py lies"):  # fmt: skip
        assert text in found, text


def test_every_label_and_tooltip_that_blender_knows_is_found(extract):
    found = {" ".join(text.split()) for text in extract.texts()}
    for name in dir(bpy.ops.neural_assets):
        kind = getattr(bpy.ops.neural_assets, name).get_rna_type()
        assert kind.name in found, f"{name}: {kind.name}"
        assert " ".join(kind.description.split()) in found, f"{name}: {kind.description}"


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("layout.operator('a.b', text='Go On' if x else 'Pause')", ["Go On", "Pause"]),
        ("EnumProperty(items=(('A', 'Per Shot', 'One seed'),))", ["Per Shot", "One seed"]),
        ("class A(Mixed):\n '''Do it'''\n bl_idname = 'neural_assets.a'\n bl_label = 'Label'", ["Label", "Do it"]),
        ("class A:\n '''No operator'''", []),
        ("layout.label(text=f'{a} of {b}')", []),
        ("translated('{a} of {b}').format(a=1)", ["{a} of {b}"]),
    ],
)
def test_where_texts_stand(extract, source, texts):
    assert sorted(text for text, _ in extract.in_source(source)) == sorted(texts)


def test_the_template_can_be_read(extract):
    text = extract.pot({'Say "no"': "a.py:1"})
    assert '#: a.py:1\nmsgid "Say \\"no\\""\nmsgstr ""\n' in text


def test_german_is_of_texts_that_exist_and_keeps_what_is_filled_in(addon, extract):
    found = extract.texts()
    for text, words in addon("translations.de").TEXTS.items():
        assert text in found, f"nobody says {text!r} any more"
        assert sorted(re.findall(r"{\w*}", text)) == sorted(re.findall(r"{\w*}", words)), words
        assert not words.endswith(".") or text.endswith("."), words
    assert len(addon("translations.de").TEXTS) > 60


def test_blender_gets_them_for_labels_and_for_operators(addon):
    """That they are shown is seen in a window: this Blender may be made without other languages."""
    translations = addon("translations")
    assert translations.messages({"Ready": "Bereit"}) == {("*", "Ready"): "Bereit", ("Operator", "Ready"): "Bereit"}
    if bpy.app.build_options.international:
        with pytest.raises(ValueError):  # it is registered, and only once
            bpy.app.translations.register(f"{PACKAGE}.translations", {})
    assert translations.translated("Ready") == "Ready"
