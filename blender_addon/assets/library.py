"""The assets of the server's store as a library of Blender's Asset Browser.

The library is a folder of the user's, with one small .blend file for each asset: a box of its true size, or for a
background a World, with its thumbnail, tags and catalog. A file's name says what it was made from, so that after a
change of the store only the files of what has changed are made again. They are made of data of their own: the open
file and its undo steps are not touched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import bpy
import numpy as np

from .. import compat
from ..connection.session import bridge, hurry
from ..identity import user_folder
from ..protocol.events import AssetInfo, Event, Thumbnail
from ..protocol.messages import FetchThumbnail
from ..scene.new_box import make_box
from . import gallery, thumbnails

NAME = "Neural Assets"
_FORMAT = 1  # counted up when what is in the files changes
_CATALOGS = {
    "Neural Assets": "5b0e6f0e-6f0b-4a0c-9d52-0c3f5f6f1a01",
    "Neural Assets/Objects": "5b0e6f0e-6f0b-4a0c-9d52-0c3f5f6f1a02",
    "Neural Assets/Backgrounds": "5b0e6f0e-6f0b-4a0c-9d52-0c3f5f6f1a03",
    "Neural Assets/Gallery": "5b0e6f0e-6f0b-4a0c-9d52-0c3f5f6f1a04",
    "Neural Assets/Gallery/Objects": "5b0e6f0e-6f0b-4a0c-9d52-0c3f5f6f1a05",
    "Neural Assets/Gallery/Backgrounds": "5b0e6f0e-6f0b-4a0c-9d52-0c3f5f6f1a06",
}
_BUSY, _IDLE = 0.03, 1.0  # seconds between two looks


def folder() -> Path:
    """Where the library is, made when it is not there."""
    return user_folder("library", create=True)


def file_name(info: AssetInfo) -> str:
    """Of an asset's .blend file; another one when anything that the file shows of it changes."""
    shown = json.dumps([_FORMAT, asdict(info)], sort_keys=True)
    return f"{info.id} {hashlib.sha256(shown.encode()).hexdigest()[:8]}.blend"


def write(info: AssetInfo, picture: np.ndarray) -> Path:
    """Make an asset's file, whole or not at all. picture: its thumbnail, uint8 [h, w, 3]; raises OSError."""
    path = folder() / file_name(info)
    with compat.temporary_data() as data:
        thing = _background(info, data) if info.kind == "background" else _object(info, data)
        thing.asset_mark()
        _describe(thing.asset_data, info)
        thumbnails.show(thing.preview_ensure(), picture)
        try:
            data.libraries.write(str(path), {thing}, fake_user=False, compress=True)
        except RuntimeError as error:
            raise OSError(str(error)) from error
    for old in folder().glob(f"{info.id} *.blend"):
        if old != path:
            old.unlink(missing_ok=True)
    return path


def write_catalogs() -> None:
    """The catalogs; once, because the user may have made more of them."""
    path = folder() / "blender_assets.cats.txt"
    if not path.exists():
        lines = [f"{uuid}:{name}:{name.replace('/', '-')}" for name, uuid in _CATALOGS.items()]
        path.write_text("VERSION 1\n\n" + "\n".join(lines) + "\n", encoding="utf-8")


def remove_others(infos: Iterable[AssetInfo]) -> bool:
    """Remove the files of all assets that are not among these; whether there were any."""
    kept = {info.id for info in infos}
    surplus = [path for path in folder().glob("* *.blend") if path.name.split(" ")[0] not in kept]
    for path in surplus:
        path.unlink(missing_ok=True)
    return bool(surplus)


def enlist() -> None:
    """Name the folder in Blender's preferences, unless it is there already. What is dropped becomes the file's own."""
    libraries = bpy.context.preferences.filepaths.asset_libraries
    if _enlisted() is None:
        libraries.new(name=NAME, directory=str(folder())).import_method = "APPEND"


def strike_out() -> None:
    """Take it from the preferences; the folder stays."""
    library = _enlisted()
    if library is not None:
        bpy.context.preferences.filepaths.asset_libraries.remove(library)


