"""What went wrong inside, as the contract's code, sentence and cure."""

from __future__ import annotations

import errno

from model import errors as model_errors

from .protocol.errors import ErrorCode, ProtocolError

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_CODES: tuple[tuple[type[Exception], ErrorCode], ...] = (
    (model_errors.BoxError, ErrorCode.BOX),
    (model_errors.CameraError, ErrorCode.CAMERA),
    (model_errors.ImageError, ErrorCode.IMAGE),
    (model_errors.SceneError, ErrorCode.SCENE),
    (model_errors.WeightsError, ErrorCode.WEIGHTS),
    (model_errors.DeviceMemoryError, ErrorCode.MEMORY),
    (model_errors.AssetFileError, ErrorCode.ASSET_DAMAGED),
)


def as_refusal(error: BaseException) -> ProtocolError:
    """Any exception as the one that travels."""
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, model_errors.Cancelled):
        return ProtocolError(ErrorCode.CANCELLED, "The request was cancelled.", "")
    disk = _disk_error(error)
    if disk is not None:
        return _disk_refusal(disk)
    if isinstance(error, MemoryError) or _is_memory_text(error):
        return ProtocolError(
            ErrorCode.MEMORY,
            "The computer has no memory left for this.",
            "Close other programs, or make the picture smaller.",
        )
    for kind, code in _CODES:
        if isinstance(error, kind):
            sentence, cure = split_sentence(str(error))
            return ProtocolError(code, sentence, cure)
    text = (str(error).splitlines() or [""])[0][:300]
    return ProtocolError(
        ErrorCode.INTERNAL, f"The server stumbled ({type(error).__name__}: {text}).", "See its log and report it."
    )


def split_sentence(text: str) -> tuple[str, str]:
    """The model's "what happened: what to do." as two sentences."""
    what, colon, cure = text.rpartition(": ")
    if not colon:
        return text, ""
    return f"{what}.", cure[:1].upper() + cure[1:]


def _disk_error(error: BaseException | None) -> OSError | None:
    """The file system's own error behind this one."""
    while error is not None:
        if isinstance(error, OSError):
            return error
        error = error.__cause__
    return None


def _disk_refusal(error: OSError) -> ProtocolError:
    where = f" of {error.filename}" if error.filename else " of the server's store"
    if error.errno in _FULL:
        return ProtocolError(
            ErrorCode.DISK, f"The disk{where} is full; nothing was written.", "Free some space and try again."
        )
    return ProtocolError(
        ErrorCode.STORE,
        f"A file{where} cannot be read or written ({error.strerror or error}).",
        "Check the disk and the folder's rights.",
    )


def _is_memory_text(error: BaseException) -> bool:
    """torch says it in words only when the computer's own memory is full."""
    return isinstance(error, RuntimeError) and ("can't allocate memory" in str(error) or "out of memory" in str(error))
