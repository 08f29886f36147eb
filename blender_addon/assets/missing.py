"""Which assets this .blend file uses, and which of them the server lacks, as after a move to another computer.

"Save Assets Beside the File" puts their files into a folder next to the .blend; what the server lacks is taken from
there by itself. What is in no such folder is relinked: to its file elsewhere, or to another asset.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..connection.session import bridge, hurry
from ..protocol.errors import ProtocolError
from ..protocol.events import AssetInfo, Event, Failed
from ..protocol.messages import ImportAsset
from ..scene import changes
from . import asset_file

FOLDER = "neural_assets"  # beside the .blend file
_PAUSE = 1.0  # seconds between two looks

_drawn: tuple[int, list[Use]] = (-1, [])  # what panels show, as of this change of the file


@dataclass(frozen=True)
class Use:
    """An asset that this file uses. kind: "object" or "background"; count: of boxes, or of scenes."""

    asset: str
    name: str
    kind: str
    count: int

    @property
    def words(self) -> str:
        """ "Chair, 3 boxes"."""
        many, one = ("boxes", "box") if self.kind == "object" else ("scenes", "scene")
        return f"{self.name or self.asset}, {self.count} {one if self.count == 1 else many}"


def used() -> list[Use]:
    """All assets that boxes and scenes of the open file carry, by name."""
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for owner, kind in _owners():
        asset, name = _carried(owner, kind)
        if asset:
            known, count = found.get((kind, asset), (name, 0))
            found[kind, asset] = known or name, count + 1
    uses = [Use(asset, name, kind, count) for (kind, asset), (name, count) in found.items()]
    return sorted(uses, key=lambda use: (use.name.casefold(), use.asset))


def drawn() -> list[Use]:
    """`used` as of the file's newest change, for panels, which are drawn much more often than anything changes."""
    global _drawn
    if _drawn[0] != changes.count:
        _drawn = changes.count, used()
    return _drawn[1]


def missing() -> list[Use]:
    """Those, as `drawn`, that the connected server lacks; none while that is not known."""
    return [use for use in drawn() if use.asset not in bridge.assets] if bridge.knows_assets else []


def relink(old: str, new: AssetInfo) -> tuple[int, int]:
    """Let everything that carries `old` carry `new`; how many did, and how many cannot, being linked from elsewhere."""
    changed, locked = 0, 0
    for owner, kind in _owners():
        if kind != new.kind or _carried(owner, kind)[0] != old:
            continue
        if not owner.is_editable:
            locked += 1
            continue
        settings = owner.neural_assets
        if kind == "object":
            settings.asset, settings.asset_name = new.id, new.name
        else:
            settings.background, settings.background_name = new.id, new.name
        changed += 1
    return changed, locked


def folder_beside() -> Path | None:
    """Where this file's assets lie beside it; None for a file that was never saved."""
    return Path(bpy.data.filepath).parent / FOLDER if bpy.data.filepath else None


def files_for(uses: Iterable[Use], folder: Path) -> dict[str, Path]:
    """By asset: its file in a folder, which has the asset's id for a name."""
    files = {use.asset: folder / f"{use.asset}{asset_file.SUFFIX}" for use in uses}
    return {asset: path for asset, path in files.items() if path.is_file()}


class PickUp:
    """Takes what the server lacks from beside the file, whenever another file or another list of assets is there."""

    def __init__(self) -> None:
        self.problem = ""  # the last file that was not taken
        self._seen: tuple[object, str] = (None, "")
        self._open = 0

    def look(self) -> None:
        """In the main thread; never waits."""
        state = (bridge.assets, bpy.data.filepath)
        folder = folder_beside()
        if self._open or not bridge.knows_assets:
            return
        if state[0] is self._seen[0] and state[1] == self._seen[1]:
            return
        self._seen, self.problem = state, ""
        for path in files_for(missing(), folder).values() if folder is not None else ():
            try:
                bridge.ask(ImportAsset(data=asset_file.read(path)), self._take)
            except ProtocolError as error:
                self.problem = str(error)
            else:
                self._open += 1
                hurry()

    def _take(self, event: Event) -> None:
        if not event.final:
            return
        self._open -= 1
        if isinstance(event, Failed):
            self.problem = str(event.error())
        if not self._open:
            bridge.refresh()


def _owners() -> Iterable[tuple[bpy.types.Object | bpy.types.Scene, str]]:
    yield from ((thing, "object") for thing in bpy.data.objects if thing.neural_assets.is_box)
    yield from ((scene, "background") for scene in bpy.data.scenes)


def _carried(owner: bpy.types.Object | bpy.types.Scene, kind: str) -> tuple[str, str]:
    """(id, name)"""
    settings = owner.neural_assets
    if kind == "object":
        return settings.asset, settings.asset_name
    return settings.background, settings.background_name


pick_up = PickUp()


def tick() -> float:
    """The timer of the main thread."""
    pick_up.look()
    return _PAUSE


def register() -> None:
    if not bpy.app.background:
        bpy.app.timers.register(tick, first_interval=_PAUSE, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