class Keeper:
    """Keeps the folder like the store, a file at a time; without a server, like what was there and the gallery."""

    def __init__(self) -> None:
        self._wanted: object = None  # the list that the folder follows
        self._todo: list[AssetInfo] = []
        self._pictures: dict[str, np.ndarray | None] = {}  # those on their way are None
        self._changed = False

    def tick(self) -> float:
        """Does the next bit of work in the main thread; seconds until the next look."""
        if bpy.app.is_job_running("RENDER"):
            return _IDLE
        known = bridge.assets if bridge.knows_assets else None
        wanted = known if known is not None else gallery.read()
        if wanted is not self._wanted:
            self._begin(wanted, list(known.values()) if known is not None else [i for i, _ in gallery.read().values()])
            if known is not None:
                self._changed |= remove_others(known.values())
        elif self._todo:
            self._next(self._todo[0])
        elif self._changed:
            self._changed = False
            refresh_browsers()
        return _BUSY if self._todo or self._changed else _IDLE

    def _begin(self, wanted: object, infos: list[AssetInfo]) -> None:
        write_catalogs()
        there = {path.name for path in folder().glob("*.blend")}
        self._wanted = wanted
        self._pictures.clear()
        self._todo = [info for info in infos if file_name(info) not in there]

    def _next(self, info: AssetInfo) -> None:
        """Write it when its picture is here; ask for the picture otherwise, or leave it out when there is none."""
        shipped = gallery.read().get(info.id)
        picture = shipped[1] if shipped is not None else self._pictures.get(info.id)
        if picture is not None:
            write(info, picture)
            self._changed = True
            self._drop(info)
        elif not bridge.is_ready:
            self._todo.clear()
        elif info.id not in self._pictures:
            self._pictures[info.id] = None
            bridge.ask(FetchThumbnail(asset=info.id), lambda event: self._take(info, event))
            hurry()

    def _take(self, info: AssetInfo, event: Event) -> None:
        if isinstance(event, Thumbnail):
            self._pictures[info.id] = event.image
        else:
            self._drop(info)  # tried again with the next list

    def _drop(self, info: AssetInfo) -> None:
        self._pictures.pop(info.id, None)
        self._todo = [other for other in self._todo if other.id != info.id]


def refresh_browsers() -> None:
    """Let every open Asset Browser read the folder again."""
    for window in bpy.context.window_manager.windows:
        for area in _browsers(window):
            with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
                if bpy.ops.asset.library_refresh.poll():  # pyright: ignore[reportCallIssue]
                    bpy.ops.asset.library_refresh()


def _browsers(*windows: bpy.types.Window) -> list[bpy.types.Area]:
    """The Asset Browsers of some windows, or of all."""
    looked_at = windows or bpy.context.window_manager.windows
    return [area for window in looked_at for area in window.screen.areas if area.ui_type == "ASSETS"]


def show_in_browsers() -> None:
    """Let every open Asset Browser show our library, now or when it was drawn for the first time."""
    if _choose() is not None:
        bpy.app.timers.register(_choose, first_interval=_BUSY)


def _choose() -> float | None:
    for area in _browsers():
        parameters = area.spaces.active.params
        if parameters is None:
            return _BUSY
        parameters.asset_library_reference = NAME
    return None


def _object(info: AssetInfo, data: bpy.types.BlendData) -> bpy.types.Object:
    x, y, z = info.size
    thing = make_box(info.name, (x, y, z), data)
    thing.neural_assets.asset, thing.neural_assets.asset_name = info.id, info.name
    return thing


def _background(info: AssetInfo, data: bpy.types.BlendData) -> bpy.types.World:
    world = data.worlds.new(info.name)
    world.neural_assets.background, world.neural_assets.background_name = info.id, info.name
    return world


def _describe(asset: bpy.types.AssetMetaData, info: AssetInfo) -> None:
    is_shipped = "gallery" in info.tags
    kind = "Backgrounds" if info.kind == "background" else "Objects"
    asset.catalog_id = _CATALOGS[f"Neural Assets/Gallery/{kind}" if is_shipped else f"Neural Assets/{kind}"]
    asset.description = _sentence(info)
    asset.author = info.provenance.get("credit", "")
    asset.license = info.provenance.get("licence", "")
    views = f"{info.views} view{'s' if info.views > 1 else ''}"
    for tag in dict.fromkeys((*info.tags, info.kind, views, info.provenance.get("picture", ""))):
        if tag:
            asset.tags.new(tag, skip_if_exists=True)


def _sentence(info: AssetInfo) -> str:
    """What the browser tells of it: "0.95 x 0.84 x 0.65 m, seen from 8 sides, from desk.jpg"."""
    if info.kind == "background":
        width, height = info.size
        words = [f"Background of {width:.0f} x {height:.0f} pixels"]
    else:
        words = [" x ".join(f"{side:.3g}" for side in info.size) + " m"]
        words.append("seen once" if info.views == 1 else f"seen from {info.views} sides")
    if picture := info.provenance.get("picture", ""):
        words.append(f"from {picture}")
    return ", ".join(words)


def _enlisted() -> bpy.types.UserAssetLibrary | None:
    ours = folder()
    for library in bpy.context.preferences.filepaths.asset_libraries:
        if library.path and Path(bpy.path.abspath(library.path)) == ours:
            return library
    return None


keeper = Keeper()


def tick() -> float:
    """The timer of the main thread."""
    return keeper.tick()


def register() -> None:
    enlist()
    if not bpy.app.background:
        gallery.read_ahead()  # the first look finds it read
        bpy.app.timers.register(tick, first_interval=_IDLE, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    strike_out()
