"""Renders the gallery that ships: neural assets and backgrounds of held-out CC0 objects, as files.

    python -m model.data.meshes.gallery --assets FOLDER --out model/gallery --weights model/weights/base
    python -m model.data.meshes.gallery --out model/gallery --sheet model/images/gallery.jpg

Each object is seen from all around with the renderer's own masks and depth, so that it can be turned to any side.
Backgrounds are the surroundings of drawn scenes, without their objects, with the relief that the renderer knows.
"""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from ...asset_checks import MAX_RELIEF
from ...asset_light import Light
from ...assets import TOKENS, AssetView, BackgroundAsset, NeuralAsset, load_thumbnail, save_asset
from ...errors import AssetFileError
from ...geometry import Boxes, Camera, box_to_camera, camera_rays, crop_intrinsics, intersect_box, pixel_centres
from ...refresh import refreshed
from ...relief import FLAT as NO_RELIEF
from ...relief import true_relief
from ...scene import Box, PinholeCamera, Placement, Scene
from ...tensors import camera_tensor
from ..frames import MAX_OBJECTS, Frame
from .credits import credit_lines
from .layout import View
from .lighting import irradiance, turn_about_z
from .placing import Stand
from .render import render
from .scene import WALLS, SceneBatch, Surroundings
from .source import MeshSource

SIDE = 288  # pixels of an object's picture before it is cropped to its box
FOCAL = 2.2  # in image widths
FILLED = 0.94  # of the picture's side
AROUND = ((15, 0), (15, 60), (15, 120), (15, 180), (15, 240), (15, 300), (50, 30), (50, 210))  # elevation, azimuth
LIGHT = "brown_photostudio_02"
FAINT, FLAT = 0.93, 0.15  # light left in a shadow that is hardly seen; height of a light that shades everything
DISPLAY = 2.4  # exponent from light to the values of a picture
TINTED = 0.4  # of a shadow's colour: an object also keeps away what comes from other sides
BACKGROUND_SHAPE = (480, 640)  # height, width
RELIEF_CELL = 4  # pixels of a background's picture for each number of its relief


@dataclass(frozen=True)
class Place:
    """A background of the gallery. light: environment map; floor, wall, table: numbers of `textures.make_surfaces`
    (wall -1: open ground, table -1: none), each with the edge of its tile in metres and a tint; turn: of the light,
    radians."""

    name: str
    light: str
    floor: int
    wall: int = -1
    table: int = -1
    tile: tuple[float, float, float] = (1.5, 1.5, 0.6)
    tint: tuple[tuple[float, float, float], ...] = ((1, 1, 1), (1, 1, 1), (1, 1, 1))
    turn: float = 0.0


_PLAIN = (1.0, 1.0, 1.0)
PLACES = (
    Place("Living room", "apartment", 5, 48, tile=(1.6, 2.5, 1.0), tint=(_PLAIN, (0.96, 1.04, 0.93), _PLAIN)),
    Place("Brick loft", "workshop", 21, 44, tile=(2.2, 1.3, 1.0), tint=((0.9, 0.92, 0.9), _PLAIN, _PLAIN)),
    Place("Wooden table", "vestibule", 5, table=2, tile=(1.5, 1.5, 0.7), turn=2.4),
    Place("Marble table", "lobby", 7, table=16, tile=(1.5, 1.5, 0.9), turn=2.6),
    Place("Meadow", "noon_grass", 31, tile=(2.4, 1.0, 1.0)),
    Place("Stone floor", "esplanade", 12, tile=(2.4, 1.0, 1.0), tint=((0.95, 1.0, 0.97), _PLAIN, _PLAIN)),
    Place("Studio", LIGHT, 22, tile=(3.0, 1.0, 1.0), tint=((0.98, 0.96, 0.92), _PLAIN, _PLAIN)),
)
STUDIO = PLACES[-1]  # objects are lit as in this one


@dataclass(frozen=True)
class Exhibit:
    """An object of the gallery: its id in the assets folder, its name, and its longest side in metres."""

    id: str
    name: str
    longest: float


