"""Patches of a picture that continue a hole, and what they agree on (see `plate`).

Wexler et al. 2007, "Space-time completion of video", section 3; the nearest patches are found as by Barnes et al. 2009,
"PatchMatch", section 3. Patches of the same height in the picture are preferred: in a level camera they show a floor at
the same distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import conv2d, embedding_bag, interpolate, pad

from .filters import box_max
from .straight_edges import sides

REACH = 3  # cells: half a patch
_SWEEPS = 2  # of the search for the nearest patches in every round
_SAME_ROW = 1.5  # cost of a patch that lies a whole picture higher or lower, in squared colour
_SAME_SIDE = 1.0  # cost of a patch on the middle of a straight edge in place of one beside it
_NUMBERS = 24  # that describe a patch's colours: its principal components


@dataclass(frozen=True)
class Matched:
    """What a level came to: image [1, 3, h, w], and for every cell the cell that takes its place, index [h, w]."""

    image: Tensor
    index: Tensor


class Level:
    """One size of the picture, and which of its patches may give and which must take."""

    def __init__(
        self, smooth: Tensor, hole: Tensor, rows: int, columns: int, edges: Tensor | None = None, light: float = 1.0
    ) -> None:
        """edges [E, 3]: straight edges that go on in the hole (see `straight_edges`)."""
        self.rows, self.columns = rows, columns
        self.image = interpolate(smooth, (rows, columns), mode="area")
        self.hole = shrunk(hole, rows, columns)[0, 0]
        near = box_max(self.hole.float()[None, None], REACH)[0, 0] > 0
        inside = torch.zeros_like(near)
        inside[REACH:-REACH, REACH:-REACH] = True
        self.donors = (inside & ~near).flatten()
        every = torch.zeros_like(near)
        every[:, ::3] = True
        few = (inside & ~near & every).flatten()
        self.sample = (few if bool(few.any()) else self.donors).nonzero()[:, 0]  # [G] donors, when all are compared
        self.takers = near.flatten().nonzero()[:, 0]  # [T]
        number = torch.full((rows * columns,), -1, device=hole.device)
        number[self.takers] = torch.arange(len(self.takers), device=hole.device)
        # which taker each cell is (-1: none), [h + 2 REACH, w + 2 REACH]
        self.number = pad(number.view(rows, columns), (REACH,) * 4, value=-1)
        self.place = _places(hole.new_zeros(0, 3).float() if edges is None else edges, rows, columns)  # [h w, 1 + E]
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
            nearest = self.nearest_of_all(image)
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
        given, place = patches_around(self.image, givers), self.place[givers]
        squares = given.square().unflatten(1, (3, -1)).sum(1)
        offered = torch.cat([given, squares, place, place.square().sum(1, keepdim=True)], 1).T  # [_, G]
        flat, known = self.image.flatten(2)[0].clone(), ~self.hole
        while not bool(known.all()):
            ring = ((box_max(known.float()[None, None], 1)[0, 0] > 0) & ~known).flatten().nonzero()[:, 0]
            if len(ring) == 0:
                break
            there = (patches_around(known[None, None].float(), ring) > 0).float()  # [R, side^2]
            there = there / there.mean(1, keepdim=True).clamp_min(1e-3)
            mine = patches_around(flat.view_as(self.image), ring) * there.repeat(1, 3)
            place = self.place[ring]
            # squared differences (a - b)^2, less the a^2 that all givers b have in common
            cost = torch.cat([-2 * mine, there, -2 * place, torch.ones_like(place[:, :1])], 1) @ offered
            flat[:, ring] = flat[:, givers[cost.min(1).indices]]
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
        """The patches around all cells of image [1, 3, h, w] in a few numbers each, the last of them their place:
        [h w, N], so that the squared difference of two is what the one costs in place of the other."""
        wider = pad(image, (REACH,) * 4, mode="replicate").contiguous(memory_format=torch.channels_last)
        colours = conv2d(wider, self.filters)[0].permute(1, 2, 0).reshape(-1, _NUMBERS)
        return torch.cat([colours, self.place], 1)

    def _cost(self, mine: Tensor, giver: Tensor) -> Tensor:
        """What the patches around cells giver [I] cost in place of the described patches mine [I, N]."""
        return (self.offered.index_select(0, giver) - mine).square().sum(-1)

    def nearest_of_all(self, image: Tensor | None = None) -> Tensor:
        """The best donors [T] for the takers in an image; all are compared."""
        mine = (self.offered if image is None else self._described(image))[self.takers]
        given = self.offered[self.sample]
        cost = torch.addmm(given.square().sum(1), mine, given.T, alpha=-2)  # less what all givers have in common
        return self.sample[cost.min(1).indices]

    def _nearest(self, image: Tensor, nearest: Tensor) -> tuple[Tensor, Tensor]:
        """Better donors [T] for the takers, and their costs [T]."""
        mine = self._described(image)[self.takers]
        cost = self._cost(mine, nearest)
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
        """What the neighbour at (dy, dx) found, put back by as much; neither is more than REACH."""
        top, left = REACH + dy, REACH + dx
        number = self.number[top : top + self.rows, left : left + self.columns].flatten()[self.takers]
        moved = nearest[number.clamp_min(0)] - (dy * self.columns + dx)  # in the picture: donors keep off its border
        return torch.where((number >= 0) & self.donors[moved], moved, nearest)

    def _tried(self, mine: Tensor, nearest: Tensor, cost: Tensor, found: Tensor):
        """(nearest, cost) with what was found where it costs less."""
        new = (found != nearest).nonzero()[:, 0]
        found = found[new]
        tried = self._cost(mine.index_select(0, new), found)
        better = tried < cost[new]
        chosen = new[better]
        return nearest.index_copy(0, chosen, found[better]), cost.index_copy(0, chosen, tried[better])

    @cached_property
    def _over(self) -> Tensor:
        """Of every cell of the hole the takers whose patches lie over it [H, side^2] (-1: none)."""
        side = 2 * REACH + 1
        return self.number.unfold(0, side, 1).unfold(1, side, 1)[self.hole].flatten(1)

    def _agreed(self, image: Tensor, nearest: Tensor, cost: Tensor) -> Tensor:
        """The hole's cells as the patches over them have them, the better fitting ones counting more."""
        colours = image.flatten(2)[0].T  # [h w, 3]
        dear = torch.where(self._over >= 0, cost.take(self._over), torch.inf)  # [H, side^2]
        dear = dear - dear.amin(1, keepdim=True)  # somewhere all may fit badly
        share = torch.exp(-dear / (2 * float(cost.median()) + 1e-5))
        around = torch.arange(REACH, -REACH - 1, -1, device=image.device)  # where the patches over a cell have it
        given = nearest.take(self._over) + (around[:, None] * self.columns + around).flatten()
        made = embedding_bag(given, colours, mode="sum", per_sample_weights=share)
        made = made / share.sum(1, keepdim=True)
        return image.masked_scatter(self.hole, made.T)


