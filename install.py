#!/usr/bin/env python3
"""Sets the project up and runs it. Needs only Python 3.10 or newer and its standard library.

    python3 install.py            the server's virtual environment and Blender's extension; offers it to your Blenders
    python3 install.py demo       all of it in one go: an example scene, its pictures in out/demo
    python3 install.py test       style, types, unit and server tests, and the add-on in real Blenders (--gui: windowed)
    python3 install.py server     runs the server by hand (what follows is for it: --help tells)
    python3 install.py addon      builds the extension and offers it (--yes installs it into every Blender found)
    python3 install.py doctor     what is installed, what is missing, how quick the server answers

Every command may be run again at any time: what is done is not done twice, what broke off goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from server.setup import blenders, doctor, environment, extension, repository, testing
from server.setup import demo as demonstration
from server.setup.process import ROOT, InstallError

if sys.version_info < (3, 10):  # noqa: UP036 - whoever starts this with an older one gets a sentence
    sys.exit("install.py: this Python is too old: start install.py with Python 3.10 or newer.")


def command_install(options: argparse.Namespace) -> int:
    environment.set_up(environment.chosen_device(options.device))
    return command_addon(options)


def command_addon(options: argparse.Namespace) -> int:
    environment.make_environment(environment.ENVIRONMENT, environment.base_python)
    archive = extension.build_extension(environment.environment_python())
    if options.repository is not None:
        repository.write_repository(archive, options.repository, blenders.extension_tool())
        return 0
    blenders.offer(archive, options.yes)
    return 0


def command_server(options: argparse.Namespace) -> int:
    python = environment.set_up(environment.chosen_device(options.device))
    if options.set_up_only:
        return 0
    return subprocess.call([str(python), "-m", "server", *options.arguments], cwd=ROOT)


def command_test(options: argparse.Namespace) -> int:
    device, words = environment.chosen_device(options.device), options.arguments
    if options.gui is None:
        return testing.run_tests(device, options.only, words)
    return testing.run_tests(device, "gui", words, (options.gui,) if options.gui else ("sid", "trixie"))


def command_demo(options: argparse.Namespace) -> int:
    wish = demonstration.Wish(options.photo, options.gallery, options.image, options.boxes, options.out, options.bpy)
    return demonstration.run_demo(environment.chosen_device(options.device), wish)


def command_doctor(options: argparse.Namespace) -> int:
    return doctor.examine(environment.chosen_device(options.device))


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "install": command_install,
    "demo": command_demo,
    "test": command_test,
    "server": command_server,
    "addon": command_addon,
    "doctor": command_doctor,
}
TAKING_ARGUMENTS = ("test", "server")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; words that are not ours go on to pytest and the server."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="what torch is installed for")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    made = {name: commands.add_parser(name, parents=[common], add_help=name != "server") for name in COMMANDS}
    for name in ("install", "addon"):
        made[name].add_argument("--yes", action="store_true", help="install into every Blender found without asking")
        made[name].add_argument(
            "--repository", type=Path, metavar="FOLDER",
            help="write a repository for other computers instead, from which Blender installs and updates the add-on",
        )  # fmt: skip
    made["server"].add_argument("--set-up-only", action="store_true", help="make its environment and end")
    made["test"].add_argument(
        "--only", choices=(*testing.PARTS, testing.OTHERS), metavar="PART",
        help=f"{', '.join(testing.PARTS)}, or {testing.OTHERS}: the add-on in Blender 4.2 and 5.0; further words go"
        " to its pytest",
    )  # fmt: skip
    made["test"].add_argument(
        "--gui", nargs="?", const="", metavar="BLENDER",
        help="only the tests in a windowed Blender: this program, or Debian's 5.2 and 4.3 (as root)",
    )  # fmt: skip
    demo = made["demo"]
    demo.add_argument("--photo", action="store_true", help="the example with a real photograph")
    demo.add_argument("--gallery", action="store_true", help="a room of the shipped assets, without any picture")
    demo.add_argument("--image", type=Path, help="a picture of your own, with --boxes")
    demo.add_argument("--boxes", type=Path, help="its camera and boxes: see blender_addon/examples/boxes_file.py")
    demo.add_argument("--out", type=Path, help="folder for the pictures (out/demo)")
    demo.add_argument("--bpy", action="store_true", help="use the bpy module even where a Blender is found")
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not any(word in COMMANDS or word in ("-h", "--help") for word in given):
        given.insert(0, "install")
    options, rest = parser.parse_known_args(given)
    if rest and options.command not in TAKING_ARGUMENTS:
        made[options.command].error(f"{options.command} takes no {rest[0]}")
    if options.command == "demo" and (options.image is None) != (options.boxes is None):
        demo.error("--image and --boxes belong together")
    options.arguments = rest
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        return COMMANDS[options.command](options)
    except InstallError as error:
        print(f"install.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("install.py: stopped; run the same command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
