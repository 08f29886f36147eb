"""Draws the demonstration's summary: boxes over the picture, all pictures labelled on one sheet, the moving picture.

python sheet.py FOLDER        with Pillow; FOLDER is what `install.py demo` wrote
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, GAP, LABEL = 480, 16, 34  # of one picture on the sheet, pixels
PAPER, INK = (250, 249, 246), (40, 40, 44)
COLOURS = ((230, 70, 60), (40, 130, 220), (250, 160, 30), (40, 160, 90), (150, 80, 200), (20, 170, 180))
EDGES = [(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit]
FRONT = ((0, 1), (1, 5), (5, 4), (4, 0))  # the face at -y
LABELS = {
    "reference": "reference: the picture",
    "boxes": "boxes drawn over it",
    "encoded": "encoded: same poses rendered back",
    "final_boxes": "the boxes moved",
    "preview": "preview: 2 steps, small",
    "final": "final: boxes moved",
    "removed": "removed",
    "replaced": "replaced",
    "background": "another background",
}
SEQUENCE_SHOWN = (8, 14, 20)


def draw_boxes(picture: Image.Image, boxes: dict[str, list[list[float]]]) -> Image.Image:
    """Every box's edges over a copy of the picture; the front face's edges are thicker."""
    drawn = picture.convert("RGB").copy()
    pen = ImageDraw.Draw(drawn)
    for colour, corners in zip(COLOURS * 6, boxes.values(), strict=False):
        points = [(x * drawn.width, y * drawn.height) for x, y in corners]
        for a, b in EDGES:
            width = 4 if (a, b) in FRONT or (b, a) in FRONT else 2
            pen.line([points[a], points[b]], fill=colour, width=width)
    return drawn


def cell(picture: Image.Image, label: str, height: int) -> Image.Image:
    made = Image.new("RGB", (WIDTH, height + LABEL), PAPER)
    made.paste(picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS), (0, 0))
    ImageDraw.Draw(made).text((2, height + 6), label, fill=INK, font=ImageFont.load_default(18))
    return made


def make_sheet(folder: Path, report: dict) -> Image.Image:
    """Three pictures a row, then three frames of the sequence."""
    reference = Image.open(folder / "reference.png")
    pictures = {"reference": reference, "boxes": draw_boxes(reference, report["boxes"]["reference"])}
    for name in LABELS:
        file = folder / f"{name}.png"
        if name == "final_boxes":
            pictures[name] = draw_boxes(reference, report["boxes"]["final"])
        elif file.is_file():
            pictures[name] = Image.open(file) if name != "boxes" else pictures["boxes"]
    height = round(WIDTH * reference.height / reference.width)
    cells = [cell(pictures[name], label, height) for name, label in LABELS.items() if name in pictures]
    frames = [(Image.open(folder / "sequence" / f"frame_{n:04d}.png"), n) for n in SEQUENCE_SHOWN]
    cells += [cell(frame, f"sequence, frame {number}", height) for frame, number in frames]
    columns = 3
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * (WIDTH + GAP) + GAP, rows * (height + LABEL + GAP) + GAP), PAPER)
    for i, made in enumerate(cells):
        place = (GAP + i % columns * (WIDTH + GAP), GAP + i // columns * (height + LABEL + GAP))
        sheet.paste(made, place)
    return sheet


def make_moving_picture(folder: Path) -> None:
    """sequence.webp: there and back again, so that it loops."""
    frames = [Image.open(file).convert("RGB") for file in sorted((folder / "sequence").glob("frame_*.png"))]
    loop = frames + frames[-2:0:-1]
    path, part = folder / "sequence.webp", folder / "sequence.webp.part"
    loop[0].save(part, "WEBP", save_all=True, append_images=loop[1:], duration=83, loop=0, quality=80)
    part.replace(path)


def main() -> None:
    folder = Path(sys.argv[1])
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    boxed = draw_boxes(Image.open(folder / "reference.png"), report["boxes"]["reference"])
    boxed.save(folder / "boxes.png")
    make_sheet(folder, report).save(folder / "sheet.png")
    make_moving_picture(folder)


if __name__ == "__main__":
    main()
