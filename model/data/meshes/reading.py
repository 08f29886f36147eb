"""Reads mesh files (glTF, OBJ) through trimesh into plain arrays, and the manifest of an assets folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .raster import EMPTY, rasterise

LEVELS = 5  # mip levels of every texture
TEXTURE_LIMIT = 256
SUFFIXES = (".glb", ".gltf", ".obj")
SCANS = ("ycb", "gso")


@dataclass(frozen=True)
class ObjectRecord:
    """One object of an assets folder. `file` is relative to it; `scale` turns its units into metres
    (0: unknown, the longest side becomes half a metre)."""

    id: str
    file: str
    family: str
    source: str
    licence: str = ""
    credit: str = ""
    origin: str = ""
    textured: bool = True
    scale: float = 0.0


@dataclass(frozen=True)
class Material:
    """picture uint8 [h, w, 3] sRGB; roughness and metallic 0..1."""

    picture: np.ndarray
    roughness: float = 0.7
    metallic: float = 0.0


@dataclass(frozen=True)
class RawObject:
    """A mesh in its box: vertices [V, 3] -0.5..0.5, normals [V, 3], uv [V, 2] (v downwards), faces [F, 3] int64,
    face_material [F] int64, size [3] metres; closed: back faces cannot be seen."""

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    face_material: np.ndarray
    materials: list[Material]
    size: np.ndarray
    closed: bool

    def flat_top(self) -> bool:
        """Whether something can stand on it: upward faces near the top cover most of the footprint."""
        corners = self.vertices[self.faces]
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        footprint = 0.5 * np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
        return bool(footprint[corners[:, :, 2].min(1) > 0.46].sum() > 0.6)


def list_objects(folder: Path) -> list[ObjectRecord]:
    """The usable objects of a folder: from its manifest.json if it has one, else every mesh file in it."""
    manifest = folder / "manifest.json"
    if manifest.is_file():
        return [
            _manifest_record(entry)
            for entry in json.loads(manifest.read_text())
            if entry.get("foreground_ok", True)
            and not entry.get("duplicate", False)
            and (folder / entry["file"]).is_file()
        ]
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    records = []
    for path in files:
        relative = path.relative_to(folder)
        family = relative.parts[0] if len(relative.parts) > 1 else "objects"
        records.append(ObjectRecord(relative.with_suffix("").as_posix(), relative.as_posix(), family, "user"))
    return records


def _manifest_record(entry: dict[str, Any]) -> ObjectRecord:
    source = entry["source"]
    family = entry.get("category") or source.removeprefix("kaykit_")
    return ObjectRecord(
        f"{source}/{entry['id']}",
        entry["file"],
        family,
        source,
        entry.get("licence") or "",
        entry.get("credit") or "",
        entry.get("origin") or "",
        bool(entry.get("textured", True)),
        float(entry.get("scale_to_m") or 1.0),
    )


def load_object(folder: Path, record: ObjectRecord) -> RawObject | None:
    """Read one file; None where it holds no triangles or cannot be read."""
    import trimesh

    path = folder / record.file
    try:
        scene = trimesh.load(path, force="scene", process=False)
    except Exception:  # trimesh raises whatever its many readers raise
        return None
    parts = []
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        mesh = scene.geometry[name]
        if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
            parts.append(_part(mesh, np.asarray(matrix)))
    solid = [part for part in parts if part[4] >= 0.35]  # panes of glass are left out
    if sum(len(part[3]) for part in solid) * 2 < sum(len(part[3]) for part in parts):
        solid = parts
    return _assemble(solid, record) if solid else None


Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float, Material]


def _part(mesh: Any, matrix: np.ndarray) -> Part:
    """(vertices, normals, uv, faces, opacity, material) of one mesh in the file's world, z up."""
    linear = matrix[:3, :3]
    vertices = np.asarray(mesh.vertices) @ linear.T + matrix[:3, 3]
    normals = np.asarray(mesh.vertex_normals) @ np.linalg.inv(linear)
    faces = np.asarray(mesh.faces, np.int64)
    if np.linalg.det(linear) < 0:
        faces = faces[:, ::-1]
    uv = getattr(mesh.visual, "uv", None)
    uv = np.zeros((len(vertices), 2)) if uv is None or len(uv) != len(vertices) else np.asarray(uv)
    material, opacity = _material(mesh.visual)
    flipped = np.stack([uv[:, 0], 1 - uv[:, 1]], 1)
    return _z_up(vertices), _z_up(normals), flipped, faces, opacity, material


def _z_up(points: np.ndarray) -> np.ndarray:
    return np.stack([points[:, 0], -points[:, 2], points[:, 1]], 1)


def _material(visual: Any) -> tuple[Material, float]:
    """The material and its opacity."""
    material = getattr(visual, "material", None)
    factor = np.array([0.7, 0.7, 0.7, 1.0])
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if material is not None:
        raw = getattr(material, "baseColorFactor", None)
        raw = getattr(material, "diffuse", None) if raw is None and image is None else raw
        factor = np.ones(4) if raw is None and image is not None else factor
        if raw is not None:
            values = np.asarray(raw, np.float64).reshape(-1)[:4]
            factor[: len(values)] = values / (255.0 if np.asarray(raw).dtype.kind in "ui" else 1.0)
    elif getattr(visual, "kind", None) in ("vertex", "face"):
        factor = np.asarray(visual.main_color, np.float64) / 255.0
    roughness = getattr(material, "roughnessFactor", None)
    metallic = getattr(material, "metallicFactor", None)
    picture = _picture(image, factor[:3], linear=hasattr(material, "baseColorFactor"))
    return Material(
        picture, 0.7 if roughness is None else float(roughness), 0.0 if metallic is None else float(metallic)
    ), float(factor[3])


