"""The server: install, start, stop, connect, and what it works on."""

from __future__ import annotations

import time

import bpy
from bpy.props import IntProperty, StringProperty

from ..colour import settle
from ..connection import waiting
from ..connection.server_state import ServerState
from ..connection.session import bridge, hurry
from ..identity import ENGINE_ID
from ..preferences import configure
from ..protocol.errors import ErrorCode, ProtocolError
from .common import Result, answer, sentences

_INSTALL_LOOK = 0.2  # seconds between two looks at an installation that a script waits for


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
        waiting.for_connection(bridge)
        return {"FINISHED"}


class InstallServer(bpy.types.Operator):
    """Get the server's packages from the internet into the project folder. This needs about 2 GB and some minutes"""

    bl_idname = "neural_assets.install_server"
    bl_label = "Install Server"
    bl_options = {"INTERNAL"}

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        configure()
        bridge.install_server()
        hurry()
        return {"FINISHED"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        configure()
        bridge.install_server()
        while bridge.state is ServerState.INSTALLING:
            time.sleep(_INSTALL_LOOK)
        bridge.pump()
        if bridge.problem:
            raise ProtocolError(ErrorCode.INTERNAL, bridge.problem, "")
        return {"FINISHED"}


class StartServer(bpy.types.Operator):
    """Start the model server on this computer. It ends with Blender"""

    bl_idname = "neural_assets.start_server"
    bl_label = "Start Server"
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
        waiting.for_connection(bridge)
        return {"FINISHED"}


class RestartServer(bpy.types.Operator):
    """Stop the server that this Blender started and start it anew. Assets and finished frames stay on the disk"""

    bl_idname = "neural_assets.restart_server"
    bl_label = "Restart"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bridge.has_server

    invoke = StartServer.invoke
    execute = StartServer.execute


class StopServer(bpy.types.Operator):
    """Stop the server that this Blender started, or its installation. Assets and finished frames stay on the disk"""

    bl_idname = "neural_assets.stop_server"
    bl_label = "Stop"
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


class TestConnection(bpy.types.Operator):
    """Look whether a server answers at the address, how quickly, and which version it is"""

    bl_idname = "neural_assets.test_connection"
    bl_label = "Test Connection"
    bl_options = {"INTERNAL"}

    address: StringProperty(name="Address", description="Host and port; empty for the preferences' one")

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        configure()
        bridge.test_connection(self.address)
        hurry()
        return {"FINISHED"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        configure()
        test = bridge.test_connection(self.address)
        test.wait()
        if test.problem:
            raise ProtocolError(ErrorCode.UNREACHABLE, test.problem, "")
        self.report({"INFO"}, test.words)
        return {"FINISHED"}


class CancelJob(bpy.types.Operator):
    """End this job of yours. Finished frames of a sequence stay"""

    bl_idname = "neural_assets.cancel_job"
    bl_label = "Cancel Job"
    bl_options = {"INTERNAL"}

    request: IntProperty(name="Request", description="Number of the job's request, as the server's status tells it")
    job: StringProperty(name="Sequence", description="Id of the sequence, when the job is one")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bridge.is_ready

    @sentences
    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        bridge.cancel(self.request, self.job)
        hurry()
        return {"FINISHED"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        answer(bridge.cancel(self.request, self.job))
        return {"FINISHED"}


class ShowLog(bpy.types.Operator):
    """Open the log of the server, or that of its installation"""

    bl_idname = "neural_assets.show_log"
    bl_label = "Show Log"
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


CLASSES = (
    Connect,
    InstallServer,
    StartServer,
    RestartServer,
    StopServer,
    Disconnect,
    TestConnection,
    CancelJob,
    ShowLog,
    UseEngine,
)
