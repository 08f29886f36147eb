"""The whole pipeline with tiny random weights: what must hold whatever the weights are."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.assets import load_asset, merge_views, save_asset
from model.config import model_config
from model.denoiser import denoise
from model.errors import (
    BoxError,
    Cancelled,
    DeviceMemoryError,
    ImageError,
    NeuralAssetsError,
    SceneError,
    WeightsError,
)
from model.geometry import Boxes
from model.networks import build_dense
from model.parts import build_parts
from model.pipeline import NeuralAssetsPipeline
from model.scene import Box, PinholeCamera, Placement, RenderSettings, Scene

from .toys import as_scene, toy_boxes, toy_camera, toy_frame

SIZE = 64
SETTINGS = RenderSettings(SIZE, SIZE, steps=2)


def make_pipeline(preset: str, seed: int = 0) -> NeuralAssetsPipeline:
    """Tiny parts whose zero-initialised outputs are shaken, so that every input matters."""
    parts = build_parts(model_config(preset, "tiny"), seed)
    generator = torch.Generator().manual_seed(seed)
    for module in (parts.surface.conv_out, parts.fusion.conv_out):
        torch.nn.init.normal_(module.weight, std=0.05, generator=generator)  # type: ignore[arg-type]
    return NeuralAssetsPipeline.from_parts(parts)


@pytest.fixture(scope="module", params=["anchored", "paper"])
def pipeline(request):
    return make_pipeline(request.param)


@pytest.fixture(scope="module")
def anchored():
    return make_pipeline("anchored")


@pytest.fixture(scope="module")
def picture():
    frame = toy_frame(toy_camera(), toy_boxes([(-0.8, 0, 0.3), (0.8, 0.2, -0.2)]), SIZE)
    image, boxes, camera = as_scene(frame)
    masks = [(frame.object_index[0] == i).numpy() for i in range(2)]
    return image, boxes, camera, masks


def scene_of(pipeline, picture, moved=(0.25, -0.1, 0.0)) -> Scene:
    image, boxes, camera, masks = picture
    assets, background = pipeline.encode(image, boxes, camera, masks)
    pose = boxes[0].pose.copy()
    pose[:3, 3] += moved
    placed = (Placement(assets[0], Box(pose, boxes[0].size)), Placement(assets[1], boxes[1]))
    return Scene(camera, placed, background)


def test_views_say_where_they_lie_in_the_picture(anchored, picture):
    image, boxes, camera, masks = picture
    for asset, mask in zip(anchored.encode(image, boxes, camera, masks)[0], masks, strict=True):
        view = asset.views[0]
        left, top, right, bottom = np.rint(view.rectangle * SIZE).astype(int)
        assert np.array_equal(image[top:bottom, left:right], view.image)
        assert (mask[top:bottom, left:right] >= (view.mask > 0)).all() and (view.mask > 0).sum() > 0.9 * mask.sum()


def test_same_seed_same_picture_and_other_seed_another(pipeline, picture):
    scene = scene_of(pipeline, picture)
    first = pipeline.render(scene, SETTINGS)
    assert np.array_equal(first.image, pipeline.render(scene, SETTINGS).image)
    raw = replace(SETTINGS, transfer=False)
    assert not np.array_equal(pipeline.render(scene, raw).image, pipeline.render(scene, replace(raw, seed=1)).image)


def test_a_seed_of_an_object_is_another_noise_for_it_alone(pipeline, picture):
    scene, raw = scene_of(pipeline, picture), replace(SETTINGS, transfer=False, start="noise")

    def draw(*seeds: int, **changes) -> np.ndarray:
        placed = tuple(replace(p, seed=s) for p, s in zip(scene.placements, seeds, strict=True))
        return pipeline.render(replace(scene, placements=placed), replace(raw, **changes)).image.astype(int)

    plain, first = draw(0, 0), draw(5, 0)
    assert np.array_equal(plain, pipeline.render(scene, raw).image)
    assert np.array_equal(first, draw(5, 0)) and not np.array_equal(first, draw(6, 0))
    assert not np.array_equal(first, draw(5, 0, seed=1)), "the scene's seed still counts"
    where = pipeline.render(scene, raw).carried_index
    change, other = (np.abs(draw(*seeds) - plain).max(-1) for seeds in ((5, 0), (0, 5)))
    assert change[where == 0].mean() > 1.5 * change[where == 1].mean()
    assert other[where == 1].mean() > 1.5 * other[where == 0].mean()
    back = pipeline.render(replace(scene, placements=(scene.placements[1], replace(scene.placements[0], seed=5))), raw)
    assert np.abs(first - back.image).max() <= 1, "the order of objects does not matter"


def test_a_seed_leaves_what_no_edit_reaches_exactly_as_it_was(anchored, picture):
    scene = scene_of(anchored, picture)
    placed = (replace(scene.placements[0], seed=5), scene.placements[1])
    plain = anchored.render(scene, SETTINGS).image
    seeded = anchored.render(replace(scene, placements=placed), SETTINGS).image
    assert not np.array_equal(plain, seeded)
    assert np.array_equal(seeded[:, -8:], picture[0][:, -8:]), "far from the moved box it is the reference itself"


@pytest.mark.parametrize("seed", [-1, 1 << 63, 0.5, None])
def test_seeds_of_objects_that_are_none_are_refused(anchored, picture, seed):
    scene = scene_of(anchored, picture)
    placed = (replace(scene.placements[0], seed=seed), scene.placements[1])
    with pytest.raises(SceneError, match="Box 1 has the seed"):
        anchored.render(replace(scene, placements=placed), SETTINGS)


def test_order_of_objects_does_not_matter(pipeline, picture):
    scene = scene_of(pipeline, picture)
    forward = pipeline.render(scene, SETTINGS)
    back = pipeline.render(replace(scene, placements=scene.placements[::-1]), SETTINGS)
    assert np.abs(forward.image.astype(int) - back.image).max() <= 1
    swapped = np.where(forward.object_index >= 0, 1 - forward.object_index, -1)
    assert (swapped == back.object_index).mean() > 0.999


def test_cached_and_uncached_renders_agree(pipeline, picture):
    scene = scene_of(pipeline, picture)
    pipeline.render(scene_of(pipeline, picture, (0, 0, 0)), SETTINGS)
    warm = pipeline.render(scene, SETTINGS)
    pipeline._prepared = None
    assert np.array_equal(warm.image, pipeline.render(scene, SETTINGS).image)


def test_padding_tokens_change_nothing(pipeline):
    unet, config = pipeline.unet, pipeline.model_config
    from model.denoiser import Condition

    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, config.latent_channels, 8, 8, generator=generator)
    tokens = torch.randn(1, 12, config.cross_width, generator=generator)
    channels = torch.randn(1, config.denoiser_inputs - config.latent_channels, 8, 8, generator=generator)
    channels = channels if config.anchored else None
    mask = torch.arange(12)[None] < 8
    short = denoise(unet, latents, torch.tensor([0.5]), Condition(tokens[:, :8], mask[:, :8], channels))
    padded = denoise(unet, latents, torch.tensor([0.5]), Condition(tokens, mask, channels))
    torch.testing.assert_close(short, padded, atol=1e-5, rtol=1e-4)


def test_a_dropped_condition_is_the_unconditional_one(pipeline):
    from model.denoiser import Condition

    config = pipeline.model_config
    generator = torch.Generator().manual_seed(0)
    made = []
    for _ in range(2):  # two different conditions
        tokens = torch.randn(1, 8, config.cross_width, generator=generator)
        channels = torch.randn(1, config.denoiser_inputs - config.latent_channels, 8, 8, generator=generator)
        made.append(Condition(tokens, torch.ones(1, 8, dtype=torch.bool), channels if config.anchored else None))
    latents = torch.randn(1, config.latent_channels, 8, 8, generator=generator)
    time = torch.tensor([0.5])
    first, second = (denoise(pipeline.unet, latents, time, c.dropped(torch.tensor([True]))) for c in made)
    assert torch.equal(first, second)
    assert torch.equal(first, denoise(pipeline.unet, latents, time, made[0].unconditional()))
    assert not torch.equal(first, denoise(pipeline.unet, latents, time, made[0]))


def test_guidance_changes_the_picture_per_scene_and_per_object(pipeline, picture):
    scene, raw = scene_of(pipeline, picture), replace(SETTINGS, transfer=False)
    plain = pipeline.render(scene, raw).image
    assert not np.array_equal(plain, pipeline.render(scene, replace(raw, guidance=3.0)).image)
    strong = (replace(scene.placements[0], guidance=4.0), scene.placements[1])
    assert not np.array_equal(plain, pipeline.render(replace(scene, placements=strong), raw).image)


def test_untouched_pictures_come_back_exactly(anchored, picture):
    image = picture[0]
    still = anchored.render(scene_of(anchored, picture, (0, 0, 0)), SETTINGS)
    assert np.array_equal(still.image, image)
    moved = anchored.render(scene_of(anchored, picture), SETTINGS)
    touched = (moved.image != image).any(-1)
    assert touched.any() and not touched[:, -8:].any()


def test_a_large_picture_with_predicted_masks_comes_back_exactly(anchored):
    """Masks predicted at the model's size are upsampled; no pixel may fall between object and background."""
    frame = toy_frame(toy_camera(), toy_boxes([(-0.8, 0, 0.3), (0.8, 0.2, -0.2)]), 210)
    image, boxes, camera = as_scene(frame)
    offset = np.array([40.0, 60.0, 0.0], np.float32)  # far from the world's origin, as surveyed scenes are
    boxes = [Box(b.pose + np.pad(offset[:, None], ((0, 1), (3, 0))), b.size) for b in boxes]
    world = camera.world_to_camera.copy()
    world[:3, 3] -= world[:3, :3] @ offset
    assets, background = anchored.encode(image, boxes, PinholeCamera(camera.intrinsics, world))
    scene = Scene(
        PinholeCamera(camera.intrinsics, world),
        tuple(Placement(a, b) for a, b in zip(assets, boxes, strict=True)),
        background,
    )
    made = anchored.render(scene, RenderSettings(210, 210, steps=1))
    assert np.array_equal(made.carried, image) and np.array_equal(made.image, image)


