"""The picture sheet: source | carried | paper | anchored | truth, a random and a worst part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLUMNS = ("source", "carried", "paper", "anchored", "truth")
GAP, TITLE, SIDEBAR = 6, 34, 142  # pixels
INK, PAPER, FAINT = (232, 232, 232), (24, 24, 26), (58, 58, 62)


@dataclass(frozen=True)
class Strip:
    """One scene of the sheet. pictures: column -> uint8 [H, W, 3]; psnr: column -> object PSNR in
    dB.
    """

    title: str
    pictures: dict[str, np.ndarray]
    psnr: dict[str, float]

    @property
    def worth(self) -> float:
        """Object PSNR of the best preset at hand; scenes without objects come last."""
        return next((self.psnr[c] for c in ("anchored", "paper", "carried") if c in self.psnr), np.inf)


def choose(strips: Sequence[Strip], count: int, seed: int = 0) -> tuple[list[Strip], list[Strip]]:
    """`count` scenes at random and the `count` worst of the others."""
    order = np.random.default_rng(seed).permutation(len(strips))
    random = [strips[i] for i in order[:count]]
    rest = sorted((strips[i] for i in order[count:]), key=lambda strip: strip.worth)
    return random, rest[:count]


def save_sheet(path: Path, random: Sequence[Strip], worst: Sequence[Strip], side: int = 192) -> None:
    """Write the PNG; a column that no scene has stays empty."""
    parts = [("At random", random), ("The worst by object PSNR", worst)]
    parts = [(title, strips) for title, strips in parts if strips]
    width = SIDEBAR + len(COLUMNS) * (side + GAP) + GAP
    height = GAP + sum(2 * TITLE + len(strips) * (side + GAP) for _, strips in parts)
    sheet = Image.new("RGB", (width, height), PAPER)
    draw, y = ImageDraw.Draw(sheet), GAP
    for title, strips in parts:
        draw.text((GAP * 2, y + 6), title, INK, _font(18))
        y += TITLE
        for column, name in enumerate(COLUMNS):
            draw.text((SIDEBAR + column * (side + GAP), y + 10), name, INK, _font(15))
        y += TITLE
        for strip in strips:
            _draw_strip(sheet, draw, strip, y, side)
            y += side + GAP
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _draw_strip(sheet: Image.Image, draw: ImageDraw.ImageDraw, strip: Strip, y: int, side: int) -> None:
    draw.multiline_text((GAP * 2, y + 6), strip.title, INK, _font(13), spacing=4)
    for column, name in enumerate(COLUMNS):
        x = SIDEBAR + column * (side + GAP)
        if name not in strip.pictures:
            draw.rectangle((x, y, x + side - 1, y + side - 1), outline=FAINT)
            continue
        picture = Image.fromarray(strip.pictures[name]).resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(picture, (x, y))
        if name in strip.psnr:
            text = f"{strip.psnr[name]:.1f} dB"
            draw.rectangle((x, y + side - 20, x + 58, y + side - 1), PAPER)
            draw.text((x + 4, y + side - 18), text, INK, _font(13))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
