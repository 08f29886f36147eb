"""The history in Blender: finished pictures go into it beside the work, and the panel's list follows it.

A thread of its own writes the files and reads the folder, so that neither a render nor the view waits for the disk. It
never touches Blender; the timer of the main thread looks whether the list has to follow, and writes only those of its
lines that differ, a few at a time: there may be thousands, and another .blend file has none of them.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import date, datetime

import bpy
import bpy.utils.previews
import numpy as np
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, CollectionProperty, IntProperty, StringProperty

from ..connection import session
from ..identity import user_folder
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import Picture
from .history import Entry, History
from .stamp import Stamp

FOLDER = "history"  # in the folder that Blender gives an extension for the user's files
_LINES = 32  # of the list that are written at once: Blender takes some 50 microseconds for each
_ICONS = 64  # thumbnails in memory, a quarter of a megabyte each: of the newest pictures and the chosen one

problem = ""  # why the last picture was not kept
_jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
_thread: threading.Thread | None = None
_changed = threading.Event()  # the folder is not what the list shows
_entries: list[Entry] | None = None  # what was found in the folder; None until the thread has read it
_reading = threading.Lock()  # of the folder
_listed: list[tuple[str, bool, date]] = []  # each line's picture, whether it is pinned, and the day of its words
_chosen = ""  # the picture that the list was at, while its line is not there yet
_icons: bpy.utils.previews.ImagePreviewCollection | None = None
_history: History | None = None
_keeps_views = True
_view: tuple[np.ndarray, Stamp, str] | None = None  # the newest refined view: pixels, stamp and id in the history


class HistoryItem(bpy.types.PropertyGroup):
    """A line of the list; `name` is the picture's id."""

    words: StringProperty(name="Words", description="Time and size of the picture")
    kind: StringProperty(name="Kind", description="What it was made by")
    pinned: BoolProperty(name="Pinned", description="Whether it is never deleted by itself")
    path: StringProperty(name="Path", description="Its file")


def history() -> History:
    """The user's history."""
    assert _history is not None
    return _history


def configure(megabytes: int, views: bool) -> None:
    """As the preferences say: how much is kept at most, and whether every refined view is, too."""
    global _history, _keeps_views
    _keeps_views = views
    if _history is None:
        _history = History(user_folder(FOLDER))
    _history.megabytes = megabytes


def render_finished(picture: Picture, stamp: Stamp, transparent: bool) -> None:
    """A still was rendered. Those of background mode are not kept: they are written to files. Any thread."""
    if not bpy.app.background:
        keep(np.dstack([picture.image, picture.alpha]) if transparent else picture.image, stamp)


def view_finished(pixels: np.ndarray, stamp: Stamp) -> None:
    """A 3D view shows its refined picture."""
    global _view
    _view = pixels, stamp, keep(pixels, stamp) if _keeps_views else ""


def keep_view() -> None:
    """Pin the newest refined picture of a 3D view; raises ProtocolError."""
    global _view
    if _view is None:
        raise ProtocolError(
            ErrorCode.IMAGE, "No 3D view has shown a refined picture yet.", "Set the view to Rendered and wait for it."
        )
    pixels, stamp, name = _view
    target, now = history(), datetime.now()
    _view = pixels, stamp, name or target.id_of(now)

    def pin() -> None:  # in the thread, after the picture itself
        if any(entry.id == name for entry in target.entries()):
            target.pin(name, True)
        else:
            _keep(target, pixels, stamp, now, True)

    _do(pin)


def keep(pixels: np.ndarray, stamp: Stamp) -> str:
    """Keep a finished picture, uint8 sRGB [h, w, 3 or 4]; returns its id at once."""
    target, now = history(), datetime.now()
    if target.megabytes > 0:
        _do(lambda: _keep(target, pixels, stamp, now))
    return target.id_of(now)


def changed() -> None:
    """The folder was changed by an operator: the list follows at once."""
    global _entries
    with _reading:
        _entries = history().entries()
    _changed.set()
    sync()


def flush() -> None:
    """Wait until everything is written; for scripts and the end of Blender."""
    done = threading.Event()
    if _thread is not None and _thread.is_alive():
        _jobs.put(done.set)
        done.wait(5.0)


