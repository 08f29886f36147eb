"""The sidebar's buttons and fields, with mouse and keys."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import bpy

from tests.gui.inside.artist import HOVER, Artist, Pauses
from tests.gui.inside.titles import open_panel
from tests.gui.steps.picture import PHOTO


def buttons_clicked(artist: Artist) -> Pauses:
    """The sidebar's buttons do what they say: a box is added, the engine is chosen."""
    yield from artist.connect()
    yield from artist.open_sidebar()
    assert artist.scene.render.engine != "NEURAL_ASSETS"
    engine = yield from artist.find("neural_assets.use_engine")
    yield from artist.click(engine)
    yield from artist.until(lambda: artist.scene.render.engine == "NEURAL_ASSETS", "the engine is chosen")
    add = yield from artist.find("neural_assets.add_box")
    yield from artist.click(add)
    boxes = lambda: [thing for thing in artist.scene.objects if thing.neural_assets.is_box]  # noqa: E731
    yield from artist.until(boxes, "a box is there")
    yield from artist.look("clicked")


def all_drawn(artist: Artist) -> Pauses:
    """Every panel, menu and popover draws, open, in the states that a file and a server may be in (that none of them
    raises is looked for after every step)."""
    panels = artist.part("panels")
    every = [cls for module in panels.MODULES for cls in module.CLASSES if issubclass(cls, bpy.types.Panel)]
    closed = [cls for cls in every if "DEFAULT_CLOSED" in getattr(cls, "bl_options", ())]
    _register_with(panels, closed, set())
    try:
        yield from artist.fresh_file()
        artist.bridge.close()
        yield from artist.open_sidebar()
        yield from _look_around(artist, "offline")
        yield from artist.table()
        yield from artist.connect()
        yield from _look_around(artist, "table")
        with artist.in_view():
            bpy.ops.neural_assets.load_reference(filepath=str(PHOTO), focal_length=28.0)
        artist.scene.objects["Right"].neural_assets.asset = "of-another-computer"
        artist.scene.render.image_settings.file_format = "TIFF"
        artist.select("Left")
        bpy.ops.render.render()
        yield from _look_around(artist, "reference")
    finally:
        _register_with(panels, closed, {"DEFAULT_CLOSED"})


def _register_with(panels: ModuleType, classes: Sequence[type], options: set[str]) -> None:
    """All panels anew, some with these options: in new files they are open or closed."""
    panels.unregister()
    for cls in classes:
        cls.bl_options = options
    panels.register()


def _look_around(artist: Artist, name: str) -> Pauses:
    """The whole sidebar, the three tabs of the properties, and what opens over them."""
    region = artist.region(region="UI")
    middle = artist.on_screen(region, region.width / 2, region.height / 2)
    yield from artist.hand("mousemove", *map(round, middle), "click", "--repeat", 40, "--delay", 20, 4)
    for part in range(4):
        yield from artist.look(f"{name}-{part}")
        yield from artist.hand("click", "--repeat", 9, "--delay", 40, 5)
    for tab in ("RENDER", "OUTPUT", "VIEW_LAYER"):
        artist.area(kind="PROPERTIES").spaces.active.context = tab
        yield 0.3
    for panel in ("assets", "backgrounds", "same_object"):
        with artist.in_view():
            bpy.ops.wm.call_panel(name=f"NEURAL_ASSETS_PT_{panel}")
        yield 0.4
        yield from artist.look(f"{name}-{panel}")
        yield from artist.key("Escape")
    with artist.in_view():
        bpy.ops.wm.call_menu(name="NEURAL_ASSETS_MT_history")
    yield 0.4
    yield from artist.key("Escape")


def value_typed(artist: Artist) -> Pauses:
    """A number typed into a field changes the picture that is asked for."""
    yield from artist.live_table()
    yield from artist.open_sidebar()
    field = yield from artist.find("neural_assets.steps")
    yield from artist.hand("mousemove", round(field[0]), round(field[1]), "click", "--repeat", 2, "--delay", 80, 1)
    yield from artist.key("ctrl+a")
    yield from artist.type("9")
    yield from artist.key("Return")
    yield from artist.until(lambda: artist.scene.neural_assets.steps == 9, "the number is taken over")
    yield from artist.rest()
    seen = yield from artist.look("typed")
    assert artist.shown(seen) == (artist.wanted(), 9)


def box_made_of_mesh(artist: Artist) -> Pauses:
    """Use as Box makes the chosen mesh a box; the list shows it, and a click in the list chooses it."""
    yield from artist.connect()
    with artist.in_view():
        bpy.ops.mesh.primitive_monkey_add(location=(3.0, 0.0, 1.0))
        bpy.ops.ed.undo_push(message="Monkey")
    yield from artist.open_sidebar()
    button = yield from artist.find("neural_assets.use_as_box", columns=(0.7,))
    yield from artist.click(button)
    is_box = lambda: artist.scene.objects["Suzanne"].neural_assets.is_box  # noqa: E731
    yield from artist.until(is_box, "the mesh is a box")
    yield 0.5
    yield from artist.look("used")
    yield from artist.move(artist.place_of((0.0, 0.0, 0.0)))
    yield from artist.key("ctrl+z")
    yield from artist.until(lambda: not is_box(), "one step back")


def fields_keyframed(artist: Artist) -> Pauses:
    """The key I over a field of a box keyframes it, as does its menu; between the keys the picture follows."""
    yield from artist.live_table()
    artist.select("Left")
    yield from artist.open_sidebar()
    yield from open_panel(artist, "NEURAL_ASSETS_PT_boxes")
    box = lambda: artist.scene.objects["Left"]  # noqa: E731
    artist.scene.frame_set(1)
    guidance = yield from artist.find("neural_assets.guidance", columns=(0.7,))
    yield from artist.move(guidance)
    yield HOVER
    yield from artist.key("i")
    yield from artist.until(lambda: box().animation_data is not None, "the first key is there", 10)
    artist.scene.frame_set(11)
    yield from artist.hand("mousemove", *map(round, guidance), "click", "--repeat", 2, "--delay", 80, 1)
    yield from artist.key("ctrl+a")
    yield from artist.type("3")
    yield from artist.key("Return")
    yield from artist.until(lambda: box().neural_assets.guidance == 3.0, "the number is taken over", 10)
    yield from artist.move(guidance)
    yield HOVER
    yield from artist.key("i")
    yield 0.5
    yield from artist.look("keyed")
    artist.scene.frame_set(6)
    assert abs(box().neural_assets.guidance - 2.0) < 1e-4, box().neural_assets.guidance
    yield from artist.rest()
    assert artist.stage.requests("preview")[-1]["guidance"][0] == 2.0

    seed = yield from artist.find("neural_assets.seed", columns=(0.7,))
    yield from artist.click(seed, button=3)
    yield 0.4
    yield from artist.look("menu")
    yield from artist.key("i")  # Insert Keyframe
    yield from artist.until(lambda: len(_keyed_paths(box())) == 2, "the seed is keyframed, too", 10)
    yield 0.3
    yield from artist.look("both")


def _keyed_paths(thing: bpy.types.Object) -> set[str]:
    """The data paths that are keyframed, in files of any Blender."""
    action = thing.animation_data.action
    if hasattr(action, "fcurves"):
        return {curve.data_path for curve in action.fcurves}
    bags = (bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags)
    return {curve.data_path for bag in bags for curve in bag.fcurves}
