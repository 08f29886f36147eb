"""The sidebar's row that starts, pauses and stops the live view, and says why it stopped."""

from __future__ import annotations

import bpy

from ..operators.live import PauseLive, draw_toggle, viewport_of
from ..sentence import sentence
from .common import Sidebar


class LivePanel(Sidebar):
    """The live view."""

    bl_idname = "NEURAL_ASSETS_PT_live"
    bl_label = "Live"
    bl_options = {"HIDE_HEADER"}

    def draw(self, context: bpy.types.Context) -> None:
        row = self.layout.row(align=True)
        row.scale_y = 1.3
        draw_toggle(row, context)
        viewport = viewport_of(context)
        if viewport is not None and viewport.live.problem:
            sentence(self.layout, context, viewport.live.problem)
            if viewport.live.is_stopped:
                self.layout.operator(PauseLive.bl_idname, text="Go On", icon="PLAY")


CLASSES = (LivePanel,)
