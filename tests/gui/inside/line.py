"""Blender's end of the connection to `Stage`, which is beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from multiprocessing.connection import Client
from typing import Any


class Line:
    """`line.NAME(...)` calls the stage's method of that name and returns its answer as JSON keeps it (tuples come as
    lists); raises RuntimeError."""

    def __init__(self, port: int, key: bytes) -> None:
        self._connection = Client(("127.0.0.1", port), authkey=key)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._connection.send_bytes(json.dumps([name, arguments]).encode())
            told = json.loads(self._connection.recv_bytes())
            if "problem" in told:
                raise RuntimeError(f"{name}: {told['problem']}")
            return told["answer"]

        return call
