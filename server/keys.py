"""CURVE keys, for a server that other machines may reach: encrypted, and only for clients that hold the keys."""

from __future__ import annotations

from pathlib import Path

import zmq
from zmq.auth.thread import ThreadAuthenticator

from model.asset_files import write_whole

from .protocol.errors import ErrorCode, ProtocolError

_NAMES = ("server.public", "server.secret", "client.public", "client.secret")


def make_keys(folder: Path) -> None:
    """Four new files; raises ProtocolError when some are there already, AssetFileError when they cannot be written."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    there = [name for name in _NAMES if (folder / name).exists()]
    if there:
        raise ProtocolError(ErrorCode.BIND, f"{folder} has keys already ({there[0]}).", "Name another folder.")
    for side in ("server", "client"):
        public, secret = zmq.curve_keypair()
        write_whole(folder / f"{side}.public", public)
        write_whole(folder / f"{side}.secret", secret)  # written for the owner's eyes only


def use_keys(context: zmq.Context, socket: zmq.Socket, folder: Path) -> ThreadAuthenticator:
    """Encrypt the socket and accept only the folder's client; stop the returned authenticator at the end."""
    try:
        public, secret, client, _ = ((folder / name).read_bytes().strip() for name in _NAMES)
    except OSError as error:
        raise ProtocolError(
            ErrorCode.BIND,
            f"The keys in {folder} cannot be read ({error.strerror}).",
            f"Make them with `python -m server --make-keys {folder}`.",
        ) from error
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve_callback("*", _OneClient(client))
    socket.curve_server = True
    socket.curve_publickey, socket.curve_secretkey = public, secret
    return authenticator


class _OneClient:
    def __init__(self, key: bytes) -> None:
        self.key = key

    def callback(self, domain: str, key: bytes) -> bool:
        return key == self.key