_FURNITURE, _RESTAURANT, _CITY = "kaykit_Furniture-Bits", "kaykit_Restaurant-Bits", "kaykit_City-Builder-Bits"
_HOME = "sh3d_BlendSwap-CC-0"
EXHIBITS = (
    Exhibit(f"{_HOME}/oakChair_26", "Oak chair", 1.18),
    Exhibit(f"{_HOME}/deckChair_65", "Deck chair", 1.24),
    Exhibit(f"{_HOME}/table_football_46", "Table football", 1.5),
    Exhibit(f"{_HOME}/JapaneseLantern_149", "Japanese lantern", 0.35),
    Exhibit(f"{_HOME}/rock1_162", "Rock", 0.5),
    Exhibit(f"{_HOME}/islandExtension_148", "Kitchen island", 1.24),
    Exhibit(f"{_FURNITURE}/armchair_pillows", "Armchair", 0.95),
    Exhibit(f"{_FURNITURE}/cabinet_medium", "Cabinet", 1.1),
    Exhibit(f"{_RESTAURANT}/stove_multi", "Stove", 1.1),
    Exhibit(f"{_RESTAURANT}/crate_cheese", "Crate of cheese", 0.6),
    Exhibit(f"{_RESTAURANT}/jar_C_medium", "Jar", 0.22),
    Exhibit(f"{_RESTAURANT}/food_ingredient_ham", "Ham", 0.3),
    Exhibit("kaykit_Halloween-Bits/pumpkin_yellow", "Pumpkin", 0.35),
    Exhibit("kaykit_Halloween-Bits/candle_melted", "Candle", 0.2),
    Exhibit("kaykit_Halloween-Bits/tree_pine_yellow_medium", "Pine tree", 2.4),
    Exhibit("kaykit_Space-Base-Bits/cargo_B_packed", "Cargo box", 0.5),
    Exhibit("kaykit_Dungeon-Remastered/box_stacked", "Stack of boxes", 1.2),
    Exhibit(f"{_CITY}/car_taxi", "Toy taxi", 0.3),
    Exhibit(f"{_CITY}/car_police", "Toy police car", 0.3),
    Exhibit(f"{_CITY}/building_C_withoutBase", "Toy house", 0.5),
    Exhibit(f"{_CITY}/firehydrant", "Fire hydrant", 0.7),
    Exhibit(f"{_CITY}/watertower", "Toy water tower", 0.4),
)


def make_gallery(source: MeshSource, pipe, out: Path) -> None:
    """Write every asset of the gallery and its CREDITS.md. pipe: the pipeline whose encoder makes the tokens."""
    out.mkdir(parents=True, exist_ok=True)
    index = {record.id: i for i, record in enumerate(source.records)}
    missing = [exhibit.id for exhibit in EXHIBITS if exhibit.id not in index]
    if missing:
        raise AssetFileError(f"The assets folder lacks {', '.join(missing)}: name the folder of the training objects.")
    room = [background(source, place, pipe) for place in PLACES]
    things = [exhibited(source, exhibit, index[exhibit.id], pipe) for exhibit in EXHIBITS]
    for asset in (*room, *things):
        save_asset(out / f"{re.sub('[^a-z]+', '_', asset.name.lower())}.safetensors", asset)
        print(asset.name, flush=True)
    credit = credit_lines([source.records[index[exhibit.id]] for exhibit in EXHIBITS])
    (out / "CREDITS.md").write_text(credit.replace("of the training objects", "of the gallery"))


