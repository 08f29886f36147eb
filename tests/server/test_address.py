"""People type addresses in many ways."""

from __future__ import annotations

import pytest

from server.protocol.address import DEFAULT_PORT, is_loopback, parse_address
from server.protocol.errors import ErrorCode, ProtocolError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", f"127.0.0.1:{DEFAULT_PORT}"),
        ("localhost", f"127.0.0.1:{DEFAULT_PORT}"),
        (" localhost:5000 ", "127.0.0.1:5000"),
        (":5000", "127.0.0.1:5000"),
        ("http://localhost:5000/", "127.0.0.1:5000"),
        ("https://render-box.lan:80//", "render-box.lan:80"),
        ("tcp://10.0.0.7:5000", "10.0.0.7:5000"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
def test_what_people_type(typed, meant):
    assert parse_address(typed) == f"tcp://{meant}"


@pytest.mark.parametrize(
    "typed", ["a b", "host:port", "host:0", "host:70000", "ftp://host", "http://u@h:1", "host/path"]
)
def test_what_is_no_address(typed):
    with pytest.raises(ProtocolError) as caught:
        parse_address(typed)
    assert caught.value.code is ErrorCode.ADDRESS and "127.0.0.1" in caught.value.cure


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "tcp://127.0.0.1:5", "tcp://[::1]:5", "ipc://x"])
def test_loopback(address):
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "10.0.0.7", "tcp://10.0.0.7:5", "*", "render-box.lan", "tcp://[::]:5"]
)
def test_not_loopback(address):
    assert not is_loopback(address)
