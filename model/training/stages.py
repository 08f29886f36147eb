"""The stages of training: each a module whose forward is its loss, so that one loop trains them all.

Order: autoencoder, surface, relief (from pictures alone); denoiser with encoder and tokens (rectified flow);
few_step (the denoiser on the sampler's own states); fusion (on the sampler's own pictures).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..conditions import rectangle_masks
from ..data.frames import Pairs
from ..denoiser import Condition, denoise
from ..filters import box_max
from ..fusion import compose, fuse
from ..geometry import Boxes
from ..layers import box_layers, true_fraction, true_layer
from ..networks import image_to_latents
from ..parts import Parts
from ..relief import relief_inputs, true_relief
from ..sampling import START_TIME, flow_times, logit_normal_times, starting_latents, training_state
from .examples import Example, as_removals, condition_of, noisy_boxes, surface_targets
from .feature_distance import FeatureDistance
from .losses import decibel_loss, picture_loss, relief_loss, surface_loss, weighted_mean
from .pictures import SAMPLER_STEPS, Pictures, windows
from .views import closer_looks, mirrored, photographed

_SURFACE_SIDES = (0.5, 0.75, 1.0)  # of the model's size: pictures come in many sizes
_RELIEF_SIDES, _RELIEF_NEAREST = (0.5, 0.625, 0.75), 0.6  # the same; the smallest window of a picture
WHOLE_PICTURES, WINDOW = 0.25, 0.625  # of the fusion steps see whole pictures, the others windows of this share
LIKENESS = 0.6  # weight of the feature distance of the final picture
DROP_ALL = 0.1  # share of samples without any condition (section 3.4)
Logs = dict[str, float]


class Stage(nn.Module):
    """Base: `trained` are the modules that the optimiser owns; `uses` is what a batch must be."""

    uses = "examples"

    def __init__(self, parts: Parts, trained: dict[str, nn.Module]) -> None:
        super().__init__()
        self.parts_reference: Callable[[], Parts] = lambda: parts  # not a sub-module: frozen parts stay outside
        self.trained = nn.ModuleDict(trained)

    @property
    def parts(self) -> Parts:
        return self.parts_reference()


class AutoencoderStage(Stage):
    """Pictures through the bottleneck, objects weighted twice; a whisper of KL keeps latents smooth."""

    uses = "pairs"

    def __init__(self, parts: Parts, crop: int = 128) -> None:
        super().__init__(parts, {"autoencoder": parts.autoencoder})
        self.crop = crop

    def forward(self, pairs: Pairs, generator: torch.Generator, progress: float) -> tuple[Tensor, Logs]:
        image = torch.cat([pairs.source.image, pairs.target.image])
        weight = 1 + (torch.cat([pairs.source.object_index, pairs.target.object_index]) >= 0).float()[:, None]
        side = min(self.crop, image.shape[-1])
        top, left = (int(torch.randint(0, image.shape[-1] - side + 1, (1,), generator=generator)) for _ in "yx")
        image, weight = (x[..., top : top + side, left : left + side] for x in (image, weight))
        autoencoder, patch = self.parts.autoencoder, self.parts.config.patch
        pixels = nn.functional.pixel_unshuffle(image * 2 - 1, patch)
        posterior = autoencoder.encode(pixels.contiguous(memory_format=torch.channels_last)).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator).to(image.device)
        made = autoencoder.decode(posterior.mean + posterior.std * noise).sample
        made = nn.functional.pixel_shuffle(made.float(), patch) / 2 + 0.5
        loss = picture_loss(made, image, weight)
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        error = (made.detach().clamp(0, 1) - image).square().mean()
        return loss + 1e-4 * kl, {
            "loss": loss.item(),
            "psnr": float(-10 * error.log10()),
            "kl": kl.item(),
        }


class SurfaceStage(Stage):
    """Which box's object is seen at each source pixel, and how deep in the box its surface lies."""

    uses = "pairs"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, {"surface": parts.surface})

    def forward(self, pairs: Pairs, generator: torch.Generator, progress: float) -> tuple[Tensor, Logs]:
        side = _SURFACE_SIDES[int(torch.randint(0, len(_SURFACE_SIDES), (1,), generator=generator))]
        frame = mirrored(as_removals(pairs).source, generator)
        frame = closer_looks(frame, generator, round(self.parts.config.size * side / 32) * 32)
        image = photographed(frame.image, generator)
        boxes = noisy_boxes(frame.boxes, generator)
        height, width = image.shape[-2:]
        full = box_layers(frame.camera, boxes, height, width, maps=False)
        half = box_layers(frame.camera, boxes, height // 2, width // 2)
        outputs = self.parts.surface(image, half.maps)
        layer, fractions = surface_targets(frame, full)
        mask, fraction = surface_loss(outputs, layer, fractions, full.slot, torch.ones_like(layer, dtype=torch.bool))
        return mask + 2 * fraction, {"mask": mask.item(), "fraction": fraction.item()}


class ReliefStage(Stage):
    """How far what stands behind the objects is before or behind the floor."""

    uses = "pairs"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, {"relief": parts.relief})

    def forward(self, pairs: Pairs, generator: torch.Generator, progress: float) -> tuple[Tensor, Logs]:
        side = _RELIEF_SIDES[int(torch.randint(0, len(_RELIEF_SIDES), (1,), generator=generator))]
        frame = mirrored(as_removals(pairs).source, generator)
        frame = closer_looks(frame, generator, round(self.parts.config.size * side / 32) * 32, _RELIEF_NEAREST)
        hidden = known_objects(frame.object_index, frame.boxes)[:, None].float()
        grown = box_max(hidden, int(torch.randint(0, 3, (1,), generator=generator)))
        made = self.parts.relief(photographed(frame.image, generator), relief_inputs(frame.camera, grown))
        truth, told = true_relief(frame.depth, frame.camera, frame.ground)
        kind, wrong = relief_loss(made, truth, (hidden < 0.5) & told)
        return kind + 5 * wrong, {"kind": kind.item(), "wrong": wrong.item()}