def sync() -> None:
    """Let the list show what the folder has, if it changed; long ones need further calls. Main thread only."""
    global _chosen
    if not _changed.is_set():
        return
    _changed.clear()
    entries = _entries
    if entries is None:
        _do(lambda: None)  # the thread reads the folder after every job
        return
    manager = bpy.context.window_manager
    items, was_newest = manager.neural_assets_history, manager.neural_assets_history_index == 0
    _chosen = selected(bpy.context) or _chosen
    is_whole = _list(items, entries)
    ids = [entry.id for entry in entries]
    manager.neural_assets_history_index = 0 if was_newest or _chosen not in ids else ids.index(_chosen)
    if not is_whole:
        _changed.set()
        return
    _forget_icons({*ids[:_ICONS], _chosen} & set(ids))
    session.redraw_panels()


def _list(items: bpy.types.CollectionProperty, entries: list[Entry]) -> bool:
    """Let the list's lines be these, both newest first; False when there are more to write than is done at once."""
    if len(items) != len(_listed):  # another file's
        items.clear()
        _listed.clear()
    there, today, left = {entry.id for entry in entries}, date.today(), _LINES
    for index in reversed(range(len(_listed))):
        if _listed[index][0] not in there:
            items.remove(index)
            del _listed[index]
    for index, entry in enumerate(entries):
        line = entry.id, entry.pinned, today
        is_listed = index < len(_listed) and _listed[index][0] == entry.id
        if is_listed and _listed[index] == line:
            continue
        if left == 0:
            return False
        left -= 1
        item = items[index] if is_listed else items.add()
        item.name, item.words, item.kind = entry.id, words(entry), entry.kind
        item.pinned, item.path = entry.pinned, str(entry.path)
        if is_listed:
            _listed[index] = line
        else:
            items.move(len(items) - 1, index)
            _listed.insert(index, line)
    return True


def selected(context: bpy.types.Context) -> str:
    """The id of the list's active picture; empty when there is none."""
    manager = context.window_manager
    items, index = manager.neural_assets_history, manager.neural_assets_history_index
    return items[index].name if 0 <= index < len(items) else ""


def icon(item: HistoryItem) -> int:
    """The picture's thumbnail."""
    if _icons is None:
        return 0
    if item.name not in _icons:
        _icons.load(item.name, item.path, "IMAGE")
    return _icons[item.name].icon_id


def _forget_icons(kept: set[str]) -> None:
    """All but these; one that is looked at again is loaded again."""
    if _icons is not None:
        for name in set(_icons) - kept:
            del _icons[name]


def words(entry: Entry) -> str:
    """When it was made."""
    day = "" if entry.time.date() == datetime.now().date() else f"{entry.time:%d %b}, "
    return f"{day}{entry.time:%H:%M:%S}"


def _keep(target: History, pixels: np.ndarray, stamp: Stamp, now: datetime, pinned: bool = False) -> None:
    """In the thread."""
    global problem
    target.keep(pixels, stamp, now, pinned)
    problem = ""


def _do(job: Callable[[], object]) -> None:
    global _thread
    if _thread is None or not _thread.is_alive():
        _thread = threading.Thread(target=_work, name="neural-assets-history", daemon=True)
        _thread.start()
    _jobs.put(job)


def _work() -> None:
    """The thread: one job after the other until None comes."""
    global problem, _entries
    while (job := _jobs.get()) is not None:
        try:
            job()
        except ProtocolError as error:
            problem = str(error)
        with _reading:
            _entries = history().entries()
        _changed.set()


class _Watch:
    """Looked at by the session's timer, as the live views are."""

    def tick(self, now: float) -> bool:
        sync()
        return _changed.is_set()


_watch = _Watch()


@persistent
def _after_load(*_: object) -> None:
    """Another file has a list of its own."""
    _listed.clear()
    _changed.set()


def register() -> None:
    global _icons, _entries
    bpy.utils.register_class(HistoryItem)
    bpy.types.WindowManager.neural_assets_history = CollectionProperty(name="History", type=HistoryItem)
    bpy.types.WindowManager.neural_assets_history_index = IntProperty(name="Picture", options={"SKIP_SAVE"})
    _icons = bpy.utils.previews.new()
    _entries = None
    _changed.set()
    session.views.add(_watch)
    bpy.app.handlers.load_post.append(_after_load)


def unregister() -> None:
    global _icons
    bpy.app.handlers.load_post.remove(_after_load)
    session.views.discard(_watch)
    flush()
    if _thread is not None and _thread.is_alive():  # else the next thread would end at once
        _jobs.put(None)
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
    _icons = None
    del bpy.types.WindowManager.neural_assets_history_index
    del bpy.types.WindowManager.neural_assets_history
    bpy.utils.unregister_class(HistoryItem)
