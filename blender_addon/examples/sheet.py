"""Draws the demonstration's summary: boxes over the picture, all pictures labelled on one sheet, the moving picture.

python sheet.py FOLDER                  with Pillow; FOLDER is what `install.py demo` wrote
python sheet.py FOLDER --strip OUT      small pictures for a web page: OUT.jpg and OUT.webp
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
GALLERY = {"room": "assets of the gallery", "behind": "the armchair from behind", "elsewhere": "another background"}
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


def make_gallery_sheet(folder: Path) -> Image.Image:
    """The stills of the gallery's room, then three frames of the sequence."""
    found = [(Image.open(folder / f"{name}.png"), label) for name, label in GALLERY.items()]
    found += [(Image.open(folder / "sequence" / f"frame_{n:04d}.png"), f"sequence, frame {n}") for n in SEQUENCE_SHOWN]
    return grid([cell(picture, label, cell_height(found[0][0])) for picture, label in found])


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
    height = cell_height(reference)
    cells = [cell(pictures[name], label, height) for name, label in LABELS.items() if name in pictures]
    frames = [(Image.open(folder / "sequence" / f"frame_{n:04d}.png"), n) for n in SEQUENCE_SHOWN]
    cells += [cell(frame, f"sequence, frame {number}", height) for frame, number in frames]
    return grid(cells)


def make_moving_picture(folder: Path) -> None:
    """sequence.webp: there and back again, so that it loops."""
    save_moving_picture(folder, folder / "sequence.webp", quality=80)


def save_moving_picture(folder: Path, path: Path, quality: int) -> None:
    frames = [Image.open(file).convert("RGB") for file in sorted((folder / "sequence").glob("frame_*.png"))]
    is_turn = (folder / "room.png").is_file()  # its last frame goes on to its first
    loop = frames if is_turn else frames + frames[-2:0:-1]
    part = path.with_suffix(".part")
    loop[0].save(part, "WEBP", save_all=True, append_images=loop[1:], duration=83, loop=0, quality=quality, method=6)
    part.replace(path)


def make_strip(folder: Path, report: dict, path: Path) -> None:
    """Before, boxes, after side by side, and what else there is below; and the moving picture."""
    reference = Image.open(folder / "reference.png")
    pictures = [
        (reference, "the picture"),
        (draw_boxes(reference, report["boxes"]["reference"]), "boxes drawn over it"),
    ]
    pictures.append((Image.open(folder / "final.png"), "boxes moved"))
    if (folder / "replaced.png").is_file():  # a story of one box fills one row
        more = (("removed", "one removed"), ("replaced", "one replaced"), ("background", "another background"))
        pictures += [(Image.open(folder / f"{name}.png"), label) for name, label in more]
    grid([cell(picture, label, cell_height(reference)) for picture, label in pictures]).save(
        path.with_suffix(".jpg"), quality=86
    )
    save_moving_picture(folder, path.with_suffix(".webp"), quality=62)


def cell_height(picture: Image.Image) -> int:
    return round(WIDTH * picture.height / picture.width)


def grid(cells: list[Image.Image], columns: int = 3) -> Image.Image:
    """Cells of one size on paper, row by row."""
    width, height = cells[0].size
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), PAPER)
    for i, made in enumerate(cells):
        sheet.paste(made, (GAP + i % columns * (width + GAP), GAP + i // columns * (height + GAP)))
    return sheet


def main() -> None:
    folder = Path(sys.argv[1])
    if (folder / "room.png").is_file():
        sheet = make_gallery_sheet(folder)
        if "--strip" in sys.argv:
            sheet.save(Path(sys.argv[-1]).with_suffix(".jpg"), quality=86)
            save_moving_picture(folder, Path(sys.argv[-1]).with_suffix(".webp"), quality=62)
        else:
            sheet.save(folder / "sheet.png")
            make_moving_picture(folder)
        return
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    if "--strip" in sys.argv:
        make_strip(folder, report, Path(sys.argv[-1]))
        return
    boxed = draw_boxes(Image.open(folder / "reference.png"), report["boxes"]["reference"])
    boxed.save(folder / "boxes.png")
    make_sheet(folder, report).save(folder / "sheet.png")
    make_moving_picture(folder)


if __name__ == "__main__":
    main()
