"""Patches of a picture that continue a hole, and what they agree on (see `plate`).

Wexler et al. 2007, "Space-time completion of video", section 3; the nearest patches are found as by Barnes et al. 2009,
"PatchMatch", section 3. Patches of the same height in the picture are preferred: in a level camera they show a floor at
the same distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from .filters import box_max

REACH = 3  # cells: half a patch
_SWEEPS = 2  # of the search for the nearest patches in every round
_SAME_ROW = 0.3  # cost of a patch that lies a whole picture higher or lower, in squared colour
_NUMBERS = 24  # that describe a patch: its principal components


@dataclass(frozen=True)
class Matched:
    """What a level came to: image [1, 3, h, w], and for every cell the cell that takes its place, index [h, w]."""

    image: Tensor
    index: Tensor


class Level:
    """One size of the picture, and which of its patches may give and which must take."""

    def __init__(self, smooth: Tensor, hole: Tensor, rows: int, columns: int, light: float = 1.0) -> None:
        self.rows, self.columns = rows, columns
        self.image = interpolate(smooth, (rows, columns), mode="area")
        self.hole = (interpolate(hole.float(), (rows, columns), mode="area") > 0.02)[0, 0]
        near = box_max(self.hole.float()[None, None], REACH)[0, 0] > 0
        inside = torch.zeros_like(near)
        inside[REACH:-REACH, REACH:-REACH] = True
        self.donors = (inside & ~near).flatten()
        every = torch.zeros_like(near)
        every[:, ::3] = True
        few = (inside & ~near & every).flatten()
        self.sample = (few if bool(few.any()) else self.donors).nonzero()[:, 0]  # [G] donors, when all are compared
        self.takers = near.flatten().nonzero()[:, 0]  # [T]
        self.place = torch.full((rows * columns,), -1, device=hole.device)
        self.place[self.takers] = torch.arange(len(self.takers), device=hole.device)
        self.generator = torch.Generator().manual_seed(rows)
        self.filters = _principal(patches_around(self.image, self.sample), light)
        self.offered = self._described(self.image)

    def match(self, coarser: Matched | None, rounds: int) -> Matched:
        """Agreement of patches after a number of rounds; without a coarser level all patches are compared."""
        image = self.image
        if coarser is not None:
            made = interpolate(coarser.image, (self.rows, self.columns), mode="bilinear", align_corners=False)
            image = torch.where(self.hole, made, image)
            nearest = self._started(coarser)
        else:
            image = self._peeled()
            nearest, _ = self.nearest_of_all(image)
        for _ in range(rounds):
            nearest, cost = self._nearest(image, nearest)
            image = self._agreed(image, nearest, cost)
        index = torch.arange(self.rows * self.columns, device=image.device)
        index[self.takers] = nearest
        return Matched(image, index.view(self.rows, self.columns))

    def _peeled(self) -> Tensor:
        """The picture with its hole filled cell by cell from its rim inwards, each by the donor that fits best to what
        is known around it by then (Criminisi et al. 2004, section 2, a ring at a time)."""
        givers = self.sample
        given = patches_around(self.image, givers)  # [G, P]
        flat, known = self.image.flatten(2)[0].clone(), ~self.hole
        while not bool(known.all()):
            ring = ((box_max(known.float()[None, None], 1)[0, 0] > 0) & ~known).flatten().nonzero()[:, 0]
            if len(ring) == 0:
                break
            image = flat.view_as(self.image)
            mine = patches_around(image, ring)  # [R, P]
            there = patches_around(known.float().expand_as(image), ring) > 0
            there = there.float()
            apart = (
                (there * mine.square()).sum(1, keepdim=True) - 2 * (there * mine) @ given.T + there @ given.square().T
            )
            rows = (givers[None] // self.columns - ring[:, None] // self.columns) / self.rows
            cost = apart / there.mean(1, keepdim=True).clamp_min(1e-3) + _SAME_ROW * rows.square()
            flat[:, ring] = flat[:, givers[cost.argmin(1)]]
            known = known.flatten().index_fill(0, ring, True).view_as(known)
        return flat.view_as(self.image)

    def _started(self, coarser: Matched) -> Tensor:
        """A donor for every taker [T]: the coarser level's, or one by chance."""
        givers = self.donors.nonzero()[:, 0]
        chance = givers[torch.randint(len(givers), (len(self.takers),), generator=self.generator)]
        y, x = self.takers // self.columns, self.takers % self.columns
        rows, columns = coarser.index.shape
        v = (y * rows // self.rows).clamp_max(rows - 1)
        u = (x * columns // self.columns).clamp_max(columns - 1)
        there = coarser.index[v, u]
        y = y + torch.round((there // columns - v) * (self.rows / rows)).long()
        x = x + torch.round((there % columns - u) * (self.columns / columns)).long()
        return self._or_else(y, x, chance)

    def _or_else(self, y: Tensor, x: Tensor, otherwise: Tensor) -> Tensor:
        """The cells (y, x) where they are donors."""
        inside = (y >= 0) & (y < self.rows) & (x >= 0) & (x < self.columns)
        index = y.clamp(0, self.rows - 1) * self.columns + x.clamp(0, self.columns - 1)
        return torch.where(inside & self.donors[index], index, otherwise)

    def _described(self, image: Tensor) -> Tensor:
        """The patches around all cells of image [1, 3, h, w] in a few numbers each, [h w, _NUMBERS]."""
        return conv2d(pad(image, (REACH,) * 4, mode="replicate"), self.filters)[0].flatten(1).T.contiguous()

    def _cost(self, mine: Tensor, taker: Tensor, giver: Tensor) -> Tensor:
        """Squared difference of patches mine [T, _NUMBERS] of cells taker [T] from those of giver [T], and of their
        heights."""
        rows = (giver // self.columns - taker // self.columns) / self.rows
        return (self.offered[giver] - mine).square().sum(-1) + _SAME_ROW * rows.square()

    def nearest_of_all(self, image: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The best donors [T] for the takers in an image, and their costs [T]; all are compared."""
        mine = (self.offered if image is None else self._described(image))[self.takers]
        givers = self.sample
        apart, best = torch.cdist(self._placed(mine, self.takers), self._placed(self.offered[givers], givers)).min(1)
        return givers[best], apart.square()

    def _placed(self, described: Tensor, index: Tensor) -> Tensor:
        """Patches [I, _NUMBERS] with one number more, so that their distances hold that of their heights."""
        return torch.cat([described, (_SAME_ROW**0.5 / self.rows * (index // self.columns))[:, None]], 1)

    def _nearest(self, image: Tensor, nearest: Tensor) -> tuple[Tensor, Tensor]:
        """Better donors [T] for the takers, and their costs [T]."""
        mine = self._described(image)[self.takers]
        cost = self._cost(mine, self.takers, nearest)
        for sweep in range(_SWEEPS):
            step = 1 + 2 * sweep
            for dy, dx in ((0, step), (0, -step), (step, 0), (-step, 0)):
                found = self._neighbours(nearest, dy, dx)
                nearest, cost = self._tried(mine, nearest, cost, found)
            for radius in (0.3, 0.1, 0.03):
                draw = torch.rand(2, len(nearest), generator=self.generator).to(cost.device) * 2 - 1
                y = nearest // self.columns + torch.round(draw[0] * radius * self.rows).long()
                x = nearest % self.columns + torch.round(draw[1] * radius * self.columns).long()
                nearest, cost = self._tried(mine, nearest, cost, self._or_else(y, x, nearest))
        return nearest, cost

    def _neighbours(self, nearest: Tensor, dy: int, dx: int) -> Tensor:
        """What the neighbour at (dy, dx) found, put back by as much."""
        y, x = self.takers // self.columns + dy, self.takers % self.columns + dx
        inside = (y >= 0) & (y < self.rows) & (x >= 0) & (x < self.columns)
        place = self.place[y.clamp(0, self.rows - 1) * self.columns + x.clamp(0, self.columns - 1)]
        found = nearest[place.clamp_min(0)]
        moved = self._or_else(found // self.columns - dy, found % self.columns - dx, nearest)
        return torch.where(inside & (place >= 0), moved, nearest)

    def _tried(self, mine: Tensor, nearest: Tensor, cost: Tensor, found: Tensor):
        """(nearest, cost) with what was found where it costs less."""
        new = (found != nearest).nonzero()[:, 0]
        tried = self._cost(mine[new], self.takers[new], found[new])
        better = tried < cost[new]
        chosen = new[better]
        return nearest.index_copy(0, chosen, found[chosen]), cost.index_copy(0, chosen, tried[better])

    def _agreed(self, image: Tensor, nearest: Tensor, cost: Tensor) -> Tensor:
        """The hole's cells as the patches over them have them, the better fitting ones counting more."""
        colours = image.flatten(2)[0]  # [3, h w]
        wide = 2 * float(cost.median()) + 1e-5
        trust = torch.exp(-cost / wide)
        around = torch.arange(-REACH, REACH + 1, device=image.device)
        dy, dx = around.repeat_interleave(len(around)), around.repeat(len(around))
        y, x = self.takers[:, None] // self.columns + dy, self.takers[:, None] % self.columns + dx  # [T, P]
        inside = (y >= 0) & (y < self.rows) & (x >= 0) & (x < self.columns)
        offset = dy * self.columns + dx
        cells = (self.takers[:, None] + offset).clamp(0, self.rows * self.columns - 1)
        inside = inside & self.hole.flatten()[cells]
        taken, given = cells[inside], (nearest[:, None] + offset)[inside]
        share = trust[:, None].expand_as(inside)[inside]
        total = torch.zeros(4, colours.shape[1], device=image.device)
        total.index_add_(1, taken, torch.cat([colours[:, given] * share, share[None]]))
        made = (total[:3] / total[3:].clamp_min(1e-12)).view_as(image)
        return torch.where(self.hole, made, image)


def patches_around(image: Tensor, index: Tensor) -> Tensor:
    """Patches around cells index [I] of image [1, 3, h, w], as [I, 3 (2 REACH + 1)^2], so that the distance of two is
    the root of their mean squared difference; beyond the border the last cells go on."""
    rows, columns = image.shape[-2:]
    around = torch.arange(-REACH, REACH + 1, device=image.device)
    y = (index[:, None] // columns + around).clamp(0, rows - 1)
    x = (index[:, None] % columns + around).clamp(0, columns - 1)
    cells = (y[:, :, None] * columns + x[:, None, :]).flatten(1)  # [I, side^2]
    colours = image.flatten(2)[0][:, cells]  # [3, I, side^2]
    return colours.transpose(0, 1).flatten(1) / (3 * cells.shape[1]) ** 0.5


def _principal(patches: Tensor, light: float) -> Tensor:
    """Filters [_NUMBERS, 3, side, side] for the directions in which patches [I, 3 side^2] differ most, when differences
    of their mean colours count by `light` (a share)."""
    side = 2 * REACH + 1
    without = lambda x: x - (1 - light**0.5) * x.mean(-1, keepdim=True)  # noqa: E731
    patches = without(patches.unflatten(1, (3, -1))).flatten(1)
    apart = patches - patches.mean(0)
    _, directions = torch.linalg.eigh(apart.T @ apart)
    filters = without(directions[:, -_NUMBERS:].T.unflatten(1, (3, -1)))  # the mean's share is taken from what they see
    return filters.unflatten(-1, (side, side)) / (3 * side**2) ** 0.5
