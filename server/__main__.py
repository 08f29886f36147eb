"""The command line: `python -m server` runs a server, `--check` asks one how it is, `--make-keys` makes keys."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .options import Options, default_store
from .protocol.address import DEFAULT_PORT
from .protocol.errors import ProtocolError
from .protocol.limits import Limits


def parser() -> argparse.ArgumentParser:
    plain = Options()
    made = argparse.ArgumentParser(prog="python -m server", description="The server of Neural Assets for Blender.")
    made.add_argument("--bind", default=plain.bind, help="address to listen at; others than loopback need --keys")
    made.add_argument("--port", type=int, help=f"0: any free one; default: {DEFAULT_PORT}, or any when that is taken")
    made.add_argument("--weights", type=Path, default=plain.weights, help="folder of the model")
    made.add_argument("--device", default="auto", help="auto, cpu, cuda, mps; cuda:0,cuda:1 draws on both")
    made.add_argument("--store", type=Path, default=default_store(), help="folder of assets, sequences and log")
    made.add_argument(
        "--gallery", type=Path, default=plain.gallery, help="folder of assets that a new store begins with"
    )
    made.add_argument("--parent", type=int, default=0, metavar="PID", help="stop when this process is gone")
    made.add_argument("--log", type=Path, help="log file (default: in the store)")
    made.add_argument(
        "--limit", action="append", default=[], metavar="NAME=VALUE", help="see server/protocol/limits.py"
    )
    made.add_argument("--keys", type=Path, metavar="FOLDER", help="CURVE keys, for clients on other machines")
    made.add_argument("--make-keys", type=Path, metavar="FOLDER", help="make such keys and end")
    made.add_argument(
        "--check", nargs="?", const="", metavar="ADDRESS", help="ask the running server how it is and end"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        if given.make_keys is not None:
            from .keys import make_keys

            make_keys(given.make_keys)
            print(f"Keys are in {given.make_keys}: start with --keys, and copy all but server.secret to the client.")
            return 0
        if given.check is not None:
            from .check import check

            return check(given.check, given.store, given.keys)
        options = Options(
            given.bind, given.port, given.weights.resolve(), given.device, given.store.resolve(), given.parent,
            given.log, given.keys, Limits().changed(given.limit), given.gallery.resolve(),
        )  # fmt: skip
    except (ProtocolError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    from .lifecycle import serve

    return serve(options)


if __name__ == "__main__":
    sys.exit(main())
