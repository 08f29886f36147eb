"""Which asset of the store the Library panel shows: the search, what it finds, and the one that was chosen.

Kept here, since no file and no undo step should have it.
"""

from __future__ import annotations

from ..connection.session import bridge
from ..protocol.events import AssetInfo

_search, _chosen = "", ""


def search() -> str:
    """The words that are searched for."""
    return _search


def search_for(text: str) -> None:
    """In names, tags, sources and kinds."""
    global _search
    _search = text


def choose(asset: str) -> None:
    """Show this asset."""
    global _chosen
    _chosen = asset


def choose_new(asset: str) -> None:
    """Show an asset that has just come into the store, as soon as its list tells of it; a search would hide it."""
    search_for("")
    choose(asset)


def found() -> list[AssetInfo]:
    """What the search finds; objects first."""
    words = _search.casefold().split()

    def matches(info: AssetInfo) -> bool:
        text = " ".join((info.name, info.kind, *info.tags, *info.provenance.values())).casefold()
        return all(word in text for word in words)

    fitting = filter(matches, bridge.assets.values())
    return sorted(fitting, key=lambda info: (info.kind == "background", info.name.casefold(), info.id))


def chosen() -> AssetInfo | None:
    """The chosen asset if the search finds it, else the first that it finds, which is kept as the chosen one when a new
    name moves it in the list; but not while a new list is on its way, which may have the chosen one."""
    infos = found()
    info = next((info for info in infos if info.id == _chosen), infos[0] if infos else None)
    if info is not None and not bridge.assets_are_old:
        choose(info.id)
    return info