def _places(edges: Tensor, rows: int, columns: int) -> Tensor:
    """Height of all cells of a grid, and their sides of edges [E, 3], so that squared differences are costs:
    [h w, 1 + E]."""
    height = torch.arange(rows, device=edges.device).repeat_interleave(columns)[:, None] / rows
    return torch.cat([_SAME_ROW**0.5 * height, _SAME_SIDE**0.5 * sides(edges, rows, columns, REACH + 1)], 1)


def shrunk(hole: Tensor, rows: int, columns: int) -> Tensor:
    """A hole [1, 1, H, W] bool on a grid [1, 1, rows, columns]: cells that it touches."""
    return interpolate(hole.float(), (rows, columns), mode="area") > 0.02


def patches_around(image: Tensor, index: Tensor) -> Tensor:
    """Patches around cells index [I] of image [1, C, h, w], as [I, C (2 REACH + 1)^2], so that the distance of two of
    three colours is the root of their mean squared difference; beyond the border the last cells go on."""
    rows, columns = image.shape[-2:]
    around = torch.arange(-REACH, REACH + 1, device=image.device)
    y = (index[:, None] // columns + around).clamp(0, rows - 1)
    x = (index[:, None] % columns + around).clamp(0, columns - 1)
    cells = (y[:, :, None] * columns + x[:, None, :]).flatten(1)  # [I, side^2]
    colours = image.flatten(2)[0][:, cells]  # [C, I, side^2]
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
