"""Random artist actions for a long time: whatever is done, the picture is of the scene as it is, memory stays flat, and
Blender's main thread is never held up, whether the server is there, slow, silent or dead."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import bpy

from tests.gui.inside import memory
from tests.gui.inside.artist import F12, PACKAGE, Artist, Pauses
from tests.gui.inside.stopwatch import Stopwatch
from tests.gui.steps.rendering import Ends

ACTIONS_PER_FILE = 45  # then a fresh file, at whose rest memory is measured
ACTIONS_PER_LOOK = 6  # then the picture is compared with the scene
MOST_BOXES = 12
DEAD_ACTIONS = 5  # until a new server comes


def random_actions(artist: Artist) -> Pauses:
    """settings: minutes, seed, only (names of actions; empty for all)."""
    yield from Soak(artist).run()


class Soak:
    """One long session. What it found is in the artist's figures after every file."""

    def __init__(self, artist: Artist) -> None:
        self.artist, self.random = artist, random.Random(artist.settings["seed"])
        # Whenever the add-on is switched on again: it shall find no other server of this computer
        os.environ["NEURAL_ASSETS_ADDRESS"] = artist.address
        self.watch = Stopwatch(os.path.dirname(str(artist.part("identity").__file__)))
        self.ends = Ends()
        self.away = 0  # actions until the server is as it should be again
        self.done: dict[str, int] = {}
        self.memory: list[tuple[float, float]] = []  # (minutes, MB) with a fresh file at rest
        self.looks, self.faults = 0, []

    def run(self) -> Pauses:
        start = time.monotonic()
        minutes = self.artist.settings["minutes"]
        self.watch.start()
        while (passed := (time.monotonic() - start) / 60) < minutes:
            yield from self.fresh(passed)
            for number in range(ACTIONS_PER_FILE):
                yield from self.act()
                if number % ACTIONS_PER_LOOK == ACTIONS_PER_LOOK - 1 and not self.away:
                    yield from self.compare()
        yield from self.fresh(minutes)
        self.watch.stop()

    def table_at_rest(self) -> Pauses:
        """A new file with the table, the same each time, before which nothing can be undone."""
        yield from self.server_back()
        self.watch.state = "file"
        yield from self.artist.fresh_file()
        yield from self.artist.live_table()
        yield from self.save_and_load()
        yield from self.artist.rest()
        self.watch.state = "ready"

    def fresh(self, minutes: float) -> Pauses:
        """The table, at whose rest memory is measured; the report so far is written."""
        yield from self.table_at_rest()
        self.memory.append((round(minutes, 2), round(memory.held(), 1)))
        told = {"memory": self.memory, "actions": self.done, "looks": self.looks, "faults": self.faults}
        self.artist.figures.update(told, times=self.watch.told())
        self.artist.save()

    def act(self) -> Pauses:
        """One action, chosen by weight."""
        only = self.artist.settings["only"]
        weights = {action: weight for action, weight in ACTIONS.items() if not only or action.__name__ in only}
        action = self.random.choices(list(weights), list(weights.values()))[0]
        self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
        print(f"{action.__name__}", flush=True)
        yield from self.artist.move(self.over_view())
        yield from action(self)
        print(f"    {memory.held():.0f} MB", flush=True)
        if self.away:
            self.away -= 1
            if not self.away:
                yield from self.server_back()

    def compare(self) -> Pauses:
        """When all is at rest, every rendered view's picture is of the scene as it is."""
        artist = self.artist
        if not all(hasattr(live, "words") for live in artist.live_views()):
            return
        deadline = time.monotonic() + 20
        while any(live.busy for live in artist.live_views()):
            if time.monotonic() > deadline:
                words = [live.words for live in artist.live_views()]
                self.faults.append(f"no rest within 20 s after {self.last()}: {words}")
                return
            yield 0.05
        rendered = [
            number
            for number in range(len(artist.windows_areas()))
            if artist.space(number).shading.type == "RENDERED" and artist.scene.render.engine == "NEURAL_ASSETS"
        ]
        if not rendered or any(live.words != "Done" for live in artist.live_views()):
            return
        for number in rendered:
            space = artist.space(number)
            space.overlay.show_overlays = space.show_gizmo = space.show_region_ui = False
        yield 0.5
        name = yield from artist.look("soak")
        for number in rendered:
            self.looks += 1
            shown, wanted = artist.shown(name, number)[0], artist.wanted(number)
            if shown != wanted:
                self.faults.append(f"stale picture {len(self.faults)} after {self.last()}")
                (artist.out / f"{name}.png").rename(artist.out / f"stale-{len(self.faults)}.png")
                break
            artist.space(number).overlay.show_overlays = artist.space(number).show_gizmo = True

    def last(self) -> str:
        return ", ".join(f"{name} {count}" for name, count in self.done.items())

    # --- what actions need ---

    def over_view(self) -> tuple[float, float]:
        left, top, right, bottom = self.artist.view_rectangle()
        return left + (right - left) * self.random.uniform(0.3, 0.6), top + (bottom - top) * self.random.uniform(
            0.4, 0.7
        )

    def pick(self) -> bool:
        """Select one box, by script. With none in sight the keys of a tool would mean something else to Blender."""
        boxes = [
            thing.name for thing in self.artist.scene.objects if thing.neural_assets.is_box and thing.visible_get()
        ]
        if boxes:
            self.artist.select(self.random.choice(boxes))
        return bool(boxes)

    def push(self, message: str) -> None:
        """Make what was done by script an undo step, as Blender does of its own operators and fields: undoing past
        data-blocks that no step knows leaves dangling pointers in Blender."""
        with self.artist.in_view():
            bpy.ops.ed.undo_push(message=message)

    def number(self, low: float, high: float) -> list[str]:
        """The keys of a number."""
        value = self.random.uniform(low, high)
        return [{".": "period", "-": "minus"}.get(letter, letter) for letter in f"{value:.2f}"]

    def server_back(self) -> Pauses:
        self.away = 0
        if self.watch.state in ("dead", "silent"):
            self.artist.stage.revive()
        self.artist.stage.slow_down(0.05)
        yield from self.artist.connect()
        self.watch.state = "ready"

    # --- the actions ---

    def move(self) -> Pauses:
        if self.pick():
            yield from self.artist.key("g", self.random.choice("xyz"), *self.number(-0.4, 0.4), "Return")

    def drag(self) -> Pauses:
        if not self.pick():
            return
        start, end = self.over_view(), self.over_view()
        yield from self.artist.move(start)
        yield from self.artist.key("g")
        yield from self.artist.glide(start, end, 8)
        yield from self.artist.hand("click", 1)

    def rotate(self) -> Pauses:
        if self.pick():
            yield from self.artist.key("r", "z", *self.number(-60, 60), "Return")

    def scale(self) -> Pauses:
        if self.pick():
            yield from self.artist.key("s", *self.number(0.8, 1.25), "Return")

    def duplicate(self) -> Pauses:
        if len(self.artist.scene.objects) < MOST_BOXES and self.pick():
            yield from self.artist.key("shift+d", "x", *self.number(-1, 1), "Return")

    def delete(self) -> Pauses:
        if len(self.artist.scene.objects) > 3 and self.pick():
            yield from self.artist.key("Delete")

    def hide(self) -> Pauses:
        if self.pick():
            yield from self.artist.key("h")

    def show(self) -> Pauses:
        yield from self.artist.key("alt+h")

    def undo(self) -> Pauses:
        yield from self.artist.key(*["ctrl+z"] * self.random.randint(1, 3))
        yield 0.2

    def redo(self) -> Pauses:
        yield from self.artist.key("ctrl+shift+z")
        yield 0.2

    def orbit(self) -> Pauses:
        yield from self.artist.drag(self.over_view(), self.over_view(), button=2, steps=6)

    def through_camera(self) -> Pauses:
        self.artist.space().region_3d.view_perspective = self.random.choice(("CAMERA", "PERSP"))
        yield 0.1

    def engine(self) -> Pauses:
        self.artist.scene.render.engine = self.random.choice(("NEURAL_ASSETS", "NEURAL_ASSETS", "BLENDER_WORKBENCH"))
        self.push("Engine")
        yield 0.3

    def shading(self) -> Pauses:
        if self.artist.scene.render.engine in ("NEURAL_ASSETS", "BLENDER_WORKBENCH"):
            self.artist.space().shading.type = self.random.choice(("SOLID", "RENDERED", "RENDERED"))
        yield 0.2

    def still(self) -> Pauses:
        yield from self._render(F12)

    def sequence(self) -> Pauses:
        scene = self.artist.scene
        scene.frame_start, scene.frame_end = 1, 3
        scene.render.filepath = str(self.artist.out / "frames" / "####")
        self.push("Output")
        yield from self._render(f"ctrl+{F12}")

    def _render(self, key: str) -> Pauses:
        artist = self.artist
        artist.scene.neural_assets.steps = 2
        self.push("Steps")
        self.ends.told.clear()
        yield from artist.key(key)
        if self.random.random() < 0.3:
            yield self.random.uniform(0.0, 0.5)
            yield from artist.key("Escape")
        yield from self.end_render()
        if self.away:
            yield from artist.key("Escape")  # the error's pop-up

    def end_render(self) -> Pauses:
        """It ends by itself, or Escape ends it."""
        yield 0.3
        deadline = time.monotonic() + 15
        while bpy.app.is_job_running("RENDER"):
            if time.monotonic() > deadline:
                yield from self.artist.key("Escape")
                yield 1.0
            assert time.monotonic() < deadline + 10, "Escape does not end the render"
            yield 0.05

    def save_and_load(self) -> Pauses:
        file = str(self.artist.out / "soak.blend")
        bpy.ops.wm.save_as_mainfile(filepath=file)
        yield 0.2
        bpy.ops.wm.open_mainfile(filepath=file)
        yield 0.5
        self.artist.space().shading.type = "RENDERED"
        yield 0.2

    def addon_off_and_on(self) -> Pauses:
        """While rendered views are there, yet EEVEE, which Blender would show instead, is not loaded: the half to one
        gigabyte that it takes and gives back would hide everything."""
        kinds = [self._shading(number, "SOLID") for number in range(len(self.artist.windows_areas()))]
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        yield 0.5
        bpy.ops.preferences.addon_enable(module=PACKAGE)
        for number, kind in enumerate(kinds):
            self._shading(number, kind)
        yield 0.2
        if not self.away:
            yield from self.artist.connect()

    def _shading(self, number: int, kind: str) -> str:
        """Set how a view is shaded; returns how it was."""
        shading = self.artist.space(number).shading
        before, shading.type = shading.type, kind
        return before

    def keyframe(self) -> Pauses:
        if self.pick():
            yield from self.artist.key("i")

    def frame(self) -> Pauses:
        yield from self.artist.key(*[self.random.choice(("Right", "Left"))] * self.random.randint(1, 4))

    def play(self) -> Pauses:
        self.artist.scene.frame_end = 20
        self.push("Last frame")
        yield from self.artist.key("space")
        yield self.random.uniform(0.5, 1.5)
        if bpy.context.screen.is_animation_playing:
            yield from self.artist.key("space")

    def scene(self) -> Pauses:
        if len(bpy.data.scenes) < 2:
            with self.artist.in_view():
                bpy.ops.scene.new(type="FULL_COPY")
            self.push("Scene")
        else:
            window = bpy.context.window_manager.windows[0]
            window.scene = self.random.choice(list(bpy.data.scenes))
        yield 0.3

    def resize(self) -> Pauses:
        space = self.artist.space()
        space.show_region_ui = not space.show_region_ui
        with self.artist.in_view():
            bpy.ops.screen.screen_full_area()
        yield 0.5
        if self.artist.space().show_region_ui:
            yield from self.artist.open_sidebar()

    def two_views(self) -> Pauses:
        if len(self.artist.windows_areas()) < 2 and len(bpy.context.screen.areas) > 1:
            with self.artist.in_view():
                bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
        yield 0.3

    def assets(self) -> Pauses:
        """Refused while the server is away."""
        if not self.pick():
            return
        with self.artist.in_view():
            try:
                bpy.ops.neural_assets.assign_asset(asset=self.random.choice(("chair", "lamp")))
            except RuntimeError:
                if not self.away:
                    raise
        self.push("Asset")
        yield 0.1

    def settings(self) -> Pauses:
        chosen = self.artist.scene.neural_assets
        chosen.seed, chosen.steps = self.random.randrange(100), self.random.randint(3, 6)
        self.push("Settings")
        yield 0.1

    def kill_server(self) -> Pauses:
        self.artist.stage.kill()
        self.watch.state, self.away = "dead", DEAD_ACTIONS
        yield 0.3

    def silence_server(self) -> Pauses:
        self.artist.stage.silence()
        self.watch.state, self.away = "silent", DEAD_ACTIONS
        yield 0.3

    def slow_server(self) -> Pauses:
        if not self.away:
            self.artist.stage.slow_down(1.5)
            self.watch.state, self.away = "slow", DEAD_ACTIONS
        yield 0.1

    def kill_worker(self) -> Pauses:
        """The next picture fails as it does when the server's worker dies; a new server of the artist's ends that."""
        if not self.away:
            self.artist.stage.fail_next("preview")
            self.watch.state, self.away = "dead", 2
        yield 0.1


ACTIONS: dict[Callable[[Soak], Pauses], int] = {
    Soak.move: 12, Soak.drag: 10, Soak.rotate: 6, Soak.scale: 4, Soak.duplicate: 4, Soak.delete: 2, Soak.hide: 2,
    Soak.show: 2, Soak.undo: 9, Soak.redo: 4, Soak.orbit: 5, Soak.through_camera: 4, Soak.engine: 4, Soak.shading: 4,
    Soak.still: 4, Soak.sequence: 2, Soak.save_and_load: 2, Soak.addon_off_and_on: 1, Soak.keyframe: 4, Soak.frame: 4,
    Soak.play: 2, Soak.scene: 2, Soak.resize: 2, Soak.two_views: 1, Soak.assets: 3, Soak.settings: 3,
    Soak.kill_server: 1, Soak.silence_server: 1, Soak.slow_server: 1, Soak.kill_worker: 1,
}  # fmt: skip
