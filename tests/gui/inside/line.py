"""Blender's end of the connection to `Stage`, which is beside it."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Client
from typing import Any


class Line:
    """`line.NAME(...)` calls the stage's method of that name and returns its answer; raises RuntimeError."""

    def __init__(self, port: int, key: bytes) -> None:
        self._connection = Client(("127.0.0.1", port), authkey=key)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._connection.send((name, arguments))
            well, answer = self._connection.recv()
            if not well:
                raise RuntimeError(f"{name}: {answer}")
            return answer

        return call
