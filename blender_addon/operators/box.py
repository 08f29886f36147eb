"""Add a box: a wire cuboid whose origin stands on the floor and whose front is marked."""

from __future__ import annotations

import bpy
from bpy.props import FloatVectorProperty

from .common import Result

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


class AddBox(bpy.types.Operator):
    """Add a box at the 3D cursor. Its front, marked by an arrow, looks along -Y; it stands on the cursor"""

    bl_idname = "neural_assets.add_box"
    bl_label = "Neural Box"
    bl_options = {"REGISTER", "UNDO"}

    size: FloatVectorProperty(
        name="Size",
        description="Full extents: width, depth and height",
        default=(0.5, 0.5, 0.5),
        min=1e-3,
        soft_max=10.0,
        subtype="XYZ_LENGTH",
        unit="LENGTH",
    )

    def execute(self, context: bpy.types.Context) -> Result:
        if context.mode != "OBJECT":
            self.report({"ERROR"}, "Boxes are added in Object Mode: press Tab first.")
            return {"CANCELLED"}
        thing = make_box("Box", tuple(self.size))
        thing.location = context.scene.cursor.location
        context.collection.objects.link(thing)
        for other in context.selected_objects:
            other.select_set(False)
        thing.select_set(True)
        context.view_layer.objects.active = thing
        return {"FINISHED"}


class UseAsBox(bpy.types.Operator):
    """Pose the selected objects' bounding boxes for the model, or no longer"""

    bl_idname = "neural_assets.use_as_box"
    bl_label = "Use as box"
    bl_options = {"REGISTER", "UNDO"}

    use: bpy.props.BoolProperty(name="Use", description="Whether they are boxes", default=True)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(context.selected_objects)

    def execute(self, context: bpy.types.Context) -> Result:
        for thing in context.selected_objects:
            thing.neural_assets.is_box = self.use
        return {"FINISHED"}


def draw_in_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """In Shift-A."""
    self.layout.operator(AddBox.bl_idname, icon="CUBE")


CLASSES = (AddBox, UseAsBox)
