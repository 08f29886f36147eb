"""Whether a server answers, and how quickly: measured over a connection of its own that goes again."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from typing import Protocol

from ..protocol.background_client import ConnectionState, Pending
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import Pong, Ready
from ..protocol.messages import Ping, Request

PINGS = 10
FIND_SECONDS = 2.0  # for the connection
_ANSWER_SECONDS = 2.0  # for each of them


class Client(Protocol):
    """What is needed of the background client."""

    address: str
    state: ConnectionState
    problem: ProtocolError | None
    ready: Ready | None

    def submit(self, request: Request) -> Pending: ...
    def stop(self) -> None: ...


class ConnectionTest:
    """Runs in a thread of its own. `words` is empty until it is done; `problem` then says what was wrong, if anything.

    client: started, and for this test alone.
    """

    def __init__(self, client: Client) -> None:
        self.words = self.problem = ""
        self._client = client
        self._thread = threading.Thread(target=self._run, name="neural-assets-test", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self) -> None:
        """For scripts; a window never waits."""
        self._thread.join()

    def _run(self) -> None:
        try:
            ready = self._greeted()
            took = statistics.median(self._ping() for _ in range(PINGS))
            self.words = f"Server {ready.server} answers in {1000 * took:.1f} ms"
        except ProtocolError as error:
            self.words = self.problem = str(error)
        finally:
            self._client.stop()

    def _greeted(self) -> Ready:
        found = self._until(lambda: self._client.ready, FIND_SECONDS)
        if found is None:
            where = self._client.address
            raise self._client.problem or ProtocolError(
                ErrorCode.UNREACHABLE, f"No server answers at {where}.", "Start it, or check the address."
            )
        return found

    def _until(self, what: Callable[[], Ready | None], seconds: float) -> Ready | None:
        deadline = time.monotonic() + seconds
        while (found := what()) is None and time.monotonic() < deadline:
            if self._client.state is ConnectionState.REFUSED:
                return None
            time.sleep(0.005)
        return found

    def _ping(self) -> float:
        """Seconds there and back."""
        start = time.monotonic()
        event = self._client.submit(Ping()).wait(_ANSWER_SECONDS)
        if not isinstance(event, Pong):
            raise ProtocolError(
                ErrorCode.TIMEOUT, f"The server at {self._client.address} does not answer.", "Stop and start it."
            )
        return time.monotonic() - start
