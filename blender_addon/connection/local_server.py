"""The server of this computer: installed, started, stopped and started again. Nothing here waits."""

from __future__ import annotations

from pathlib import Path

from ..protocol.errors import ErrorCode, ProtocolError
from .installer import Installer
from .launcher import Launcher


class LocalServer:
    """`follow` is to be called often; only the server that was started here can be stopped here."""

    def __init__(self) -> None:
        self._launcher: Launcher | None = None
        self._ending: Launcher | None = None  # a stopped server that still cleans up
        self._next: tuple[tuple[str, ...], str, Path | None] | None = None  # what starts when that has ended
        self._installer: Installer | None = None  # that runs or failed
        self._problem = ""

    # --- the state ---

    @property
    def is_running(self) -> bool:
        return self._launcher is not None and self._launcher.is_running

    @property
    def is_starting(self) -> bool:
        """It was started and has not told its address yet."""
        return self._next is not None or self._launcher is not None and self._launcher.is_starting

    @property
    def address(self) -> str:
        """Of the server that runs; empty before it is known."""
        return self._launcher.address if self._launcher is not None and self._launcher.is_running else ""

    @property
    def is_installing(self) -> bool:
        return self._installer is not None and self._installer.is_running

    @property
    def installation(self) -> tuple[float, str]:
        """How far it is, 0..1 and in words; (0, "") when none runs."""
        installer = self._installer  # a render's thread may see its end meanwhile
        if installer is None or not installer.is_running:
            return 0.0, ""
        minutes, seconds = divmod(installer.seconds, 60)
        return installer.fraction, f"{installer.words}, {minutes}:{seconds:02d}"

    @property
    def problem(self) -> str:
        """Why there is none, when it was wanted."""
        for part in (self._installer, self._launcher):
            if part is not None and part.problem and not part.is_running:
                return part.problem
        return self._problem

    @property
    def taken_by(self) -> str:
        """The address of the server that has the store which was wanted here."""
        return self._launcher.taken_by if self._launcher is not None and self._launcher.problem else ""

    @property
    def log(self) -> Path | None:
        """What the newest of the two printed."""
        newest = self._installer or self._launcher
        return newest.log if newest is not None else None

    # --- what it can do ---

    def start(self, command: tuple[str, ...], folder: str, log: Path | None) -> None:
        """Start it anew, when one that was stopped has ended; raises ProtocolError."""
        if not command:
            raise ProtocolError(
                ErrorCode.UNREACHABLE,
                "Blender does not know where the Neural Assets project is.",
                "Choose its folder in the Server panel or in the add-on's preferences.",
            )
        self.stop()
        self._next = (command, folder, log)
        self.follow()
        if self._problem:
            raise ProtocolError(ErrorCode.UNREACHABLE, self._problem, "")

    def stop(self) -> None:
        """Stop it, or what is being done about it."""
        if self._installer is not None:
            self._installer.stop()
        if self._launcher is not None:
            self._launcher.stop()
            self._ending = self._launcher
        self._launcher = self._installer = self._next = None
        self._problem = ""

    def forget_problem(self) -> None:
        """Another server is wanted: what became of this one does not matter any more."""
        if not self.is_running and not self.is_starting and not self.is_installing:
            self.stop()

    def install(self, project: str, online: bool, log: Path | None) -> None:
        """Raises ProtocolError."""
        self.stop()
        self._installer = Installer(project, online, log)

    def follow(self) -> bool:
        """Start what waits for the end of another; True when an installation has just been finished."""
        if self._ending is not None and not self._ending.is_running:
            self._ending = None
        if self._next is not None and self._ending is None:
            following, self._next = self._next, None
            try:
                self._launcher = Launcher(*following)
            except ProtocolError as error:
                self._problem = str(error)
        if self._installer is not None and self._installer.is_done:
            self._installer = None
            return True
        return False
