"""Texture that is copied into holes."""

from __future__ import annotations

import torch

from model.holes import fill_background
from model.texture import hole_texture

SIZE = 128


def striped(period: int = 12) -> torch.Tensor:
    """A pattern that repeats along the rows, and changes slowly along the columns."""
    column, row = torch.arange(SIZE).float(), torch.arange(SIZE).float()[:, None]
    wave = 0.15 * torch.sin(column * (2 * torch.pi / period)) * torch.sin(row / 7).sign()
    return (0.5 + wave + 0.001 * row).expand(1, 3, SIZE, SIZE).contiguous()


def with_hole() -> tuple[torch.Tensor, torch.Tensor]:
    hole = torch.zeros(1, 1, SIZE, SIZE)
    hole[..., 40:80, 50:85] = 1
    return striped(), hole


def test_a_repeating_pattern_is_continued_through_a_hole():
    truth, hole = with_hole()
    filled = fill_background(torch.where(hole > 0, 1.0, truth), 1 - hole)
    made = filled + hole_texture(filled, hole, 1 - hole)
    inside = hole.expand_as(truth) > 0
    before, after = ((x - truth)[inside].square().mean() for x in (filled, made))
    assert after < 0.5 * before


def test_nothing_changes_outside_holes_and_without_them():
    truth, hole = with_hole()
    texture = hole_texture(truth, hole, 1 - hole)
    assert (texture[hole.expand_as(texture) == 0] == 0).all() and torch.isfinite(texture).all()
    assert (hole_texture(truth, torch.zeros_like(hole), torch.ones_like(hole)) == 0).all()


def test_a_hole_as_large_as_the_picture_gets_none():
    truth, hole = with_hole()
    assert (hole_texture(truth, torch.ones_like(hole), torch.zeros_like(hole)) == 0).all()
