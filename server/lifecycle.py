"""From start to end: one server per store, its log, the message that it is ready, and the reasons to stop."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import filelock
import psutil
import zmq

from model.asset_files import write_whole

from .broker import Broker
from .failures import as_refusal
from .keys import use_keys
from .options import Options
from .protocol.address import DEFAULT_PORT, is_loopback
from .protocol.errors import ErrorCode, ProtocolError
from .protocol.messages import PROTOCOL

_log = logging.getLogger(__name__)
LOG_BYTES, LOG_FILES = 1 << 20, 3
READY_FILE = "server.json"  # in the store
_PATIENCE = 3.0  # seconds for another server of the store to say where it is


def serve(options: Options) -> int:
    """Run a server until it is told to stop. One JSON line on standard output says that it is ready, or why not."""
    context = zmq.Context()
    try:
        with _store_lock(options), _socket(context, options) as socket:
            _start_log(options)
            broker = Broker(context, socket, options)
            _stop_on_signals(broker)
            _watch_parent(broker, options.parent)
            address = socket.getsockopt(zmq.LAST_ENDPOINT).decode().rstrip("\0")
            with _ready_file(options, address, broker.session):
                broker.run()
            _log.info("stopped")
            return 0
    except Exception as error:  # noqa: BLE001 - every failure to start is one sentence
        refusal = as_refusal(error)
        if refusal.code == "internal":
            _log.exception("the server ended")
        told = {"event": "failed", "code": refusal.code.value, "sentence": refusal.sentence, "cure": refusal.cure}
        _say(told | ({"address": refusal.address} if isinstance(refusal, StoreTaken) else {}))
        print(refusal, file=sys.stderr)
        return 1
    finally:
        context.destroy(linger=200)


def read_ready_file(store: Path) -> dict[str, Any] | None:
    """What the server of this store wrote; None when none runs there."""
    try:
        found = json.loads((store / READY_FILE).read_text())
        return found if psutil.pid_exists(int(found["pid"])) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


class StoreTaken(ProtocolError):
    """Another server has the store. address: where that one listens, empty when it has not said so."""

    def __init__(self, store: Path, other: dict[str, Any] | None) -> None:
        self.address = str(other["address"]) if other else ""
        where = f" at {self.address} (process {other['pid']})" if other else ""
        super().__init__(
            ErrorCode.STORE_TAKEN,
            f"Another server{where} uses the store {store}.",
            "Connect to that one, stop it, or name another --store.",
        )


@contextmanager
def _store_lock(options: Options):
    options.store.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(options.store / "server.lock", timeout=0)
    end = monotonic() + _PATIENCE
    while not lock.is_locked:
        try:
            lock.acquire()
        except filelock.Timeout:
            other = read_ready_file(options.store)
            if other is not None or monotonic() > end:
                raise StoreTaken(options.store, other) from None
            sleep(0.05)  # the other one is about to say where it is, or to end
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _socket(context: zmq.Context, options: Options):
    """The bound ROUTER; raises ProtocolError for a taken port and for other machines without keys."""
    if not is_loopback(options.bind) and options.keys is None:
        raise ProtocolError(
            ErrorCode.BIND,
            f"{options.bind} can be reached by other machines, and there are no keys.",
            "Use --bind 127.0.0.1, or make keys with --make-keys FOLDER and give --keys FOLDER.",
        )
    socket = context.socket(zmq.ROUTER)
    socket.linger = 200
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.SNDHWM, 32)  # pictures that wait for a slow client
    socket.setsockopt(zmq.MAXMSGSIZE, 2 * options.limits.message_bytes)  # up to here the refusal has a sentence
    authenticator = use_keys(context, socket, options.keys) if options.keys else None
    host = f"[{options.bind}]" if ":" in options.bind else options.bind
    try:
        if ":" in options.bind:
            socket.setsockopt(zmq.IPV6, 1)
        _bind(socket, host, options.port)
        yield socket
    except zmq.ZMQError as error:
        taken = error.errno == zmq.EADDRINUSE
        raise ProtocolError(
            ErrorCode.BIND,
            f"Port {options.port} of {options.bind} is taken by another program."
            if taken
            else f"{options.bind}:{options.port} cannot be opened ({error.strerror}).",
            "Use --port 0 for a free one.",
        ) from error
    finally:
        socket.close()
        if authenticator is not None:
            authenticator.stop()


def _bind(socket: zmq.Socket, host: str, port: int | None) -> None:
    if port is None:
        try:
            socket.bind(f"tcp://{host}:{DEFAULT_PORT}")
            return
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                raise
    socket.bind(f"tcp://{host}:{port or '*'}")


def _start_log(options: Options) -> None:
    options.log_file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        options.log_file, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8"
    )
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s",
        handlers=[handler, logging.StreamHandler(sys.stderr)], force=True,
    )  # fmt: skip
    logging.raiseExceptions = False  # a closed terminal or a full disk must not end the server
    _log.info("server for %s", options.store)


@contextmanager
def _ready_file(options: Options, address: str, session: str):
    """The ready message, on standard output and as a file for programs that come later."""
    told = {"event": "ready", "address": address, "port": int(address.rsplit(":", 1)[1]), "pid": os.getpid(),
            "protocol": list(PROTOCOL), "session": session, "store": str(options.store),
            "log": str(options.log_file)}  # fmt: skip
    path = options.store / READY_FILE
    write_whole(path, json.dumps(told).encode())
    _say(told)
    _log.info("listening at %s", address)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _say(message: dict[str, Any]) -> None:
    with suppress(OSError, ValueError):  # nobody has to listen
        print(json.dumps(message), flush=True)


def _stop_on_signals(broker: Broker) -> None:
    for name in ("SIGTERM", "SIGINT", "SIGBREAK", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, lambda *_: broker.stopping.set())


def _watch_parent(broker: Broker, parent: int) -> None:
    """Stop when the process that wanted the server is gone."""
    if not parent:
        return
    try:
        process = psutil.Process(parent)
    except psutil.NoSuchProcess:
        broker.stopping.set()
        return

    def watch() -> None:
        while not broker.stopping.wait(1.0):
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                _log.info("process %d is gone: stopping", parent)
                broker.stopping.set()

    threading.Thread(target=watch, name="parent", daemon=True).start()
