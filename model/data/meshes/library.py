"""Objects as tensors: meshes of a folder in one flat, cached, pickle-free file (method, section 3).

Every object lies in its own box: vertices are box coordinates (-0.5..0.5, tight on all axes), +x right,
-y front, +z up. A glTF file is Y-up with its front at +Z, so (x, y, z) becomes (x, -z, y).
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...errors import AssetFileError
from .reading import LEVELS, ObjectRecord, RawObject, list_objects, load_object

CACHE_VERSION = 6
TENSORS_PER_OBJECT = ("first_face", "face_count", "first_vertex", "vertex_count", "size", "flat_top", "closed")


@dataclass(frozen=True)
class MeshLibrary:
    """All meshes, concatenated. V vertices, T triangles, M materials, O objects, P texels.

    vertices [V, 3] box coordinates; normals [V, 3] unit, box axes; uv [V, 2] (v downwards); faces [T, 3] int64;
    face_material [T] int64; texels [P] int32 (packed sRGB RGBA8); texture_offset [M, LEVELS] int64 and
    texture_size [M, LEVELS, 2] int64 (width, height) of the mip levels; roughness, metallic [M];
    first_face, face_count, first_vertex, vertex_count [O] int64; size [O, 3] metres; flat_top, closed [O] bool.
    """

    vertices: Tensor
    normals: Tensor
    uv: Tensor
    faces: Tensor
    face_material: Tensor
    texels: Tensor
    texture_offset: Tensor
    texture_size: Tensor
    roughness: Tensor
    metallic: Tensor
    first_face: Tensor
    face_count: Tensor
    first_vertex: Tensor
    vertex_count: Tensor
    size: Tensor
    flat_top: Tensor
    closed: Tensor
    records: tuple[ObjectRecord, ...] = ()

    def to(self, device: torch.device | str) -> MeshLibrary:
        moved = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name != "records"}
        return MeshLibrary(**moved, records=self.records)

    def with_textures(self, pictures: list[np.ndarray], roughness: list[float]) -> MeshLibrary:
        """This library with further materials (uint8 [h, w, 3] each) after its own."""
        packer = TexturePacker(int(self.texels.numel()))
        for picture in pictures:
            packer.add(picture)
        offsets, sizes = packer.tables()
        changed = {f.name: getattr(self, f.name) for f in fields(self)}
        changed["texels"] = torch.cat([self.texels, packer.texels()])
        changed["texture_offset"] = torch.cat([self.texture_offset, offsets])
        changed["texture_size"] = torch.cat([self.texture_size, sizes])
        changed["roughness"] = torch.cat([self.roughness, torch.tensor(roughness)])
        changed["metallic"] = torch.cat([self.metallic, torch.zeros(len(roughness))])
        return MeshLibrary(**changed)


class TexturePacker:
    """Collects textures with their mip levels as one flat list of texels; equal pictures are kept once."""

    def __init__(self, start: int = 0) -> None:
        self.length = start
        self.parts: list[np.ndarray] = []
        self.offsets: list[list[int]] = []
        self.sizes: list[list[tuple[int, int]]] = []
        self.known: dict[bytes, int] = {}

    def add(self, picture: np.ndarray) -> None:
        """Append a material with this uint8 [h, w, 3] sRGB texture."""
        key = hashlib.sha1(picture.tobytes() + str(picture.shape).encode()).digest()
        if key in self.known:
            same = self.known[key]
            self.offsets.append(self.offsets[same])
            self.sizes.append(self.sizes[same])
            return
        self.known[key] = len(self.offsets)
        offsets, sizes, level = [], [], picture.astype(np.float32)
        for _ in range(LEVELS):
            height, width = level.shape[:2]
            offsets.append(self.length)
            sizes.append((width, height))
            texels = np.full((height * width, 4), 255, np.uint8)
            texels[:, :3] = np.rint(level).reshape(-1, 3)
            self.parts.append(texels.view(np.int32)[:, 0])
            self.length += height * width
            level = _halved(level)
        self.offsets.append(offsets)
        self.sizes.append(sizes)

    def tables(self) -> tuple[Tensor, Tensor]:
        """Offsets [M, LEVELS] and sizes [M, LEVELS, 2] (width, height), int64."""
        return (
            torch.tensor(self.offsets, dtype=torch.int64).reshape(-1, LEVELS),
            torch.tensor(self.sizes, dtype=torch.int64).reshape(-1, LEVELS, 2),
        )

    def texels(self) -> Tensor:
        return torch.from_numpy(np.concatenate(self.parts)) if self.parts else torch.zeros(0, dtype=torch.int32)


def _halved(level: np.ndarray) -> np.ndarray:
    height, width = level.shape[:2]
    if height > 1:
        level = 0.5 * (level[: height // 2 * 2 : 2] + level[1 : height // 2 * 2 : 2])
    if width > 1:
        level = 0.5 * (level[:, : width // 2 * 2 : 2] + level[:, 1 : width // 2 * 2 : 2])
    return level


def load_library(folder: str | Path, cache: str | Path | None = None) -> MeshLibrary:
    """The objects of `folder`, from its cache file where that is up to date, else read and cached.

    cache: the cache file; default `.meshes_cache.safetensors` in the folder, or in the user's cache
    folder where the assets are read-only.
    """
    folder = Path(folder)
    entries = list_objects(folder)
    if not entries:
        raise AssetFileError(f"No usable .glb, .gltf or .obj files in {folder}: name a folder that holds some.")
    fingerprint = _fingerprint(folder, entries)
    places = [Path(cache)] if cache else _cache_places(folder)
    for place in places:
        library = _read_cache(place, fingerprint)
        if library is not None:
            return library
    library = build_library([(record, load_object(folder, record)) for record in entries])
    for place in places:
        try:
            _write_cache(place, library, fingerprint)
            break
        except OSError:
            continue
    return library


def build_library(objects: list[tuple[ObjectRecord, RawObject | None]]) -> MeshLibrary:
    """Concatenate objects; those that could not be read (None) are left out."""
    kept = [(record, raw) for record, raw in objects if raw is not None]
    if not kept:
        raise AssetFileError("None of the mesh files could be read: check that they hold triangles.")
    packer = TexturePacker()
    columns: dict[str, list] = {
        name: [] for name in ("vertices", "normals", "uv", "faces", "face_material", *TENSORS_PER_OBJECT)
    }
    roughness, metallic, vertex_count, face_count = [], [], 0, 0
    for _, raw in kept:
        columns["vertices"].append(raw.vertices)
        columns["normals"].append(raw.normals)
        columns["uv"].append(raw.uv)
        columns["faces"].append(raw.faces + vertex_count)
        columns["face_material"].append(raw.face_material + len(roughness))
        columns["first_face"].append(face_count)
        columns["face_count"].append(len(raw.faces))
        columns["first_vertex"].append(vertex_count)
        columns["vertex_count"].append(len(raw.vertices))
        columns["size"].append(raw.size)
        columns["flat_top"].append(raw.flat_top())
        columns["closed"].append(raw.closed)
        for material in raw.materials:
            packer.add(material.picture)
            roughness.append(material.roughness)
            metallic.append(material.metallic)
        vertex_count += len(raw.vertices)
        face_count += len(raw.faces)
    joined = {
        name: torch.from_numpy(np.concatenate(columns[name]))
        for name in ("vertices", "normals", "uv", "faces", "face_material")
    }
    joined |= {name: torch.from_numpy(np.asarray(columns[name])) for name in TENSORS_PER_OBJECT}
    joined["size"] = joined["size"].float()
    offsets, sizes = packer.tables()
    return MeshLibrary(
        **joined,
        texels=packer.texels(),
        texture_offset=offsets,
        texture_size=sizes,
        roughness=torch.tensor(roughness),
        metallic=torch.tensor(metallic),
        records=tuple(record for record, _ in kept),
    )


def _fingerprint(folder: Path, entries: list[ObjectRecord]) -> str:
    digest = hashlib.sha1(f"version {CACHE_VERSION}".encode())
    for record in entries:
        stat = (folder / record.file).stat()
        digest.update(f"{record}|{stat.st_size}|{int(stat.st_mtime)}".encode())
    return digest.hexdigest()


def _cache_places(folder: Path) -> list[Path]:
    name = hashlib.sha1(str(folder.resolve()).encode()).hexdigest()[:16]
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return [folder / ".meshes_cache.safetensors", home / "neural_assets" / f"meshes_{name}.safetensors"]


def _write_cache(place: Path, library: MeshLibrary, fingerprint: str) -> None:
    tensors = {f.name: getattr(library, f.name).contiguous() for f in fields(library) if f.name != "records"}
    records = json.dumps([record.__dict__ for record in library.records])
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f"{place.name}.{os.getpid()}.partial")
    save_file(tensors, partial, {"fingerprint": fingerprint, "records": records})
    os.replace(partial, place)


def _read_cache(place: Path, fingerprint: str) -> MeshLibrary | None:
    if not place.is_file():
        return None
    try:
        with safe_open(place, "pt") as file:
            meta = file.metadata() or {}
            if meta.get("fingerprint") != fingerprint:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception:  # a damaged cache is simply built anew
        return None
    records = tuple(ObjectRecord(**values) for values in json.loads(meta["records"]))
    return MeshLibrary(**tensors, records=records)
