"""The `sd21` path on a small Stable-Diffusion-shaped and a small DINO-shaped model, saved as folders here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    UNet2DConditionModel,
)
from transformers import ViTConfig, ViTModel

from model.networks import widen_inputs
from model.pipeline import NeuralAssetsPipeline
from model.scene import Placement, RenderSettings, Scene
from model.train import main

from .toys import as_scene, toy_boxes, toy_camera, toy_frame


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A U-Net, an autoencoder of factor 8, a v-prediction scheduler and a ViT with patches of 8, as hubs hold them."""
    torch.manual_seed(0)
    diffusion, dino = tmp_path_factory.mktemp("diffusion"), tmp_path_factory.mktemp("dino")
    UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(32, 64), layers_per_block=1,
        cross_attention_dim=48, attention_head_dim=(2, 4), use_linear_projection=True,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).save_pretrained(diffusion / "unet")  # fmt: skip
    AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), norm_num_groups=4, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4,
    ).save_pretrained(diffusion / "vae")  # fmt: skip
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        clip_sample=False, set_alpha_to_one=False, steps_offset=1,
    ).save_pretrained(diffusion / "scheduler")  # fmt: skip
    ViTModel(ViTConfig(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96, image_size=224, patch_size=8,
    )).save_pretrained(dino)  # fmt: skip
    return str(diffusion), str(dino)


def small_scene(pipeline) -> tuple[Scene, np.ndarray]:
    frame = toy_frame(toy_camera(), toy_boxes([(-0.8, 0, 0.3), (0.8, 0.2, -0.2)]), 64)
    image, boxes, camera = as_scene(frame)
    masks = [(frame.object_index[0] == i).numpy() for i in range(2)]
    assets, background = pipeline.encode(image, boxes, camera, masks)
    assert assets[0].appearance.shape == (1, 4, 48)
    return Scene(camera, tuple(Placement(a, b) for a, b in zip(assets, boxes, strict=True)), background), image


def load(folders, preset):
    pipeline = NeuralAssetsPipeline.from_stable_diffusion(*folders, preset=preset)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize("preset", ["paper", "anchored"])
def test_renders_with_ddim_and_dpm_solver(folders, preset):
    pipeline = load(folders, preset)
    scene, _ = small_scene(pipeline)
    settings = RenderSettings(64, 64, steps=2, guidance=2.0)
    first = pipeline.render(scene, settings)
    assert first.image.shape == (64, 64, 3) and np.array_equal(first.image, pipeline.render(scene, settings).image)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    alone = pipeline.render(scene, settings).image
    other = replace(settings, steps=3)
    between = pipeline.render(scene, settings, cancel=lambda: pipeline.render(scene, other) is None).image
    assert alone.shape == (64, 64, 3) and np.array_equal(between, alone), "another picture in a pause changes nothing"


def test_new_input_channels_leave_the_pretrained_network_unchanged(folders):
    plain = UNet2DConditionModel.from_pretrained(folders[0], subfolder="unet")
    wide = widen_inputs(UNet2DConditionModel.from_pretrained(folders[0], subfolder="unet"), 32)
    generator = torch.Generator().manual_seed(0)
    latents, tokens = (
        torch.randn(1, 4, 8, 8, generator=generator),
        torch.randn(1, 8, 48, generator=generator),
    )
    extra = torch.randn(1, 28, 8, 8, generator=generator)
    with torch.no_grad():
        before = plain(latents, 500, tokens).sample
        after = wide(torch.cat([latents, extra], 1), 500, tokens).sample
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("preset", ["paper", "anchored"])
def test_saved_folder_loads_through_plain_library_calls(folders, preset, tmp_path):
    pipeline = load(folders, preset)
    pipeline.save_pretrained(tmp_path)
    unet = UNet2DConditionModel.from_pretrained(tmp_path, subfolder="unet")
    assert unet.config.in_channels == (4 if preset == "paper" else 32)
    AutoencoderKL.from_pretrained(tmp_path, subfolder="autoencoder")
    DDIMScheduler.from_pretrained(tmp_path, subfolder="scheduler")
    encoder = ViTModel.from_pretrained(tmp_path / "encoder")
    for key, value in pipeline.encoder.state_dict().items():
        assert torch.equal(value, encoder.state_dict()[key])
    again = NeuralAssetsPipeline.load(tmp_path)
    scene, _ = small_scene(pipeline)
    settings = RenderSettings(64, 64, steps=2)
    difference = pipeline.render(scene, settings).image.astype(int) - again.render(scene, settings).image
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("preset", ["paper", "anchored"])
def test_training_starts_from_the_pretrained_networks(folders, preset, tmp_path):
    arguments = ["--size", "sd21", "--preset", preset, "--pretrained", *folders, "--dry-run", "--pairs", "2"]
    assert main([*arguments, "--run", str(tmp_path / "run"), "--out", str(tmp_path / "out")]) == 0
    trained = NeuralAssetsPipeline.load(tmp_path / "out")
    before = AutoencoderKL.from_pretrained(folders[0], subfolder="vae")
    for key, value in before.state_dict().items():
        torch.testing.assert_close(value, trained.autoencoder.state_dict()[key], atol=1e-3, rtol=1e-3)
    plain = UNet2DConditionModel.from_pretrained(folders[0], subfolder="unet")
    assert not torch.equal(plain.conv_out.weight, trained.unet.conv_out.weight)
    assert trained.scheduler.config.prediction_type == "v_prediction"


def test_sd21_without_pretrained_networks_says_what_to_add(tmp_path):
    with pytest.raises(SystemExit, match="--pretrained"):
        main(["--size", "sd21", "--plan", "gpu30", "--run", str(tmp_path)])
