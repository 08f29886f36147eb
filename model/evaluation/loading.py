"""Pipelines for programs that print figures: on the device at hand, without progress bars."""

from __future__ import annotations

from pathlib import Path

import diffusers.utils.logging
import torch
import transformers.utils.logging

from ..pipeline import NeuralAssetsPipeline


def device() -> str:
    """The GPU's name for torch where there is one, else the CPU's."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def load_pipeline(folder: Path) -> NeuralAssetsPipeline:
    """The pipeline in a folder; raises WeightsError."""
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    return NeuralAssetsPipeline.load(folder, device())