def _picture(image: Any, factor: np.ndarray, linear: bool) -> np.ndarray:
    """Texture times factor as uint8 [h, w, 3] sRGB; transparent texels take the mean of the opaque ones."""
    tint = np.clip(factor, 0, 1) ** (1 / 2.2 if linear else 1.0)
    if image is None:
        return np.rint(tint * 255).astype(np.uint8).reshape(1, 1, 3)
    image = image.convert("RGBA")
    image.thumbnail((TEXTURE_LIMIT, TEXTURE_LIMIT))
    pixels = np.asarray(image, np.float32)
    opaque = pixels[..., 3] > 127
    if opaque.any() and not opaque.all():
        pixels = np.where(opaque[..., None], pixels, pixels[opaque].mean(0))
    return np.clip(np.rint(pixels[..., :3] * tint), 0, 255).astype(np.uint8)


def _assemble(parts: list[Part], record: ObjectRecord) -> RawObject | None:
    """Join parts, keep what the triangles use, and put it tightly into the box."""
    starts = np.cumsum([0] + [len(part[0]) for part in parts[:-1]])
    faces = np.concatenate([part[3] + start for part, start in zip(parts, starts, strict=True)])
    face_material = np.concatenate([np.full(len(part[3]), i, np.int64) for i, part in enumerate(parts)])
    vertices = np.concatenate([part[0] for part in parts])
    normals, uv = np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts])
    used, faces = np.unique(faces, return_inverse=True)
    vertices, normals, uv = vertices[used], normals[used], uv[used]
    low, high = vertices.min(0), vertices.max(0)
    extent = high - low
    if not np.isfinite(vertices).all() or extent.max() <= 0:
        return None
    scale = record.scale or 0.5 / extent.max()
    padded = np.maximum(extent, extent.max() * 1e-3)  # a flat sheet still gets a box with a volume
    inside = (vertices - (low + high) / 2) / padded
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    uv = np.nan_to_num(uv, nan=0.0, posinf=0.0, neginf=0.0)
    faces = faces.reshape(-1, 3)
    materials = [part[5] for part in parts]
    if record.source in SCANS:
        materials = [
            replace(material, picture=fill_gaps(material.picture, uv[faces[face_material == i]]))
            for i, material in enumerate(materials)
        ]
    return RawObject(
        inside.astype(np.float32),
        normals.astype(np.float32),
        uv.astype(np.float32),
        faces,
        face_material,
        materials,
        (padded * scale).astype(np.float32),
        _is_closed(vertices, faces),
    )


def fill_gaps(picture: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Spread the used parts of a texture [h, w, 3] into the unused ones between them.

    Scans leave these black, which shows as dark seams. triangles [F, 3, 2]: the texture coordinates in use.
    The used parts' outermost texels, blurred with black when the texture was reduced, are replaced too.
    """
    height, width = picture.shape[:2]
    if min(height, width) < 16 or triangles.min() < -0.01 or triangles.max() > 1.01:
        return picture
    corners = torch.from_numpy(triangles * np.array([width, height])).float()
    frame = torch.zeros(len(corners), dtype=torch.int64)
    used = (rasterise(corners, torch.ones(len(corners), 3), frame, (1, height, width))[0] != EMPTY).numpy()
    if used.mean() > 0.97 or not used.any():
        return picture
    inner = used & (_neighbours(used.astype(np.float32)[..., None])[..., 0] > 7.5)
    colour = np.where(inner[..., None], picture, 0).astype(np.float32)
    known = inner.astype(np.float32)[..., None]
    for step in range(10):
        total, count = _neighbours(colour), _neighbours(known)
        fresh = (known == 0) & (count > 0)
        colour, known = np.where(fresh, total / np.maximum(count, 1), colour), np.maximum(known, fresh)
        if step == 1:  # islands too thin to have an inner part
            thin = used[..., None] & (known == 0)
            colour, known = np.where(thin, picture, colour), np.maximum(known, thin)
    filled = np.where(known > 0, colour, picture[used].mean(0))
    return np.clip(np.rint(filled), 0, 255).astype(np.uint8)


def _neighbours(field: np.ndarray) -> np.ndarray:
    """Sum over the eight neighbours of each texel of [h, w, C] (wrapping)."""
    rows = field + np.roll(field, 1, 0) + np.roll(field, -1, 0)
    return rows + np.roll(rows, 1, 1) + np.roll(rows, -1, 1) - field


def _is_closed(vertices: np.ndarray, faces: np.ndarray) -> bool:
    """Whether every edge (of merged positions) runs once each way and the volume is positive."""
    span = np.ptp(vertices, axis=0).max()
    _, merged = np.unique(np.rint(vertices / span * 1e5).astype(np.int64), axis=0, return_inverse=True)
    corners = merged.reshape(-1)[faces]
    corners = corners[
        (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2]) & (corners[:, 2] != corners[:, 0])
    ]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    count = int(merged.max()) + 1
    forward, backward = edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0]
    if len(np.unique(forward)) != len(forward) or not np.array_equal(np.sort(forward), np.sort(backward)):
        return False
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return bool((a * np.cross(b, c)).sum() > 0)
