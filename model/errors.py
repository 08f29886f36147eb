"""Every refusal of the model: a named exception, one sentence, and what to do."""

from __future__ import annotations


class NeuralAssetsError(ValueError):
    """Base of all refusals; `str()` is one sentence that says what is wrong and what to do."""


class BoxError(NeuralAssetsError):
    """A box that cannot be used: NaN, zero or negative size, shear, mirrored axes, around the camera."""


class CameraError(NeuralAssetsError):
    """A camera that cannot be used: NaN, no focal length, not a rigid transform."""


class ImageError(NeuralAssetsError):
    """A picture that cannot be used: wrong shape or type, too small, too large, too long."""


class SceneError(NeuralAssetsError):
    """A scene that cannot be rendered: nothing in it, too many objects, a size out of limits."""


class AssetFileError(NeuralAssetsError):
    """A file that is not a Neural Asset, is damaged, or comes from a newer version."""


class WeightsError(NeuralAssetsError):
    """A weights folder that is missing, truncated, or of another preset."""


class DeviceMemoryError(NeuralAssetsError):
    """The device that computes has no memory left; nothing was lost."""


class Cancelled(Exception):
    """The caller asked to stop; nothing was written."""
