"""How is the server? Round trip, state and versions, for people and for `install.py doctor`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import median

from .lifecycle import read_ready_file
from .protocol.client import Client
from .protocol.connection import Keys
from .protocol.errors import ProtocolError


def check(address: str, store: Path, keys: Path | None) -> int:
    """One JSON object on standard output; exit code 1 and a sentence when there is no server."""
    found = read_ready_file(store)
    if not address and found is None:
        print(f"No server runs for the store {store}. Start it with `python -m server`.", file=sys.stderr)
        return 1
    try:
        with Client(
            address or str(found and found["address"]), name="check", timeout=5, keys=Keys.read(keys) if keys else None
        ) as client:
            times = [client.ping() for _ in range(20)]
            status = client.status()
    except ProtocolError as error:
        print(error, file=sys.stderr)
        return 1
    told = {key: value for key, value in asdict(status).items() if key != "request"}
    print(json.dumps({"address": client.address, "round_trip_ms": round(1000 * median(times), 3), **told}, indent=1))
    return 0
