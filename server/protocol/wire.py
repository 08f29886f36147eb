"""Messages as bytes: one msgpack header, then one raw frame for each array or block of bytes.

    [header, frame 0, frame 1, ...]     header = {"kind": ..., field: value, ...}

An array stands in the header as {"frame": i, "dtype": ..., "shape": [...]}. Nothing is ever executed: the types of the
message's fields decide what may be read, everything else ends in ProtocolError.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import cache
from typing import Any

import msgpack
import numpy as np

from .errors import ErrorCode, ProtocolError
from .events import EVENTS, Event
from .limits import MAX_TEXT
from .messages import PROTOCOL, REQUESTS, Message, Request

Value = typing.TypeVar("Value")
DTYPES = ("uint8", "int16", "float32")
_CURE = "Update Blender's add-on and the server to the same version."


def to_wire(message: Message) -> list[bytes | memoryview]:
    """The frames of a message."""
    frames: list[bytes | memoryview] = []
    header = _plain(message, frames)
    return [_packed({"kind": message.kind, **header}), *frames]


def request_from_wire(frames: Sequence[Any]) -> Request:
    """The request in these frames; raises ProtocolError."""
    return _from_wire(frames, REQUESTS, "request")


def event_from_wire(frames: Sequence[Any]) -> Event:
    """The event in these frames; raises ProtocolError."""
    return _from_wire(frames, EVENTS, "event")


def request_number(frames: Sequence[Any]) -> int:
    """The number of a request that could not be read, so that its refusal finds it; 0 when there is none."""
    try:
        number = msgpack.unpackb(frames[0])["request"]
        return number if type(number) is int and 0 <= number < 1 << 63 else 0
    except Exception:  # noqa: BLE001 - whatever is in these bytes, they have no number
        return 0


def version_refusal(client: Sequence[int], server: Sequence[int] = PROTOCOL) -> ProtocolError | None:
    """Why these protocol versions cannot talk, naming the side to update; None when they can."""
    if client and client[0] == server[0]:
        return None
    older = not client or client[0] < server[0]
    which = "the Blender add-on (or client)" if older else "the server"
    spoken = ".".join(map(str, client)) or "none"
    return ProtocolError(
        ErrorCode.VERSION,
        f"The client speaks protocol {spoken} and the server {'.'.join(map(str, server))}.",
        f"Update {which}.",
    )


def from_plain(kind: type[Value], values: Any) -> Value:
    """One of the contract's values from what JSON keeps of it (`dataclasses.asdict`): read and checked as it would be
    from the wire. Raises ProtocolError, TypeError or ValueError."""
    return _reader(kind)(values, ())


# --- writing ---


def _packed(value: Any) -> bytes:
    packed = msgpack.packb(value)
    assert packed is not None
    return packed


def _plain(value: Any, frames: list[bytes | memoryview]) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name), frames) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        frames.append(memoryview(np.ascontiguousarray(value)).cast("B") if value.size else b"")
        return {"frame": len(frames) - 1, "dtype": value.dtype.name, "shape": list(value.shape)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        frames.append(bytes(value))
        return {"frame": len(frames) - 1}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, (tuple, list)):
        if value and isinstance(value[0], float):
            return list(value)  # poses: nothing inside to look at
        return [_plain(item, frames) for item in value]
    return value


# --- reading ---

Reader = Callable[[Any, Sequence[Any]], Any]


def _from_wire(frames: Sequence[Any], kinds: dict[str, Any], what: str) -> Any:
    try:
        header = msgpack.unpackb(frames[0], raw=False)
        kind = header.pop("kind")
    except Exception as error:  # noqa: BLE001 - msgpack raises many; all of them mean the same here
        raise ProtocolError(ErrorCode.MALFORMED, f"The {what} cannot be read.", _CURE) from error
    if not isinstance(kind, str) or kind not in kinds:
        raise ProtocolError(ErrorCode.UNKNOWN_MESSAGE, f"The {what} {str(kind)[:40]!r} is unknown.", _CURE)
    try:
        return _reader(kinds[kind])(header, frames[1:])
    except ProtocolError:
        raise
    except Exception as error:  # noqa: BLE001 - wrong types, missing fields, frames that are not there
        raise ProtocolError(ErrorCode.MALFORMED, f"The {what} '{kind}' is malformed ({error}).", _CURE) from error


@cache
def _reader(kind: Any) -> Reader:
    """What reads a value of this type annotation."""
    simple = _SIMPLE.get(kind)
    if simple is not None:
        return simple
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = _reader(next(a for a in arguments if a is not type(None)))
        return lambda value, frames: None if value is None else inner(value, frames)
    if origin is tuple:
        inner = _reader(arguments[0])
        return lambda value, frames: tuple(inner(item, frames) for item in _is(value, list))
    if origin is dict:
        inner = _reader(arguments[1])
        return lambda value, frames: {_text(k, frames): inner(v, frames) for k, v in _is(value, dict).items()}
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(kind)
    if issubclass(kind, StrEnum):
        return lambda value, frames: kind(_text(value, frames))
    raise TypeError(f"no reader for {kind}")


def _dataclass_reader(kind: Any) -> Reader:
    hints = typing.get_type_hints(kind)
    readers = {f.name: _reader(hints[f.name]) for f in dataclasses.fields(kind)}

    def read(value: Any, frames: Sequence[Any]) -> Any:
        # fields that a newer minor version adds are left out; those that an older one lacks get their default
        return kind(**{k: readers[k](v, frames) for k, v in _is(value, dict).items() if k in readers})

    return read


def _is(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} instead of {kind.__name__}")
    return value


def _text(value: Any, frames: Sequence[Any]) -> str:
    if len(_is(value, str)) > MAX_TEXT:
        raise ValueError(f"a text of {len(value)} characters")
    return value


def _float(value: Any, frames: Sequence[Any]) -> float:
    return float(value) if type(value) is int else _is(value, float)


def _frame(value: Any, frames: Sequence[Any]) -> Any:
    index = _is(_is(value, dict)["frame"], int)
    if not 0 <= index < len(frames):
        raise ValueError(f"frame {index} of {len(frames)}")
    return frames[index]


def _array(value: Any, frames: Sequence[Any]) -> np.ndarray:
    """A read-only view of the frame's bytes."""
    data, dtype, shape = _frame(value, frames), value["dtype"], _is(value["shape"], list)
    if dtype not in DTYPES or len(shape) > 4 or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"an array of {str(dtype)[:20]} {str(shape)[:60]}")
    array = np.frombuffer(data, dtype).reshape(shape)
    array.flags.writeable = False
    return array


_SIMPLE: dict[Any, Reader] = {
    int: lambda value, frames: _is(value, int),
    float: _float,
    bool: lambda value, frames: _is(value, bool),
    str: _text,
    bytes: lambda value, frames: bytes(_frame(value, frames)),
    np.ndarray: _array,
}
