"""Addresses as people type them."""

from __future__ import annotations

import ipaddress
import re

from .errors import ErrorCode, ProtocolError

DEFAULT_PORT = 47900
DEFAULT_ADDRESS = f"tcp://127.0.0.1:{DEFAULT_PORT}"
_FORM = re.compile(r"(?:(?:tcp|https?)://)?(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]@]+)?(?::(\d{1,5}))?/*")


def parse_address(text: str) -> str:
    """`host`, `host:port`, `:port`, `tcp://...`, `http://...`, `::1`, with or without a slash at the end, or
    `ipc://path` -> what ZeroMQ takes; raises ProtocolError."""
    text = text.strip()
    if text.startswith("ipc://") and len(text) > 6:
        return text
    if text.count(":") > 1 and _is_ip(text):
        text = f"[{text}]"
    match = _FORM.fullmatch(text)
    port = int(match[2] or DEFAULT_PORT) if match else 0
    if match is None or not 1 <= port <= 65535:
        raise ProtocolError(
            ErrorCode.ADDRESS, f"The address {text[:80]!r} is not understood.", f"Write it as 127.0.0.1:{DEFAULT_PORT}."
        )
    host = match[1] or "127.0.0.1"
    return f"tcp://{'127.0.0.1' if host.lower() == 'localhost' else host}:{port}"


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Whether a parsed address, or a host, stays on this machine (then it needs neither keys nor the internet)."""
    if address.startswith("ipc://"):
        return True
    host = address.removeprefix("tcp://")
    host = host[1:].split("]")[0] if host.startswith("[") else host.rsplit(":", 1)[0] if host.count(":") == 1 else host
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
