"""Every refusal: a code for programs, one sentence for people, and what to do about it."""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong, for programs. The words for people travel beside it.

    STORE_TAKEN never travels: it stands in the line of JSON with which a server says that it did not start, and that
    line's "address" says where the server listens that has the store (empty when that is not known): connect there.
    """

    # the message
    VERSION = "version"
    MALFORMED = "malformed"
    UNKNOWN_MESSAGE = "unknown_message"
    TOO_LARGE = "too_large"
    NO_HELLO = "no_hello"
    # what it asks for
    BOX = "box"
    CAMERA = "camera"
    IMAGE = "image"
    SCENE = "scene"
    SETTINGS = "settings"
    ASSET_MISSING = "asset_missing"
    ASSET_DAMAGED = "asset_damaged"
    JOB_MISSING = "job_missing"
    BUSY = "busy"
    # the machine
    WEIGHTS = "weights"
    MEMORY = "memory"
    DISK = "disk"
    STORE = "store"
    STORE_TAKEN = "store_taken"
    WORKER = "worker"
    INTERNAL = "internal"
    # the connection
    ADDRESS = "address"
    BIND = "bind"
    UNREACHABLE = "unreachable"
    LOST = "lost"
    TIMEOUT = "timeout"
    # no failure: somebody asked for it
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class ProtocolError(ValueError):
    """A refusal. `sentence` says what happened, `cure` what to do; `str()` is both."""

    def __init__(self, code: ErrorCode, sentence: str, cure: str) -> None:
        super().__init__(f"{sentence} {cure}".strip())
        self.code = code
        self.sentence = sentence
        self.cure = cure
