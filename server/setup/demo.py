"""`install.py demo`: sets everything up, runs the example inside Blender and draws the sheet."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .blenders import BlenderModule, any_blender_module, find_blenders
from .environment import set_up
from .extension import ADDON, build_extension
from .process import ROOT, InstallError, merged, run, say, write_whole

EXAMPLES = ADDON / "examples"
STEPS, SEED = 4, 1
SEQUENCE_PERCENT, SEQUENCE_STEPS = 50, 4  # the moving picture is smaller than the stills


@dataclass(frozen=True)
class Wish:
    """What to show. photo: the photograph instead of the table; gallery: a room of the shipped assets instead of a
    picture; image, boxes: the user's own; out: folder; bpy: the module even where a Blender is found."""

    photo: bool = False
    gallery: bool = False
    image: Path | None = None
    boxes: Path | None = None
    out: Path | None = None
    bpy: bool = False

    def boxes_file(self) -> Path:
        return self.boxes or EXAMPLES / ("coffee.json" if self.photo else "table.json")

    def folder(self) -> Path:
        kinds = {"demo-own": self.image, "demo-gallery": self.gallery, "demo-photo": self.photo}
        name = next((name for name, chosen in kinds.items() if chosen), "demo")
        return (self.out or ROOT / "out" / name).resolve()


def run_demo(device: str, wish: Wish) -> int:
    """0 when every picture was made by the model through the server."""
    start = time.monotonic()
    for file in (wish.image, wish.boxes):
        if file is not None and not file.is_file():
            raise InstallError(f"{file} is not there: name another file.")
    python = set_up(device)
    extension = build_extension(python)
    command, title = blender_command(wish.bpy)
    out = fresh_folder(wish.folder())
    say(f"The demonstration runs in {title} and writes to {out}.")
    code = run_inside(command, write_wish(wish, out, python, extension), out)
    report = read_report(out, code)
    if report["ok"]:
        sheet = [python, EXAMPLES / "sheet.py", out]
        run(sheet, f"The pictures are in {out}, but the sheet could not be drawn: see the words above.")
        say(f"All {len(report['files'])} pictures come from the model; {time.monotonic() - start:.0f} s in all.")
        say(f"Look at {out / 'sheet.png'}")
        return 0
    raise InstallError(f"{report['problem']} The log is {out / 'blender.log'}.")


def blender_command(module_only: bool) -> tuple[list[str | Path], str]:
    """(the command that runs a script of ours, in whose words): a Blender found, else the `bpy` module."""
    blenders = [] if module_only else find_blenders()
    if blenders:
        newest = max(blenders, key=lambda blender: blender.version)
        return [newest.program, "-b", "--python-exit-code", "2", "--python", EXAMPLES / "demo.py", "--"], newest.title
    module: BlenderModule = any_blender_module()
    return [module.python, EXAMPLES / "demo.py"], module.title


def fresh_folder(out: Path) -> Path:
    """The folder without what an earlier demonstration wrote; raises InstallError for a folder of something else."""
    mark = out / "wish.json"
    if out.exists() and any(out.iterdir()) and not mark.is_file():
        raise InstallError(f"{out} holds other files: name an empty or a new folder.")
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    return out


def write_wish(wish: Wish, out: Path, python: Path, extension: Path) -> Path:
    """What the program inside Blender reads. The server keeps this demonstration's assets in a store of its own."""
    boxes = wish.boxes_file().resolve()
    told = {
        "out": str(out), "boxes": str(boxes), "image": str(wish.image.resolve()) if wish.image else None,
        "extension": str(extension), "project": str(ROOT), "steps": STEPS, "seed": SEED,
        "sequence_percent": SEQUENCE_PERCENT, "sequence_steps": SEQUENCE_STEPS,
        "command": shlex.join([str(python), "-m", "server", "--store", str(out / "store")]),
        "room": str(EXAMPLES / "room.json") if wish.gallery else None,
    }  # fmt: skip
    if os.name == "nt":  # the add-on splits the command as Windows does
        told["command"] = subprocess.list2cmdline([str(python), "-m", "server", "--store", str(out / "store")])
    write_whole(out / "wish.json", json.dumps(told, indent=1))
    return out / "wish.json"


def run_inside(command: list[str | Path], wish: Path, out: Path) -> int:
    """Run the program in Blender with the extension's own resources folder; its words go to blender.log."""
    (out / "resources").mkdir()  # Blender heeds the variable only for a folder that is there
    environment = merged({"BLENDER_USER_RESOURCES": str(out / "resources"), "PYTHONUNBUFFERED": "1"})
    for name in ("NEURAL_ASSETS_ADDRESS", "NEURAL_ASSETS_PROJECT"):
        assert environment is not None
        environment.pop(name, None)
    try:
        process = subprocess.Popen(
            [str(part) for part in [*command, wish]], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise InstallError(f"Blender cannot be started ({error}): run `python3 install.py demo --bpy`.") from error
    assert process.stdout is not None
    with open(out / "blender.log", "w", encoding="utf-8") as log:
        try:
            follow(process.stdout, log)
            return process.wait()
        except BaseException:
            process.terminate()  # its server notices and ends too
            raise


def follow(lines: Iterable[str], log) -> None:
    """Show the lines that start with "@ " as a bar, keep the rest in the log."""
    start = time.monotonic()
    shown = False
    for line in lines:
        if not line.startswith("@ "):
            log.write(line)
            log.flush()
            continue
        told = json.loads(line[2:])
        text = progress_line(told["step"], told["steps"], told["words"], time.monotonic() - start)
        terminal = sys.stdout.isatty()
        print(("\r\033[K" if terminal else "") + text, end="" if terminal else "\n", flush=True)
        shown = terminal
    if shown:
        print(flush=True)


def progress_line(step: int, steps: int, words: str, seconds: float) -> str:
    """ "[#####-----]  50 %  words  (about 1:05 left)"; no time before two steps are done."""
    share = min(1.0, step / max(1, steps))
    bar = "#" * round(24 * share)
    left = ""
    if step >= 2:
        rest = round(seconds * (steps - step) / step)
        left = f"  (about {rest // 60}:{rest % 60:02d} left)"
    return f"[{bar:-<24}] {share:4.0%}  {words}{left}"


def read_report(out: Path, code: int) -> dict:
    """The report; one that says what happened where Blender ended without writing one."""
    try:
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = {"ok": False, "problem": f"Blender ended early with code {code}.", "files": []}
    if code and report["ok"]:
        report |= {"ok": False, "problem": f"Blender ended with code {code} after its work."}
    return report
