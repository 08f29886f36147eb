"""The thread that reads and writes the disk, so that a slow one never keeps a heartbeat waiting."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import zmq

from .failures import as_refusal
from .protocol.errors import ProtocolError

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Desk:
    """`do(work, then, otherwise)`: work in the disk's thread, in order; then one of the others in the caller's, when it
    calls `deliver` (the PULL socket bound to `inbox` wakes it)."""

    def __init__(self, context: zmq.Context, inbox: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._done: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._wake = context.socket(zmq.PUSH)
        self._wake.linger = 0
        self._wake.connect(inbox)

    def do(self, work: Callable[[], T], then: Callable[[T], Any], otherwise: Callable[[ProtocolError], Any]) -> None:
        self._pool.submit(self._work, work, then, otherwise)

    def deliver(self) -> None:
        """Run what is to follow the work that is done."""
        while not self._done.empty():
            self._done.get_nowait()()

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._wake.close(linger=0)

    def _work(self, work: Callable[[], Any], then: Callable[[Any], Any], otherwise: Callable[..., Any]) -> None:
        try:
            result = work()
            self._done.put(lambda: then(result))
        except Exception as error:  # noqa: BLE001 - every failure is an answer
            refusal = as_refusal(error)
            if refusal.code == "internal":
                _log.exception("at the desk")
            self._done.put(lambda: otherwise(refusal))
        self._wake.send(b"")
