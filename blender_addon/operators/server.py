"""The server: connect, start, stop."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ..colour import ENGINE_ID, settle
from ..session import bridge, configure, hurry
from .common import Result, sentences


class Connect(bpy.types.Operator):
    """Look for the server at the address in the preferences"""

    bl_idname = "neural_assets.connect"
    bl_label = "Connect"
    bl_options = {"INTERNAL"}

    address: StringProperty(name="Address", description="Host and port; empty for the preferences' one")

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        configure()
        bridge.connect(self.address)
        hurry()
        return {"FINISHED"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        configure()
        bridge.connect(self.address)
        bridge.wait_for_connection()
        return {"FINISHED"}


class StartServer(bpy.types.Operator):
    """Start the model server on this computer. It ends with Blender"""

    bl_idname = "neural_assets.start_server"
    bl_label = "Start server"
    bl_options = {"INTERNAL"}

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        configure()
        bridge.start_server()
        hurry()
        return {"FINISHED"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        configure()
        bridge.start_server()
        bridge.wait_for_connection()
        return {"FINISHED"}


class StopServer(bpy.types.Operator):
    """Stop the server that this Blender started. Assets and finished frames stay on the disk"""

    bl_idname = "neural_assets.stop_server"
    bl_label = "Stop server"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        bridge.stop_server()
        return {"FINISHED"}


class Disconnect(bpy.types.Operator):
    """Leave the server. The live view stops"""

    bl_idname = "neural_assets.disconnect"
    bl_label = "Disconnect"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        bridge.disconnect()
        return {"FINISHED"}


class ShowLog(bpy.types.Operator):
    """Open the log of the server that this Blender started"""

    bl_idname = "neural_assets.show_log"
    bl_label = "Show log"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bridge.log is not None and bridge.log.exists()

    def execute(self, context: bpy.types.Context) -> Result:
        return bpy.ops.wm.path_open(filepath=str(bridge.log))


class UseEngine(bpy.types.Operator):
    """Render this scene with Neural Assets"""

    bl_idname = "neural_assets.use_engine"
    bl_label = "Render with Neural Assets"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        context.scene.render.engine = ENGINE_ID
        settle(context.scene)
        return {"FINISHED"}


CLASSES = (Connect, StartServer, StopServer, Disconnect, ShowLog, UseEngine)
