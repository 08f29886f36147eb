"""A new box: a wire cuboid whose origin stands on the floor and whose front is marked."""

from __future__ import annotations

import bpy

# A cube of 1 m standing on its origin, and an arrow on its front face that points up.
_CORNERS = [(x, y, z) for z in (0.0, 1.0) for y in (-0.5, 0.5) for x in (-0.5, 0.5)]
_FACES = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
_ARROW = [(0.0, -0.5, 0.2), (0.0, -0.5, 0.8), (-0.2, -0.5, 0.6), (0.2, -0.5, 0.6)]
_ARROW_EDGES = [(8, 9), (9, 10), (9, 11)]


def make_box(name: str, size: tuple[float, float, float], data: bpy.types.BlendData | None = None) -> bpy.types.Object:
    """A box object, not linked anywhere yet. size: full extents in Blender units; data: where it is made, the file's
    own by default.

    The mesh has the size and the scale is 1, so that boxes that are children of boxes are not sheared.
    """
    data = data or bpy.data
    mesh = data.meshes.new(name)
    points = [tuple(part * length for part, length in zip(point, size, strict=True)) for point in _CORNERS + _ARROW]
    mesh.from_pydata(points, _ARROW_EDGES, _FACES)
    thing = data.objects.new(name, mesh)
    thing.display_type = "WIRE"
    thing.neural_assets.is_box = True
    return thing


def add_to_scene(context: bpy.types.Context, thing: bpy.types.Object) -> None:
    """Into the active collection and, where a 3D view shows only some objects, into that view; selected alone."""
    context.collection.objects.link(thing)
    space = context.space_data
    if space is not None and space.type == "VIEW_3D" and space.local_view:
        thing.local_view_set(space, True)
    for other in context.selected_objects:
        other.select_set(False)
    thing.select_set(True)
    context.view_layer.objects.active = thing
