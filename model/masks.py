"""Predicted masks made fit for carrying: no doubtful gaps inside, no blended pixels at the outline."""

from __future__ import annotations

import numpy as np
import torch

from .filters import box_max, box_mean

SURE, DOUBTFUL = 0.5, 0.1  # shares above which a pixel is the object's; inside an object doubt is enough
OUTLINE = 640  # pixels of a picture's longer side for each pixel of an outline
CRUMBS = 0.12  # of a mask: unconnected parts that are less in sum are not the object's
_ROUNDS = 64


def solid(share: np.ndarray) -> np.ndarray:
    """The mask [h, w] bool of an object with probabilities `share` [h, w]: gaps that it encloses are closed where the
    network doubts (a window of a car), and stay where it is sure (the hole of a handle); crumbs far from its body,
    mostly of a neighbour, are dropped."""
    mask = share > SURE
    mask = mask | (enclosed(mask) & (share > DOUBTFUL))
    if not mask.any():
        return mask
    dense = _density(mask)
    seed = np.zeros_like(mask)
    seed[np.unravel_index(int(np.argmax(dense * mask)), mask.shape)] = True
    body = _flooded(seed, ~mask)
    # what an occluder cuts off is no crumb
    return body if (mask & ~body).sum() < CRUMBS * mask.sum() else mask


def _density(mask: np.ndarray) -> np.ndarray:
    """How much of the mask lies around each pixel; largest in the middle of its body."""
    reach = max(1, max(mask.shape) // 8)
    return box_mean(torch.from_numpy(mask)[None, None].float(), reach)[0, 0].numpy()


def enclosed(mask: np.ndarray) -> np.ndarray:
    """Pixels outside a mask [h, w] that no path along rows and columns joins to the border."""
    border = ~mask
    border[1:-1, 1:-1] = False
    return ~mask & ~_flooded(border, mask)


def _flooded(reached: np.ndarray, barrier: np.ndarray) -> np.ndarray:
    """What paths along rows and columns reach from `reached` without entering `barrier`."""
    reached = reached.copy()
    for _ in range(_ROUNDS):
        before = int(reached.sum())
        for axis in (0, 1):
            for turned in (False, True):
                wall, seen = (np.flip(x, axis) if turned else x for x in (barrier, reached))
                seen |= _swept(wall, seen, axis)
        if int(reached.sum()) == before:
            break
    return reached


def _swept(barrier: np.ndarray, seen: np.ndarray, axis: int) -> np.ndarray:
    """What a sweep along an axis reaches from `seen` before it meets the next barrier."""
    index = np.arange(barrier.shape[axis]).reshape((-1, 1) if axis == 0 else (1, -1))
    last_barrier = np.maximum.accumulate(np.where(barrier, index, -1), axis)
    last_seen = np.maximum.accumulate(np.where(seen, index, -1), axis)
    return (last_seen > last_barrier) & ~barrier


def without_outline(mask: np.ndarray, longest: int) -> np.ndarray:
    """A predicted mask without its outermost pixels in pictures of `longest` pixels or so: these are a blend of the
    object and of what is behind it, and would draw a seam elsewhere. They stay with the background until the object
    goes (`model.carried`). Nothing is taken off in small pictures."""
    reach = round(longest / OUTLINE)
    if reach == 0:
        return mask
    return (-box_max(-torch.from_numpy(mask)[None, None].float(), reach))[0, 0].numpy() > 0
