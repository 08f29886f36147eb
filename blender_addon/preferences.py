"""The add-on's preferences: where the server is and how it is started. Kept per user, not per file."""

from __future__ import annotations

import os
import shlex

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from . import keymap
from .connection.installer import is_installed
from .connection.session import bridge
from .connection.target import Target, server_command
from .identity import PACKAGE, user_folder
from .pictures import keeping
from .protocol.address import DEFAULT_ADDRESS
from .sentence import sentence


def _changed(preferences: bpy.types.AddonPreferences, context: bpy.types.Context) -> None:
    configure()


class NeuralAssetsPreferences(bpy.types.AddonPreferences):
    """Server address, project folder and command."""

    bl_idname = PACKAGE

    address: StringProperty(
        name="Server Address",
        default=DEFAULT_ADDRESS.removeprefix("tcp://"),
        update=_changed,
        description="Host and port of a server that runs already. This computer needs no Online Access",
    )
    keys: StringProperty(
        name="Keys",
        subtype="DIR_PATH",
        update=_changed,
        description="Folder of keys for a server on another computer",
    )
    project: StringProperty(
        name="Project Folder",
        subtype="DIR_PATH",
        update=_changed,
        description="The Neural Assets project, where 'python3 install.py' was run; its server is started from here",
    )
    command: StringProperty(
        name="Server Command",
        update=_changed,
        description="Leave empty for the project folder's own server; else a command that starts one",
    )

    history_megabytes: IntProperty(
        name="Limit in MB",
        description="Disk space for the pictures of the history; the oldest that are not pinned go first. 0 keeps none",
        default=500,
        min=0,
        max=1_000_000,
        update=_changed,
    )
    history_views: BoolProperty(
        name="Keep Refined Views",
        description="Keep every refined picture of the 3D view in the history, as well as renders",
        default=True,
        update=_changed,
    )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "project")
        column.prop(self, "command", placeholder=shlex.join(server_command("", self.project)))
        column.separator()
        column.prop(self, "address")
        column.prop(self, "keys")
        _draw_test(column)
        column.separator()
        heading = column.column(heading="History")
        heading.prop(self, "history_views")
        heading.prop(self, "history_megabytes")
        column.separator()
        keymap.draw(column, context)


def get() -> NeuralAssetsPreferences:
    return bpy.context.preferences.addons[PACKAGE].preferences


def configure() -> None:
    """Tell bridge and history what was chosen here; the preferences are read in the main thread only."""
    bridge.target = target()
    keeping.configure(get().history_megabytes, get().history_views)


def target() -> Target:
    """The preferences as the bridge takes them. NEURAL_ASSETS_ADDRESS and NEURAL_ASSETS_PROJECT go first."""
    preferences = get()
    project = os.environ.get("NEURAL_ASSETS_PROJECT") or preferences.project
    folder = bpy.path.abspath(project) if project else ""
    return Target(
        os.environ.get("NEURAL_ASSETS_ADDRESS") or preferences.address,
        bpy.path.abspath(preferences.keys) if preferences.keys else "",
        server_command(preferences.command, folder),
        folder,
        bpy.app.online_access,
        bool(preferences.command) or is_installed(folder),
        str(user_folder("logs", create=True)),
    )


def _draw_test(layout: bpy.types.UILayout) -> None:
    """The button that tries the address, and what came of it."""
    fields = layout.split(factor=0.4)  # as properties are split
    fields.label()
    column = fields.column()
    row = column.row()
    row.alignment = "LEFT"
    row.operator("neural_assets.test_connection")
    test = bridge.test
    if test is not None and test.is_done:
        sentence(column, bpy.context, test.words, icon="ERROR" if test.problem else "CHECKMARK")


def register() -> None:
    bpy.utils.register_class(NeuralAssetsPreferences)
    configure()


def unregister() -> None:
    bpy.utils.unregister_class(NeuralAssetsPreferences)
