"""Renders the example's two pictures with Cycles: products on a table by a window, made once and kept as JPEG.

    python make_reference.py --assets FOLDER --out FOLDER [--samples 64] [--scale 100] [--only NAME]

Needs the `bpy` module (or `blender -b --python make_reference.py -- ...`). FOLDER of `--assets` holds the glTF
objects named below with a manifest.json; all are CC0 and none was trained on (`model.data.meshes.catalogue`).
Beside each picture a JSON file of the demo's own format is written: camera, boxes and credits, exactly as rendered.
Everything else in the picture (wood, stone, plaster, light) is made here.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix, Vector

sys.path.insert(0, str(Path(__file__).parent))
from reference_room import Room, add_light, add_room, weather

WIDTH, HEIGHT = 960, 640
LENS, SENSOR = 50.0, 36.0  # millimetres
CAMERA_AT, CAMERA_TOWARDS = Vector((0.0, -1.22, 0.58)), Vector((0.0, 0.02, 0.085))


@dataclass(frozen=True)
class Item:
    """An object of the picture: file in the assets folder, longest side in metres, place, turn in degrees."""

    name: str
    file: str
    longest: float
    place: tuple[float, float]
    turn: float
    roughness: float = 0.45
    bump: float = 0.0
    smooth: int = 0
    bevel: float = 0.0


@dataclass(frozen=True)
class Setting:
    """One picture. story: what the demo shows of it, see `boxes_file.py`."""

    items: tuple[Item, ...]
    room: Room
    story: dict[str, Any] | None = None


TABLE = Setting(
    (
        Item("Cactus", "sh3d_BlendSwap-CC-0/cactus_107", 0.235, (-0.335, 0.11), 20, 0.5, 0.15),
        Item("Lantern", "sh3d_BlendSwap-CC-0/JapaneseLantern_149", 0.27, (-0.045, 0.22), -28, 0.6, 0.05),
        Item("Pumpkin", "kaykit_Halloween-Bits/pumpkin_yellow", 0.20, (0.275, 0.17), 30, 0.38, 0.35, smooth=2),
        Item("Toy car", "kaykit_City-Builder-Bits/car_hatchback", 0.22, (-0.15, -0.16), 62, 0.22, bevel=0.008),
        Item("Cheese crate", "kaykit_Restaurant-Bits/crate_cheese", 0.20, (0.15, -0.15), -24, 0.5, 0.3, bevel=0.02),
    ),
    Room("wood", ((0.31, 0.155, 0.068), (0.43, 0.245, 0.12)), (0.62, 0.60, 0.54), (1.0, 0.94, 0.86), 78.0),
    {
        "moves": {
            "Toy car": {"shift": [0.14, -0.075, 0.0], "turn": 8},
            "Cheese crate": {"shift": [0.12, 0.11, 0.0], "turn": -18},
            "Pumpkin": {"shift": [-0.15, 0.09, 0.0], "turn": -20},
            "Lantern": {"shift": [-0.07, -0.02, 0.0], "turn": -25},
            "Cactus": {"shift": [0.03, -0.08, 0.0], "turn": 15},
        },
        "removed": "Lantern", "replaced": "Toy car", "replacement": "Taxi", "other": "second.json",
    },
)  # fmt: skip
SECOND = Setting(
    (
        Item("Taxi", "kaykit_City-Builder-Bits/car_taxi", 0.22, (-0.15, -0.15), 40, 0.22, bevel=0.008),
        Item("Hydrant", "kaykit_City-Builder-Bits/firehydrant", 0.23, (-0.045, 0.21), 25, 0.4, 0.1, bevel=0.004),
    ),
    Room("stone", ((0.34, 0.33, 0.315), (0.64, 0.63, 0.61)), (0.075, 0.21, 0.25), (0.90, 0.95, 1.0), 66.0),
)  # fmt: skip
SETTINGS = {"table": TABLE, "second": SECOND}


def main() -> None:
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    manifest = {f"{entry['source']}/{entry['id']}": entry
                for entry in json.loads((options.assets / "manifest.json").read_text())}  # fmt: skip
    for name, setting in SETTINGS.items():
        if options.only in (None, name):
            make_picture(name, setting, options, manifest)


def parse() -> argparse.Namespace:
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True, help="folder with manifest.json and the glTF files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the pictures to")
    parser.add_argument("--samples", type=int, default=64, help="Cycles samples a pixel")
    parser.add_argument("--scale", type=int, default=100, help="per cent of 960 x 640")
    parser.add_argument("--only", choices=tuple(SETTINGS), help="make this picture only")
    return parser.parse_args(arguments)


def make_picture(name: str, setting: Setting, options: argparse.Namespace, manifest: dict[str, Any]) -> None:
    """Render one setting and write NAME.jpg and NAME.json."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    camera = add_camera(scene)
    add_room(scene, setting.room)
    add_light(scene, setting.room)
    boxes = [add_item(scene, item, options.assets) for item in setting.items]
    set_render(scene, options)
    scene.render.filepath = str(options.out / f"{name}.jpg")
    bpy.ops.render.render(write_still=True)
    credits = [manifest[item.file] for item in setting.items]
    for box, entry in zip(boxes, credits, strict=True):
        box["credit"] = f"{entry['credit']}, {entry['licence']}, {entry['origin']}"
    write_boxes(options.out / f"{name}.json", f"{name}.jpg", camera, boxes, setting.story)


