"""The one bridge between Blender and the server. No other module of the add-on talks to the network.

The background client has a thread of its own, which never touches Blender. Requests go in from anywhere and return
at once; what comes back lies in queues until a timer of the main thread hands it out. Nothing here waits: `waiting`
is for those that may.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import RLock

from ..protocol.address import is_loopback, parse_address
from ..protocol.background_client import BackgroundClient, ConnectionState, Pending
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.events import AssetInfo, AssetList, Event, ModelState, Ready, Status
from ..protocol.messages import PROTOCOL, AskStatus, Cancel, ListAssets, Request
from .connection_test import ConnectionTest
from .installer import is_installed
from .local_server import LocalServer
from .server_state import ServerState, joined
from .target import Target

OnEvent = Callable[[Event], None]


class Bridge:
    """The connection of this Blender. `assets` and `status` are the newest that the server told."""

    def __init__(self, version: str) -> None:
        self.target = Target()
        self.assets: dict[str, AssetInfo] = {}
        self.status: Status | None = None
        self.session = 0  # counts up with every new connection to a server
        self._version = version
        self._client: BackgroundClient | None = None
        self._local = LocalServer()
        self._status_asked: Pending | None = None
        self.test: ConnectionTest | None = None  # the newest
        self._problem = ""  # why there is no client
        self._ready: Ready | None = None  # the connection that was greeted
        self._loaded = False  # whether its model was there then
        self._assets_old = True
        self._listed = -1  # the session that `assets` came from
        self._watched: list[tuple[Pending, OnEvent]] = []
        self._lock = RLock()  # a render's thread may connect while the main thread asks for the state

    # --- the state ---

    @property
    def is_ready(self) -> bool:
        return self._client is not None and self._client.state is ConnectionState.READY

    @property
    def state(self) -> ServerState:
        client = self._client
        if self._local.is_installing:
            return ServerState.INSTALLING
        if self._local.is_starting:
            return ServerState.STARTING
        if self._local.problem:
            return ServerState.FAILED
        return joined(client.state, client.model) if client is not None else ServerState.OFFLINE

    @property
    def is_wanted(self) -> bool:
        """Whether a connection is there, looked for, or about to come with a server that starts."""
        return self._client is not None or self.is_starting

    @property
    def is_starting(self) -> bool:
        """A server was started here and has not told its address yet."""
        return self._local.is_starting

    @property
    def has_server(self) -> bool:
        """Whether this Blender started a server that runs."""
        return self._local.is_running

    @property
    def taken_by(self) -> str:
        """The address of the server that already has the store of the one which could not be started here."""
        return self._local.taken_by

    @property
    def installation(self) -> tuple[float, str]:
        """How far it is, 0..1 and in words; (0, "") when none runs."""
        return self._local.installation

    @property
    def address(self) -> str:
        return self._client.address if self._client is not None else self.target.address

    @property
    def is_local(self) -> bool:
        """Whether the server that is used, or meant, is one of this computer."""
        try:
            return is_loopback(parse_address(self.address))
        except ProtocolError:
            return False

    @property
    def log(self) -> Path | None:
        """The server's log, or that of its start or installation, if there is one on this computer."""
        if self.status is not None and self.status.log and self.is_local:
            return Path(self.status.log)
        return self._local.log

    @property
    def words(self) -> str:
        """The state in two or three words."""
        return self.state.words

    @property
    def problem(self) -> str:
        """Why there is no picture to be had, in a sentence; empty when there is one or nobody asked."""
        if self._local.problem:
            return self._local.problem
        if self._client is not None and self._client.problem is not None:
            return str(self._client.problem)
        if self.state is ServerState.FAILED and self.status is not None:
            return self.status.sentence
        return self._problem

    @property
    def knows_assets(self) -> bool:
        """Whether `assets` is what the connected server has."""
        return self.is_ready and self._listed == self.session

    @property
    def assets_are_old(self) -> bool:
        """Whether they were asked for again and the answer has not come."""
        return self._assets_old

    # --- connecting ---

    def connect(self, address: str = "") -> None:
        """Look for the server at an address (default: the target's); returns at once. Raises ProtocolError."""
        with self._lock:
            self.disconnect()
            self._local.forget_problem()
            try:
                client = self._new_client(address)
            except ProtocolError as error:
                self._problem = str(error)
                raise
            self._client, self._problem = client, ""

    def _new_client(self, address: str) -> BackgroundClient:
        """Raises ProtocolError."""
        address, keys = self.target.allowed(address), self.target.read_keys()
        client = BackgroundClient(address, name="blender", version=self._version, keys=keys)
        client.start()
        return client

    def disconnect(self) -> None:
        """Leave the server; what is open ends."""
        with self._lock:
            client, self._client = self._client, None
            self._ready, self.status, self._status_asked, self._problem = None, None, None, ""
            self._listed = -1
            if client is not None:
                client.stop()

    def start_server(self) -> None:
        """Start the target's server on this machine, after the end of one that was started before; returns at once,
        `pump` connects. Raises ProtocolError."""
        with self._lock:
            self.disconnect()
            self._local.start(self.target.command, self.target.folder, self.target.log_named("server"))

    def stop_server(self) -> None:
        """Stop the server that this Blender started, or its installation; its own clean-up goes on without us."""
        with self._lock:
            if self.has_server:
                self.disconnect()
            self._local.stop()

    def install_server(self) -> None:
        """Install the server of the target's folder; returns at once. Raises ProtocolError."""
        with self._lock:
            self._local.install(self.target.folder, self.target.online, self.target.log_named("install"))

    def test_connection(self, address: str) -> ConnectionTest:
        """Look whether a server answers there and how quickly; `pump` sees its end. Raises ProtocolError."""
        self.test = None
        self.test = ConnectionTest(self._new_client(address))
        return self.test

    def close(self) -> None:
        """Leave everything: Blender ends or the add-on is switched off."""
        self.stop_server()
        self.disconnect()
        self._watched.clear()

    def refuse_unless_idle(self) -> None:
        """Raises ProtocolError while a server is on its way, or was wanted here and failed, which is to be read."""
        if self._local.is_installing:
            raise ProtocolError(ErrorCode.UNREACHABLE, "The server is being installed.", "Wait until it is done.")
        if self.is_starting:
            raise ProtocolError(ErrorCode.UNREACHABLE, "The server is still starting.", "Wait a moment.")
        if self._local.problem:
            raise ProtocolError(ErrorCode.UNREACHABLE, self._local.problem, "")

    def versions(self) -> dict[str, str]:
        """Of this add-on, the protocol, the server, its weights and libraries, as far as they were told."""
        known = {"addon": self._version, "protocol": ".".join(map(str, PROTOCOL))}
        if self._client is not None and (ready := self._client.ready) is not None:
            known["server"] = ready.server
        if (status := self.status) is not None:
            known |= {"weights": Path(status.weights).name, **status.versions}  # no folder of the user's
        return known

    # --- requests ---

    def submit(self, request: Request) -> Pending:
        """Send a request; wait on what is returned, or give it to `watch`. Connects when nobody did. Any thread."""
        with self._lock:
            if self._client is None:
                self.refuse_unless_idle()
                self.connect()
            assert self._client is not None
            return self._client.submit(request)

    def ask(self, request: Request, on_event: OnEvent) -> Pending:
        """Send a request whose events `pump` hands to on_event, in the main thread."""
        pending = self.submit(request)
        with self._lock:
            self._watched.append((pending, on_event))
        return pending

    def refresh(self) -> None:
        """Ask for the list of assets and the status; `pump` takes the answers in."""
        self._assets_old = True
        if self.is_ready:
            self.ask(ListAssets(), self.take)
            self.ask_status()

    def ask_status(self) -> None:
        """Ask for the status, unless its answer is awaited; `pump` takes it in."""
        if self.is_ready and (self._status_asked is None or self._status_asked.done):
            self._status_asked = self.ask(AskStatus(), self.take)

    def cancel(self, request: int, job: str = "") -> Pending:
        """End a job of this Blender by its request's number, or a sequence by its id. Raises ProtocolError."""
        pending = self.submit(Cancel(job=job) if job else Cancel(target=request))
        self.ask_status()
        return pending

    def pump(self) -> bool:
        """Hand out what came; True when something changed. For the main thread alone; never waits."""
        changed = self.follow()
        with self._lock:
            watched = list(self._watched)
        for pending, on_event in watched:
            while not pending.done and (event := pending.wait(0)) is not None:
                changed = True
                on_event(event)
        with self._lock:
            self._watched = [pair for pair in self._watched if not pair[0].done]
        return changed

    @property
    def is_busy(self) -> bool:
        """Whether answers are awaited, so that `pump` should be called often."""
        return bool(self._watched) or self.is_starting or self.test is not None and not self.test.is_done

    def follow(self) -> bool:
        """Connect to a server that has told its address; greet a new connection."""
        with self._lock:
            if self._local.follow():
                self.target = replace(self.target, installed=is_installed(self.target.folder))
            if self._client is None and self._local.address:
                self.connect(self._local.address)
            client = self._client
            ready = client.ready if client is not None else None
            loaded = client is not None and client.model is not ModelState.STARTING
            if (ready, loaded) == (self._ready, self._loaded):
                return False
            if ready is not None and ready is not self._ready:
                self.session += 1
                self.status = None  # another server's
            self._ready, self._loaded = ready, loaded
        if ready is not None:
            self.refresh()
        return True

    def take(self, event: Event) -> None:
        """The answer to a question for assets or status."""
        if isinstance(event, AssetList):
            self._assets_old, self._listed = False, self.session
            self.assets = {asset.id: asset for asset in event.assets}
        elif isinstance(event, Status):
            self.status = event
