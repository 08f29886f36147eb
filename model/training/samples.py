"""The picture that training shows of itself: source | carried | made | truth, a row a pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ..data import convert
from ..data.as_scene import encode_source, target_scene
from ..data.frames import Pairs
from ..parts import Parts
from ..scene import RenderSettings
from .pictures import SAMPLER_STEPS, pipeline_of


def write_samples(parts: Parts, pairs: Pairs, path: Path) -> None:
    """Write what the model makes of pairs [B] now as PNG."""
    pipeline, rows = pipeline_of(parts), []
    for number in range(len(pairs.task)):
        pair = pairs[number : number + 1]
        source, target = (convert.to_uint8(frame.image[0]) for frame in (pair.source, pair.target))
        scene, _ = target_scene(encode_source(pipeline, pair), pair)
        settings = RenderSettings(width=target.shape[1], height=target.shape[0], steps=SAMPLER_STEPS)
        made = pipeline.render(scene, settings)
        rows.append(np.concatenate([source, made.carried, made.image, target], 1))
    Image.fromarray(np.concatenate(rows)).save(path)
