"""The clean plate: a picture as it would be without its objects.

What stood behind an object was never seen, but floors and walls go on as they do beside it: every patch that touches
a hole is given the patch of the picture that continues it best, and the hole's pixels are what these patches agree on,
from coarse to fine (Wexler et al. 2007, "Space-time completion of video", section 3; the nearest patches are found as
by Barnes et al. 2009, "PatchMatch", section 3). Patches of the same height in the picture are preferred: in a level
camera they show a floor at the same distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from .filters import box_max, box_mean
from .holes import RIM, fill_background

CELLS = 160**2  # of the finest of two levels; the coarser has a quarter of them
REACH = 3  # cells: half a patch
GROWN = 0.6 * RIM  # of the longer side: the rim of a hole, with an object's last pixels, is made anew
SHADOW_REACH = 0.09  # of the longer side: how far from an object its shadow is looked for
REPLACED = GROWN + SHADOW_REACH  # of the longer side: how far from an object the plate may differ
_SEAM = 0.008  # of the longer side: width of the seam
_ROUNDS = (4, 3)  # of matching and agreeing, at the coarser level and at the finer
_SWEEPS = 2  # of the search for the nearest patches in every round
_SAME_ROW = 0.3  # cost of a patch that lies a whole picture higher or lower, in squared colour
_NUMBERS = 24  # that describe a patch: its principal components
_SHADOW_CELLS = 80**2  # of the grid in which shadows are looked for
_SHADOW_LIGHT = 0.1  # of a difference in mean colour counts when the same stuff in other light is looked for
_SHADOW = 0.9  # of the light that is expected; below is shadow
_SHADOW_CONTRAST = 0.12  # of its mean: five by five cells of more show an edge
_SHADOW_TINT = 1.2  # ratio of the channels' ratios: shadows are darker, not of another colour


def clean_plate(image: Tensor, hidden: Tensor) -> Tensor:
    """image [1, 3, H, W] 0..1 without what is hidden [1, 1, H, W] bool, the rim around it, and the shadows beside it;
    farther than `REPLACED` from what is hidden the picture stays exactly.

    The same picture and mask give the same plate. A picture that is hidden nearly everywhere is only filled smoothly.
    """
    hole = box_max(hidden.float(), max(1, round(GROWN * max(image.shape[-2:])))) > 0
    if not bool(hole.any()):
        return image
    hole = hole | _shadows(image, hole)
    smooth, matched = _matched(image, hole)
    made = smooth if matched is None else _enlarged(matched, image, hole)
    # the rim goes over into what was made
    reach = max(1, round(_SEAM * max(image.shape[-2:])))
    share = (2 * box_mean(hole.float(), reach) - 1).clamp(0, 1) * hole
    return torch.where(share > 0, image + share * (made - image), image)


def _matched(image: Tensor, hole: Tensor) -> tuple[Tensor, _Matched | None]:
    """The picture with its hole filled smoothly, and what the finer level came to (None without anything to copy)."""
    smooth = fill_background(image, (~hole).float())
    height, width = image.shape[-2:]
    coarse, fine = (_Level(smooth, hole, *_grid(height, width, cells)) for cells in (CELLS / 4, CELLS))
    if not bool(coarse.donors.any() and fine.donors.any()):
        return smooth, None
    matched = fine.match(coarse.match(None, _ROUNDS[0]), _ROUNDS[1])
    return smooth, _Matched(fine.lit(matched), matched.index)


def _shadows(image: Tensor, hole: Tensor) -> Tensor:
    """Where it is darker beside a hole than the same stuff farther away, and of no other colour: [1, 1, H, W] bool."""
    height, width = image.shape[-2:]
    rows, columns = _grid(height, width, _SHADOW_CELLS)
    inside = interpolate(hole.float(), (rows, columns), mode="area") > 0.02
    reach = round(SHADOW_REACH * max(rows, columns))
    around = box_max(inside.float(), reach) > 0
    level = _Level(fill_background(image, (~hole).float()), around, rows, columns, light=_SHADOW_LIGHT)
    if not bool(level.donors.any()):
        return torch.zeros_like(hole)
    alike, _ = level.nearest_of_all()
    mean = _smoothed(level.image) + 0.02
    flat = mean.flatten(2)[0]
    ratio = torch.ones_like(flat)
    ratio[:, level.takers] = flat[:, level.takers] / flat[:, alike]
    ratio = _smoothed(ratio.view_as(mean))
    tint = ratio.amax(1, keepdim=True) / ratio.amin(1, keepdim=True)
    contrast = (_smoothed((level.image + 0.02).square()) - mean.square()).clamp_min(0).sqrt() / mean
    plain = (
        contrast.amax(1, keepdim=True) < _SHADOW_CONTRAST
    )  # elsewhere half a cell more or less would look like light
    dark = (ratio.mean(1, keepdim=True) < _SHADOW) & (tint < _SHADOW_TINT) & plain & around & ~inside
    joined, allowed = inside.float(), (dark | inside).float()
    for _ in range(reach):  # only what hangs together with the hole
        joined = box_max(joined, 1) * allowed
    closed = -box_max(-box_max(joined, 4), 3)  # no islands
    return interpolate(closed, (height, width), mode="bilinear", align_corners=False) > 0.5


def _smoothed(image: Tensor) -> Tensor:
    """Mean over five by five cells."""
    return box_mean(pad(image, (2,) * 4, mode="replicate"), 2)[..., 2:-2, 2:-2]


def _grid(height: int, width: int, cells: float) -> tuple[int, int]:
    """(rows, columns) of about so many cells of a picture's shape, not more than it has pixels."""
    scale = min(1.0, (cells / (height * width)) ** 0.5)
    least = 2 * REACH + 2
    return max(least, round(height * scale)), max(least, round(width * scale))


