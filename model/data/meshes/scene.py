"""What a batch of frames shows: instances of meshes and their surroundings, as tensors."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ...geometry import Boxes, Camera

WALLS = 4


@dataclass(frozen=True)
class Surroundings:
    """Everything around the objects of F frames; lengths in metres, the objects' ground at world z = 0.

    environment [F] int64; turn [F] radians about z; exposure [F]; open [F] bool (the floor fades into the
    environment); floor_height [F] (below 0 under a table); material [F, 3] int64 of floor, walls, table;
    tile [F, 3] edge of a texture tile; angle [F, 3] of the texture; tint [F, 3, 3];
    wall_plane [F, WALLS, 3] (inward normal x, y and offset: n.p = offset; offset -1e6: none);
    table [F, 6] (centre x, y, half extents x, y, angle, thickness; half extents 0: none);
    centre [F, 3] and reach [F]: the sphere around all objects.
    """

    environment: Tensor
    turn: Tensor
    exposure: Tensor
    open: Tensor
    floor_height: Tensor
    material: Tensor
    tile: Tensor
    angle: Tensor
    tint: Tensor
    wall_plane: Tensor
    table: Tensor
    centre: Tensor
    reach: Tensor

    def to(self, device: torch.device | str) -> Surroundings:
        return Surroundings(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    @staticmethod
    def stack(parts: list[Surroundings]) -> Surroundings:
        return Surroundings(
            **{f.name: torch.stack([getattr(part, f.name) for part in parts]) for f in fields(Surroundings)}
        )


@dataclass(frozen=True)
class SceneBatch:
    """F frames: camera [F], boxes [F, N], mesh [F, N] int64 (object of the library), gloss [F, N] (added to the
    materials' roughness) and surroundings [F]."""

    camera: Camera
    boxes: Boxes
    mesh: Tensor
    gloss: Tensor
    around: Surroundings

    def to(self, device: torch.device | str) -> SceneBatch:
        return SceneBatch(
            self.camera.to(device),
            self.boxes.to(device),
            self.mesh.to(device),
            self.gloss.to(device),
            self.around.to(device),
        )
