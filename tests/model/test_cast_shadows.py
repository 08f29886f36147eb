"""Cast shadows: the light is found by them, they leave with their objects and fall where objects are put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from model.asset_light import Light
from model.cast_shadows import Casting, cast_shadows, darkness_seen
from model.config import model_config
from model.data.frames import Frame
from model.filters import box_max
from model.geometry import Boxes, from_box_coordinates, rigid_inverse
from model.parts import build_parts
from model.pipeline import NeuralAssetsPipeline
from model.scene import Box, Placement, RenderSettings, Scene
from model.sunlight import Sun, find_sun, floor_seen, floor_shadow, grid_of

from .toys import as_scene, toy_boxes, toy_camera, toy_frame

SIZE = 128
GROUND = torch.zeros(1)
SUN = normalize(torch.tensor([-0.7, 0.45, 0.65]), dim=0)
LEFT = torch.tensor([0.45, 0.5, 0.55])


def shaded(world: Tensor, boxes: Boxes, direction: Tensor) -> Tensor:
    """Whether boxes [1, N] stand between world points [P, 3] and the sun, [P] bool: the slabs of each box."""
    found = torch.zeros(len(world), dtype=torch.bool)
    for pose, size, present in zip(boxes.pose[0], boxes.size[0], boxes.present[0], strict=True):
        inverse = rigid_inverse(pose)
        start = (world @ inverse[:3, :3].T + inverse[:3, 3]) / size
        way = (direction @ inverse[:3, :3].T) / size
        first, second = ((end - start) / way for end in (-0.5, 0.5))
        near, far = torch.minimum(first, second).amax(-1), torch.maximum(first, second).amin(-1)
        found |= (near < far) & (far > 1e-3) & present
    return found


def sunny(boxes: Boxes, direction: Tensor | None = SUN, left: Tensor = LEFT, turn: float = 0.0, seed: int = 0) -> Frame:
    """Boxes on a grainy floor in the sun (None: under an overcast sky)."""
    camera = toy_camera(turn)
    frame = toy_frame(camera, boxes, SIZE)
    world, floor = floor_seen(camera, GROUND, SIZE, SIZE)
    grain = torch.randn(1, 1, SIZE // 4, SIZE // 4, generator=torch.Generator().manual_seed(seed)) * 0.08
    light = (1 + interpolate(grain, (SIZE, SIZE), mode="bilinear")).expand(1, 3, -1, -1)
    if direction is not None:
        dark = shaded(world[0], boxes, direction).view(1, 1, SIZE, SIZE) & floor
        light = torch.where(dark, light * left.view(1, 3, 1, 1), light)
    image = torch.where(frame.object_index[:, None] < 0, frame.image * light, frame.image)
    return replace(frame, image=image.clamp(0, 1))


def inside(boxes: Boxes, slot: int, count: int = 1500) -> Tensor:
    """World points [Q, 3] all over a box."""
    points = torch.rand(count, 3, generator=torch.Generator().manual_seed(slot)) - 0.5
    return from_box_coordinates(points, boxes.pose[0, slot].expand(count, 4, 4), boxes.size[0, slot].expand(count, 3))


def two_boxes(x: float = 0.8) -> Boxes:
    return toy_boxes([(-0.8, 0.1, 0.3), (x, 0.2, -0.2)])


def casting(boxes: Boxes, camera) -> Casting:
    count = 1500
    points = torch.rand(2 * count, 3, generator=torch.Generator().manual_seed(5)) - 0.5
    slot = torch.arange(2).repeat_interleave(count)
    world = from_box_coordinates(points, boxes.pose[0, slot], boxes.size[0, slot])
    shadows = floor_shadow(world, SUN[None], GROUND, camera, *grid_of(SIZE, SIZE))
    return Casting(Sun(SUN, LEFT), shadows, torch.ones_like(shadows), points, slot)


def test_points_shade_the_floor_where_they_stand_before_the_sun():
    boxes, camera = two_boxes(), toy_camera()
    world = torch.cat([inside(boxes, 0), inside(boxes, 1)])
    drawn = floor_shadow(world, torch.stack([SUN, SUN * torch.tensor([-1.0, 1.0, 1.0])]), GROUND, camera, 64, 64)
    places, _ = floor_seen(camera, GROUND, 64, 64)
    for number, direction in enumerate((SUN, SUN * torch.tensor([-1.0, 1.0, 1.0]))):
        true = shaded(places[0], boxes, direction).view(64, 64)
        both = ((drawn[number, 0] > 0) & true).sum() / ((drawn[number, 0] > 0) | true).sum()
        assert float(both) > 0.85


@pytest.mark.parametrize("turn", [0.0, -0.8, 2.4])
def test_the_sun_is_found_by_its_shadows(turn):
    boxes = two_boxes()
    frame = sunny(boxes, turn=turn)
    points = torch.cat([inside(boxes, 0), inside(boxes, 1)])
    sun = find_sun(frame.image, frame.object_index[:, None] >= 0, points, frame.camera, GROUND)
    assert sun is not None
    assert float(sun.direction @ SUN) > np.cos(np.radians(9)) and abs(float(sun.direction.norm()) - 1) < 1e-5
    assert float((sun.left - LEFT).abs().max()) < 0.15


@pytest.mark.parametrize("seed", range(4))
def test_without_shadows_there_is_no_sun(seed):
    boxes = two_boxes()
    points = torch.cat([inside(boxes, 0), inside(boxes, 1)])
    for frame in (sunny(boxes, None, seed=seed), sunny(boxes, left=torch.tensor([0.9, 0.3, 0.3]), seed=seed)):
        assert find_sun(frame.image, frame.object_index[:, None] >= 0, points, frame.camera, GROUND) is None
    frame = sunny(boxes, seed=seed)
    everything = torch.ones_like(frame.object_index[:, None], dtype=torch.bool)
    assert find_sun(frame.image, everything, points, frame.camera, GROUND) is None
    assert find_sun(frame.image, ~everything, points[:0], frame.camera, GROUND) is None


@pytest.mark.parametrize("turn", [0.0, 0.15])
def test_nothing_moved_changes_no_shadow(turn):
    boxes, camera = two_boxes(), toy_camera()
    made = cast_shadows(casting(boxes, camera), toy_camera(turn), boxes, boxes, camera, GROUND, SIZE, SIZE)
    assert float(made.lifted.max()) == 0 and float(made.thrown.max()) == 0 and float(made.kept.max()) > 0.9
    assert torch.equal(made.light(LEFT, torch.zeros_like(made.lifted)), torch.ones(1, 3, SIZE, SIZE))


def test_shadows_leave_with_their_object_and_fall_where_it_is_put():
    before, after, camera = two_boxes(), two_boxes(0.2), toy_camera()
    made = cast_shadows(casting(before, camera), camera, after, before, camera, GROUND, SIZE, SIZE)
    places, floor = floor_seen(camera, GROUND, SIZE, SIZE)

    def alone(boxes: Boxes, slot: int) -> Tensor:
        one = slice(slot, slot + 1)
        only = Boxes(boxes.pose[:, one], boxes.size[:, one], boxes.present[:, one])
        return shaded(places[0], only, SUN).view(1, 1, SIZE, SIZE)

    left_behind = alone(before, 1) & ~alone(before, 0) & floor
    assert float(made.lifted[left_behind].mean()) > 0.85
    assert float(made.lifted[alone(before, 0)].mean()) < 0.1
    assert float(made.thrown[alone(after, 1) & floor].mean()) > 0.8
    light = made.light(LEFT, made.lifted)
    assert float((light < 1).float().mean()) < 0.3 and float(light.min()) >= float(LEFT.min()) - 1e-6


def test_a_removed_object_takes_its_shadow_along():
    before, camera = two_boxes(), toy_camera()
    gone = Boxes(before.pose[:, :1], before.size[:, :1], before.present[:, :1])
    cast = casting(before, camera)
    mine = cast.slot == 0
    cast = replace(cast, points=cast.points[mine], slot=cast.slot[mine])
    made = cast_shadows(cast, camera, gone, gone, camera, GROUND, SIZE, SIZE)
    places, floor = floor_seen(camera, GROUND, SIZE, SIZE)
    other = shaded(places[0], before, SUN) & ~shaded(places[0], gone, SUN)
    assert float(made.lifted[other.view(1, 1, SIZE, SIZE) & floor].mean()) > 0.85
    nobody = cast_shadows(
        replace(cast, points=cast.points[:0], slot=cast.slot[:0]), camera,
        Boxes(gone.pose[:, :0], gone.size[:, :0], gone.present[:, :0]),
        Boxes(gone.pose[:, :0], gone.size[:, :0], gone.present[:, :0]), camera, GROUND, SIZE, SIZE,
    )  # fmt: skip
    assert float(nobody.lifted.max()) == 1 and float(nobody.thrown.max()) == 0


def test_a_faint_shadow_goes_on_as_faint_where_an_object_hid_it():
    """Here half of it is seen: a quarter as dark as a full one."""
    boxes, camera = two_boxes(), toy_camera()
    cast = casting(boxes, camera)
    rows, columns = cast.shadows.shape[-2:]
    plate = torch.full((1, 3, rows, columns), 0.6)
    picture = plate * (1 - 0.25 * (1 - LEFT.view(1, 3, 1, 1)) * cast.shadows)
    columns_of = cast.shadows[0, 0].any(0).nonzero()[:, 0]
    hidden = torch.zeros(1, 1, rows, columns, dtype=torch.bool)
    hidden[..., int(columns_of.float().mean()) :] = True
    darkness = darkness_seen(cast.shadows, cast.sun, torch.where(hidden, 0.1, picture), plate, hidden)
    there = (cast.shadows > 0) & hidden
    assert int(there.sum()) > 20 and 0.2 < float(darkness[there].mean()) < 0.5
    assert torch.equal(darkness_seen(cast.shadows, cast.sun, picture, plate, torch.ones_like(hidden)), darkness * 0 + 1)
    made = cast_shadows(replace(cast, darkness=darkness), camera, boxes, boxes, camera, GROUND, SIZE, SIZE)
    full = cast_shadows(cast, camera, boxes, boxes, camera, GROUND, SIZE, SIZE)
    plated = torch.ones(1, 1, SIZE, SIZE)
    dark = full.light(LEFT, plated) < 0.9
    assert float((1 - made.light(LEFT, plated))[dark].mean()) < 0.6 * float((1 - full.light(LEFT, plated))[dark].mean())


@pytest.fixture(scope="module")
def pipeline():
    return NeuralAssetsPipeline.from_parts(build_parts(model_config("anchored", "tiny"), 0))


def test_the_whole_way_shadow_and_object_move_together(pipeline):
    before, after = two_boxes(), two_boxes(0.3)
    frame, truth = sunny(before), sunny(after)
    image, boxes, camera = as_scene(frame)
    masks = [(frame.object_index[0] == i).numpy() for i in range(2)]
    assets, background = pipeline.encode(image, boxes, camera, masks)
    assert background.light is not None and float(background.light.direction @ SUN.numpy()) > 0.95
    settings = RenderSettings(SIZE, SIZE, steps=1)
    still = Scene(camera, tuple(Placement(a, b) for a, b in zip(assets, boxes, strict=True)), background)
    assert np.array_equal(pipeline.render(still, settings).image, image)
    moved = [Box(after.pose[0, i].numpy(), after.size[0, i].numpy()) for i in range(2)]
    scene = replace(still, placements=tuple(Placement(a, b) for a, b in zip(assets, moved, strict=True)))
    dark = replace(scene, background=replace(background, light=None))
    floor = ((frame.object_index < 0) & (truth.object_index < 0))[0].numpy()
    wanted, _, _ = as_scene(truth)
    errors = [
        np.square((pipeline.render(s, settings).image - wanted.astype(float))[floor]).mean() for s in (scene, dark)
    ]
    assert errors[0] < 0.85 * errors[1]


def test_a_background_that_knows_its_light_shades_what_is_put_into_it(pipeline):
    frame = sunny(two_boxes(), None)
    image, boxes, camera = as_scene(frame)
    masks = [(frame.object_index[0] == i).numpy() for i in range(2)]
    assets, background = pipeline.encode(image, boxes, camera, masks)
    light = Light(SUN.numpy(), LEFT.numpy(), np.zeros((1, 1), np.uint8))
    room = replace(background, provenance={}, plate=None, mask=np.zeros_like(background.mask), light=light)
    scene = Scene(camera, (Placement(assets[0], boxes[0]),), room)
    settings = RenderSettings(SIZE, SIZE, steps=1)
    sunlit = pipeline.render(scene, settings).image.astype(int)
    plain = pipeline.render(replace(scene, background=replace(room, light=None)), settings).image.astype(int)
    places, floor = floor_seen(frame.camera, GROUND, SIZE, SIZE)
    only = Boxes(frame.boxes.pose[:, :1], frame.boxes.size[:, :1], frame.boxes.present[:, :1])
    dark = (shaded(places[0], only, SUN).view(SIZE, SIZE) & floor[0, 0] & (frame.object_index[0] < 0)).numpy()
    assert (plain - sunlit)[dark].mean() > 20
    far = ~np.array(box_max(torch.from_numpy(dark | masks[0])[None, None].float(), 8)[0, 0] > 0)
    assert np.array_equal(sunlit[far], plain[far])
