"""Objects as boxes: the pose and size of any object's local bounding box.

In the box +x is right, -y the front, +z up: Blender's own front view. Runs for every box that moves at every change
of the scene, therefore with Blender's own matrices and not with numpy, whose calls cost more than these few sums.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mathutils import Matrix, Vector

from ..protocol.api import Box
from ..protocol.errors import ErrorCode, ProtocolError

SHEAR_TOLERANCE = 5e-4
LEAST_SIDE = 1e-9


def box_of(name: str, matrix_world: Matrix, low: Sequence[float], high: Sequence[float], metres: float = 1.0) -> Box:
    """The box of an object.

    matrix_world: local to world; low, high [3]: its local bounds in Blender units; metres: length of one Blender unit.
    Raises ProtocolError for NaN, shear, mirrored axes and sides without length, naming the box.
    """
    axes = [row.xyz for row in matrix_world.transposed()[:3]]
    lengths = [axis.length for axis in axes]
    centre = matrix_world @ ((Vector(low) + Vector(high)) / 2) * metres
    size = tuple(length * (b - a) * metres for length, a, b in zip(lengths, low, high, strict=True))
    if not all(map(math.isfinite, (*centre, *size))):
        raise _refusal(f"The box '{name}' has a transform that is not a number.", "Reset it (Alt-G, Alt-R, Alt-S).")
    if min(size) < LEAST_SIDE:
        raise _refusal(f"The box '{name}' is flat or scaled to zero.", "Give all three sides a length.")
    if matrix_world.is_negative:
        raise _refusal(f"The box '{name}' is mirrored by a negative scale.", "Make its scale positive.")
    x, y, z = (axis / length for axis, length in zip(axes, lengths, strict=True))
    if max(abs(x.dot(y)), abs(x.dot(z)), abs(y.dot(z))) > SHEAR_TOLERANCE:
        raise _refusal(
            f"The box '{name}' is sheared: a parent is scaled unevenly and this box is turned against it.",
            "Apply the parent's scale.",
        )
    pose = (x.x, y.x, z.x, centre.x, x.y, y.y, z.y, centre.y, x.z, y.z, z.z, centre.z, 0.0, 0.0, 0.0, 1.0)
    return Box(pose, size)


def _refusal(sentence: str, cure: str) -> ProtocolError:
    return ProtocolError(ErrorCode.BOX, sentence, cure)
