"""Small pictures of the store's assets as Blender's icons, fetched when somebody looks at them."""

from __future__ import annotations

import bpy.utils.previews
import numpy as np

from ..connection.session import bridge, hurry
from ..protocol.events import Event, Thumbnail
from ..protocol.messages import FetchThumbnail

_ICON = 32  # pixels, as large as Blender draws them in lists

_icons: bpy.utils.previews.ImagePreviewCollection | None = None
_asked: set[tuple[int, str]] = set()  # (connection, asset): a new connection is asked anew


def icon(asset: str) -> int:
    """The asset's icon; 0 while it is on its way, and when there is no server to ask. Never waits."""
    if _icons is None or not asset:
        return 0
    if asset in _icons:
        return _icons[asset].icon_id
    asked = bridge.session, asset
    if bridge.is_ready and asked not in _asked:
        _asked.add(asked)
        bridge.ask(FetchThumbnail(asset=asset), lambda event: _take(asked, event))
        hurry()
    return 0


def fetch_all() -> None:
    """Ask for every thumbnail of the store that is not here yet, so that popovers open with pictures."""
    for asset in bridge.assets:
        icon(asset)


def _take(asked: tuple[int, str], event: Event) -> None:
    """In the main thread, when the server has answered."""
    asset = asked[1]
    if not isinstance(event, Thumbnail):
        _asked.discard(asked)  # asked again when somebody looks again
        return
    if _icons is not None and asset not in _icons:
        show(_icons.new(asset), event.image)


def show(preview: bpy.types.ImagePreview, picture: np.ndarray) -> None:
    """Let a preview show a picture, uint8 [h, w, 3], the first row above."""
    height, width = picture.shape[:2]
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = picture[::-1] / np.float32(255)
    preview.image_size = width, height
    preview.image_pixels_float.foreach_set(rgba.ravel())
    share = min(1.0, _ICON / max(height, width))  # Blender before 5 makes no small one for lists by itself
    small = rgba[_spread(height, share)][:, _spread(width, share)]
    preview.icon_size = small.shape[1::-1]
    preview.icon_pixels_float.foreach_set(small.ravel())


def _spread(count: int, share: float) -> np.ndarray:
    """Every so-manyth index below `count`."""
    return np.linspace(0, count - 1, max(1, round(count * share))).round().astype(int)


def register() -> None:
    global _icons
    _icons = bpy.utils.previews.new()
    _asked.clear()


def unregister() -> None:
    global _icons
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
    _icons = None
