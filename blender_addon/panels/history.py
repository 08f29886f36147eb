"""The sidebar's panel of the history: the pictures of this and earlier sessions."""

from __future__ import annotations

import bpy

from ..pictures import keeping
from ..preferences import get as preferences
from ..sentence import sentence
from .common import Sidebar


class HistoryList(bpy.types.UIList):
    """One line for each picture, newest first."""

    bl_idname = "NEURAL_ASSETS_UL_history"

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:  # noqa: ANN001 - Blender's
        row = layout.row(align=True)
        row.label(text=item.words, icon_value=keeping.icon(item))
        row.label(text="", icon={"render": "RENDER_STILL", "view": "VIEW3D"}[item.kind])
        pin = "PINNED" if item.pinned else "UNPINNED"
        row.operator("neural_assets.history_pin", text="", icon=pin, emboss=False).name = item.name


class HistoryMenu(bpy.types.Menu):
    """What is needed seldom."""

    bl_idname = "NEURAL_ASSETS_MT_history"
    bl_label = "History"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("neural_assets.history_open", icon="IMAGE_DATA")
        layout.operator("neural_assets.load_settings", text="Load Settings from Picture...", icon="FILE_FOLDER")
        layout.separator()
        layout.operator("neural_assets.history_clear", icon="TRASH")


class HistoryPanel(Sidebar):
    """The pictures that were made."""

    bl_idname = "NEURAL_ASSETS_PT_history"
    bl_label = "History"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, manager = self.layout, context.window_manager
        if keeping.problem:
            sentence(layout, context, keeping.problem)
        if preferences().history_megabytes == 0:
            sentence(layout, context, "Pictures are not kept: the limit in the preferences is 0.", "INFO")
        row = layout.row()
        row.template_list(
            HistoryList.bl_idname, "", manager, "neural_assets_history", manager, "neural_assets_history_index", rows=4
        )
        side = row.column(align=True)
        side.operator("neural_assets.keep_view", text="", icon="ADD")
        side.operator("neural_assets.history_delete", text="", icon="REMOVE")
        side.separator()
        side.menu(HistoryMenu.bl_idname, text="", icon="DOWNARROW_HLT")
        chosen = keeping.selected(context)
        if not chosen:
            return
        layout.template_icon(icon_value=keeping.icon(manager.neural_assets_history[chosen]), scale=8)
        row = layout.row(align=True)
        row.operator("neural_assets.history_restore", icon="LOOP_BACK")
        row.operator("neural_assets.history_compare", icon="ARROW_LEFTRIGHT")


CLASSES = (HistoryList, HistoryMenu, HistoryPanel)
