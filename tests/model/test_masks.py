"""Masks made fit for carrying."""

from __future__ import annotations

import numpy as np

from model.masks import enclosed, solid, without_outline


def ring_with_gap() -> np.ndarray:
    """A ring (its hole is sure), a disc with a doubtful window, and a bay that is open to the border."""
    y, x = np.mgrid[:80, :120] + 0.5
    share = np.zeros((80, 120), np.float32)
    away = np.hypot(x - 30, y - 40)
    share[(away > 12) & (away < 25)] = 0.9
    share[np.hypot(x - 85, y - 40) < 25] = 0.9
    share[38:42, 52:62] = 0.9  # they touch
    share[35:45, 80:90] = 0.3
    share[38:42, 100:] = 0.3
    return share


def test_doubtful_gaps_are_closed_and_sure_ones_stay():
    share = ring_with_gap()
    mask = solid(share)
    assert mask[40, 85] and not mask[40, 30] and not mask[0, 0]
    assert not mask[40, 105]  # doubtful, but outside


def test_crumbs_are_dropped_and_cut_off_halves_stay():
    share = np.zeros((60, 60), np.float32)
    share[10:50, 5:30] = 1
    share[2:6, 50:56] = 1
    assert not solid(share)[3, 52] and solid(share)[20, 10]
    share[10:50, 40:55] = 1  # the object's other half, behind a post
    assert solid(share)[20, 45]
    assert not solid(np.zeros((8, 8), np.float32)).any()


def test_enclosed_follows_winding_paths():
    """A spiral corridor is open to the border, however often it turns; closing its mouth encloses it."""
    wall = np.zeros((41, 41), bool)
    for k in range(0, 20, 4):
        wall[k, k : 41 - k] = wall[40 - k, k : 41 - k] = True
        wall[k : 41 - k, k] = wall[k : 41 - k, 40 - k] = True
    for number, k in enumerate(range(0, 20, 4)):
        wall[k + 2 if number % 2 else 38 - k, k if number % 2 else 40 - k] = False  # a door in every ring
    assert not enclosed(wall)[20, 20]
    wall[38, 40] = True
    assert enclosed(wall)[20, 20]


def test_outlines_go_in_large_pictures_only():
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    assert np.array_equal(without_outline(mask, 256), mask)
    assert without_outline(mask, 1280).sum() == 16 * 16