def known_objects(index: Tensor, boxes: Boxes) -> Tensor:
    """Where objects with boxes [B, N] are seen, [B, H, W] bool; index [B, H, W] the objects seen, -1 for none."""
    slot = index.clamp_min(0)
    return boxes.present.gather(1, slot.flatten(1)).view_as(slot) & (index >= 0)


def explained(index: Tensor, boxes: Boxes, size: tuple[int, ...]) -> Tensor:
    """Loss weights [B, 1, h, w]: 0 where the target, object_index [B, H, W], shows an object without an asset (its box
    [B, N] is absent), 2 on objects, 1 elsewhere."""
    weight = torch.where(index >= 0, 2 * known_objects(index, boxes).float(), 1.0)
    return interpolate(weight[:, None], size, mode="area")


class DenoiserStage(Stage):
    """Rectified flow (or the pretrained backbone's own objective), jointly with the appearance encoder
    (section 3.4); high noise first."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, {"unet": parts.unet, "encoder": parts.encoder, "tokens": parts.tokens})

    def forward(self, example: Example, generator: torch.Generator, progress: float) -> tuple[Tensor, Logs]:
        clean = example.latents.float()
        count, device = clean.shape[0], clean.device
        condition = condition_of(self.parts, example)
        condition = condition.dropped((torch.rand(count, generator=generator) < DROP_ALL).to(device))
        t = logit_normal_times(count, generator, 3.0 if progress < 0.1 else 1.0).to(device)
        noise = torch.randn(clean.shape, generator=generator).to(device)
        state, answer = training_state(self.parts.config.prediction, clean, noise, t)
        made = denoise(self.parts.unet, state, t, condition).float()
        weight = explained(example.object_index, example.target_boxes, clean.shape[-2:])
        loss = weighted_mean((made - answer) ** 2, weight)
        return loss, {"loss": loss.item()}


class FewStepStage(Stage):
    """The denoiser on the states that its own few-step sampler visits, each aimed at the clean latents."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, {"unet": parts.unet, "encoder": parts.encoder, "tokens": parts.tokens})

    def forward(self, example: Example, generator: torch.Generator, progress: float) -> tuple[Tensor, Logs]:
        clean = example.latents.float()
        condition = condition_of(self.parts, example)
        state, t = visited_state(self.parts, example, condition, generator)
        times = torch.full((clean.shape[0],), t, device=clean.device)
        velocity = denoise(self.parts.unet, state, times, condition).float()
        estimate = state - t * velocity
        weight = explained(example.object_index, example.target_boxes, clean.shape[-2:])
        loss = weighted_mean((estimate - clean) ** 2, weight)
        return loss, {"loss": loss.item(), f"loss_{t:.2f}": loss.item()}


