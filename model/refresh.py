"""Tokens of assets that another encoder made, made anew from the pictures they carry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from transformers import ViTModel

from .assets import AssetView, BackgroundAsset, NeuralAsset
from .conditions import GREY
from .geometry import roi_align
from .scene import Scene
from .tensors import image_tensor


def refreshed(scene: Scene, encoder: ViTModel, fingerprint: str, device: torch.device) -> Scene:
    """The scene with every asset's tokens from `encoder`; assets that have them already are kept."""
    placements = tuple(
        p if p.asset.encoder == fingerprint else replace(p, asset=_object(p.asset, encoder, fingerprint, device))
        for p in scene.placements
    )
    background = scene.background
    if background is not None and background.encoder != fingerprint:
        background = _background(background, encoder, fingerprint, device)
    return replace(scene, placements=placements, background=background)


def _object(asset: NeuralAsset, encoder: ViTModel, fingerprint: str, device: torch.device) -> NeuralAsset:
    tokens = [_tokens(encoder, _on_grey(view, device)) for view in asset.views]
    return replace(asset, appearance=torch.cat(tokens).cpu().numpy().astype(np.float32), encoder=fingerprint)


def _background(asset: BackgroundAsset, encoder: ViTModel, fingerprint: str, device: torch.device) -> BackgroundAsset:
    hidden = torch.from_numpy(np.array(asset.mask)).to(device)[None, None] > 0
    picture = torch.where(hidden, GREY, image_tensor(np.array(asset.image), device))
    return replace(
        asset,
        appearance=_tokens(encoder, picture)[0].cpu().numpy().astype(np.float32),
        encoder=fingerprint,
    )


def _on_grey(view: AssetView, device: torch.device) -> Tensor:
    inside = torch.from_numpy(view.mask.astype(np.float32)).to(device)[None, None] > 127
    return torch.where(inside, image_tensor(np.array(view.image), device), GREY)


def _tokens(encoder: ViTModel, picture: Tensor) -> Tensor:
    """[1, 3, h, w] -> [1, 4, F], RoIAligned over the whole picture."""
    size = encoder.config.image_size
    small = torch.nn.functional.interpolate(picture, (size, size), mode="bilinear", antialias=True) * 2 - 1
    features = encoder(small).last_hidden_state[:, 1:]
    side = round(features.shape[1] ** 0.5)
    grid = features.transpose(1, 2).unflatten(2, (side, side))
    return roi_align(grid, torch.tensor([[[0.0, 0.0, 1.0, 1.0]]], device=picture.device))[:, 0]