def test_full_resolution_keeps_untouched_pixels_and_sharpness(anchored):
    frame = toy_frame(toy_camera(), toy_boxes([(-0.8, 0, 0.3), (0.8, 0.2, -0.2)]), 256)
    image, boxes, camera = as_scene(frame)
    masks = [(frame.object_index[0] == i).numpy() for i in range(2)]
    assets, background = anchored.encode(image, boxes, camera, masks)
    scene = Scene(camera, tuple(Placement(a, b) for a, b in zip(assets, boxes, strict=True)), background)
    made = anchored.render(scene, RenderSettings(256, 256, steps=1))
    assert np.array_equal(made.image, image)
    wide = anchored.render(scene, RenderSettings(320, 160, steps=1))
    assert wide.image.shape == (160, 320, 3) and wide.object_index.shape == (160, 320)


def test_moved_objects_stay_sharp_and_untouched_pixels_exact_at_full_resolution(anchored):
    """Against the model's own picture upsampled, which is what a model without transfer gives."""
    frame = toy_frame(toy_camera(), toy_boxes([(-0.8, 0, 0.3), (0.8, 0.2, -0.2)]), 512)
    image, boxes, camera = as_scene(frame)
    texture = ((np.indices(image.shape[:2]).sum(0) // 4) % 2 * 60).astype(np.uint8)[..., None]
    image = np.clip(image.astype(int) // 2 + texture, 0, 255).astype(np.uint8)
    masks = [(frame.object_index[0] == i).numpy() for i in range(2)]
    assets, background = anchored.encode(image, boxes, camera, masks)
    pose = boxes[0].pose.copy()
    pose[2, 3] += 0.15
    placed = (Placement(assets[0], Box(pose, boxes[0].size)), Placement(assets[1], boxes[1]))
    scene = Scene(camera, placed, background)
    settings = RenderSettings(512, 512, steps=1)
    sharp = anchored.render(scene, settings).image
    plain = anchored.render(scene, replace(settings, transfer=False)).image
    target = toy_frame(toy_camera(), Boxes(torch.from_numpy(np.stack([pose, boxes[1].pose]))[None],
                                           frame.boxes.size, frame.boxes.present), 512)  # fmt: skip
    inside = (target.object_index[0] == 0).numpy()[:, 1:]
    energy = [np.abs(np.diff(x.astype(float).mean(-1), axis=1))[inside].mean() for x in (sharp, plain)]
    assert energy[0] > 2 * energy[1]
    untouched = (sharp == image).all(-1)
    assert untouched[:, 330:].all()


def test_remove_replace_and_other_backgrounds(pipeline, picture):
    scene = scene_of(pipeline, picture, (0, 0, 0))
    whole = pipeline.render(scene, SETTINGS)
    removed = pipeline.render(replace(scene, placements=scene.placements[1:]), SETTINGS)
    assert not np.array_equal(whole.image, removed.image) and removed.object_index.max() == 0
    swapped = Placement(scene.placements[1].asset, scene.placements[0].box)
    assert not np.array_equal(whole.carried, pipeline.render(replace(scene, placements=(swapped,)), SETTINGS).carried)
    alone = pipeline.render(replace(scene, background=None), SETTINGS)
    assert np.isfinite(alone.depth).all() and alone.image.shape == (SIZE, SIZE, 3)
    empty = pipeline.render(replace(scene, placements=()), SETTINGS)
    assert (empty.object_index == -1).all()


@pytest.mark.parametrize("size", [(SIZE, SIZE), (144, 96)])
def test_coverage_is_where_objects_are(pipeline, picture, size):
    scene, settings = scene_of(pipeline, picture), replace(SETTINGS, width=size[0], height=size[1])
    made = pipeline.render(scene, settings)
    assert made.alpha.shape == made.depth.shape == size[::-1] and made.alpha.dtype == np.uint8
    assert made.alpha.max() > 200 and made.alpha[:, -3:].max() == 0
    assert ((made.alpha > 127) == (made.object_index >= 0)).mean() > (0.999 if size[0] > SIZE else 0.95)
    assert np.array_equal(made.object_index >= 0, made.depth > 0)
    empty = pipeline.render(replace(scene, placements=()), settings)
    assert empty.alpha.max() == 0 and empty.depth.max() == 0


def test_assets_from_files_render_the_same(pipeline, picture, tmp_path):
    scene = scene_of(pipeline, picture)
    files = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for path, asset in zip(files, [p.asset for p in scene.placements] + [scene.background], strict=True):
        save_asset(path, asset)  # type: ignore[arg-type]
    first, second, background = (load_asset(path) for path in files)
    placed = (replace(scene.placements[0], asset=first), replace(scene.placements[1], asset=second))
    again = pipeline.render(Scene(scene.camera, placed, background), SETTINGS)  # type: ignore[arg-type]
    assert np.array_equal(again.image, pipeline.render(scene, SETTINGS).image)


def test_an_asset_of_another_encoder_is_encoded_anew(pipeline, picture):
    scene = scene_of(pipeline, picture)
    foreign = replace(scene.placements[0].asset, encoder="another", appearance=np.zeros((1, 4, 7), np.float32))
    made = pipeline.render(replace(scene, placements=(replace(scene.placements[0], asset=foreign),)), SETTINGS)
    assert made.image.shape == (SIZE, SIZE, 3)


def test_two_views_show_more_than_one(anchored):
    boxes = toy_boxes([(0.0, 0.0, 0.0)])
    views = []
    for turn in (0.0, 1.4):
        frame = toy_frame(toy_camera(turn), boxes, SIZE)
        image, placed, camera = as_scene(frame)
        views.append(anchored.encode(image, placed, camera, [(frame.object_index[0] == 0).numpy()])[0][0])
    truth = toy_frame(toy_camera(0.7), boxes, SIZE)
    _, placed, camera = as_scene(truth)
    mask = (truth.object_index[0] == 0).numpy()
    target = (truth.image[0].permute(1, 2, 0).numpy() * 255)[mask]
    errors = []
    for asset in (views[0], merge_views(views[0], views[1])):
        made = anchored.render(Scene(camera, (Placement(asset, placed[0]),)), SETTINGS)
        errors.append(np.abs(made.carried[mask] - target).mean())
    assert errors[1] < errors[0]


def test_previews_and_cancel(pipeline, picture):
    scene, seen = scene_of(pipeline, picture), []
    pipeline.render(scene, replace(SETTINGS, steps=3), on_step=lambda i, image: seen.append((i, image.shape)))
    assert seen == [(i, (SIZE, SIZE, 3)) for i in range(3)]
    with pytest.raises(Cancelled):
        pipeline.render(scene, SETTINGS, cancel=lambda: True)


def test_encoding_can_be_cancelled_between_its_parts(pipeline, picture):
    image, boxes, camera, masks = picture
    asked: list[int] = []
    pipeline.encode(image, boxes, camera, masks, cancel=lambda: asked.append(1))
    assert len(asked) >= 3
    for answers in range(len(asked)):
        left = [False] * answers + [True]
        with pytest.raises(Cancelled):
            pipeline.encode(image, boxes, camera, masks, cancel=lambda left=left: left.pop(0))


def test_another_picture_in_a_pause_changes_neither(pipeline, picture):
    scene, other = scene_of(pipeline, picture), replace(scene_of(pipeline, picture, (0.5, 0, 0)), background=None)
    alone, between = pipeline.render(scene, SETTINGS), pipeline.render(other, SETTINGS)
    made = []

    def pause() -> bool:
        made.append(pipeline.render(other, SETTINGS))
        return False

    start = time.perf_counter()
    disturbed = pipeline.render(scene, SETTINGS, cancel=pause)
    assert np.array_equal(disturbed.image, alone.image)
    assert sum(disturbed.timings.values()) < 0.6 * (time.perf_counter() - start), "the pauses are not its own time"
    assert len(made) == 3 and all(np.array_equal(one.image, between.image) for one in made)


def test_a_full_graphics_card_ends_in_a_sentence_and_loses_nothing(pipeline, picture, monkeypatch):
    scene = scene_of(pipeline, picture)
    before = pipeline.render(scene, SETTINGS).image

    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.unet, "forward", full)
        with pytest.raises(DeviceMemoryError, match="close other programs"):
            pipeline.render(scene, SETTINGS)
    assert np.array_equal(pipeline.render(scene, SETTINGS).image, before)


def test_saved_pipeline_renders_the_same(pipeline, picture, tmp_path):
    pipeline.save_pretrained(tmp_path / "weights", max_shard_size="1MB")
    again = NeuralAssetsPipeline.load(tmp_path / "weights")
    scene = scene_of(pipeline, picture)
    difference = np.abs(pipeline.render(scene, SETTINGS).image.astype(int) - again.render(scene, SETTINGS).image)
    assert difference.max() <= 1  # memory layouts may differ, and with them the last bit before rounding
    assert again.fingerprint == pipeline.fingerprint


def test_missing_truncated_and_foreign_weights_are_refused(pipeline, tmp_path):
    with pytest.raises(WeightsError, match="no weights"):
        NeuralAssetsPipeline.load(tmp_path / "nowhere")
    pipeline.save_pretrained(tmp_path / "weights")
    broken = tmp_path / "weights" / "unet" / "diffusion_pytorch_model.safetensors"
    broken.write_bytes(broken.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be read"):
        NeuralAssetsPipeline.load(tmp_path / "weights")


def test_thirty_two_boxes_render_and_thirty_three_are_refused(anchored, picture):
    scene = scene_of(anchored, picture)
    crowd = tuple(scene.placements[i % 2] for i in range(33))
    made = anchored.render(replace(scene, placements=crowd[:32]), SETTINGS)
    assert made.image.shape == (SIZE, SIZE, 3)
    with pytest.raises(SceneError, match="32"):
        anchored.render(replace(scene, placements=crowd), SETTINGS)


def test_boxes_behind_and_around_the_camera(pipeline, picture):
    image, boxes, camera, _ = picture
    behind, around = boxes[0].pose.copy(), boxes[0].pose.copy()
    behind[:3, 3] = (0, -12, 3)
    around[:3, 3] = np.linalg.inv(camera.world_to_camera)[:3, 3]
    for pose in (behind, around):
        with pytest.raises(BoxError, match="camera"):
            pipeline.encode(image, [Box(pose, boxes[0].size)], camera)
        placed = Placement(scene_of(pipeline, picture).placements[0].asset, Box(pose, boxes[0].size))
        made = pipeline.render(Scene(camera, (placed,), scene_of(pipeline, picture).background), SETTINGS)
        assert np.isfinite(made.depth).all()


@pytest.mark.parametrize("image", [
    np.zeros((1, 1, 3), np.uint8), np.zeros((3, 20000, 3), np.uint8), np.zeros((64, 64, 3), np.float32),
    np.zeros((64, 64), np.uint8), "picture", np.zeros((64, 1024, 3), np.uint8),
])  # fmt: skip
def test_bad_pictures_are_refused(pipeline, picture, image):
    with pytest.raises(ImageError) as refusal:
        pipeline.encode(image, [], picture[2])
    assert str(refusal.value).endswith(".") and ":" in str(refusal.value)


def test_bad_boxes_are_refused_by_name(pipeline, picture):
    image, boxes, camera, _ = picture
    broken = boxes[1].pose.copy()
    broken[0, 3] = np.nan
    with pytest.raises(NeuralAssetsError, match="Box 2"):
        pipeline.encode(image, [boxes[0], Box(broken, boxes[1].size)], camera)
    far = PinholeCamera(camera.intrinsics, np.eye(4) * 2)
    with pytest.raises(NeuralAssetsError):
        pipeline.encode(image, boxes, far)


def test_weights_of_another_structure_are_refused(anchored, tmp_path):
    parts = anchored.parts
    other = replace(parts, fusion=build_dense(parts.config, 5, 11))
    NeuralAssetsPipeline.from_parts(other).save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="another version"):
        NeuralAssetsPipeline.load(tmp_path)


def test_previews_show_the_carried_picture(anchored, picture):
    """A step's picture is what would stand if the sampler stopped there, not the sampler's own blur."""
    scene, previews = scene_of(anchored, picture), []
    result = anchored.render(scene, SETTINGS, on_step=lambda _, made: previews.append(made.astype(int)))
    own = anchored.render(scene, replace(SETTINGS, transfer=False)).image.astype(int)
    carried = result.carried.astype(int)
    assert len(previews) == SETTINGS.steps
    assert np.abs(previews[0] - carried).mean() < 0.5 * np.abs(own - carried).mean()