@torch.no_grad()
def visited_state(
    parts: Parts, example: Example, condition: Condition, generator: torch.Generator
) -> tuple[Tensor, float]:
    """The state after a random number of sampler steps from a random start, and its time."""
    noise = torch.randn(example.latents.shape, generator=generator).to(example.latents.device)
    style = "carried" if parts.config.anchored and torch.rand(1, generator=generator) < 0.75 else "noise"
    state, start = starting_latents(example.carried_latents.float(), noise, style, START_TIME)
    times = flow_times(SAMPLER_STEPS, start)
    done = int(torch.randint(0, SAMPLER_STEPS, (1,), generator=generator))
    frozen = Condition(condition.tokens.detach(), condition.token_mask, condition.channels)
    field = lambda z, t: denoise(parts.unet, z, t, frozen).float()  # noqa: E731
    for i in range(done):
        now, later = times[i].item(), times[i + 1].item()
        state = state + (later - now) * field(state, torch.full((state.shape[0],), now, device=state.device))
    return state, times[done].item()


class FusionStage(Stage):
    """Blend, correction, masks and depth of the final picture, on pictures that the sampler made."""

    uses = "pictures"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, {"fusion": parts.fusion})
        self.feature_distance = FeatureDistance.of_imagenet()

    def forward(self, batch: Pictures, generator: torch.Generator, progress: float) -> tuple[Tensor, Logs]:
        whole = float(torch.rand(1, generator=generator)) < WHOLE_PICTURES
        size = self.parts.config.size
        batch = windows(batch, size if whole else round(size * WINDOW / 32) * 32, generator)
        target, camera, boxes = batch.target, batch.camera, batch.boxes
        height, width = target.shape[-2:]
        full = box_layers(camera, boxes, height, width, maps=False)
        half = box_layers(camera, boxes, height // 2, width // 2)
        planes = batch.planes()
        result = fuse(self.parts.fusion, planes, batch.decoded, batch.again, batch.maps, full, half)
        made = compose(result, planes, batch.maps[:, 3:4])
        weight = explained(batch.object_index, boxes, (height, width))
        picture = picture_loss(made.float(), target, weight)
        objects = decibel_loss(made.float(), target, rectangle_masks(camera, boxes, height, width), weight)
        layer, fractions = true_layer(full, batch.object_index), true_fraction(full, batch.depth)
        mask, fraction = surface_loss(result.outputs, layer, fractions, full.slot, weight[:, 0] > 0)
        error = weighted_mean((made.detach() - target) ** 2, weight)
        before = weighted_mean((planes.image - target) ** 2, weight)
        logs = {"loss": picture.item(), "mask": mask.item(), "gain_db": float(10 * (before / error).log10())}
        loss = picture + 0.1 * objects + 0.2 * mask + 0.2 * fraction
        if self.feature_distance is not None:
            features = self.feature_distance(made.float(), target, weight)
            loss, logs["features"] = loss + LIKENESS * features, features.item()
        return loss, logs


STAGES: dict[str, Callable[[Parts], Stage]] = {
    "autoencoder": AutoencoderStage,
    "surface": SurfaceStage,
    "relief": ReliefStage,
    "denoiser": DenoiserStage,
    "few_step": FewStepStage,
    "fusion": FusionStage,
}


@torch.no_grad()
def calibrate_latents(parts: Parts, image: Tensor) -> None:
    """Shift and scale the autoencoder's latents to mean 0, deviation 1 on pictures [B, 3, H, W]."""
    parts.autoencoder.register_to_config(scaling_factor=1.0, shift_factor=0.0)
    latents = image_to_latents(parts.autoencoder, image, parts.config.patch).float()
    parts.autoencoder.register_to_config(scaling_factor=float(1 / latents.std()), shift_factor=float(latents.mean()))
