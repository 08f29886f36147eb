"""The mark: what the fake server writes into its pictures, so that a screenshot tells which scene it shows.

A row of coloured squares low in the middle: a digest of the scene, then the number of steps (drafts have fewer).
Each square is one of the eight corners of the colour cube, so that scaling and view transforms cannot change it.
"""

from __future__ import annotations

import hashlib

import numpy as np

DIGEST_SQUARES, STEP_SQUARES = 14, 2  # three bits each
SQUARES = DIGEST_SQUARES + STEP_SQUARES
LEFT, TOP, WIDTH, HEIGHT = 0.25, 0.91, 0.5, 0.06  # of the row, in parts of the picture


def digest(scene: object) -> int:
    """42 bits of a contract's Scene: equal here and in Blender for equal scenes."""
    found = hashlib.blake2b(repr(scene).encode(), digest_size=8).digest()
    return int.from_bytes(found, "big") % (1 << 3 * DIGEST_SQUARES)


def write(image: np.ndarray, scene: object, steps: int) -> None:
    """Put the mark into a picture uint8 [h, w, 3]."""
    height, width = image.shape[:2]
    number = digest(scene) << 3 * STEP_SQUARES | steps % (1 << 3 * STEP_SQUARES)
    edges = np.round((LEFT + WIDTH * np.arange(SQUARES + 1) / SQUARES) * width).astype(int)
    top, bottom = round(TOP * height), round((TOP + HEIGHT) * height)
    for square in range(SQUARES):
        bits = number >> 3 * (SQUARES - 1 - square) & 7
        image[top:bottom, edges[square] : edges[square + 1]] = [255 * (bits >> channel & 1) for channel in range(3)]


def read(image: np.ndarray) -> tuple[int, int]:
    """(digest, steps) of a picture uint8 [h, w, 3] as it was drawn, or cut out of a screenshot."""
    height, width = image.shape[:2]
    number = 0
    for square in range(SQUARES):
        across = int((LEFT + WIDTH * (square + 0.5) / SQUARES) * width)
        colour = image[int((TOP + HEIGHT / 2) * height), across]
        number = number << 3 | sum(int(colour[channel] > 127) << channel for channel in range(3))
    return number >> 3 * STEP_SQUARES, number & ((1 << 3 * STEP_SQUARES) - 1)
