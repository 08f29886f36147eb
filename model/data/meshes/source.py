"""`MeshSource`: pairs of pictures of mesh objects, rendered while training (method, section 3)."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...geometry import Boxes, Camera
from ..frames import MAX_OBJECTS, Frame, Pairs, join
from .around import draw_surroundings
from .catalogue import NO_FRONT, Catalogue, split_members
from .hdri import load_maps
from .layout import Plan, plan_pair
from .library import load_library
from .lighting import prepare_lights
from .render import render
from .scene import SceneBatch, Surroundings
from .textures import make_surfaces


class MeshSource:
    """A `PairSource` over a folder of mesh objects (and `*.hdr` environments, if it has any).

    assets: a folder with a manifest.json, or any folder of .glb, .gltf and .obj files. device: where to render.
    held_out_share: share of the instances that training never sees. licences: keep only objects whose licence
    starts with one of these (such as "CC0"). `drawn` holds the object ids of the latest call, [count][slots].
    """

    name = "meshes"

    def __init__(
        self,
        assets: str | Path,
        device: torch.device | str = "cpu",
        held_out_share: float = 0.08,
        licences: tuple[str, ...] | None = None,
        exclude_sources: tuple[str, ...] = (),
    ) -> None:
        self.folder, self.device = Path(assets), torch.device(device)
        self.held_out_share = held_out_share
        self.licences, self.exclude_sources = licences, exclude_sources
        library = load_library(assets)
        self.surfaces = make_surfaces()
        self.first_surface = len(library.roughness)
        library = library.with_textures([s.picture for s in self.surfaces], [s.roughness for s in self.surfaces])
        self.records = library.records
        self.library = library.to(self.device)
        self.lights = prepare_lights(load_maps(Path(assets))).to(self.device)
        self.family_names = tuple(sorted({record.family for record in self.records}))
        self.families_with_front = tuple(f for f in self.family_names if f not in NO_FRONT)
        self.family_index = torch.tensor([self.family_names.index(r.family) for r in self.records])
        self.drawn: list[list[str]] = []
        self._catalogues: dict[str, Catalogue] = {}

    def catalogue(self, split: str) -> Catalogue:
        """The objects of a split that the licences allow."""
        if split not in self._catalogues:
            members = [i for i in split_members(self.records, split, self.held_out_share) if self._allowed(i)]
            self._catalogues[split] = Catalogue(self.library, members, split)
        return self._catalogues[split]

    def _allowed(self, index: int) -> bool:
        record = self.records[index]
        fits = self.licences is None or record.licence.startswith(tuple(self.licences))
        return fits and record.source not in self.exclude_sources

    def pairs(
        self, count: int, size: int, seed: int, *, split: str = "train", tasks: tuple[str, ...] | None = None
    ) -> Pairs:
        """See `PairSource.pairs`. Pair k of a seed does not depend on `count`."""
        catalogue = self.catalogue(split)
        plans, scenes, grounds = [], [], []
        for k in range(count):
            rng = np.random.default_rng([seed, k, zlib.crc32(split.encode())])
            plan = plan_pair(rng, catalogue, tasks)
            around = draw_surroundings(rng, plan, self.surfaces, self.first_surface, len(self.lights.maps))
            plans.append(plan)
            scenes.append(_pair_scene(rng, plan, around))
            grounds.append(0.0 if rng.random() < 0.6 else rng.uniform(-1, 1) * plan.unit)
        self.drawn = [[self.records[stand.mesh].id for stand in _either(plan)] for plan in plans]
        step = 1 if self.device.type == "cpu" else 24
        chunks = [(scenes[i : i + step], grounds[i : i + step], size) for i in range(0, count, step)]
        parts = self._render_all(chunks)
        source, target = (join([part[side] for part in parts]) for side in (0, 1))
        family = torch.full((count, MAX_OBJECTS), -1, dtype=torch.int64)
        for k, plan in enumerate(plans):
            for slot, stand in enumerate(_either(plan)):
                family[k, slot] = self.family_index[stand.mesh]
        task = torch.tensor([plan.task for plan in plans], dtype=torch.int64)
        return Pairs(source, target, task.to(self.device), family.to(self.device))

    def _render_all(self, chunks: list[tuple[list[SceneBatch], list[float], int]]) -> list[tuple[Frame, Frame]]:
        """Render chunks; on a CPU one thread per pair is quicker than all threads on one pair."""
        workers = min(torch.get_num_threads(), len(chunks))
        if self.device.type != "cpu" or workers < 2:
            return [self._render(*chunk) for chunk in chunks]
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(lambda chunk: self._render(*chunk), chunks))

    @torch.no_grad()
    def _render(self, scenes: list[SceneBatch], grounds: list[float], size: int) -> tuple[Frame, Frame]:
        frame = render(self.library, self.lights, join(scenes).to(self.device), size)
        height = torch.tensor(grounds, dtype=torch.float32, device=self.device).repeat_interleave(2)
        frame = _lifted(frame, height)
        return frame[0::2], frame[1::2]


def _either(plan: Plan) -> list:
    """Each slot's stand in whichever frame has it."""
    return [first if first is not None else second for first, second in zip(*plan.stands, strict=True)]


def _pair_scene(rng: np.random.Generator, plan: Plan, around: Surroundings) -> SceneBatch:
    """Both frames of a plan as a batch of two."""
    pose = torch.eye(4).repeat(2, MAX_OBJECTS, 1, 1)
    size = torch.ones(2, MAX_OBJECTS, 3)
    present = torch.zeros(2, MAX_OBJECTS, dtype=torch.bool)
    mesh = torch.zeros(2, MAX_OBJECTS, dtype=torch.int64)
    for side, stands in enumerate(plan.stands):
        for slot, stand in enumerate(stands):
            if stand is not None:
                pose[side, slot] = torch.from_numpy(stand.pose())
                size[side, slot] = torch.from_numpy(stand.size)
                present[side, slot] = True
                mesh[side, slot] = stand.mesh
    matrix = torch.from_numpy(np.stack([view.matrix() for view in plan.views])).float()
    intrinsics = torch.tensor([[view.focal, view.focal, 0.5, 0.5] for view in plan.views], dtype=torch.float32)
    gloss = torch.from_numpy(rng.normal(-0.12, 0.15, MAX_OBJECTS)).float().expand(2, -1)
    return SceneBatch(
        Camera(intrinsics, matrix), Boxes(pose, size, present), mesh, gloss, Surroundings.stack([around, around])
    )


def _lifted(frame: Frame, height: Tensor) -> Frame:
    """The same frames with the ground at z = height [F]: camera and boxes move along."""
    pose = frame.boxes.pose.clone()
    pose[..., 2, 3] += torch.where(frame.boxes.present, height[:, None], 0.0)
    matrix = frame.camera.world_to_camera.clone()
    matrix[:, :3, 3] -= matrix[:, :3, 2] * height[:, None]
    return Frame(
        frame.image,
        frame.object_index,
        frame.depth,
        frame.normals,
        frame.box_coordinates,
        Camera(frame.camera.intrinsics, matrix),
        Boxes(pose, frame.boxes.size, frame.boxes.present),
        height,
    )
