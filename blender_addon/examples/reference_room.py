"""Table, wall, light and materials of the example's pictures: all made of nodes, no file is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import bpy
from mathutils import Matrix, Vector

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Room:
    """table: "wood" or "stone" between two colours; wall; window: colour of its light and watts. Colours are linear."""

    table: str
    table_colours: tuple[Colour, Colour]
    wall: Colour
    window: Colour
    strength: float


def add_room(scene: Any, room: Room) -> None:
    """A table top to the wall and the wall."""
    table = add_plane("Table", (6.0, 3.2), Matrix.Translation((0.0, -1.05, 0.0)))
    upright = Matrix.Translation((0.0, 0.55, 1.0)) @ Matrix.Rotation(math.pi / 2, 4, "X")
    wall = add_plane("Wall", (6.0, 3.0), upright)
    make = wood if room.table == "wood" else stone
    table.data.materials.append(make(room.table_colours))
    wall.data.materials.append(plaster(room.wall))
    foot = Matrix.Translation((0.0, 0.542, 0.0225)) @ Matrix.Rotation(math.pi / 2, 4, "X")
    skirting = add_plane("Skirting", (6.0, 0.045), foot)
    skirting.data.materials.append(plaster(tuple(min(1.0, 1.25 * value + 0.05) for value in room.wall)))
    for thing in (table, wall, skirting):
        scene.collection.objects.link(thing)


def add_plane(name: str, size: tuple[float, float], matrix: Matrix) -> Any:
    x, y = size[0] / 2, size[1] / 2
    data = bpy.data.meshes.new(name)
    data.from_pydata([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)], [], [(0, 1, 2, 3)])
    plane = bpy.data.objects.new(name, data)
    plane.matrix_world = matrix
    return plane


def add_light(scene: Any, room: Room) -> None:
    """A tall window from the left, a pale room around it."""
    data = bpy.data.lights.new("Window", "AREA")
    data.shape, data.size, data.size_y = "RECTANGLE", 1.3, 1.5
    data.energy, data.color = room.strength, room.window
    window = bpy.data.objects.new("Window", data)
    window.location = (-1.55, -0.55, 1.25)
    window.rotation_euler = (Vector((0.0, 0.05, 0.05)) - window.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(window)
    scene.world = world = bpy.data.worlds.new("Room")
    world.use_nodes = True
    walls = world.node_tree.nodes["Background"]
    walls.inputs["Color"].default_value, walls.inputs["Strength"].default_value = (0.92, 0.95, 1.0, 1.0), 0.62


# --- materials ---


def new_material(name: str, roughness: float) -> tuple[Any, Any, Any, Any]:
    """(material, node tree, its surface node, object coordinates)."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    surface = tree.nodes["Principled BSDF"]
    surface.inputs["Roughness"].default_value = roughness
    return material, tree, surface, tree.nodes.new("ShaderNodeTexCoord").outputs["Object"]


def wood(colours: tuple[Any, Any]) -> Any:
    """Boards along x with a stretched grain."""
    material, tree, surface, place = new_material("Wood", 0.42)
    boards = tree.nodes.new("ShaderNodeTexBrick")
    boards.offset, boards.inputs["Scale"].default_value = 0.37, 1.0
    for name, value in (("Brick Width", 1.9), ("Row Height", 0.165), ("Mortar Size", 0.0012), ("Mortar Smooth", 0.3)):
        boards.inputs[name].default_value = value
    for name, grey in (("Color1", 0.86), ("Color2", 1.06), ("Mortar", 0.25)):
        boards.inputs[name].default_value = (grey, grey, grey, 1.0)
    moved = tree.nodes.new("ShaderNodeMapping")
    moved.inputs["Location"].default_value = (0.55, 0.03, 0.0)  # no joint in the middle of the picture
    tree.links.new(place, moved.inputs["Vector"])
    tree.links.new(moved.outputs["Vector"], boards.inputs["Vector"])
    grain = add_noise(tree, place, (1.2, 26.0, 1.0), 3.0, 10.0, distortion=0.7)
    colour = add_ramp(tree, grain, *colours)
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
    mix.inputs["Factor"].default_value = 1.0
    tree.links.new(colour, mix.inputs["A"])
    tree.links.new(boards.outputs["Color"], mix.inputs["B"])
    tree.links.new(mix.outputs["Result"], surface.inputs["Base Color"])
    add_bump(tree, surface, grain, 0.06)
    return material


