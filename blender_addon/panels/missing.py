"""The sidebar's panel of the assets that this file misses, near the top while there are any."""

from __future__ import annotations

import bpy

from ..assets import missing
from ..sentence import sentence
from .common import Sidebar


class MissingPanel(Sidebar):
    """What the server lacks of them; only there when something is missing."""

    bl_idname = "NEURAL_ASSETS_PT_missing_assets"
    bl_label = "Missing Assets"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(missing.missing())

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        sentence(layout, context, "The server does not have these assets of this file.")
        column = layout.column(align=True)
        for use in missing.missing():
            row = column.row()
            row.label(text=use.words, icon="CUBE" if use.kind == "object" else "WORLD")
            button = row.operator("neural_assets.relink_asset", text="Relink...")
            button.missing, button.kind = use.asset, use.kind
        layout.operator("neural_assets.find_missing", text="Find in Folder...", icon="FILE_FOLDER")
        if missing.pick_up.problem:
            sentence(layout, context, missing.pick_up.problem)


CLASSES = (MissingPanel,)
