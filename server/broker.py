"""The broker: the loop between the clients' socket, the workers and the disk. Nothing in it waits for any of them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Container, Sequence
from dataclasses import asdict, replace
from threading import Event as Flag
from time import monotonic
from typing import Any

import zmq

from . import __version__
from .clients import Clients
from .desk import Desk
from .failures import as_refusal
from .jobs import Jobs
from .line import jobs_in_line
from .models import Models
from .options import Options
from .protocol import messages
from .protocol.errors import ErrorCode, ProtocolError
from .protocol.events import AssetFile, AssetList, Done, Event, Pong, Ready, SequenceList, Status, Thumbnail
from .protocol.messages import Request
from .protocol.wire import request_from_wire, request_number, version_refusal
from .scheduler import Scheduler
from .sequence_runs import SequenceRuns
from .store import AssetStore, require_free

_log = logging.getLogger(__name__)
_FROM_WORKER, _FROM_DESK = "inproc://worker", "inproc://desk"
_TICK = 0.5  # seconds between looks at what sends no message


class Broker:
    """Owns everything. `socket` is a bound ROUTER."""

    def __init__(self, context: zmq.Context, socket: zmq.Socket, options: Options) -> None:
        self.options, self.limits = options, options.limits
        self.session = secrets.token_hex(8)
        self.stopping = Flag()
        self._socket = socket
        self._ticked = monotonic()
        self._worker_inbox, self._desk_inbox = context.socket(zmq.PULL), context.socket(zmq.PULL)
        self._worker_inbox.bind(_FROM_WORKER)
        self._desk_inbox.bind(_FROM_DESK)
        self.store = AssetStore(options.assets, options.limits)
        self.store.bring_gallery(options.gallery)
        self.clients = Clients(socket, options.limits)
        self.desk = Desk(context, _FROM_DESK)
        self.scheduler = Scheduler(len(options.devices))
        self.runs = SequenceRuns(
            options.sequences, options.model_name, self.scheduler, self.clients, self.desk, self.require_free
        )
        settings = {"weights": str(options.weights), "assets": str(options.assets)}
        self.model = Models(context, _FROM_WORKER, options.devices, settings)
        self.jobs = Jobs(self)

    def run(self) -> None:
        """Until `stopping` is set."""
        poller = zmq.Poller()
        for socket in (self._socket, self._worker_inbox, self._desk_inbox):
            poller.register(socket, zmq.POLLIN)
        self.runs.resume()
        self.jobs.pump()
        errors = 0
        try:
            while not self.stopping.is_set():
                ready = dict(poller.poll(int(_TICK * 1000)))
                try:
                    self._turn(ready)
                    errors = 0
                except Exception:  # one message must not end the server; a broken server must end
                    errors += 1
                    _log.exception("the server stumbled")
                    if errors > 10:
                        raise
        finally:
            self.model.stop()
            self.desk.close()
            self._worker_inbox.close(linger=0)
            self._desk_inbox.close(linger=0)

    def _turn(self, ready: Container[zmq.Socket]) -> None:
        """What has come, one message of each kind."""
        if self._desk_inbox in ready:
            self._desk_inbox.recv()
            self.desk.deliver()
        if self._worker_inbox in ready:
            self.jobs.take(self._worker_inbox.recv_multipart())
        if self._socket in ready:
            self._take(self._socket.recv_multipart())
        if monotonic() - self._ticked > _TICK:
            self._ticked = monotonic()
            self._tick()
        for client in list(self.clients.gone):
            self._leave(client)
        self.jobs.pump()

    # --- clients ---

    def _tick(self) -> None:
        for client in self.clients.silent():
            self.jobs.drop_client(client)
            self.clients.send(client, Pong(0, self.model.state))  # notices whether it is still connected
        self.runs.tick()

    def _leave(self, client: bytes) -> None:
        self.clients.gone.discard(client)
        self.jobs.drop_client(client)
        self.runs.drop_client(client)
        self.clients.forget(client)

    def _take(self, frames: list[bytes]) -> None:
        """One message of a client. Whatever it holds, the answer is an event and the server goes on."""
        client, body = frames[0], frames[1:]
        self.clients.heard(client)
        number = request_number(body)
        try:
            size = sum(map(len, body))
            if size > self.limits.message_bytes:
                raise ProtocolError(
                    ErrorCode.TOO_LARGE,
                    f"The message has {size >> 20} MB and {self.limits.message_bytes >> 20} MB are the most.",
                    "Make the picture smaller, or start the server with a higher limit 'message_bytes'.",
                )
            request = request_from_wire(body)
            if client not in self.clients and not isinstance(request, messages.Hello):
                raise ProtocolError(ErrorCode.NO_HELLO, "The server does not know this client.", "Connect again.")
            self._handle(client, request, body)
        except ProtocolError as error:
            self.clients.refuse(client, number, error)
        except Exception as error:  # noqa: BLE001 - one request must not end the server
            _log.exception("a request was not handled")
            self.clients.refuse(client, number, as_refusal(error))

    def _handle(self, client: bytes, request: Request, body: Sequence[Any]) -> None:
        match request:
            case messages.Hello():
                self._greet(client, request)
            case messages.Ping():
                self.clients.send(client, Pong(request.request, self.model.state))
            case messages.Goodbye():
                self._leave(client)
            case messages.Encode() | messages.Preview() | messages.Render() | messages.Sequence():
                self.jobs.ask(client, request, body)
            case messages.Cancel():
                if request.job:
                    self.jobs.cancel_sequence(request.job)
                else:
                    self.jobs.cancel(client, request.target)
                self.clients.send(client, Done(request.request))
            case messages.AskStatus():
                self.clients.send(client, self._status(client, request.request))
            case _:
                self._at_desk(client, request)

    def _greet(self, client: bytes, hello: messages.Hello) -> None:
        refusal = version_refusal(hello.protocol)
        if refusal is not None:
            raise refusal
        self.clients.greet(client, hello)
        self.model.wake()
        ready = Ready(
            hello.request, messages.PROTOCOL, __version__, self.session, ("step_previews", "sequences"),
            asdict(self.limits), self.model.state,
        )  # fmt: skip
        self.clients.send(client, ready)

    def _status(self, client: bytes, number: int) -> Status:
        model, problem = self.model, self.model.problem
        return Status(
            number, model.state, str(problem) if problem else model.state.words, model.device, model.memory_bytes,
            self.scheduler.waiting, len(self.clients), {"server": __version__, **model.versions},
            str(self.options.weights), str(self.options.store), str(self.options.log_file), len(self.store.infos),
            self._used(), asdict(self.limits), jobs_in_line(self.scheduler, self.runs, self.clients, client),
        )  # fmt: skip

    # --- the disk ---

    def _used(self) -> int:
        return self.store.bytes + self.runs.store.bytes

    def require_free(self) -> None:
        """Refuses work whose result might not fit."""
        require_free(self.options.store, self.limits, self._used())

    def _at_desk(self, client: bytes, request: Request) -> None:
        """Requests that the disk answers."""
        if isinstance(request, messages.DeleteSequence):
            run = self.runs.delete(request.job)
            if run is not None:
                self.jobs.cancel_run(run)
        self.desk.do(
            lambda: self._from_disk(request),
            lambda event: self.clients.send(client, event),
            lambda error: self.clients.refuse(client, request.request, error),
        )

    def _from_disk(self, request: Request) -> Event:
        """In the desk's thread."""
        number, store = request.request, self.store
        match request:
            case messages.ListAssets():
                return AssetList(number, store.list())
            case messages.FetchThumbnail():
                return Thumbnail(number, request.asset, store.thumbnail(request.asset))
            case messages.FetchMask():
                return replace(store.mask(request.asset), request=number)
            case messages.ImportAsset():
                self.require_free()
                return AssetList(number, (store.add(request.data),))
            case messages.ExportAsset():
                return AssetFile(number, request.asset, store.export(request.asset))
            case messages.RenameAsset():
                return AssetList(number, (store.rename(request.asset, request.name),))
            case messages.DeleteAsset():
                store.delete(request.asset)
                return Done(number)
            case messages.MergeAssets():
                self.require_free()
                return AssetList(number, (store.merge(request.first, request.second),))
            case messages.ListSequences():
                return SequenceList(number, self.runs.infos())
            case messages.FetchFrame():
                return replace(self.runs.store.get(request.job).read(request.frame), request=number)
            case messages.DeleteSequence():
                self.runs.store.delete(request.job)
                return Done(number)
        raise ProtocolError(ErrorCode.UNKNOWN_MESSAGE, f"The request '{request.kind}' has no answer here.", "Update.")
