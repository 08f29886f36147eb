"""How different two pictures look, as a loss: the distance of their ImageNet features (method notes, section 4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from ..image_features import ImageFeatures, imagenet_weights
from .losses import weighted_mean

LEVELS = slice(1, 4)  # feature maps at strides 4, 8 and 16


class FeatureDistance:
    """Squared distance of channel-normalised features of EfficientNet-Lite0, mean over strides 4, 8 and 16 (0..4).

    Squared errors of pixels are least for the mean of all pictures that may be right, in which outlines are half
    transparent. To features such an outline is nearly as wrong as a sharp one beside its place.
    """

    def __init__(self, network: ImageFeatures) -> None:
        self.network = network.requires_grad_(False).eval()

    @classmethod
    def of_imagenet(cls) -> FeatureDistance | None:
        """With the ImageNet weights; None where the package that carries them is missing."""
        weights = imagenet_weights()
        if weights is None:
            return None
        network = ImageFeatures()
        network.take_over(weights)
        return cls(network)

    def __call__(self, made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
        """made, truth [B, 3, H, W] in 0..1, weight [B, 1, H, W] -> scalar."""
        self.network.to(made.device)
        with torch.no_grad():
            wanted = self.network(truth)[LEVELS]
        distances = []
        for a, b in zip(self.network(made)[LEVELS], wanted, strict=True):
            apart = (normalize(a, dim=1) - normalize(b, dim=1)).square().sum(1, keepdim=True)
            distances.append(weighted_mean(apart, interpolate(weight, apart.shape[-2:], mode="area")))
        return torch.stack(distances).mean()
