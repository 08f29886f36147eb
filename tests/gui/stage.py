"""What stands beside a windowed Blender: the fake server, and eyes that compare screenshots.

Blender's side calls the methods of `Stage` over a local connection (`inside/line.py`): its own Python has neither
Pillow nor the server. What goes over it is JSON.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import threading
from multiprocessing.connection import Connection, Listener
from pathlib import Path

import numpy as np
import zmq
from PIL import Image

from server.fake import Say
from server.protocol.errors import ErrorCode
from server.protocol.events import Failed

from . import mark
from .box_server import BoxServer
from .file_source import FileSource

REFERENCES = Path(__file__).resolve().parent / "references"
STEP = 24  # a pixel differs when a channel does by more than this
SHARE = 0.02  # of the pixels may differ
STRETCH = 0.03  # of its size: the screens of two Blenders are not laid out to the pixel

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom; in pixels of the screen


class Stage:
    """One fake server, and the folder where screenshots lie. Every public method may be called from Blender."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.server = BoxServer().start()
        self.source: FileSource | None = None
        self.other: BoxServer | None = None
        self.key = secrets.token_bytes(16)
        self._listener = Listener(("127.0.0.1", 0), authkey=self.key)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return self._listener.address[1]

    def close(self) -> None:
        self._listener.close()
        self.server.stop()
        if self.other is not None:
            self.other.stop()

    # --- the server ---

    def address(self) -> str:
        """Of the fake server; the same for its whole life."""
        return self.server.address

    def kill(self) -> None:
        """The server is gone at once."""
        self.server.stop()

    def revive(self) -> None:
        """A new server at the same address, quick, with nothing in its memory."""
        self.server.stop()
        self.server = BoxServer(self.server.port).start()

    def speak(self, *protocol: int) -> None:
        """The server answers new connections in this version of the protocol."""
        self.server.protocol = protocol

    def slow_down(self, seconds: float) -> None:
        """What a preview and a step of a render take from now on."""
        self.server.delay = self.server.step_seconds = seconds

    def silence(self) -> None:
        """The server stays connected and says nothing any more, until `revive`."""
        self.server.hang()

    def fail_next(self, kind: str) -> None:
        """The next request of this kind ends as it does when the server's worker dies."""
        self.server.answer(kind, Say(Failed(0, ErrorCode.WORKER, "The worker ended.", "It is started again.")))

    def forget(self, asset: str) -> None:
        """The server's store has lost an asset."""
        self.server.assets.pop(asset, None)

    def encode_as(self, asset: str) -> None:
        """The next object that is encoded gets this id."""
        self.server.next_id = asset

    def fill_queue(self) -> None:
        """The server tells of jobs, of this Blender and another one."""
        self.server.fill_queue()

    def requests(self, kind: str) -> list[dict]:
        """What came of this kind so far: digest, steps, width, height where it has a scene, else whom it is about."""
        found = [request for request in list(self.server.requests) if request.kind == kind]
        return [_plain(request) for request in found]

    def another_computer(self, folder: str) -> str:
        """The address of a second server, as other computers see it, with keys of which the client's are put into the
        folder; empty where this computer has no network."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing
            except OSError:
                return ""
            host = probe.getsockname()[0]
        (server_public, server_secret), (public, secret) = zmq.curve_keypair(), zmq.curve_keypair()
        for name, key in (("server.public", server_public), ("client.public", public), ("client.secret", secret)):
            Path(folder, name).write_bytes(key)
        self.other = BoxServer()
        self.other.host, self.other.secret = host, server_secret
        return self.other.start().address

    def other_key(self, folder: str) -> None:
        """In the folder lies the key of a server that is none."""
        Path(folder, "server.public").write_bytes(zmq.curve_keypair()[0])

    # --- another program ---

    def offer_file(self, display: str, file: str, x: int, y: int) -> None:
        """Another program's window, there on Blender's screen, from which a file can be dragged."""
        self.source = FileSource(display, Path(file), x, y)

    def offered(self) -> str:
        """What has become of the file that was offered last, see `FileSource.words`."""
        return self.source.words if self.source is not None else "not offered"

    # --- screenshots ---

    def colour(self, name: str, x: float, y: float) -> tuple[int, int, int]:
        """The colour of a screenshot's pixel."""
        image = self._screenshot(name)
        return tuple(int(part) for part in image[round(y), round(x)])

    def mark(self, name: str, rectangle: Rectangle) -> tuple[int, int]:
        """(digest, steps) of the fake server's picture that lies there; see `mark.py`."""
        return mark.read(self._crop(name, rectangle))

    def rows(self, name: str, rectangle: Rectangle, colour: tuple[int, int, int]) -> list[float]:
        """The middles, from above, of what is written there in a colour that nothing else has."""
        far = np.abs(self._crop(name, rectangle).astype(np.int16) - colour).max(axis=-1)
        written = np.flatnonzero((far < 90).any(axis=1))
        lines = np.split(written, np.flatnonzero(np.diff(written) > 3) + 1) if written.size else []
        return [float(rectangle[1] + line.mean()) for line in lines]

    def differs(self, first: str, second: str, rectangle: Rectangle) -> float:
        """Share of the pixels in which two screenshots differ there."""
        return float(_different(self._crop(first, rectangle), self._crop(second, rectangle)).mean())

    def fault(self, name: str, rectangle: Rectangle, reference: str) -> str:
        """How a screenshot differs there from references/REFERENCE.png; empty when it looks right.

        The part is kept as REFERENCE.png beside the screenshot, with REFERENCE-difference.png when it is wrong.
        """
        seen = self._crop(name, rectangle)
        kept = self.out / f"{reference}.png"
        Image.fromarray(seen).save(kept)
        file = REFERENCES / f"{reference}.png"
        if not file.exists():
            return f"There is no {file}: look at {kept}, and put it there when it is right."
        wanted = np.asarray(Image.open(file).convert("RGB"))
        if abs(np.divide(seen.shape, wanted.shape) - 1).max() > STRETCH:
            return f"{kept} has the size {seen.shape}, its reference {wanted.shape}."
        seen = np.asarray(Image.fromarray(seen).resize(wanted.shape[1::-1], Image.Resampling.NEAREST))
        different = _different(seen, wanted)
        if different.mean() <= SHARE:
            return ""
        shown = self.out / f"{reference}-difference.png"
        Image.fromarray(np.where(different[..., None], np.uint8([255, 0, 255]), seen // 3)).save(shown)
        shutil.copy(file, self.out / f"{reference}-reference.png")
        return f"{different.mean():.1%} of {kept} differ from its reference: see {shown}."

    def _screenshot(self, name: str) -> np.ndarray:
        return np.asarray(Image.open(self.out / f"{name}.png").convert("RGB"))

    def _crop(self, name: str, rectangle: Rectangle) -> np.ndarray:
        left, top, right, bottom = (round(edge) for edge in rectangle)
        return self._screenshot(name)[top:bottom, left:right]

    # --- the connection ---

    def _serve(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        with connection:
            while True:
                try:
                    name, arguments = json.loads(connection.recv_bytes())
                except (EOFError, OSError):
                    return
                try:
                    told = json.dumps({"answer": getattr(self, name)(*arguments)})
                except Exception as error:  # goes to the step that asked
                    told = json.dumps({"problem": f"{type(error).__name__}: {error}"})
                connection.send_bytes(told.encode())


def _different(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """bool [h, w]"""
    return np.abs(first.astype(np.int16) - second.astype(np.int16)).max(axis=-1) > STEP


def _plain(request: object) -> dict:
    scene, settings = getattr(request, "scene", None), getattr(request, "settings", None)
    if scene is None or settings is None:
        return {
            name: getattr(request, name)
            for name in ("target", "job", "first", "second", "names")
            if hasattr(request, name)
        }
    return {
        "digest": mark.digest(scene), "steps": settings.steps, "width": settings.width, "height": settings.height,
        "boxes": [placement.name for placement in scene.placements],
        "guidance": [placement.guidance for placement in scene.placements],
    }  # fmt: skip