def exhibited(source: MeshSource, exhibit: Exhibit, mesh: int, pipe) -> NeuralAsset:
    """An object with its views from `AROUND`."""
    size = source.library.size[mesh].double().numpy()
    size = size * (exhibit.longest / size.max())
    stand = Stand(mesh, size)
    distance = FOCAL * float(np.linalg.norm(size)) / FILLED
    aim = np.array([0.0, 0.0, size[2] / 2])
    views = [View(math.radians(azimuth), math.radians(up), distance, aim, FOCAL) for up, azimuth in AROUND]
    around = replace(
        surroundings(source, STUDIO), centre=torch.tensor(aim).float(), reach=torch.tensor(float(np.linalg.norm(size)))
    )
    frame = shoot(source, views, stand, around, 2 * SIDE)
    seen = tuple(cut_out(frame, i) for i in range(len(views)))
    record = source.records[mesh]
    provenance = {"object": record.id, "licence": record.licence, "credit": record.credit}
    tokens = np.zeros((len(seen), TOKENS, pipe.encoder.config.hidden_size), np.float32)
    asset = NeuralAsset(seen, tokens, size.astype(np.float32), exhibit.name, provenance)
    pose = np.eye(4, dtype=np.float32)
    camera = PinholeCamera(np.array([FOCAL, FOCAL, 0.5, 0.5], np.float32), views[0].matrix().astype(np.float32))
    return with_tokens(Scene(camera, (Placement(asset, Box(pose, asset.size)),)), pipe).placements[0].asset


def background(source: MeshSource, place: Place, pipe) -> BackgroundAsset:
    """A place without objects, seen from a person's eyes, or from a chair at a table."""
    height, width = BACKGROUND_SHAPE
    scale = 0.28 if place.table >= 0 else 1.0  # of the camera's distance: a table is looked at closely
    view = View(0.0, math.radians(16), 4.4 * scale, np.array([0.0, 0.0, 0.35 * scale]), 0.95)
    frame = shoot(source, [view], None, surroundings(source, place), width)
    top = (width - height) // 2
    picture = (frame.image[0, :, top : top + height] * 255).round().byte().permute(1, 2, 0).numpy()
    lens = np.array([view.focal, view.focal * width / height, 0.5, 0.5], np.float32)
    camera = PinholeCamera(lens, view.matrix().astype(np.float32))
    tokens = np.zeros((TOKENS, pipe.encoder.config.hidden_size), np.float32)
    provenance = {"licence": "CC0", "light": f"{place.light} (Poly Haven, CC0)"}
    nothing = np.zeros((height, width), np.uint8)
    light = light_of(source, place)
    asset = BackgroundAsset(
        np.ascontiguousarray(picture), nothing, camera, 0.0, tokens, place.name, provenance, light=light,
        relief=relief_of(frame.depth[:, top : top + height], camera),
    )  # fmt: skip
    made = with_tokens(Scene(camera, (), asset), pipe).background
    assert made is not None
    return made


def relief_of(depth: Tensor, camera: PinholeCamera) -> np.ndarray:
    """The relief of depth [1, H, W] metres over a floor at height 0, as assets have it."""
    values, _ = true_relief(depth, camera_tensor(camera, depth.device), torch.zeros(1))
    values = torch.where(values.abs() < NO_RELIEF, 0.0, values.clamp(-MAX_RELIEF, MAX_RELIEF))
    half = RELIEF_CELL // 2
    return values[0, 0, half::RELIEF_CELL, half::RELIEF_CELL].half().numpy()


def light_of(source: MeshSource, place: Place) -> Light | None:
    """The strongest light of a place as assets have it (None where its shadows would hardly be seen)."""
    around = surroundings(source, place)
    light, turn = source.lights[around.environment[None]], turn_about_z(around.turn[None])
    direction = (light.key_direction @ turn.transpose(1, 2))[0]  # [K, 3]
    falling = light.key_colour[0] * direction[:, 2:].clamp_min(0)  # on the floor
    rest = irradiance(light.harmonics, torch.tensor([[[0.0, 0.0, 1.0]]]) @ turn)[0, 0]
    strongest = int(falling.sum(1).argmax())
    left = (1 - falling[strongest] / (rest + falling.sum(0))).clamp(0, 1) ** (1 / DISPLAY)
    left = left.mean() + TINTED * (left - left.mean())
    if float(left.mean()) > FAINT or float(direction[strongest, 2]) < FLAT:
        return None
    return Light(direction[strongest].numpy(), left.numpy(), np.zeros((1, 1), np.uint8))


