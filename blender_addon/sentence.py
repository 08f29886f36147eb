"""A sentence in a panel, as long as it is."""

from __future__ import annotations

import textwrap

import bpy

_LETTER = 6.6  # pixels of an average letter at a scale of 1


def sentence(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "ERROR") -> None:
    """A sentence over as many lines as the panel's width needs."""
    width = context.region.width / (context.preferences.system.ui_scale or 1.0)  # 0 without a window
    column = layout.column(align=True)
    column.scale_y = 0.85
    for number, line in enumerate(textwrap.wrap(text, max(20, int((width - 60) / _LETTER)))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")
