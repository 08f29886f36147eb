"""What the model took for each box's object in the reference picture, shown over it: asked for when somebody looks.

Images and masks live in memory alone; another Blender asks the server again.
"""

from __future__ import annotations

import bpy
import gpu
import numpy as np

from .. import colour, compat
from ..connection.session import bridge, hurry
from ..drawing import strokes, textures
from ..drawing.picture_view import PictureView
from ..protocol.events import Event, Mask
from ..protocol.messages import FetchMask

TINTS: tuple[strokes.Colour, ...] = (
    (0.20, 0.65, 1.00), (1.00, 0.55, 0.10), (0.35, 0.85, 0.30), (0.95, 0.30, 0.60),
    (0.65, 0.45, 1.00), (0.10, 0.85, 0.80), (1.00, 0.85, 0.15), (0.95, 0.35, 0.25),
)  # fmt: skip
_FILL, _OUTLINE = 0.4, 1.0  # opacity
_KEPT = 64  # masks at most
_SIDES = (64, 128, 256, 512, 1024)  # pixels of what is drawn: the next to its size on the screen
_RIM = 2  # of these pixels

_found: dict[str, Mask] = {}
_asked: dict[str, int] = {}
_textures: dict[tuple[str, int, int], gpu.types.GPUTexture] = {}  # by asset, tint and side


def mask(asset: str) -> Mask | None:
    """What the model took for the asset's object; None while it is on its way. Never waits."""
    if asset in _found:
        return _found[asset]
    if asset and bridge.is_ready and _asked.get(asset) != bridge.session:
        _asked[asset] = bridge.session  # once for each connection
        bridge.ask(FetchMask(asset=asset), lambda event: _take(asset, event))
        hurry()
    return None


def shown_boxes(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The boxes whose assets were made from the reference picture, by name."""
    picture = scene.neural_assets.reference
    if picture is None:
        return []
    return sorted(
        (
            thing
            for thing in scene.objects
            if thing.neural_assets.is_box
            and thing.neural_assets.seen_in == picture.name
            and thing.neural_assets.seen_as == thing.neural_assets.asset
        ),
        key=lambda thing: thing.name,
    )


def draw_masks(scene: bpy.types.Scene, view: PictureView) -> None:
    """Every object's outline and tint over the picture."""
    shown = shown_boxes(scene)
    for key in {key for key in _textures if key[0] not in {thing.neural_assets.asset for thing in shown}}:
        del _textures[key]
    for number, thing in enumerate(shown):
        found = mask(thing.neural_assets.asset)
        if found is None or len(found.rectangle) != 4 or not found.mask.any():
            continue
        left, top, right, bottom = found.rectangle
        corners = view.to_pixels(np.array([[left, bottom], [right, top]]))
        size = max(corners[1] - corners[0])
        side = next((side for side in _SIDES if side >= size), _SIDES[-1])
        key = (thing.neural_assets.asset, number % len(TINTS), side)
        if key not in _textures:
            _textures[key] = textures.upload(tinted(found.mask, TINTS[number % len(TINTS)], side))
        gpu.state.blend_set("ALPHA_PREMULT")
        compat.draw_over(_textures[key], (*corners[0], *corners[1]))
        gpu.state.blend_set("NONE")


def tinted(mask: np.ndarray, tint: strokes.Colour, side: int) -> np.ndarray:
    """A fill and an outline: uint8 [h, w], top row first -> float32 scene-linear premultiplied RGBA [side, side, 4],
    bottom row first. tint: sRGB."""
    inside = _sampled(_sampled(mask.astype(np.float32), side).T, side).T > 127
    core = inside
    for _ in range(_RIM):
        core = _smaller(core)
    alpha = np.where(inside, np.where(core, _FILL, _OUTLINE), 0.0)[::-1, :, None]
    shade = colour.linear_rows(np.round(255 * np.array([[tint]])).astype(np.uint8))  # [1, 1, 4]
    return (alpha * shade).astype(np.float32)


def _smaller(inside: np.ndarray) -> np.ndarray:
    """bool [h, w] without the points that have a neighbour outside."""
    padded = np.pad(inside, 1)
    return inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _sampled(mask: np.ndarray, rows: int) -> np.ndarray:
    """[h, w] -> [rows, w], straight between the rows, so that the outline of a small mask is thin and smooth."""
    height = len(mask)
    places = np.linspace(0, height - 1, rows)
    above = np.minimum(places.astype(int), max(height - 2, 0))
    share = (places - above)[:, None]
    return mask[above] * (1 - share) + mask[np.minimum(above + 1, height - 1)] * share


def _take(asset: str, event: Event) -> None:
    """In the main thread, when the server has answered."""
    if not isinstance(event, Mask):
        return
    _found[asset] = event
    if len(_found) > _KEPT:
        oldest = next(iter(_found))
        del _found[oldest], _asked[oldest]
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def register() -> None:
    _found.clear()
    _asked.clear()


def unregister() -> None:
    _found.clear()
    _textures.clear()