def surroundings(source: MeshSource, place: Place) -> Surroundings:
    """A place as the renderer takes it; walls stand behind and on the left of its middle."""
    planes = torch.tensor([[1.0, 0.0, -1e6]]).repeat(WALLS, 1)
    if place.wall >= 0:
        planes[0], planes[1] = torch.tensor([0.0, -1.0, -1.9]), torch.tensor([1.0, 0.0, -2.3])
    on_table = place.table >= 0
    table = torch.tensor([0.0, 0.0, 1.0, 0.85, 0.0, 0.04]) if on_table else torch.zeros(6)
    lights = sorted(path.stem for path in source.folder.glob("*.hdr"))
    chosen = [source.first_surface + max(number, 0) for number in (place.floor, place.wall, place.table)]
    return Surroundings(
        environment=torch.tensor(lights.index(place.light)), turn=torch.tensor(place.turn), exposure=torch.tensor(1.0),
        open=torch.tensor(place.wall < 0), floor_height=torch.tensor(-0.75 if on_table else 0.0),
        material=torch.tensor(chosen), tile=torch.tensor(place.tile), angle=torch.zeros(3),
        tint=torch.tensor(place.tint), wall_plane=planes, table=table, centre=torch.zeros(3), reach=torch.tensor(1.0),
    )  # fmt: skip


@torch.no_grad()
def with_tokens(scene: Scene, pipe) -> Scene:
    """The scene with appearance tokens of the pipeline's encoder."""
    return refreshed(scene, pipe.encoder, pipe.fingerprint, pipe.device)


@torch.no_grad()
def shoot(source: MeshSource, views: list[View], stand: Stand | None, around: Surroundings, side: int) -> Frame:
    """The stand (or nothing) from all views, side x side pixels; the object has slot 0."""
    count = len(views)
    pose, size = torch.eye(4).repeat(count, MAX_OBJECTS, 1, 1), torch.ones(count, MAX_OBJECTS, 3)
    present, mesh = (
        torch.zeros(count, MAX_OBJECTS, dtype=torch.bool),
        torch.zeros(count, MAX_OBJECTS, dtype=torch.int64),
    )
    if stand is not None:
        pose[:, 0], size[:, 0] = torch.from_numpy(stand.pose()).float(), torch.from_numpy(stand.size).float()
        present[:, 0], mesh[:, 0] = True, stand.mesh
    matrix = torch.from_numpy(np.stack([view.matrix() for view in views])).float()
    lens = torch.tensor([[view.focal, view.focal, 0.5, 0.5] for view in views], dtype=torch.float32)
    gloss = torch.zeros(count, MAX_OBJECTS)
    scene = SceneBatch(
        Camera(lens, matrix), Boxes(pose, size, present), mesh, gloss, Surroundings.stack([around] * count)
    )
    return render(source.library, source.lights, scene, side)


