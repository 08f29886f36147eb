"""What the only picture of an object does not show: its own surface, mirrored, where nothing speaks against it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from model.carried import Carried, carry
from model.conditions import batch_sources
from model.data.frames import Frame
from model.geometry import from_box_coordinates, project_each
from model.hidden_sides import with_twins
from model.sources import Sources

from .toys import toy_boxes, toy_camera, toy_frame

SIZE = 128


def seen_from(turn: float) -> Frame:
    return toy_frame(toy_camera(turn), toy_boxes([(0.0, 0.0, 0.4)]), SIZE)


def sources_of(frame: Frame, half: bool = False) -> Sources:
    """half: what has x > 0 in its box is air."""
    slot = torch.where(frame.box_coordinates[:, 0] > 0, -1, frame.object_index) if half else frame.object_index
    background = torch.ones(1, dtype=torch.bool)
    return batch_sources(frame.image, slot, frame.depth, frame.camera, frame.boxes, frame.ground, background)


def carried_to(sources: Sources, frame: Frame) -> Carried:
    return carry(sources, frame.camera, frame.boxes, SIZE, SIZE, SIZE)


@pytest.mark.parametrize("turn", [math.pi, 2.4, -1.8])
def test_a_thing_turned_away_shows_its_own_surface_mirrored(turn: float):
    """The toy's colours are its coordinates: red along x and green along y come mirrored, blue along z as it is."""
    truth, sources = seen_from(turn), sources_of(seen_from(0.0))
    inside = truth.object_index == 0
    wrong, overlap = {}, {}
    for name, made in (("box", carried_to(sources, truth)), ("twins", carried_to(with_twins(sources), truth))):
        shown = made.slot == 0
        overlap[name] = float((shown & inside).sum() / (shown | inside).sum())
        wrong[name] = float((made.image - truth.image)[:, 2].abs()[inside].mean())
    assert overlap["twins"] > max(0.8, 0.95 * overlap["box"])
    assert wrong["twins"] < 0.05
    assert wrong["twins"] < 0.5 * wrong["box"]


@pytest.mark.parametrize("turn", [0.0, 0.25])
def test_the_side_that_was_seen_stays_as_it_is(turn: float):
    truth, sources = seen_from(turn), sources_of(seen_from(0.0))
    assert torch.equal(carried_to(sources, truth).image, carried_to(with_twins(sources), truth).image)


def test_the_picture_itself_denies_what_it_sees_past():
    frame = seen_from(0.0)
    sources = sources_of(frame, half=True)
    made = with_twins(sources)
    assert made.guessed is not None
    guessed = made.guessed[made.point_entry]
    points, entry = made.points[guessed], made.point_entry[guessed]
    assert len(points) > 50
    # in unmirrored box coordinates, seen by the true view
    there = from_box_coordinates(points, sources.to_camera[[0]], sources.size[[0]])
    u, v, depth = project_each(there, sources.intrinsics[[0]]).unbind(-1)
    column, row = (u * SIZE).long(), (v * SIZE).long()
    mask = (frame.object_index == 0) & (frame.box_coordinates[:, 0] <= 0)
    assert bool(mask[0, row, column].all())
    assert bool((depth > frame.depth[0, row, column]).all())
    assert float(entry.min()) >= len(sources.frame)


def test_objects_of_several_views_and_empty_scenes_have_no_twins():
    sources = sources_of(seen_from(0.0))
    twice = replace(
        sources, frame=sources.frame.repeat(2), slot=sources.slot.repeat(2), view=sources.view.repeat(2),
        label=sources.label.repeat(2), to_camera=sources.to_camera.repeat(2, 1, 1), size=sources.size.repeat(2, 1),
    )  # fmt: skip
    assert with_twins(twice).guessed is None
    nothing = replace(sources, points=sources.points[:0], point_entry=sources.point_entry[:0])
    assert with_twins(nothing) is nothing
