"""Every exception of the model becomes a code, a sentence and a cure."""

from __future__ import annotations

import pytest

from model import errors
from server.failures import as_refusal, split_sentence
from server.protocol.errors import ErrorCode, ProtocolError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BoxError("Box 1 is bad: move it."), ErrorCode.BOX),
        (errors.CameraError("The camera is bad: turn it."), ErrorCode.CAMERA),
        (errors.ImageError("The picture is bad: crop it."), ErrorCode.IMAGE),
        (errors.SceneError("The scene is bad: fill it."), ErrorCode.SCENE),
        (errors.WeightsError("No weights: get them."), ErrorCode.WEIGHTS),
        (errors.DeviceMemoryError("The card is full: empty it."), ErrorCode.MEMORY),
        (errors.AssetFileError("The file is bad: export it."), ErrorCode.ASSET_DAMAGED),
        (errors.Cancelled("stopped"), ErrorCode.CANCELLED),
        (MemoryError(), ErrorCode.MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."), ErrorCode.MEMORY),
        (OSError(28, "No space left on device"), ErrorCode.DISK),
        (PermissionError(13, "Permission denied"), ErrorCode.STORE),
        (ZeroDivisionError("division by zero"), ErrorCode.INTERNAL),
    ],
)
def test_codes(error, code):
    refusal = as_refusal(error)
    assert refusal.code is code and refusal.sentence.endswith(".")


def test_every_refusal_of_the_model_has_a_code():
    for kind in errors.NeuralAssetsError.__subclasses__():
        assert as_refusal(kind("It is so: do that.")).code is not ErrorCode.INTERNAL


def test_sentences():
    assert split_sentence("The disk 'C:' is odd: look at it.") == ("The disk 'C:' is odd.", "Look at it.")
    same = ProtocolError(ErrorCode.BUSY, "Full.", "Wait.")
    assert as_refusal(same) is same and str(same) == "Full. Wait."
