"""Writes the list of operators into blender_addon/README.md, from the operators that Blender knows.

blender -b --python write_reference.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import extension_here

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- operators: written by examples/write_reference.py -->\n", "<!-- end of operators -->\n"


def operators() -> str:
    """One entry for each operator, with its parameters and their defaults."""
    entries = []
    for name in sorted(dir(bpy.ops.neural_assets)):
        if not hasattr(getattr(bpy.types, f"NEURAL_ASSETS_OT_{name}"), "execute"):
            continue  # only for the mouse
        kind = getattr(bpy.ops.neural_assets, name).get_rna_type()
        shown = [prop for prop in kind.properties if prop.identifier != "rna_type" and not prop.is_hidden]
        given = ", ".join(f"{prop.identifier}={default(prop)}" for prop in shown)
        entries.append(f"**`{name}({given})`** {kind.name}: {' '.join(kind.description.split())}.\n")
        entries += [f"- `{prop.identifier}`: {meaning(prop)}\n" for prop in shown]
        entries.append("\n")
    return "".join(entries)


def default(prop: bpy.types.Property) -> str:
    """As one writes it in Python."""
    if prop.type == "COLLECTION":
        return "[]"
    if getattr(prop, "is_array", False):
        return f"({', '.join(number(value) for value in prop.default_array)})"
    return number(prop.default) if prop.type == "FLOAT" else repr(prop.default).replace("'", '"')


def number(value: float) -> str:
    """Of a float32, without the digits that it does not have."""
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def meaning(prop: bpy.types.Property) -> str:
    words = f"{prop.name}. {prop.description}".removesuffix(". ") if prop.description else prop.name
    if prop.type == "ENUM":
        words += f": {', '.join(f'`{item.identifier}`' for item in prop.enum_items)}"
    return words


def written(text: str) -> str:
    """The README with the list as it is now."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + operators() + END + rest.split(END)[1]


if __name__ == "__main__":
    extension_here.enable()
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
    extension_here.leave(0)
