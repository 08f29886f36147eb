"""Who sits in front of the windowed Blender: eyes (screenshots), hands (mouse and keys by xdotool), patience.

Everything that takes time is a generator that yields pauses in seconds: `yield from artist.click(...)`. Nothing of
Blender's is kept between two of them, since undo and file loads make it invalid.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import bpy
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector

from tests.gui import mark

from .line import Line

PACKAGE = "bl_ext.user_default.neural_assets"
TAB = "Neural Assets"
PATIENCE = 60.0  # seconds for anything that should happen
HOVER = 0.4  # seconds until a button under the mouse is drawn as such
F12 = "96"  # a keycode: the name comes with Alt from the keyboard map of Debian's sid

PAGES, ROW, COLUMNS = 4, 15, (0.7, 0.3)  # of a region that is searched: how often it is scrolled, pixels, parts

Pauses = Iterator[float]
Point = tuple[float, float]  # pixels of the screen, y downwards


class Artist:
    """`stage`: see `Stage`; `out`: folder of the screenshots; `settings`: those that the session was given; `save`:
    writes the figures so far into the report."""

    def __init__(self, stage: Line, out: Path, address: str, settings: dict, save: Callable[[], None]) -> None:
        self.stage, self.out, self.address, self.settings, self.save = stage, out, address, settings, save
        self.figures: dict[str, object] = {}  # what a step measured, for the report
        self.step = ""  # name of the step at work

    # --- Blender ---

    @property
    def scene(self) -> bpy.types.Scene:
        return bpy.context.scene

    def part(self, name: str) -> ModuleType:
        """A module of the installed extension, such as "session"."""
        return importlib.import_module(f"{PACKAGE}.{name}")

    @property
    def bridge(self) -> object:
        return self.part("connection.session").bridge

    def windows_areas(self, kind: str = "VIEW_3D") -> list[tuple[bpy.types.Window, bpy.types.Area]]:
        windows = bpy.context.window_manager.windows
        return [(window, area) for window in windows for area in window.screen.areas if area.type == kind]

    def area(self, number: int = 0, kind: str = "VIEW_3D") -> bpy.types.Area:
        return self.windows_areas(kind)[number][1]

    def region(self, number: int = 0, region: str = "WINDOW", kind: str = "VIEW_3D") -> bpy.types.Region:
        return next(found for found in self.area(number, kind).regions if found.type == region)

    def space(self, number: int = 0) -> bpy.types.SpaceView3D:
        return self.area(number).spaces.active

    def in_view(self, number: int = 0, region: str = "WINDOW", kind: str = "VIEW_3D") -> AbstractContextManager:
        """Context for operators: `with artist.in_view(): bpy.ops...`"""
        window, area = self.windows_areas(kind)[number]
        return bpy.context.temp_override(window=window, area=area, region=self.region(number, region, kind))

    # --- a scene to begin with ---

    def fresh_file(self) -> Pauses:
        """Blender's own start-up file with the screen as tests want it."""
        bpy.ops.wm.read_homefile(use_factory_startup=True)
        yield 0.3
        preferences = bpy.context.preferences
        preferences.view.show_splash = preferences.view.show_tooltips = False
        preferences.view.smooth_view = 0
        preferences.view.render_display_type = "NONE"  # F12 would open a second window
        preferences.filepaths.use_auto_save_temporary_files = False
        self.space().show_region_hud = self.space().show_region_toolbar = False

    def table(self) -> Pauses:
        """Two boxes with assets before a camera; the engine chosen, nothing rendered yet."""
        for thing in list(bpy.data.objects):
            if thing.type in ("MESH", "LIGHT"):
                bpy.data.objects.remove(thing)
        scene = self.scene
        scene.render.resolution_x, scene.render.resolution_y = 480, 320
        scene.camera.location, scene.camera.rotation_euler = (0.0, -6.0, 1.6), (1.45, 0.0, 0.0)
        scene.camera.data.lens = 35.0
        with self.in_view():
            for name, asset, x in (("Left", "chair", -1.0), ("Right", "lamp", 1.0)):
                bpy.ops.neural_assets.add_box(size=(0.9, 0.9, 1.2))
                thing = bpy.context.object
                thing.name, thing.location = name, (x, 0.0, 0.0)
                thing.neural_assets.asset = asset
            scene.neural_assets.background = "room"
            bpy.ops.neural_assets.use_engine()
            bpy.ops.ed.undo_push(message="Table")
        yield 0.1

    def live_table(self) -> Pauses:
        """The table in the rendered camera view, its picture there; what most steps begin with."""
        yield from self.table()
        yield from self.connect()
        self.space().region_3d.view_perspective = "CAMERA"
        self.space().shading.type = "RENDERED"
        yield from self.rest()

    def connect(self) -> Pauses:
        bridge = self.bridge
        if not bridge.is_ready or bridge.address != self.address:  # but some other server of this computer
            bridge.connect(self.address)
        yield from self.until(lambda: bridge.is_ready and bridge.address == self.address, "the server is connected")

    def select(self, name: str) -> None:
        for thing in self.scene.objects:
            thing.select_set(thing.name == name)
        bpy.context.view_layer.objects.active = self.scene.objects[name]

    def live_views(self) -> list:
        """The `LiveView` of every rendered viewport."""
        kind = self.part("rendering.viewport").Viewport
        return [view.live for view in self.part("connection.session").views if isinstance(view, kind)]

    # --- patience ---

    def until(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> Pauses:
        """Wait for something; an AssertionError that names it when it does not happen."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s: {what}"
            yield 0.03

    def rest(self, views: int = 1) -> Pauses:
        """Wait until this many live views show the refined picture of the scene as it is."""

        def resting() -> bool:
            found = self.live_views()
            return len(found) >= views and all(live.words == "Done" and not live.busy for live in found)

        yield 0.1  # for the scene's change to reach the view
        yield from self.until(resting, f"{views} live views are at rest")
        yield 0.3  # for the drawing

    # --- eyes ---

    def look(self, name: str) -> Pauses:
        """Take a screenshot out/gui/.../STEP-NAME.png; returns its name for the stage's questions."""
        full = f"{self.step}-{name}"
        file = self.out / f"{full}.png"
        part = file.with_suffix(".part.png")
        yield from self._run(["import", "-window", "root", str(part)])
        part.rename(file)
        return full

    def compare(self, screenshot: str, rectangle: Sequence[float], reference: str) -> None:
        """A part of a screenshot against references/REFERENCE.png. Choose parts without letters and without what
        another Blender draws differently."""
        fault = self.stage.fault(screenshot, tuple(rectangle), reference)
        assert not fault, fault

    def shown(self, screenshot: str, number: int = 0) -> tuple[int, int]:
        """(digest, steps) of the fake server's picture that a view shows."""
        digest, steps = self.stage.mark(screenshot, self.picture_rectangle(number))
        return digest, steps

    def wanted(self, number: int = 0) -> int:
        """The digest of the scene as a view should show it now, read anew."""
        viewport, reader = self.part("rendering.viewport"), self.part("scene.reader")
        depsgraph = bpy.context.evaluated_depsgraph_get()
        with self.in_view(number):
            camera, _ = viewport._camera_and_frame(bpy.context, depsgraph)
        return mark.digest(reader.read_contents(depsgraph).through(camera))

    # --- where things are on the screen ---

    def on_screen(self, region: bpy.types.Region, x: float, y: float) -> Point:
        """A point of a region, from its lower left corner."""
        window = bpy.context.window_manager.windows[0]
        return region.x + x, window.height - 1 - (region.y + y)

    def place_of(self, location: Sequence[float], number: int = 0) -> Point:
        """Where a point of the world is seen."""
        region = self.region(number)
        found = location_3d_to_region_2d(region, self.space(number).region_3d, Vector(location))
        assert found is not None, f"{tuple(location)} is not in the view"
        return self.on_screen(region, *found)

    def view_rectangle(self, number: int = 0) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a whole view."""
        region = self.region(number)
        left, bottom = self.on_screen(region, 0, 0)
        right, top = self.on_screen(region, region.width, region.height)
        return left, top + 1, right, bottom + 1

    def picture_rectangle(self, number: int = 0) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the picture: the camera's frame in its view, else the whole view."""
        if self.space(number).region_3d.view_perspective != "CAMERA":
            return self.view_rectangle(number)
        camera = self.space(number).camera or self.scene.camera
        corners = [camera.matrix_world @ corner for corner in camera.data.view_frame(scene=self.scene)]
        points = [self.place_of(corner, number) for corner in corners]
        across, down = [x for x, _ in points], [y for _, y in points]
        return min(across), min(down), max(across), max(down)

    def within_picture(
        self, left: float, top: float, right: float, bottom: float, number: int = 0
    ) -> tuple[float, ...]:
        """A part of the picture (0..1 from its upper left corner) in pixels of the screen."""
        x, y, end_x, end_y = self.picture_rectangle(number)
        width, height = end_x - x, end_y - y
        return x + left * width, y + top * height, x + right * width, y + bottom * height

    # --- hands ---

    def _run(self, command: Sequence[str]) -> Pauses:
        process = subprocess.Popen(command, stdout=sys.stderr)
        yield from self.until(lambda: process.poll() is not None, " ".join(command[:3]))
        assert process.returncode == 0, f"{' '.join(command)} ended with code {process.returncode}"

    def hand(self, *words: object) -> Pauses:
        """xdotool with these words, and the moment that Blender needs to take them in."""
        yield from self._run(["xdotool", *map(str, words)])
        yield 0.15

    def move(self, point: Point) -> Pauses:
        yield from self.hand(*_to(point))

    def click(self, point: Point, button: int = 1) -> Pauses:
        yield from self.move(point)
        yield HOVER
        yield from self.hand("click", button)

    def key(self, *keys: str) -> Pauses:
        yield from self.hand("key", "--delay", 60, *keys)

    def type(self, text: str) -> Pauses:
        yield from self.hand("type", "--delay", 60, text)

    def drag(self, start: Point, end: Point, button: int = 1, steps: int = 12) -> Pauses:
        """Press a button, move in steps, let go."""
        yield from self.move(start)
        yield from self.hand("mousedown", button)
        yield from self.glide(start, end, steps)
        yield from self.hand("mouseup", button)

    def carry(self, start: Point, end: Point, steps: int = 12) -> Pauses:
        """`drag` out of another program's window by a single command: from entering its window to the drop Blender
        waits for the other program, and no step goes on."""
        yield from self.hand(*_to(start), "sleep", HOVER, "mousedown", 1, *_gliding(start, end, steps), "mouseup", 1)

    def glide(self, start: Point, end: Point, steps: int = 12) -> Pauses:
        """Move the mouse in small steps."""
        yield from self.hand(*_gliding(start, end, steps))

    def open_sidebar(self, tab: str = TAB, number: int = 0) -> Pauses:
        """Show the sidebar with one of its tabs."""
        self.space(number).show_region_ui = True
        yield 0.3
        self.region(number, "UI").active_panel_category = tab
        self.area(number).tag_redraw()
        yield 0.3

    def find(
        self,
        wanted: str,
        region: str = "UI",
        number: int = 0,
        kind: str = "VIEW_3D",
        columns: Sequence[float] = COLUMNS,
    ) -> Pauses:
        """Where a button (an operator's id, "neural_assets.add_box") or a field (a property's path from its owner,
        "neural_assets.steps") is on the screen: the mouse goes over the region and Blender says what lies under it."""
        found = self.region(number, region, kind)
        middle = self.on_screen(found, found.width / 2, found.height / 2)
        for _ in range(PAGES):
            for y in range(found.height - 16, 12, -ROW):
                for part in columns:
                    point = self.on_screen(found, found.width * part, y)
                    yield from self._run(["xdotool", "mousemove", *(str(round(place)) for place in point)])
                    yield 0.03
                    if wanted in self._under_mouse(number, region, kind):
                        return point
                    found = self.region(number, region, kind)
            yield from self.hand("mousemove", *map(round, middle), "click", "--repeat", 4, "--delay", 60, 5)
        raise AssertionError(f"the mouse found no {wanted} in the region {region}")

    def _under_mouse(self, number: int, region: str, kind: str) -> str:
        """The operator and the property of the button under the mouse, as Blender copies them."""
        manager = bpy.context.window_manager
        manager.clipboard = ""
        with self.in_view(number, region, kind):
            for copy in (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button):
                if copy.poll():  # pyright: ignore[reportCallIssue]
                    copy()
        return manager.clipboard


def _to(point: Point) -> list[object]:
    """xdotool's words for a move that Blender notices."""
    x, y = round(point[0]), round(point[1])
    return ["mousemove", x, y, "sleep", 0.05, "mousemove", x + 2, y]


def _gliding(start: Point, end: Point, steps: int) -> list[object]:
    """xdotool's words for a move in small steps."""
    words: list[object] = []
    for step in range(1, steps + 1):
        x, y = (round(a + (b - a) * step / steps) for a, b in zip(start, end, strict=True))
        words += ["mousemove", x, y, "sleep", 0.04]
    return words
