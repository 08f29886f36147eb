"""The light in a copied part of a picture: as it is around it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

_OWN = 1 / 15**2  # how far colours keep to their own light: the squared inverse of as many cells


def lit_from_around(image: Tensor, hole: Tensor, index: Tensor, edges: Tensor) -> Tensor:
    """The picture [1, 3, h, w] in the light that surrounds its hole [h, w] bool.

    index [h, w]: the flat cell that takes each cell's place. Only differences between neighbours are copied, and the
    picture is made that has them and continues what is known (Perez et al. 2003, "Poisson image editing", section 2).
    On edges [h, w] bool no differences are, so that what lies on either side of them is lit by itself.
    """
    flat, columns = image.flatten(2)[0], image.shape[-1]
    unknown = hole[None].float()
    joined = [~(edges.narrow(axis, 0, n - 1) | edges.narrow(axis, 1, n - 1)) for axis, n in enumerate(edges.shape)]
    wanted = []
    for axis, stride in ((0, columns), (1, 1)):
        here, there = (index.narrow(axis, k, index.shape[axis] - 1) for k in (0, 1))
        forward = flat[:, here + stride] - flat[:, here]  # as the first of two neighbours has it
        backward = flat[:, there] - flat[:, there - stride]  # and the second
        wanted.append((forward + backward) / 2 * joined[axis])
    right_side = -_divergence(*wanted) * unknown

    def apply(x: Tensor) -> Tensor:
        return -_divergence(*(d * j for d, j in zip(_differences(x), joined, strict=True))) * unknown

    away = right_side - apply(image[0])
    change = _conjugate_gradients(lambda x: apply(x) + _OWN * x, away)
    return (image[0] + change)[None].clamp(0, 1)


def _differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """image [C, h, w] -> between rows [C, h - 1, w] and between columns [C, h, w - 1]."""
    return image[:, 1:] - image[:, :-1], image[..., 1:] - image[..., :-1]


def _divergence(down: Tensor, right: Tensor) -> Tensor:
    """The adjoint of `_differences`, with its sign turned."""
    made = pad(down, (0, 0, 0, 1))
    made[:, 1:] -= down
    made[..., :-1] += right
    made[..., 1:] -= right
    return made


def _conjugate_gradients(apply, right_side: Tensor, most: int = 200, tolerance: float = 1e-3) -> Tensor:
    """x with apply(x) = right_side (Hestenes and Stiefel 1952)."""
    dot = lambda a, b: torch.dot(a.flatten(), b.flatten())  # noqa: E731
    made, left = torch.zeros_like(right_side), right_side
    way, error = left, dot(left, left)
    enough = tolerance**2 * float(error)
    for _ in range(most):
        if float(error) <= enough:
            break
        image = apply(way)
        step = error / dot(way, image).clamp_min(1e-20)
        made, left = torch.addcmul(made, step, way), torch.addcmul(left, -step, image)
        before, error = error, dot(left, left)
        way = torch.addcmul(left, error / before, way)
    return made
