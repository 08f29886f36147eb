"""Close looks: at `encode` for small objects, in training for near and far views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model import looking
from model.config import model_config
from model.encoding import encode_picture
from model.geometry import boxes_2d
from model.layers import box_layers
from model.parts import build_parts
from model.scene import Box, PinholeCamera
from model.tensors import boxes_tensor, camera_tensor
from model.training.pictures import drawn_pictures, pipeline_of, windows
from model.training.views import closer_looks, mirrored, photographed

from .toys import ToyPairs

CAMERA = PinholeCamera(np.array([1.2, 1.6, 0.5, 0.5], np.float32), np.eye(4, dtype=np.float32))
SMALL = Box(
    np.array([[1, 0, 0, -0.6], [0, 1, 0, 0.3], [0, 0, 1, 4.0], [0, 0, 0, 1]], np.float32), np.full(3, 0.5, np.float32)
)


class _SeesRed(torch.nn.Module):
    """Stands for a perfect surface network: red pixels are the nearest box's object."""

    def forward(self, image: torch.Tensor, layers: torch.Tensor) -> torch.Tensor:
        outputs = image.new_zeros(len(image), 7, *image.shape[-2:])
        outputs[:, 0] = 40 * (image[:, 0] - 0.5)
        return outputs


def picture_with_a_ring() -> tuple[np.ndarray, np.ndarray]:
    """A thin red ring inside the small box's 2D bounds, and its mask."""
    where, placed = camera_tensor(CAMERA, torch.device("cpu")), boxes_tensor([SMALL], torch.device("cpu"))
    u0, v0, u1, v1 = (boxes_2d(where, placed)[0, 0] * torch.tensor([640, 480, 640, 480])).tolist()
    y, x = np.mgrid[:480, :640] + 0.5
    away = np.hypot(x - (u0 + u1) / 2, y - (v0 + v1) / 2) / ((u1 - u0) / 2)
    mask = (away > 0.62) & (away < 0.7)
    image = np.full((480, 640, 3), 60, np.uint8)
    image[mask, 0] = 250
    return image, mask


def predicted_mask() -> np.ndarray:
    image, _ = picture_with_a_ring()
    parts = replace(build_parts(model_config("anchored", "tiny")), surface=_SeesRed())  # type: ignore[arg-type]
    _, background = encode_picture(parts, "", image, [SMALL], CAMERA, None, 0.0, torch.device("cpu"))
    return background.mask > 0


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_a_small_object_is_looked_at_closely(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("model.encoding.follow_colours", lambda share, image: share)  # red would tell it all
    _, truth = picture_with_a_ring()
    near = overlap(predicted_mask(), truth)
    monkeypatch.setattr(looking, "CLOSE_BELOW", 0.0)
    far = overlap(predicted_mask(), truth)
    assert near > 0.5 and near > far + 0.1


def test_a_sighting_outside_its_window_is_nothing():
    ones = torch.ones(8, 8)
    sighting = looking.Sighting(10, 20, 16, 16, ones, ones)
    share, fraction = sighting.within(0, 30, 0, 40)
    inside = torch.zeros(30, 40)
    inside[10:26, 20:36] = 1
    assert torch.equal(share, inside) and torch.equal(fraction, inside)
    assert float(sighting.within(0, 5, 0, 5)[0].sum()) == 0


def test_looks_keep_boxes_and_objects_together():
    frame = ToyPairs(96).batch(3, 6).source
    looks = closer_looks(frame, torch.Generator().manual_seed(2), 64)
    layers = box_layers(looks.camera, looks.boxes, 64, 64, maps=False)
    objects = looks.object_index >= 0
    inside = (layers.slot == looks.object_index[:, None]).any(1)
    assert float(inside[objects].float().mean()) > 0.98
    depth_ok = (looks.depth[:, None] >= layers.entry - 0.05) & (looks.depth[:, None] <= layers.leave + 0.05)
    own = layers.slot == looks.object_index[:, None]
    assert float((depth_ok & own).any(1)[objects].float().mean()) > 0.97
    assert len({float(f) for f in looks.camera.intrinsics[:, 0]}) > 1  # some near, some far


def test_a_mirrored_frame_is_the_picture_of_a_mirrored_world():
    frame = ToyPairs(64).batch(3, 8).source
    made = mirrored(frame, torch.Generator().manual_seed(1))
    turned = torch.tensor([not torch.equal(a, b) for a, b in zip(made.image, frame.image, strict=True)])
    assert 1 < int(turned.sum()) < 7
    assert torch.equal(made.image[turned], frame.image[turned].flip(-1))
    ones = torch.ones(())
    torch.testing.assert_close(torch.linalg.det(made.boxes.pose[..., :3, :3]), ones.expand(made.boxes.present.shape))
    torch.testing.assert_close(torch.linalg.det(made.camera.world_to_camera[:, :3, :3]), ones.expand(8))
    before, after = (box_layers(f.camera, f.boxes, 64, 64) for f in (frame, made))
    assert float((after.slot[turned] == before.slot[turned].flip(-1)).float().mean()) > 0.999
    torch.testing.assert_close(after.entry[turned], before.entry[turned].flip(-1), atol=1e-3, rtol=1e-3)
    assert torch.equal(after.maps[~turned], before.maps[~turned])


def test_photographs_stay_pictures():
    image = ToyPairs(64).batch(0, 4).source.image
    made = photographed(image, torch.Generator().manual_seed(0))
    assert 0 <= made.min() and made.max() <= 1
    assert 0.01 < float((made - image).abs().mean()) < 0.3


def test_windows_follow_their_camera():
    parts = build_parts(model_config("anchored", "tiny"))
    pairs = ToyPairs(64).batch(1, 3)
    pictures = drawn_pictures(pipeline_of(parts), pairs, torch.Generator().manual_seed(0))
    cut = windows(pictures, 32, torch.Generator().manual_seed(4))
    assert cut.decoded.shape == (3, 3, 32, 32)
    whole = box_layers(pictures.camera, pictures.boxes, 64, 64, maps=False)
    part = box_layers(cut.camera, cut.boxes, 32, 32, maps=False)
    for number in range(3):
        found = [
            (t, le) for t in range(0, 33, 2) for le in range(0, 33, 2)
            if torch.equal(pictures.target[number, :, t : t + 32, le : le + 32], cut.target[number])
        ]  # fmt: skip
        top, left = found[0]
        same = whole.slot[number, :, top : top + 32, left : left + 32] == part.slot[number]
        assert float(same.float().mean()) > 0.995
