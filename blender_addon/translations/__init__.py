"""The texts in other languages, one module for each: TEXTS maps the English text to its translation.

Blender itself translates labels, tooltips and what layouts show. Only what is put together here goes through
`translated`: "{job}, {finished} of {frames}" is translated before its names are filled in.
"""

from __future__ import annotations

import bpy

from . import de

_LANGUAGES = {"de": de.TEXTS, "de_DE": de.TEXTS}  # Blender's names differ by version


def translated(text: str) -> str:
    """In the user's language, where he wants the interface in it."""
    return bpy.app.translations.pgettext_iface(text)


def messages(texts: dict[str, str]) -> dict[tuple[str, str], str]:
    """As Blender looks them up: labels of operators have a context of their own."""
    return {(context, text): words for text, words in texts.items() for context in ("*", "Operator")}


def register() -> None:
    bpy.app.translations.register(__package__, {name: messages(texts) for name, texts in _LANGUAGES.items()})


def unregister() -> None:
    bpy.app.translations.unregister(__package__)
