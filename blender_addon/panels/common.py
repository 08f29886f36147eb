"""What panels share: the sidebar's tab."""

from __future__ import annotations

import bpy

from ..identity import TAB


class Sidebar(bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB
