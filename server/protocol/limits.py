"""Every limit: its name, its default, and where it comes from.

The first group is the model's and fixed; the second is `Limits`, which `python -m server --limit NAME=VALUE` changes
and which the server tells every client in its `Ready`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace

from .errors import ErrorCode, ProtocolError

MAX_BOXES = 32
MIN_SIDE, MAX_SIDE = 64, 2048  # pixels of a rendered picture
MIN_IMAGE_SIDE, MAX_IMAGE_SIDE = 16, 8192  # pixels of a reference picture
MAX_STEPS = 100
MAX_GUIDANCE = 20.0
MAX_METRES = 1e5
MIN_BOX_METRES = 1e-4
MAX_NAME = 120  # characters
MAX_TEXT = 4000  # characters of any other text
MAX_PROVENANCE = 64  # entries


@dataclass(frozen=True)
class Limits:
    """What one server accepts. Sizes in bytes, times in seconds."""

    message_bytes: int = 256 << 20
    frames_per_sequence: int = 10_000
    jobs_per_client: int = 16
    clients: int = 32
    assets: int = 10_000
    store_bytes: int = 20 << 30
    free_disk_bytes: int = 200 << 20
    heartbeat_seconds: int = 2
    silence_seconds: int = 10

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ProtocolError(
                    ErrorCode.SETTINGS, f"The limit {name} is {value!r}.", "Give a whole number above zero."
                )

    def changed(self, settings: list[str]) -> Limits:
        """With `NAME=VALUE` texts applied; raises ProtocolError for an unknown name or a bad value."""
        known = {field.name for field in fields(self)}
        changes: dict[str, int] = {}
        for text in settings:
            name, _, value = text.partition("=")
            if name not in known:
                raise ProtocolError(
                    ErrorCode.SETTINGS, f"There is no limit '{name}'.", f"Use one of {', '.join(sorted(known))}."
                )
            try:
                changes[name] = int(value)
            except ValueError:
                raise ProtocolError(
                    ErrorCode.SETTINGS, f"The limit {name} is {value!r}.", "Give a whole number above zero."
                ) from None
        return replace(self, **changes)
