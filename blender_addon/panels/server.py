"""The sidebar's panel of the server."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import preferences
from ..connection.server_state import ServerState
from ..connection.session import bridge
from ..identity import ENGINE_ID
from ..protocol.events import JobInfo, JobState, Status
from ..sentence import sentence
from ..translations import translated
from .common import Sidebar

_ICONS = {
    ServerState.OFFLINE: "UNLINKED",
    ServerState.INSTALLING: "IMPORT",
    ServerState.STARTING: "SORTTIME",
    ServerState.CONNECTING: "VIEWZOOM",
    ServerState.LOADING: "SORTTIME",
    ServerState.READY: "CHECKMARK",
    ServerState.WORKING: "RENDER_STILL",
    ServerState.FAILED: "CANCEL",
    ServerState.LOST: "VIEWZOOM",
    ServerState.REFUSED: "CANCEL",
}
_JOB_NAMES = {"encode": "Encode", "render": "Render", "sequence": "Sequence"}
_CLIENTS = {"blender": "other Blender", "": "nobody here"}
_UNITS = ((1 << 30, "GB"), (1 << 20, "MB"))


class ServerPanel(Sidebar):
    """Where the server stands, in words, and what can be done about it."""

    bl_idname = "NEURAL_ASSETS_PT_server"
    bl_label = "Server"

    def draw(self, context: bpy.types.Context) -> None:
        layout, state = self.layout, bridge.state
        row = layout.row()
        row.label(text=state.words, icon=_ICONS[state])
        if bridge.log is not None:
            row.operator("neural_assets.show_log", text="", icon="TEXT", emboss=False)
        if bridge.is_ready and bridge.status is not None:
            layout.label(text=machine(bridge.status, bridge.address), icon="BLANK1")
        if state is ServerState.INSTALLING:
            fraction, words = bridge.installation
            layout.progress(text=words, factor=fraction)
        if bridge.problem:
            sentence(layout, context, bridge.problem)
        _draw_actions(layout, context)
        if context.scene.render.engine != ENGINE_ID:
            layout.operator("neural_assets.use_engine", icon="RENDER_STILL")


def _queue() -> list[JobInfo]:
    """The server's jobs but for previews, which come and go with every move of the hand."""
    return [job for job in bridge.status.jobs if job.kind != "preview"] if bridge.status is not None else []


class QueuePanel(Sidebar):
    """What the server works on and what waits there; own jobs can be cancelled."""

    bl_idname = "NEURAL_ASSETS_PT_queue"
    bl_label = "Queue"
    bl_parent_id = ServerPanel.bl_idname

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bridge.is_ready and bool(_queue())

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for job in _queue():
            row = column.row()
            row.active = job.own
            row.label(text=job_words(job), icon="PLAY" if job.state is JobState.RUNNING else "PAUSE")
            if job.own:
                cancel = row.operator("neural_assets.cancel_job", text="", icon="X", emboss=False)
                cancel.request, cancel.job = job.request, job.job


def _draw_actions(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The buttons that make sense now."""
    target = bridge.target
    if bridge.taken_by:
        layout.operator("neural_assets.connect", text="Connect to It", icon="LINKED").address = bridge.taken_by
    row = layout.row(align=True)
    if bridge.state is ServerState.INSTALLING or bridge.is_starting:
        row.operator("neural_assets.stop_server", text="Cancel", icon="X")
    elif bridge.has_server:
        row.operator("neural_assets.stop_server", icon="CANCEL")
        row.operator("neural_assets.restart_server", icon="FILE_REFRESH")
    elif bridge.is_ready or bridge.state is ServerState.LOST:
        if bridge.state is ServerState.LOST and target.installed:
            row.operator("neural_assets.start_server", icon="PLAY")
        row.operator("neural_assets.disconnect", icon="UNLINKED")
    elif target.installed:
        row.operator("neural_assets.start_server", icon="PLAY")
        row.operator("neural_assets.connect", icon="LINKED")
    elif not bridge.is_local:  # nothing of another computer's server is installed here
        row.operator("neural_assets.connect", icon="LINKED")
    elif not target.folder:
        sentence(layout, context, "Choose the project's folder, in which install.py lies", icon="INFO")
        layout.prop(preferences.get(), "project", text="")
        layout.operator("neural_assets.connect", icon="LINKED")
    elif not bpy.app.online_access:
        sentence(layout, context, "The server is not installed. Its packages come from the internet", icon="INFO")
        layout.prop(context.preferences.system, "use_online_access", text="Allow Online Access")
        layout.operator("neural_assets.connect", icon="LINKED")
    else:
        row.operator("neural_assets.install_server", icon="IMPORT")
        row.operator("neural_assets.connect", icon="LINKED")


def machine(status: Status, address: str) -> str:
    """Device, its memory in use and the address: "cpu, 1.2 GB, 127.0.0.1:47900"."""
    return ", ".join(filter(None, (status.device, size(status.memory_bytes), address.removeprefix("tcp://"))))


def size(number: int) -> str:
    """Bytes as people read them; empty for none."""
    for unit, name in _UNITS:
        if number >= unit:
            return f"{number / unit:.1f} {name}" if unit > 1 << 20 else f"{number / unit:.0f} {name}"
    return ""


def job_words(job: JobInfo) -> str:
    """ "Sequence shot_010, 3 of 24", "Render 1024 x 768, other Blender"."""
    kind = translated(_JOB_NAMES.get(job.kind, job.kind))
    words = f"{kind} {Path(job.name).name}".strip()
    if job.kind == "sequence":
        progress = translated("{job}, {finished} of {frames}")
        words = progress.format(job=words, finished=job.finished, frames=job.frames)
    if job.own:
        return words
    client = _CLIENTS.get(job.client, job.client)
    return f"{words}, {translated(client)}"


CLASSES = (ServerPanel, QueuePanel)
