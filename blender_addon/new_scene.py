"""A new file for Neural Assets: camera at eye height, floor, and a workspace with our tab and the Asset Browser.

Blender itself loads an empty file first, and asks about unsaved changes as it does for File > New; this goes on from
there. Should the artist cancel, the next file that is loaded must be left alone: `_is_ours` tells them apart.
"""

from __future__ import annotations

import math

import bpy
from bpy.app.handlers import persistent

from . import colour
from .assets import library
from .identity import ENGINE_ID, TAB

WORKSPACE = "Neural Assets"
EYE = (0.0, -4.5, 1.6)  # metres; a standing person's eyes
LENS = 35.0  # mm
DOWN = math.radians(12.0)  # below the horizon
RESOLUTION = (1024, 768)
FRAMES = 72  # three seconds
FLOOR, FLOOR_SIDE = "Floor", 10.0  # metres
BROWSER = 0.3  # of the 3D view's height
MARGIN = 2.0  # around the camera's frame, in Blender's steps of zoom
_SETTLING = 0.1  # seconds until regions of a new screen are drawn
_TRIES = 20

_wanted = False


def request(ask: bool) -> set[str]:
    """Load an empty file and go on from there. ask: about unsaved changes, in a window."""
    global _wanted
    _wanted = True
    how = "INVOKE_DEFAULT" if ask else "EXEC_DEFAULT"
    return bpy.ops.wm.read_homefile(how, use_factory_startup=True, use_empty=True, use_splash=False)


@persistent
def _loaded(*_: object) -> None:
    """A file was loaded: ours, or another one after ours was cancelled."""
    global _wanted
    ours, _wanted = _wanted and _is_ours(), False
    if ours:
        furnish(bpy.context.scene)
        arrange(bpy.context.window_manager.windows[0])


def _is_ours() -> bool:
    """Whether this is the empty factory file."""
    return not bpy.data.filepath and not bpy.data.objects and not bpy.context.preferences.app_template


def furnish(scene: bpy.types.Scene) -> None:
    """Camera, floor, units, size and frames; our engine with the model's own colours."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = EYE, (math.pi / 2 - DOWN, 0.0, 0.0)
    camera.data.lens = LENS
    scene.collection.objects.link(camera)
    scene.collection.objects.link(_floor())
    scene.camera = camera
    scene.unit_settings.system, scene.unit_settings.scale_length = "METRIC", 1.0
    scene.render.resolution_x, scene.render.resolution_y = RESOLUTION
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.render.engine = ENGINE_ID
    colour.settle(scene)


def _floor() -> bpy.types.Object:
    """A square to stand boxes on; neither rendered nor in the way of clicks."""
    half = FLOOR_SIDE / 2
    mesh = bpy.data.meshes.new(FLOOR)
    corners = ((-half, -half, 0.0), (half, -half, 0.0), (half, half, 0.0), (-half, half, 0.0))
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    floor = bpy.data.objects.new(FLOOR, mesh)
    floor.hide_select = floor.hide_render = True
    floor.display_type = "WIRE"
    return floor


def arrange(window: bpy.types.Window) -> None:
    """The workspace Layout becomes ours: camera view with the sidebar, the Asset Browser below it."""
    window.workspace.name = WORKSPACE
    screen = window.screen
    view = next(area for area in screen.areas if area.type == "VIEW_3D")
    space = view.spaces.active
    space.show_region_ui = True
    space.region_3d.view_perspective = "CAMERA"
    before = set(screen.areas)
    region = next(region for region in view.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, screen=screen, area=view, region=region):
        bpy.ops.screen.area_split(direction="HORIZONTAL", factor=BROWSER)
    for area in set(screen.areas) - before:
        area.ui_type = "ASSETS"
    for area in screen.areas:
        if area.type == "PROPERTIES":
            area.spaces.active.context = "RENDER"
    if not bpy.app.background:
        bpy.app.timers.register(_Settling(), first_interval=_SETTLING)


class _Settling:
    """What can be chosen only when the new regions were drawn: our tab, our library, a view that fits its area."""

    def __init__(self) -> None:
        self._tries = _TRIES

    def __call__(self) -> float | None:
        self._tries -= 1
        window = bpy.context.window_manager.windows[0]
        if window.workspace.name != WORKSPACE or not self._tries or _settle(window):
            return None
        return _SETTLING


def _settle(window: bpy.types.Window) -> bool:
    """Whether everything was there to be settled."""
    view = next((area for area in window.screen.areas if area.type == "VIEW_3D"), None)
    browser = next((area for area in window.screen.areas if area.ui_type == "ASSETS"), None)
    if view is None or browser is None:
        return True
    regions = {region.type: region for region in view.regions}
    parameters = browser.spaces.active.params
    if regions["UI"].width <= 1 or parameters is None:
        return False
    regions["UI"].active_panel_category = TAB
    if library.NAME in bpy.context.preferences.filepaths.asset_libraries:
        parameters.asset_library_reference = library.NAME
    with bpy.context.temp_override(window=window, area=view, region=regions["WINDOW"]):
        bpy.ops.view3d.view_center_camera()
    view.spaces.active.region_3d.view_camera_zoom -= MARGIN
    view.tag_redraw()
    return True


def draw_in_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """In File > New."""
    self.layout.operator("neural_assets.new_scene", text="Neural Assets", icon="FILE_NEW")


def register() -> None:
    bpy.app.handlers.load_post.append(_loaded)
    bpy.types.TOPBAR_MT_file_new.append(draw_in_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_file_new.remove(draw_in_menu)
    bpy.app.handlers.load_post.remove(_loaded)