def stone(colours: tuple[Any, Any]) -> Any:
    material, tree, surface, place = new_material("Stone", 0.35)
    veins = add_noise(tree, place, (1.0, 1.7, 1.0), 2.2, 12.0, distortion=1.6)
    tree.links.new(add_ramp(tree, veins, *colours), surface.inputs["Base Color"])
    return material


def plaster(colour: tuple[float, ...]) -> Any:
    material, tree, surface, place = new_material("Plaster", 0.9)
    patches = add_noise(tree, place, (1, 1, 1), 2.0, 4.0)
    darker = tuple(0.94 * value for value in colour)
    tree.links.new(add_ramp(tree, patches, darker, colour), surface.inputs["Base Color"])
    add_bump(tree, surface, add_noise(tree, place, (1, 1, 1), 90.0, 5.0), 0.05)
    return material


def add_noise(
    tree: Any, place: Any, stretch: tuple[float, float, float], scale: float, detail: float, distortion: float = 0.0
) -> Any:
    mapping, noise = tree.nodes.new("ShaderNodeMapping"), tree.nodes.new("ShaderNodeTexNoise")
    mapping.inputs["Scale"].default_value = stretch
    for name, value in (("Scale", scale), ("Detail", detail), ("Distortion", distortion)):
        noise.inputs[name].default_value = value
    tree.links.new(place, mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], noise.inputs["Vector"])
    return noise.outputs["Fac"] if "Fac" in noise.outputs else noise.outputs["Factor"]


def add_ramp(tree: Any, value: Any, low: tuple[float, ...], high: tuple[float, ...]) -> Any:
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    first, last = ramp.color_ramp.elements
    first.position, first.color = 0.32, (*low[:3], 1)
    last.position, last.color = 0.68, (*high[:3], 1)
    tree.links.new(value, ramp.inputs["Fac"] if "Fac" in ramp.inputs else ramp.inputs["Factor"])
    return ramp.outputs["Color"]


def add_bump(tree: Any, surface: Any, height: Any, strength: float) -> None:
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = strength
    tree.links.new(height, bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], surface.inputs["Normal"])


def weather(material: Any, roughness: float, bump: float) -> None:
    """Roughness, mottled colour and a fine bump on an imported material."""
    tree = material.node_tree
    surface = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    for link in list(surface.inputs["Roughness"].links) + list(surface.inputs["Metallic"].links):
        tree.links.remove(link)
    surface.inputs["Roughness"].default_value = roughness
    surface.inputs["Metallic"].default_value = 0.0
    if not bump:
        return
    place = tree.nodes.new("ShaderNodeTexCoord")
    noise = add_noise(tree, place.outputs["Generated"], (1, 1, 1), 9.0, 8.0)
    colour = surface.inputs["Base Color"]
    ramp = add_ramp(tree, noise, (0.72, 0.72, 0.72), (1.12, 1.12, 1.12))
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
    mix.inputs["Factor"].default_value = min(1.0, 2 * bump)
    if colour.links:
        tree.links.new(colour.links[0].from_socket, mix.inputs["A"])
    else:
        mix.inputs["A"].default_value = colour.default_value
    tree.links.new(ramp, mix.inputs["B"])
    tree.links.new(mix.outputs["Result"], colour)
    add_bump(tree, surface, add_noise(tree, place.outputs["Generated"], (1, 1, 1), 40.0, 6.0), bump * 0.25)
