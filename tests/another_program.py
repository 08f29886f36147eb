"""Another program where a server is looked for, as a wrong port finds it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def another_program() -> Iterator[str]:
    """Its address, "127.0.0.1:PORT": it answers as a web server does to words that it does not know."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_turn_away, args=(listener,), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _turn_away(listener: socket.socket) -> None:
    while True:
        try:
            visitor, _ = listener.accept()
        except OSError:  # closed
            return
        with visitor:
            visitor.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nThis is a page for people, and it goes on.")
