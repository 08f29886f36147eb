"""Lists every text of the add-on that people see, as a template for translators (gettext's POT form).

    python3 blender_addon/examples/extract_texts.py > neural_assets.pot

Plain Python: the texts are read from the source. A translation goes into blender_addon/translations/LANGUAGE.py.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

ADDON = Path(__file__).resolve().parents[1]
LEFT_OUT = {"examples", "translations", "protocol"}
NAMED = {"name", "description", "text", "heading", "placeholder", "confirm_text", "title"}  # keywords of calls
ASSIGNED = {"bl_label", "bl_description", "words"}  # in classes
CALLED = {"translated", "sentence", "poll_message_set"}  # their texts are arguments
TABLES = {"_WORDS", "_JOB_NAMES", "_CLIENTS"}  # dictionaries of words


def texts() -> dict[str, str]:
    """Every text and where it stands first, "panels/server.py:34"."""
    found: dict[str, str] = {}
    for file in sorted(ADDON.rglob("*.py")):
        inside = file.relative_to(ADDON)
        if not LEFT_OUT & set(inside.parts):
            for text, line in in_source(file.read_text(encoding="utf-8")):
                if (" " in text or text[:1].isupper()) and not text.isupper():  # no names of threads or of icons
                    found.setdefault(text, f"{inside.as_posix()}:{line}")
    return found


def in_source(source: str) -> Iterator[tuple[str, int]]:
    """(text, line) of one module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield from in_call(node)
        elif isinstance(node, ast.ClassDef):
            yield from in_class(node)
        elif isinstance(node, ast.FunctionDef) and node.name == "description":
            for part in ast.walk(node):
                if isinstance(part, ast.Return) and part.value is not None:
                    yield from constants(part.value)
        elif isinstance(node, ast.Assign) and TABLES & {
            target.id for target in node.targets if isinstance(target, ast.Name)
        }:
            yield from constants(node.value)


def in_call(node: ast.Call) -> Iterator[tuple[str, int]]:
    for keyword in node.keywords:
        if keyword.arg in NAMED:
            yield from constants(keyword.value)
        elif keyword.arg == "items" and isinstance(keyword.value, ast.Tuple):
            for item in keyword.value.elts:
                if isinstance(item, ast.Tuple):
                    for part in item.elts[1:3]:
                        yield from constants(part)
    function = node.func
    if (function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")) in CALLED:
        for argument in node.args:
            yield from constants(argument)


def in_class(node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    """Labels, and the docstrings of operators, which are their tooltips."""
    names = {target.id: part.value for part in node.body if isinstance(part, ast.Assign)
             for target in part.targets if isinstance(target, ast.Name)}  # fmt: skip
    for name in ASSIGNED & set(names):
        yield from constants(names[name])
    identity = names.get("bl_idname")
    is_operator = isinstance(identity, ast.Constant) and str(identity.value).startswith("neural_assets.")
    if is_operator and (doc := ast.get_docstring(node, clean=False)):
        yield doc, node.lineno


def constants(node: ast.AST) -> Iterator[tuple[str, int]]:
    """The texts in an expression, whichever of them it takes; those with values in them are not among them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value, node.lineno
    elif isinstance(node, (ast.IfExp, ast.Dict, ast.BoolOp)):
        for part in [getattr(node, "body", None), getattr(node, "orelse", None), *getattr(node, "values", ())]:
            if part is not None:
                yield from constants(part)


def pot(found: dict[str, str]) -> str:
    """As a template; gettext's escapes are those of JSON."""
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    entries = (
        f'\n#: {where}\nmsgid {json.dumps(text, ensure_ascii=False)}\nmsgstr ""\n' for text, where in found.items()
    )
    return head + "".join(entries)


if __name__ == "__main__":
    sys.stdout.write(pot(texts()))
