"""A finished picture's arrays as Blender's render passes: Combined, Depth and Object Index.

Depth is along the camera's axis in Blender units, and 1e10 where no object is, as Cycles writes it. Object Index is
0 where no object is; an object's number is its pass index (Object properties, Relations), and where that is not set
the lowest free number by the order of the scene's boxes, so that hiding one does not renumber the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from .. import colour, compat
from ..protocol.api import Placement
from ..protocol.events import Picture
from ..scene.reader import plain_name

NOTHING = 1e10  # depth where no object is


@dataclass(frozen=True)
class Film:
    """How a view layer takes pictures up. numbers: Object Index of each placement; metres: of one Blender unit."""

    transparent: bool
    numbers: tuple[int, ...]
    metres: float

    def passes(self, picture: Picture, cut: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
        """The finished picture's passes by name, [h, w] or [h, w, 4], bottom row first. cut: to the render border."""
        return {
            "Combined": premultiplied(cut(picture.image), cut(picture.alpha) if self.transparent else None),
            "Depth": self.depth(cut(picture.depth)),
            compat.OBJECT_INDEX_PASS: self.object_index(cut(picture.object_index)),
        }

    def depth(self, metres: np.ndarray) -> np.ndarray:
        """Metres, 0 where no object is, [h, w] -> Blender units."""
        return np.where(metres > 0, metres / np.float32(self.metres), np.float32(NOTHING))[::-1]

    def object_index(self, slots: np.ndarray) -> np.ndarray:
        """Indices into the placements, -1 where no object is, [h, w] -> numbers."""
        of_slot = np.array([*self.numbers, 0], np.float32)  # the last one is slot -1
        return of_slot[np.clip(slots, -1, len(self.numbers) - 1)][::-1]


def premultiplied(image: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """uint8 sRGB [h, w, 3] and perhaps the objects' coverage, uint8 [h, w] -> scene-linear premultiplied RGBA
    [h, w, 4], bottom row first."""
    rows = colour.linear_rows(image)
    if alpha is not None:
        rows *= (alpha[::-1] / np.float32(255))[..., None]
    return rows


def film_of(depsgraph: bpy.types.Depsgraph, placements: tuple[Placement, ...]) -> Film:
    """The film of this depsgraph's scene for a picture of these placements."""
    scene = depsgraph.scene
    boxes = [thing for thing in scene.objects if thing.neural_assets.is_box]
    chosen = {plain_name(thing.name): thing.pass_index for thing in (*boxes, *depsgraph.objects)}
    order = dict.fromkeys([plain_name(thing.name) for thing in boxes] + [placement.name for placement in placements])
    numbers = numbers_of(order, chosen)
    return Film(
        scene.render.film_transparent,
        tuple(numbers[placement.name] for placement in placements),
        scene.unit_settings.scale_length,
    )


def numbers_of(order: dict[str, None], chosen: dict[str, int]) -> dict[str, int]:
    """Object Index by name: the chosen one, or the lowest that nobody chose (0: not chosen)."""
    taken = {chosen.get(name, 0) for name in order}
    free = (number for number in range(1, len(order) + len(taken) + 1) if number not in taken)
    return {name: chosen.get(name, 0) or next(free) for name in order}


def wanted(layer: bpy.types.ViewLayer) -> Iterator[tuple[str, int, str, str]]:
    """(name, channels, their letters, kind) of the passes that a view layer asks for."""
    yield "Combined", 4, "RGBA", "COLOR"
    if layer.use_pass_z:
        yield "Depth", 1, "Z", "VALUE"
    if layer.use_pass_object_index:
        yield compat.OBJECT_INDEX_PASS, 1, "X", "VALUE"


def register_all(engine: bpy.types.RenderEngine, scene: bpy.types.Scene, layer: bpy.types.ViewLayer) -> None:
    """Tell the compositor which sockets there are."""
    for name, channels, letters, kind in wanted(layer):
        engine.register_pass(scene, layer, name, channels, letters, kind)