def cut_out(frame: Frame, number: int) -> AssetView:
    """The view of object 0 in one frame, at half the frame's size: colours of its inside only, the floor's left out."""
    inside = (frame.object_index[number] == 0)[None, None].float()  # [1, 1, 2h, 2w]
    kept = 1 - max_pool2d(1 - inside, 3, 1, 1)  # outlines are blended with the floor
    kept = torch.where(avg_pool2d(kept, 2) > 0, 1.0, 0.0).repeat_interleave(2, 2).repeat_interleave(2, 3) * kept
    colour = spread(frame.image[number][None], kept)
    mask = avg_pool2d(inside, 2)[0, 0]
    depth = spread(frame.depth[number][None, None], inside, nearest=True)[0, 0]
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    side = mask.shape[-1]
    top, bottom = max(int(rows[0]) - 2, 0), min(int(rows[-1]) + 3, side)
    left, right = max(int(columns[0]) - 2, 0), min(int(columns[-1]) + 3, side)
    corner, extent = torch.tensor([left, top]) / side, torch.tensor([right - left, bottom - top]) / side
    lens = crop_intrinsics(frame.camera.intrinsics[number], corner, extent)
    to_camera = box_to_camera(frame.camera, frame.boxes)[number, 0]
    size = frame.boxes.size[number, 0]
    rays = camera_rays(pixel_centres(bottom - top, right - left).view(1, -1, 2), lens[None])
    entry, leave, hit = intersect_box(rays, to_camera[None], size[None])
    window = np.s_[top:bottom, left:right]
    fraction = (depth[window].reshape(1, -1) - entry) / (leave - entry).clamp_min(1e-6)
    shape = (bottom - top, right - left)
    solid = (mask[window] > 0.5) & hit.view(shape)
    return AssetView(
        (colour[0, :, top:bottom, left:right] * 255).round().byte().permute(1, 2, 0).contiguous().numpy(),
        solid.byte().numpy() * 255, fraction.clamp(0, 1).view(shape).half().numpy(),
        lens.numpy(), to_camera.numpy(), size.numpy(),
    )  # fmt: skip


def spread(values: Tensor, kept: Tensor, nearest: bool = False) -> Tensor:
    """Halved [1, C, h, w] of values [1, C, 2h, 2w]: means (or least values) of the kept pixels, carried outwards."""
    if nearest:
        far = torch.where(kept > 0, values, torch.inf)
        made = -max_pool2d(-far, 2)
        known = made.isfinite().float()
        made = torch.where(known > 0, made, 0.0)
    else:
        weight = avg_pool2d(kept, 2)
        made = avg_pool2d(values * kept, 2) / weight.clamp_min(1e-6)
        known = (weight > 0).float()
    for _ in range(12):  # pixels around the object, which no mask shows but reads at lower resolutions touch
        weight = avg_pool2d(known, 3, 1, 1)
        grown = avg_pool2d(made * known, 3, 1, 1) / weight.clamp_min(1e-6)
        made = torch.where(known > 0, made, grown)
        known = (weight > 0).float()
    return made


def save_sheet(folder: Path, path: Path, columns: int = 8, side: int = 148) -> None:
    """The thumbnails of all assets of a folder with their names, objects first."""
    from PIL import Image, ImageDraw, ImageFont

    found = sorted(
        (load_thumbnail(file) for file in folder.glob("*.safetensors")), key=lambda f: f[1]["kind"], reverse=True
    )
    rows = -(-len(found) // columns)
    sheet = Image.new("RGB", (columns * side, rows * (side + 22)), (250, 249, 246))
    for number, (pixels, header) in enumerate(found):
        x, y = number % columns * side, number // columns * (side + 22)
        sheet.paste(Image.fromarray(pixels), (x + (side - pixels.shape[1]) // 2, y + (side - pixels.shape[0]) // 2))
        ImageDraw.Draw(sheet).text((x + 6, y + side + 2), header["name"], (40, 40, 44), ImageFont.load_default(13))
    sheet.save(path, quality=85)


def main() -> None:
    from ...pipeline import NeuralAssetsPipeline

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--assets", type=Path, help="folder with manifest.json, GLB files and HDRIs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the gallery")
    parser.add_argument("--weights", type=Path, help="pipeline folder whose encoder makes the tokens")
    parser.add_argument("--sheet", type=Path, help="only draw the thumbnails of a gallery that is there")
    chosen = parser.parse_args()
    if chosen.sheet:
        save_sheet(chosen.out, chosen.sheet)
        return
    if not (chosen.assets and chosen.weights):
        parser.error("name --assets and --weights, or --sheet")
    make_gallery(MeshSource(chosen.assets), NeuralAssetsPipeline.load(chosen.weights), chosen.out)
    total = sum(path.stat().st_size for path in chosen.out.glob("*.safetensors"))
    print(f"{total / 1e6:.1f} MB in {chosen.out}")


if __name__ == "__main__":
    main()
