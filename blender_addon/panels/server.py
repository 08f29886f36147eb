"""The sidebar's panel of the server."""

from __future__ import annotations

import bpy

from .. import colour
from ..protocol.events import ModelState
from ..session import bridge
from .common import Sidebar, sentence


class ServerPanel(Sidebar):
    """Where the server stands, in words."""

    bl_idname = "NEURAL_ASSETS_PT_server"
    bl_label = "Server"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.label(text=bridge.words, icon="CHECKMARK" if bridge.is_ready else "UNLINKED")
        if bridge.problem:
            sentence(layout, context, bridge.problem)
        if bridge.is_ready:
            device = f"{bridge.status.device}, " if bridge.status is not None and bridge.status.device else ""
            layout.label(text=f"{device}{bridge.address.removeprefix('tcp://')}", icon="BLANK1")
            if bridge.status is not None and bridge.status.model is ModelState.FAILED:
                sentence(layout, context, bridge.status.sentence)
        row = layout.row(align=True)
        if bridge.has_server:
            row.operator("neural_assets.stop_server", icon="CANCEL")
        elif bridge.is_ready:
            row.operator("neural_assets.disconnect", icon="UNLINKED")
        else:
            row.operator("neural_assets.start_server", icon="PLAY")
            row.operator("neural_assets.connect", icon="LINKED")
        if bridge.log is not None:
            row.operator("neural_assets.show_log", text="", icon="TEXT")
        if context.scene.render.engine != colour.ENGINE_ID:
            layout.operator("neural_assets.use_engine", icon="RENDER_STILL")


CLASSES = (ServerPanel,)
