"""Training: stages learn, resume is exact, cached pairs come back, plans walk."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from model.config import model_config
from model.data.as_scene import encode_source, target_scene
from model.data.convert import to_uint8
from model.data.frames import join
from model.fusion import compose, fuse
from model.layers import box_layers
from model.parts import Parts, build_parts
from model.scene import RenderSettings
from model.training.examples import DROP_BACKGROUND, as_drawn, as_removals, make_examples
from model.training.loop import Progress, StageSettings, learning_rate, step_generator, train_stage
from model.training.memory import ExampleMemory, Window
from model.training.pairs import CachedPairs, render_cache
from model.training.pictures import SAMPLER_STEPS, drawn_pictures, pipeline_of
from model.training.plans import PLANS, shrink
from model.training.stages import STAGES, Stage

from .toys import ToyPairs, toy_boxes, toy_camera, toy_frame

SIZE = 64


def batch_of(stage: Stage, step: int, count: int, generator: torch.Generator):
    """What the stage takes, as `model.train` would make it."""
    pairs = ToyPairs(SIZE).batch(step, count)
    if stage.uses == "pairs":
        return pairs
    if stage.uses == "examples":
        return make_examples(pairs, stage.parts, generator)
    return drawn_pictures(pipeline_of(stage.parts), pairs, generator)


def train(parts: Parts, name: str, folder: Path, steps: int, fixed: bool = False, rate: float = 2e-3) -> bool:
    stage = STAGES[name](parts)
    settings = StageSettings(steps=steps, batch=2, learning_rate=rate, warm_up=2, decay=0.9)

    def make_batch(step: int, generator: torch.Generator):
        return batch_of(stage, 0 if fixed else step, 2, step_generator(1, 0) if fixed else generator)

    return train_stage(stage, name, make_batch, settings, folder, Accelerator(cpu=True), 3)


def weights(parts: Parts, name: str) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in STAGES[name](parts).trained.state_dict().items()}


class Stop(Exception):
    pass


@pytest.mark.parametrize("name", ["surface", "relief", "denoiser", "fusion"])
def test_resume_is_bit_equal(name, tmp_path):
    whole = build_parts(model_config("anchored", "tiny"))
    train(whole, name, tmp_path / "whole", 6)
    broken = build_parts(model_config("anchored", "tiny"))
    stage = STAGES[name](broken)
    settings = StageSettings(steps=6, batch=2, learning_rate=2e-3, warm_up=2, decay=0.9)
    batches: list[int] = []

    def make_batch(step: int, generator: torch.Generator):
        batches.append(step)
        if len(batches) == 4:
            raise Stop
        return batch_of(stage, step, 2, generator)

    with pytest.raises(Stop):  # a checkpoint after every step, then a crash in the fourth
        train_stage(
            stage,
            name,
            make_batch,
            settings,
            tmp_path / "broken",
            Accelerator(cpu=True),
            3,
            checkpoint_seconds=0,
        )
    fresh = build_parts(model_config("anchored", "tiny"), seed=99)
    for module in ("autoencoder", "surface", "relief", "unet", "encoder", "tokens", "fusion"):
        if module not in stage.trained:
            getattr(fresh, module).load_state_dict(getattr(whole, module).state_dict())
    assert train(fresh, name, tmp_path / "broken", 6)
    for key, value in weights(whole, name).items():
        assert torch.equal(value, weights(fresh, name)[key]), key


@pytest.mark.parametrize(
    ("name", "loss", "share"),
    [
        ("autoencoder", "loss", 0.85),
        ("surface", "mask", 0.85),
        ("relief", "kind", 0.85),
        ("denoiser", "loss", 0.85),
        ("few_step", "loss", 0.85),
        ("fusion", "loss", 0.93),  # it starts as the carried picture, so less is left to learn
    ],
)
def test_every_stage_learns_one_batch(name, loss, share, tmp_path):
    parts = build_parts(model_config("anchored", "tiny"))
    stage = STAGES[name](parts)
    batch = batch_of(stage, 0, 2, step_generator(1, 0))
    measure = lambda: sum(stage(batch, step_generator(7, k), 0.5)[1][loss] for k in range(4))  # noqa: E731
    before = measure()
    train(parts, name, tmp_path, 60, fixed=True, rate=4e-3)
    assert measure() < share * before


def test_a_leg_pauses_and_goes_on(tmp_path):
    parts = build_parts(model_config("anchored", "tiny"))
    stage = STAGES["surface"](parts)
    settings = StageSettings(steps=4, batch=1)
    run = lambda seconds: train_stage(  # noqa: E731
        stage,
        "surface",
        lambda step, g: ToyPairs(SIZE).batch(step, 1),
        settings,
        tmp_path,
        Accelerator(cpu=True),
        0,
        seconds,
    )
    assert not run(1e-6)
    assert run(0)


def test_learning_rate_warms_up_and_cools_down():
    settings = StageSettings(learning_rate=1.0, warm_up=10)
    assert learning_rate(settings, 0, 0) == pytest.approx(0.1)
    assert learning_rate(settings, 50, 0.5) == 1
    assert learning_rate(settings, 99, 0.9) == pytest.approx(0.51)
    assert Progress(step=5, seconds=30).share(StageSettings(steps=100, minutes=1)) == 0.5


class ToySource:
    name = "toy"
    family_names = ("box",)
    families_with_front = ()

    def pairs(self, count, size, seed, *, split="train", tasks=None):
        return ToyPairs(size).batch(seed, count)


def test_cached_pairs_come_back(tmp_path):
    render_cache(ToySource(), 3, SIZE, 5, tmp_path)
    cached = CachedPairs(tmp_path, 0).at(torch.arange(3))
    truth = ToyPairs(SIZE).batch(5 * 1_000_003, 3)
    assert (cached.source.image - truth.source.image).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(cached.target.object_index, truth.target.object_index)
    assert (cached.source.depth / truth.source.depth - 1).abs().max() < 4e-3
    torch.testing.assert_close(cached.target.boxes.pose, truth.target.boxes.pose)


def test_appearing_objects_become_removals():
    camera = toy_camera()
    two, one = toy_boxes([(-0.8, 0, 0), (0.8, 0, 0)], 3), toy_boxes([(-0.8, 0, 0)], 3)
    pair = ToyPairs(SIZE).batch(0, 1)
    appears = type(pair)(toy_frame(camera, one, SIZE), toy_frame(camera, two, SIZE), pair.task, pair.family)
    swapped = as_removals(join([pair, appears]))
    assert torch.equal(swapped.source.image[:1], pair.source.image)
    assert torch.equal(swapped.source.image[1:], appears.target.image)
    assert torch.equal(swapped.target.boxes.present[1], one.present[0])


def memory_of(parts: Parts, window: Window) -> ExampleMemory:
    return ExampleMemory(ToyPairs(SIZE), parts, window, 0, nullcontext, torch.device("cpu"))


def test_remembered_examples_are_the_same_up_to_packing():
    parts = build_parts(model_config("anchored", "tiny"))
    memory = memory_of(parts, Window(2))
    first = memory.batch(0, 2)
    again = memory.batch(0, 2)
    assert torch.equal(first.latents, again.latents) and torch.equal(first.carried, again.carried)
    for step in range(1, 9):
        memory.batch(step, 2)
    assert len(memory.kept) == 2
    fresh = memory_of(parts, Window(2)).batch(0, 2)  # as after a restart
    assert torch.equal(first.target, fresh.target) and torch.equal(first.denoiser_maps, fresh.denoiser_maps)
    pair = ToyPairs(SIZE).batch(memory.window.draw(0, 0), 2)
    assert (first.target - pair.target.image).abs().max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("number", range(3))
def test_the_fusion_network_learns_on_what_render_makes(number, monkeypatch):
    monkeypatch.setattr("model.rendering.without_faint", lambda fusion, *_: fusion)  # faint changes must be learnt, too
    parts = build_parts(model_config("anchored", "tiny"))
    pipeline, pair = pipeline_of(parts), ToyPairs(SIZE).batch(number, 1)
    mine = drawn_pictures(pipeline, pair, step_generator(5, number))
    generator = step_generator(5, number)
    drawn = as_drawn(as_removals(pair), generator)
    assert torch.equal(mine.boxes.pose, drawn.target.boxes.pose)
    scene, slots = target_scene(encode_source(pipeline, drawn), drawn)
    assert mine.boxes.present[0].nonzero()[:, 0].tolist() == slots
    if float(torch.rand(1, generator=generator)) < DROP_BACKGROUND and scene.placements:
        scene = replace(scene, background=None)
    seed = int(torch.randint(2**31, (1,), generator=generator))
    made = pipeline.render(scene, RenderSettings(width=SIZE, height=SIZE, steps=SAMPLER_STEPS, seed=seed))
    full = box_layers(mine.camera, mine.boxes, SIZE, SIZE, maps=False)
    half = box_layers(mine.camera, mine.boxes, SIZE // 2, SIZE // 2)
    result = fuse(parts.fusion, mine.planes(), mine.decoded, mine.again, mine.maps, full, half)
    expected = to_uint8(compose(result, mine.planes(), mine.maps[:, 3:4])[0])
    hole = (mine.maps[0, :3].sum(0) < 0.999).numpy()  # which `render` gives the picture's grain
    assert (~hole).mean() > 0.05 and np.abs(expected.astype(int) - made.image)[~hole].max() <= 1


def test_a_picture_keeps_its_background_where_nothing_else_is_left(monkeypatch):
    monkeypatch.setattr("model.training.pictures.DROP_BACKGROUND", 1.0)
    pair = ToyPairs(SIZE).batch(0, 1)
    gone = replace(pair.target.boxes, present=torch.zeros_like(pair.target.boxes.present))
    pair = replace(pair, target=replace(pair.target, boxes=gone))
    pipeline = pipeline_of(build_parts(model_config("anchored", "tiny")))
    made = drawn_pictures(pipeline, pair, step_generator(5, 0))
    assert not made.boxes.present.any() and float(made.maps[:, 2].mean()) > 0.5


def test_windows_move_on_and_old_batches_are_forgotten():
    window = Window(4, refresh=2)
    assert window.numbers(0) == range(4) and window.numbers(7) == range(3, 7)
    assert all(window.draw(step, 1) in window.numbers(step) for step in range(50))
    assert Window().draw(17, 0) == 17
    memory = memory_of(build_parts(model_config("paper", "tiny")), window)
    for step in range(20):
        memory.batch(step, 1)
    assert len(memory.kept) <= 5 and min(number for number, *_ in memory.kept) >= window.numbers(15)[0]


def test_plans_name_known_stages_and_shrink():
    for plan in PLANS.values():
        assert set(plan.stages) <= set(STAGES)
        assert all(s.steps == 3 for s in shrink(plan).stages.values())
    minutes = sum(s.minutes for s in PLANS["gpu30"].stages.values())
    assert minutes <= 26 and math.isclose(PLANS["gpu30"].leg_minutes, 9)
