"""The sidebar's panel of the server's store."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, StringProperty

from ..assets import choice, missing, thumbnails
from ..connection.session import bridge
from ..protocol.events import AssetInfo
from .common import Sidebar

_SEARCH, _CHOSEN = "neural_assets_search", "neural_assets_chosen"  # of the window manager

_items: list[tuple[str, str, str, int, int]] = []  # Blender needs the strings of an enumeration to stay


class LibraryPanel(Sidebar):
    """The assets in the server's store."""

    bl_idname = "NEURAL_ASSETS_PT_library"
    bl_label = "Library"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, manager = self.layout, context.window_manager
        layout.operator("neural_assets.open_browser", icon="ASSET_MANAGER")
        if not bridge.knows_assets:
            layout.label(text=bridge.words, icon="UNLINKED")
            return
        thumbnails.fetch_all()
        layout.prop(manager, _SEARCH, text="", icon="VIEWZOOM")
        info = choice.chosen()
        if info is None:
            layout.label(text="Nothing is called so" if choice.search() else "The store is empty", icon="INFO")
        else:
            layout.template_icon_view(manager, _CHOSEN, show_labels=True, scale=5, scale_popup=5)
            _draw_asset(layout, info)
        row = layout.row(align=True)
        row.operator("neural_assets.import_assets", text="Import...", icon="IMPORT")
        row.operator("neural_assets.refresh_assets", text="", icon="FILE_REFRESH")


class FilePanel(Sidebar):
    """The assets of this file."""

    bl_idname = "NEURAL_ASSETS_PT_file"
    bl_label = "This File"
    bl_parent_id = LibraryPanel.bl_idname
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, uses = self.layout, missing.drawn()
        layout.label(text=f"{len(uses)} assets used" if len(uses) != 1 else "1 asset used")
        layout.operator("neural_assets.save_assets", text="Save Assets Beside File", icon="FILE_TICK")


def _draw_asset(layout: bpy.types.UILayout, info: AssetInfo) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.label(text=info.name)
    row.operator("neural_assets.rename_asset", text="", icon="GREASEPENCIL", emboss=False).asset = info.id
    row.operator("neural_assets.export_asset", text="", icon="EXPORT", emboss=False).asset = info.id
    row.operator("neural_assets.delete_asset", text="", icon="TRASH", emboss=False).asset = info.id
    use = next((use for use in missing.drawn() if use.asset == info.id), None)
    column.label(text=_words(info))
    column.label(text=f"In {use.words.rpartition(', ')[2]} of this file" if use else "Not in this file")
    if info.kind == "object":
        row = layout.row(align=True)
        row.operator("neural_assets.add_asset", icon="ADD").asset = info.id
        row.operator("neural_assets.assign_asset", text="To Selected Boxes").asset = info.id
    else:
        layout.operator("neural_assets.set_background", icon="WORLD").asset = info.id


def _words(info: AssetInfo) -> str:
    """ "0.95 x 0.84 x 0.65 m, 8 views"."""
    if info.kind == "background":
        return "Background, " + " x ".join(f"{side:.0f}" for side in info.size) + " pixels"
    views = f"{info.views} view{'s' if info.views > 1 else ''}"
    return " x ".join(f"{side:.2g}" for side in info.size) + f" m, {views}"


def _enumeration(manager: bpy.types.WindowManager, context: bpy.types.Context) -> list:
    infos = enumerate(choice.found())
    _items[:] = [(info.id, info.name, _words(info), thumbnails.icon(info.id), i) for i, info in infos]
    return _items


def _get_chosen(manager: bpy.types.WindowManager) -> int:
    info = choice.chosen()
    return next((i for i, other in enumerate(choice.found()) if info is not None and other.id == info.id), 0)


def _set_chosen(manager: bpy.types.WindowManager, number: int) -> None:
    found = choice.found()
    choice.choose(found[number].id if number < len(found) else "")


def register() -> None:
    search = StringProperty(
        name="Search",
        description="Names, tags or sources of assets",
        options={"TEXTEDIT_UPDATE"},
        get=lambda manager: choice.search(),
        set=lambda manager, text: choice.search_for(text),
    )
    setattr(bpy.types.WindowManager, _SEARCH, search)
    asset = EnumProperty(name="Asset", description="Shown below", items=_enumeration, get=_get_chosen, set=_set_chosen)
    setattr(bpy.types.WindowManager, _CHOSEN, asset)


def unregister() -> None:
    delattr(bpy.types.WindowManager, _SEARCH)
    delattr(bpy.types.WindowManager, _CHOSEN)


CLASSES = (LibraryPanel, FilePanel)
