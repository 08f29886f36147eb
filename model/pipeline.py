"""The pipeline: pictures and boxes in, Neural Assets out; posed assets in, a picture out.

A diffusers `DiffusionPipeline`: `save_pretrained` / `from_pretrained` write and read a folder of safetensors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiffusionPipeline, UNet2DConditionModel, UNet2DModel
from torch import Tensor
from transformers import ViTModel

from .assets import BackgroundAsset, NeuralAsset
from .conditions import denoiser_maps
from .config import ModelConfig, model_config
from .denoiser import Condition, denoise, token_mask
from .device import Clock, Pause, memory_errors_as_sentences, never, pause_of
from .encoding import checked_image, encode_picture
from .errors import WeightsError
from .geometry import pose_tokens_input, relative_pose
from .layers import CHANNELS_PER_LAYER, LAYERS, box_layers
from .networks import (
    FUSION_INPUTS,
    AssetTokens,
    build_fusion,
    build_relief,
    build_surface,
    image_to_latents,
    latents_to_image,
    widen_inputs,
)
from .noise import starting_noise
from .parts import NAMES, Parts
from .preparing import Prepared, prepare
from .refresh import refreshed
from .rendering import Drawn, Posed, Result, decoded_picture, finish, pose_scene, step_picture, to_uint8
from .sampling import flow_times, sample_flow, starting_latents
from .scene import Box, PinholeCamera, RenderSettings, Scene
from .schedulers import sample_scheduler
from .sources import best_entries
from .surface import SurfaceNetwork
from .tensors import image_tensor, resized

OnStep = Callable[[int, np.ndarray], None]


class NeuralAssetsPipeline(DiffusionPipeline):
    """Neural Assets, preset `paper` or `anchored` (see `model.config`)."""

    _optional_components = ["surface", "relief", "fusion", "scheduler"]

    def __init__(
        self, autoencoder: AutoencoderKL, encoder: ViTModel, tokens: AssetTokens, unet: UNet2DConditionModel,
        surface: SurfaceNetwork | None = None, relief: SurfaceNetwork | None = None,
        fusion: UNet2DModel | None = None, scheduler: Any = None,
        preset: str = "anchored", size_name: str = "base", start: str = "carried",
    ) -> None:  # fmt: skip
        super().__init__()
        self.register_modules(
            autoencoder=autoencoder, encoder=encoder, tokens=tokens, unet=unet, surface=surface, relief=relief,
            fusion=fusion, scheduler=scheduler,
        )  # fmt: skip
        self.register_to_config(preset=preset, size_name=size_name, start=start)
        self.model_config: ModelConfig = model_config(preset, size_name)
        self._prepared: tuple[tuple[Any, ...], Prepared] | None = None
        for module in (autoencoder, unet, surface, relief, fusion):
            if module is not None:
                module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        for module in self.components.values():
            if isinstance(module, torch.nn.Module):
                module.eval().requires_grad_(False)

    @classmethod
    def from_parts(cls, parts: Parts, scheduler: Any = None) -> NeuralAssetsPipeline:
        """A pipeline around trained parts."""
        config = parts.config
        extra = {k: getattr(parts, k) for k in ("surface", "relief", "fusion")} if config.anchored else {}
        return cls(
            parts.autoencoder, parts.encoder, parts.tokens, parts.unet, scheduler=scheduler, preset=config.preset,
            size_name=config.name, start="carried" if config.anchored else "noise", **extra,
        )  # fmt: skip

    @classmethod
    def load(cls, folder: str | Path, device: str | torch.device = "cpu") -> NeuralAssetsPipeline:
        """`from_pretrained` with refusals as sentences (WeightsError)."""
        folder = Path(folder)
        if not (folder / "model_index.json").exists():
            raise WeightsError(f"There are no weights in {folder}: train or download them, or name another folder.")
        try:
            pipeline = cls.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
            pipeline.require_structure()
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WeightsError(f"The weights in {folder} cannot be read ({reason}): get them again.") from error
        return pipeline.to(device)

    def require_structure(self) -> None:
        """Raises ValueError when a network is not of the structure that this version of the program runs."""
        if not self.model_config.anchored:
            return
        surface, relief, fusion = self.surface, self.relief, self.fusion
        inputs = 4 * FUSION_INPUTS + LAYERS * CHANNELS_PER_LAYER
        known = isinstance(surface, SurfaceNetwork) and isinstance(relief, SurfaceNetwork)
        if not known or fusion is None or fusion.config.in_channels != inputs:
            raise ValueError("they were made for another version of this program")

    @classmethod
    def from_stable_diffusion(
        cls, diffusion: str, dino: str, preset: str = "anchored", **options: Any
    ) -> NeuralAssetsPipeline:
        """Stable Diffusion 2.1 and DINO ViT-B/8 from hub ids or folders; new input channels start at zero.

        The surface, relief and fusion networks, and the tokens, are fresh: train them (`model.train --size sd21`).
        """
        unet = UNet2DConditionModel.from_pretrained(diffusion, subfolder="unet", **options)
        autoencoder = AutoencoderKL.from_pretrained(diffusion, subfolder="vae", **options)
        scheduler = DDIMScheduler.from_pretrained(diffusion, subfolder="scheduler", **options)
        encoder = ViTModel.from_pretrained(dino, **options)
        config = model_config(preset, "sd21")
        tokens = AssetTokens(encoder.config.hidden_size, config.token_width, unet.config.cross_attention_dim)
        if config.anchored:
            widen_inputs(unet, config.denoiser_inputs)
        pipeline = cls(autoencoder, encoder, tokens, unet, scheduler=scheduler, preset=preset, size_name="sd21")
        if config.anchored:
            fresh = {"surface": build_surface(config), "relief": build_relief(config), "fusion": build_fusion(config)}
            pipeline.register_modules(**{name: network.eval() for name, network in fresh.items()})
        return pipeline

    @property
    def size(self) -> int:
        """Pixels of the square that the model works at."""
        return self.model_config.size

    @property
    def parts(self) -> Parts:
        named = self.components
        return Parts(
            self.model_config,
            *(named[k] for k in NAMES),
        )

    @property
    def fingerprint(self) -> str:
        """Names the appearance encoder's weights: assets of another encoder are encoded anew when used."""
        if not hasattr(self, "_fingerprint"):
            digest = hashlib.sha256()
            for value in self.encoder.state_dict().values():
                digest.update(value.float().sum().cpu().numpy().tobytes())
            self._fingerprint = digest.hexdigest()[:16]
        return self._fingerprint

    @memory_errors_as_sentences
    @torch.no_grad()
    def encode(
        self, image: np.ndarray, boxes: Sequence[Box], camera: PinholeCamera,
        masks: Sequence[np.ndarray | None] | None = None, ground: float = 0.0,
        cancel: Callable[[], bool] | None = None,
    ) -> tuple[list[NeuralAsset], BackgroundAsset]:  # fmt: skip
        """The Neural Assets of the boxes in a picture, and its background.

        image uint8 [H, W, 3] sRGB; masks: per box [H, W] (non-zero inside) or None for the predicted one;
        ground: height of the floor in metres; cancel: asked between parts of the work, True raises Cancelled.
        Raises ImageError, BoxError, CameraError, SceneError.
        """
        return encode_picture(
            self.parts, self.fingerprint, image, boxes, camera, masks, ground, self._execution_device, pause_of(cancel)
        )

    @memory_errors_as_sentences
    @torch.no_grad()
    def render(
        self, scene: Scene, settings: RenderSettings | None = None, on_step: OnStep | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Result:  # fmt: skip
        """The picture of a posed scene.

        on_step(i, uint8 [h, w, 3]) gets a preview at the model's size after each sampler step; cancel() is asked
        between parts of the work, True raises Cancelled; it may itself render another scene. Raises SceneError,
        BoxError, CameraError. Equal arguments give equal pictures.
        """
        scene, settings = scene.checked(), (settings or RenderSettings()).checked()
        clock = Clock()
        pause = clock.beside(pause_of(cancel))
        drawn = self.draw(scene, settings, clock, on_step, pause)
        pause()
        return finish(self.parts, settings, drawn, clock)

    __call__ = render

    @torch.no_grad()
    def draw(
        self, scene: Scene, settings: RenderSettings, clock: Clock, on_step: OnStep | None = None, pause: Pause = never
    ) -> Drawn:
        """What the sampler makes of a checked scene at the model's size; `finish` makes the picture of it."""
        device = self._execution_device  # takes some milliseconds to find out
        prepared = self._prepare(scene, device)
        posed = pose_scene(scene, settings, prepared, self.size, device)
        clock.mark("geometry")
        condition, carried_latents = self._condition(prepared, posed)
        clock.mark("tokens")
        again = decoded_picture(self.parts, carried_latents) if self.model_config.anchored else None

        def report(step: int, estimate: Tensor) -> None:
            if on_step is not None:
                on_step(step, step_picture(self.parts, posed, estimate, again))

        latents = self._sample(scene, settings, posed, condition, carried_latents, report, pause)
        clock.mark("denoiser")
        return Drawn(prepared, posed, decoded_picture(self.parts, latents), again)

    def reconstruct(self, image: np.ndarray) -> np.ndarray:
        """A picture through the autoencoder and back, at the model's size: the ceiling of what it can draw."""
        small = resized(image_tensor(checked_image(image), self._execution_device), self.size, self.size)
        patch = self.model_config.patch
        with torch.no_grad():
            made = latents_to_image(self.autoencoder, image_to_latents(self.autoencoder, small, patch), patch)
        return to_uint8(made)

    def _prepare(self, scene: Scene, device: torch.device) -> Prepared:
        """Cached by the identity of the assets: poses do not matter."""
        key = (*(p.asset for p in scene.placements), scene.background, device)
        if self._prepared is None or not _same(self._prepared[0], key):
            width = self.encoder.config.hidden_size
            made = prepare(self._current(scene, device), self.size, width, device)
            self._prepared = (key, made)
        return self._prepared[1]

    def _current(self, scene: Scene, device: torch.device) -> Scene:
        """The scene with the tokens of assets from other encoders made anew from their own pictures."""
        return refreshed(scene, self.encoder, self.fingerprint, device)

    def _condition(self, prepared: Prepared, posed: Posed) -> tuple[Condition, Tensor]:
        latents = image_to_latents(self.autoencoder, posed.carried.image, self.model_config.patch)
        best = best_entries(prepared.coarse, posed.camera, posed.boxes)  # [1, N]
        appearance = prepared.appearance[prepared.coarse.view[best]] if best.numel() else prepared.appearance[None]
        pose = pose_tokens_input(posed.camera, posed.boxes)
        relative = relative_pose(prepared.source_camera, posed.camera) * prepared.has_background
        tokens = self.tokens(appearance, pose, prepared.background, relative)
        mask = token_mask(posed.boxes.present, prepared.has_background)
        if not self.model_config.anchored:
            return Condition(tokens, mask, None), latents
        maps = denoiser_maps(posed.carried, posed.region, posed.half)
        return Condition(tokens, mask, torch.cat([latents, maps], 1)), latents

    def _sample(self, scene, settings, posed, condition, carried_latents, report, pause) -> Tensor:
        seeds = [placed.seed for placed in scene.placements]
        noise = starting_noise(carried_latents.shape, settings.seed, seeds, posed.carried.slot).to(carried_latents)
        start = self.config.start if settings.start == "default" else settings.start
        guidance = self._guidance(scene, settings, posed)
        unconditional = condition.unconditional() if guidance is not None else None

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            pause()
            made = denoise(self.unet, z, t, condition)
            if unconditional is None:
                return made
            without = denoise(self.unet, z, t, unconditional)
            assert guidance is not None
            return without + guidance * (made - without)

        if self.model_config.prediction != "flow":
            scheduler = type(self.scheduler).from_config(self.scheduler.config)  # its own: it counts its steps
            return sample_scheduler(scheduler, velocity, carried_latents, noise, settings, start, report)
        state, time_left = starting_latents(carried_latents, noise, start, settings.start_time)
        return sample_flow(velocity, state, flow_times(settings.steps, time_left), report)

    def _guidance(self, scene: Scene, settings: RenderSettings, posed: Posed) -> Tensor | None:
        """Guidance at every latent [1, 1, h, w]: the scene's, times each object's inside its box; None when it is 1."""
        factors = [p.guidance for p in scene.placements]
        if settings.guidance == 1 and all(f == 1 for f in factors):
            return None
        layers = box_layers(posed.camera, posed.boxes, posed.height // 8, posed.width // 8, maps=False)
        values = torch.tensor([*factors, 1.0], device=layers.slot.device)
        return settings.guidance * values[layers.slot[:, :1]]


def _same(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    return len(first) == len(second) and all(
        a is b or (not hasattr(a, "encoder") and a == b) for a, b in zip(first, second, strict=True)
    )