def write_boxes(path: Path, image: str, camera: Any, boxes: list[dict[str, Any]], story: dict[str, Any] | None) -> None:
    """The demo's JSON format: see `boxes_file.py`."""
    matrix = [[round(value, 6) for value in row] for row in camera.matrix_world]
    text = {"image": image, "credit": "Rendered with Cycles by make_reference.py; CC0.",
            "focal_length": round(LENS / SENSOR, 6), "camera": {"matrix": matrix}}  # fmt: skip
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in text.items()]
    lines.append(' "boxes": [\n' + ",\n".join(f"  {json.dumps(box)}" for box in boxes) + "\n ]")
    if story:
        lines.append(f' "story": {json.dumps(story, indent=1)}'.replace("\n", "\n "))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def set_render(scene: Any, options: argparse.Namespace) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", options.samples, True
    scene.cycles.seed = 7
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.resolution_percentage = options.scale
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    scene.render.image_settings.file_format, scene.render.image_settings.quality = "JPEG", 93


def add_camera(scene: Any) -> Any:
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width = LENS, SENSOR
    data.dof.use_dof, data.dof.focus_distance, data.dof.aperture_fstop = True, 1.25, 11.0
    camera = bpy.data.objects.new("Camera", data)
    camera.location = CAMERA_AT
    camera.rotation_euler = (CAMERA_TOWARDS - CAMERA_AT).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera
    bpy.context.view_layer.update()
    return camera


# --- objects ---


def add_item(scene: Any, item: Item, assets: Path) -> dict[str, Any]:
    """Import, scale, place on z = 0; returns its box: name, centre, size in metres, turn in degrees."""
    before = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=str(assets / f"{item.file}.glb"))
    new = [thing for thing in bpy.data.objects if thing not in before]
    bpy.context.view_layer.update()
    meshes = [thing for thing in new if thing.type == "MESH"]
    for mesh in meshes:
        improve(mesh, item)
    low, high = bounds(meshes)
    scale = item.longest / max(high - low)
    middle = (low + high) / 2
    place = Matrix.Translation((*item.place, 0.0)) @ Matrix.Rotation(math.radians(item.turn), 4, "Z")
    move = place @ Matrix.Scale(scale, 4) @ Matrix.Translation((-middle.x, -middle.y, -low.z))
    for thing in new:
        if thing.parent is None:
            thing.matrix_world = move @ thing.matrix_world
    size = [round(value * scale, 5) for value in high - low]
    centre = [*item.place, round(size[2] / 2, 5)]
    return {"name": item.name, "centre": centre, "size": size, "turn": item.turn}


def bounds(meshes: list[Any]) -> tuple[Vector, Vector]:
    """Corners of the evaluated meshes' box in the world."""
    graph = bpy.context.evaluated_depsgraph_get()
    points = []
    for mesh in meshes:
        shape = mesh.evaluated_get(graph)
        points += [mesh.matrix_world @ vertex.co for vertex in shape.data.vertices]
    return (Vector(min(p[i] for p in points) for i in range(3)), Vector(max(p[i] for p in points) for i in range(3)))


def improve(mesh: Any, item: Item) -> None:
    """Rounder edges and a surface that is not of one plain colour."""
    if item.smooth:
        merge = mesh.modifiers.new("merge", "WELD")
        merge.merge_threshold = 1e-4
        rounder = mesh.modifiers.new("rounder", "SUBSURF")
        rounder.levels = rounder.render_levels = item.smooth
    if item.bevel:
        mesh.modifiers.new("merge", "WELD").merge_threshold = 1e-4
        bevel = mesh.modifiers.new("bevel", "BEVEL")
        bevel.width, bevel.segments, bevel.limit_method = item.bevel, 3, "ANGLE"
        bevel.harden_normals = True
    for slot in mesh.material_slots:
        weather(slot.material, item.roughness, item.bump)


if __name__ == "__main__":
    main()
