"""Where the appearance of a scene comes from: the views of its assets and its background, in tables."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .atlas import Atlas
from .cast_shadows import Casting
from .geometry import Boxes, Camera, box_to_camera, full_precision, into_box, projection, rigid_inverse
from .relief import Relief

GUESSED = 0.4  # taken off the cosine of a guess: what was seen from up to some 60 degrees aside is better


@dataclass(frozen=True)
class Sources:
    """Where appearance comes from, E (object, view) entries for B target pictures.

    atlas: rows are (r, g, b) 0..1; frame [E] target picture, slot [E] object, view [E] atlas view,
    label [E] the object's label in that view; intrinsics [V, 4] of the views;
    to_camera [E, 4, 4] box-to-camera in the view, size [E, 3] metres in the view;
    points [Q, 3] box coordinates of all seen surface points and point_entry [Q] whose they are;
    depth [T, 1]: camera z in metres of every atlas row that shows an object (None where an object is
    only read from its one view);
    background_view [B] (-1: none) with background_camera [B] and ground [B] metres (world z);
    before [B, N]: where the objects stood in the background's picture (absent: not in it);
    plate_view [B]: the background's clean plate (-1, or no tensor: there is none);
    air [V]: how far before a view's surface its object has nothing, in box diagonals (no tensor: it is not known);
    guessed [E] bool: twins of a view, which show what it did not (no tensor: there are none);
    casting: what cast shadows are drawn from, of a single target picture (None: its light is not known);
    relief: how the background of a single target picture stands up from its floor (None: it is not known).
    """

    atlas: Atlas
    frame: Tensor
    slot: Tensor
    view: Tensor
    label: Tensor
    intrinsics: Tensor
    to_camera: Tensor
    size: Tensor
    points: Tensor
    point_entry: Tensor
    background_view: Tensor
    background_camera: Camera
    ground: Tensor
    before: Boxes
    depth: Tensor | None = None
    plate_view: Tensor | None = None
    air: Tensor | None = None
    guessed: Tensor | None = None
    casting: Casting | None = None
    relief: Relief | None = None


@full_precision
def projections_back(sources: Sources, camera: Camera, boxes: Boxes) -> Tensor:
    """Of every entry the `projection` [E, 3, 4] from the target's camera space into its view: where that saw what the
    box [B, N] carries there. In double precision, so that a box that did not move gives every pixel its own."""
    now = box_to_camera(camera, boxes)[sources.frame, sources.slot].double()
    inside = into_box(now, boxes.size[sources.frame, sources.slot].double())
    seen = projection(sources.to_camera.double(), sources.size.double(), sources.intrinsics[sources.view].double())
    beyond = torch.cat([torch.zeros_like(seen[..., :3]), seen[..., 3:]], -1)
    return (seen[..., :3] @ inside + beyond).float()


def lines_of_sight(sources: Sources, camera: Camera, boxes: Boxes) -> Tensor:
    """Cosine [E] between the sides from which an entry's view and the target look at its object; a guess is believed
    as if it looked from further away."""
    now = rigid_inverse(box_to_camera(camera, boxes)[sources.frame, sources.slot])[:, :3, 3]
    then = rigid_inverse(sources.to_camera)[:, :3, 3]
    cosine = torch.nn.functional.cosine_similarity(now, then, dim=-1)
    return cosine if sources.guessed is None else cosine - GUESSED * sources.guessed


def best_entries(sources: Sources, camera: Camera, boxes: Boxes) -> Tensor:
    """For each object [B, N] the entry whose source saw it most nearly as the target does (-1: none)."""
    batch, count = boxes.size.shape[:2]
    best = torch.full((batch * max(count, 1),), -1, device=boxes.pose.device)
    if count == 0 or sources.frame.shape[0] == 0:
        return best.view(batch, -1)[:, :count]
    score = lines_of_sight(sources, camera, boxes)
    index = sources.frame * count + sources.slot
    top = torch.full_like(best, -2, dtype=score.dtype).scatter_reduce(0, index, score, "amax")
    winners = (score == top[index]).nonzero()[:, 0]
    best[index[winners]] = winners
    return best.view(batch, count)