@dataclass(frozen=True)
class _Matched:
    """What a level came to: image [1, 3, h, w], and for every cell the cell that takes its place, index [h, w]."""

    image: Tensor
    index: Tensor


class _Level:
    """One size of the picture, and which of its patches may give and which must take."""

    def __init__(self, smooth: Tensor, hole: Tensor, rows: int, columns: int, light: float = 1.0) -> None:
        self.light = light
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
        given = _patches(self.image, self.donors.nonzero()[:, 0], light)
        self.basis = _principal(given)
        self.offered = given.new_zeros(rows * columns, self.basis.shape[1])
        self.offered[self.donors] = given @ self.basis

    def match(self, coarser: _Matched | None, rounds: int) -> _Matched:
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
        return _Matched(image, index.view(self.rows, self.columns))

    def _peeled(self) -> Tensor:
        """The picture with its hole filled cell by cell from its rim inwards, each by the donor that fits best to what
        is known around it by then (Criminisi et al. 2004, section 2, a ring at a time)."""
        givers = self.sample
        given = _patches(self.image, givers, 1.0)  # [G, P]
        flat, known = self.image.flatten(2)[0].clone(), ~self.hole
        while not bool(known.all()):
            ring = ((box_max(known.float()[None, None], 1)[0, 0] > 0) & ~known).flatten().nonzero()[:, 0]
            if len(ring) == 0:
                break
            image = flat.view_as(self.image)
            mine = _patches(image, ring, 1.0)  # [R, P]
            there = _patches(known.float().expand_as(image), ring, 1.0) > 0
            there = there.float()
            apart = (
                (there * mine.square()).sum(1, keepdim=True) - 2 * (there * mine) @ given.T + there @ given.square().T
            )
            rows = (givers[None] // self.columns - ring[:, None] // self.columns) / self.rows
            cost = apart / there.mean(1, keepdim=True).clamp_min(1e-3) + _SAME_ROW * rows.square()
            flat[:, ring] = flat[:, givers[cost.argmin(1)]]
            known = known.flatten().index_fill(0, ring, True).view_as(known)
        return flat.view_as(self.image)

    def _started(self, coarser: _Matched) -> Tensor:
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

    def _described(self, image: Tensor, index: Tensor) -> Tensor:
        """The patches around cells [I] in a few numbers each, [I, _NUMBERS]."""
        return _patches(image, index, self.light) @ self.basis

    def _cost(self, mine: Tensor, taker: Tensor, giver: Tensor) -> Tensor:
        """Squared difference of patches mine [T, _NUMBERS] of cells taker [T] from those of giver [T], and of their
        heights."""
        rows = (giver // self.columns - taker // self.columns) / self.rows
        return (self.offered[giver] - mine).square().sum(-1) + _SAME_ROW * rows.square()

    def nearest_of_all(self, image: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The best donors [T] for the takers in an image, and their costs [T]; all are compared."""
        mine = self._described(self.image if image is None else image, self.takers)
        givers = self.sample
        rows = (givers[None] // self.columns - self.takers[:, None] // self.columns) / self.rows
        cost, best = (torch.cdist(mine, self.offered[givers]).square() + _SAME_ROW * rows.square()).min(1)
        return givers[best], cost

    def _nearest(self, image: Tensor, nearest: Tensor) -> tuple[Tensor, Tensor]:
        """Better donors [T] for the takers, and their costs [T]."""
        mine = self._described(image, self.takers)
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
        taken, given = (self.takers[:, None] + offset)[inside], (nearest[:, None] + offset)[inside]
        share = trust[:, None].expand_as(inside)[inside]
        total = torch.zeros(4, colours.shape[1], device=image.device)
        total.index_add_(1, taken, torch.cat([colours[:, given] * share, share[None]]))
        made = (total[:3] / total[3:].clamp_min(1e-12)).view_as(image)
        return torch.where(self.hole, made, image)

    def lit(self, matched: _Matched) -> Tensor:
        """The picture [1, 3, h, w] in the light that surrounds its hole: only differences between neighbours are
        copied, and the picture is made that has them and continues what is known (Perez et al. 2003, section 2)."""
        index, image = matched.index, matched.image
        flat = image.flatten(2)[0]
        unknown = self.hole[None].float()
        wanted = []
        for axis in (0, 1):
            stride = self.columns if axis == 0 else 1
            here, there = (index.narrow(axis, k, index.shape[axis] - 1) for k in (0, 1))
            forward = flat[:, here + stride] - flat[:, here]  # as the first of two neighbours has it
            backward = flat[:, there] - flat[:, there - stride]  # and the second
            wanted.append((forward + backward) / 2)
        right_side = -_divergence(*wanted) * unknown
        start = image[0]
        apply = lambda x: -_divergence(*_differences(x)) * unknown  # noqa: E731
        change = _conjugate_gradients(apply, right_side - apply(start))
        return (start + change)[None].clamp(0, 1)


def _differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """image [C, h, w] -> between rows [C, h - 1, w] and between columns [C, h, w - 1]."""
    return image[:, 1:] - image[:, :-1], image[..., 1:] - image[..., :-1]


def _divergence(down: Tensor, right: Tensor) -> Tensor:
    """The adjoint of `_differences`, with its sign turned."""
    return pad(down, (0, 0, 0, 1)) - pad(down, (0, 0, 1, 0)) + pad(right, (0, 1)) - pad(right, (1, 0))


def _conjugate_gradients(apply, right_side: Tensor, most: int = 200, tolerance: float = 1e-3) -> Tensor:
    """x with apply(x) = right_side (Hestenes and Stiefel 1952)."""
    made, left = torch.zeros_like(right_side), right_side
    way, error = left, left.square().sum()
    enough = tolerance**2 * float(error)
    for _ in range(most):
        if float(error) <= enough:
            break
        image = apply(way)
        step = error / (way * image).sum().clamp_min(1e-20)
        made, left = made + step * way, left - step * image
        before, error = error, left.square().sum()
        way = left + error / before * way
    return made


def _patches(image: Tensor, index: Tensor, light: float) -> Tensor:
    """Patches around cells index [I] of image [1, 3, h, w], as [I, 3 (2 REACH + 1)^2], so that the distance of two is
    the root of their mean squared difference, of which that of their mean colours counts by `light` (a share); beyond
    the border the last cells go on."""
    rows, columns = image.shape[-2:]
    around = torch.arange(-REACH, REACH + 1, device=image.device)
    y = (index[:, None] // columns + around).clamp(0, rows - 1)
    x = (index[:, None] % columns + around).clamp(0, columns - 1)
    cells = (y[:, :, None] * columns + x[:, None, :]).flatten(1)  # [I, side^2]
    colours = image.flatten(2)[0][:, cells]  # [3, I, side^2]
    colours = colours - (1 - light**0.5) * colours.mean(-1, keepdim=True)
    return colours.transpose(0, 1).flatten(1) / (3 * cells.shape[1]) ** 0.5


def _principal(patches: Tensor) -> Tensor:
    """The directions [P, _NUMBERS] in which patches [I, P] differ most."""
    apart = patches - patches.mean(0)
    _, directions = torch.linalg.eigh(apart.T @ apart)
    return directions[:, -_NUMBERS:]


def _enlarged(matched: _Matched, image: Tensor, hole: Tensor) -> Tensor:
    """The picture at its own size: pixels from where the nearest cells were taken, their colours as at the level."""
    height, width = image.shape[-2:]
    rows, columns = matched.index.shape
    y, x = hole[0, 0].nonzero().unbind(1)  # [P]
    v, u = (y + 0.5) * rows / height - 0.5, (x + 0.5) * columns / width - 0.5
    colours = image.flatten(2)[0]
    made = torch.zeros(3, len(y), device=image.device)
    for dv in (0, 1):
        for du in (0, 1):
            a, b = v.floor() + dv, u.floor() + du
            share = (1 - (v - a).abs()) * (1 - (u - b).abs())
            a, b = a.long().clamp(0, rows - 1), b.long().clamp(0, columns - 1)
            there = matched.index[a, b]
            down = torch.round((there // columns - a) * (height / rows)).long()
            right = torch.round((there % columns - b) * (width / columns)).long()
            made += share * colours[:, (y + down).clamp(0, height - 1) * width + (x + right).clamp(0, width - 1)]
    full = image.clone()
    full[0, :, y, x] = made
    shrunk = interpolate(full, (rows, columns), mode="area")
    error = interpolate(matched.image - shrunk, (height, width), mode="bilinear", align_corners=False)
    return (full + error).clamp(0, 1)
