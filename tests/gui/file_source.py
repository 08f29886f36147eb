"""Another program on Blender's screen, out of which a file is dragged with the mouse: the source's side of XDND.

It is a window as large as a file's symbol. From the press of a button on it to the release it tells the window under
the pointer what comes (XdndEnter, XdndPosition), waits for its answers (XdndStatus), and at the end hands over
"text/uri-list" (XdndDrop, and the selection XdndSelection). https://freedesktop.org/wiki/Specifications/XDND
"""

from __future__ import annotations

import select
import threading
import time
from contextlib import closing
from pathlib import Path

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.protocol.event import ClientMessage, SelectionNotify
from Xlib.xobject.drawable import Window

VERSION = 5
SIDE, COLOUR = 32, 0xE8A33D  # pixels, RGB
SECONDS = 60.0  # until it gives up


class FileSource:
    """words: what has become of the file, "taken" at the end of a drop that went well."""

    def __init__(self, display: str, file: Path, x: int, y: int) -> None:
        """Shows the window at a point of the screen, over all others. display: the screen's name, ":1"."""
        self.words = "not dragged"
        self._file = file
        self._display = Display(display)
        screen = self._display.screen()
        self._root: Window = screen.root
        self._window: Window = self._root.create_window(
            x, y, SIDE, SIDE, 1, screen.root_depth, background_pixel=COLOUR, override_redirect=True,
            event_mask=X.ButtonPressMask | X.ButtonReleaseMask | X.ButtonMotionMask,
        )  # fmt: skip
        self._window.map()
        self._display.flush()
        self._target: Window | None = None  # the window under the pointer that takes drags
        self._position: tuple[int, int] | None = None  # place on the screen and time, to be told with the next answer
        self._waits = self._accepted = self._released = False  # for an answer; the last answer; the button is up
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        end = time.monotonic() + SECONDS
        with closing(self._display):
            while self.words != "taken" and time.monotonic() < end:
                if self._display.pending_events():
                    self._take(self._display.next_event())
                else:
                    select.select([self._display], [], [], 0.05)

    def _take(self, event) -> None:
        if event.type == X.ButtonPress:
            self._window.set_selection_owner(self._atom("XdndSelection"), event.time)
        elif event.type == X.MotionNotify:
            self._position = event.root_x << 16 | event.root_y, event.time
            self._find_target()
            self._go_on()
        elif event.type == X.ButtonRelease:
            self._released = True
            self._go_on()
        elif event.type == X.SelectionRequest:
            self._hand_over(event)
        elif event.type == X.ClientMessage and event.client_type == self._atom("XdndStatus"):
            self._waits, self._accepted = False, bool(event.data[1][1] & 1)
            self.words = "welcome" if self._accepted else "not wanted there"
            self._go_on()
        elif event.type == X.ClientMessage and event.client_type == self._atom("XdndFinished"):
            self.words = "taken" if self.words == "handed over" else "let fall"

    def _find_target(self) -> None:
        """The outermost window under the pointer that takes drags."""
        aware, found, version = self._atom("XdndAware"), self._root.query_pointer().child, None
        while found and (version := found.get_full_property(aware, Xatom.ATOM)) is None:
            found = found.query_pointer().child
        if found == (self._target or X.NONE):
            return
        if self._target is not None:
            self._tell("XdndLeave")
        self._target, self._waits, self._accepted = found or None, False, False
        if version is not None:
            self._tell("XdndEnter", min(version.value[0], VERSION) << 24, self._atom("text/uri-list"))

    def _go_on(self) -> None:
        """The next thing to tell the target, one at a time."""
        if self._target is None or self._waits:
            return
        if self._position is not None:
            (place, when), self._position = self._position, None
            self._waits = True
            self._tell("XdndPosition", 0, place, when, self._atom("XdndActionCopy"))
        elif self._released:
            self._tell("XdndDrop" if self._accepted else "XdndLeave")

    def _tell(self, name: str, *words: int) -> None:
        data = (self._window.id, *words, 0, 0, 0, 0)[:5]
        message = ClientMessage(window=self._target, client_type=self._atom(name), data=(32, data))
        self._target.send_event(message)
        self._display.flush()

    def _hand_over(self, request) -> None:
        """Write the file's address where the target wants it."""
        address = f"{self._file.as_uri()}\r\n".encode()
        request.requestor.change_property(request.property, request.target, 8, address)
        answer = SelectionNotify(
            time=request.time, requestor=request.requestor, selection=request.selection, target=request.target,
            property=request.property,
        )  # fmt: skip
        request.requestor.send_event(answer)
        self._display.flush()
        self.words = "handed over"

    def _atom(self, name: str) -> int:
        return self._display.get_atom(name)
