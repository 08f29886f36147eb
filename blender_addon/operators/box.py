"""Boxes: add one, take other objects as boxes, give one the size of what it carries."""

from __future__ import annotations

import bpy
from bpy.props import FloatVectorProperty

from ..connection.session import bridge
from ..protocol.errors import ErrorCode, ProtocolError
from ..scene.new_box import add_to_scene, make_box
from ..scene.posed import bounds_of, read_boxes
from .common import Result, boxes, sentences


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
        add_to_scene(context, thing)
        return {"FINISHED"}


class UseAsBox(bpy.types.Operator):
    """Pose the selected objects' bounding boxes for the model, or no longer"""

    bl_idname = "neural_assets.use_as_box"
    bl_label = "Use as Box"
    bl_options = {"REGISTER", "UNDO"}

    use: bpy.props.BoolProperty(name="Use", description="Whether they are boxes", default=True)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(context.selected_objects)

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        new = [thing for thing in context.selected_objects if thing.neural_assets.is_box != self.use]
        for thing in new:
            thing.neural_assets.is_box = self.use
        context.view_layer.update()
        depsgraph = context.evaluated_depsgraph_get()
        solid = {posed.owner for posed in read_boxes(depsgraph) if posed.low != posed.high}
        solid |= {thing.name for thing in new if bounds_of(thing.evaluated_get(depsgraph))}
        empty = [thing for thing in new if self.use and thing.name not in solid]
        for thing in empty:
            thing.neural_assets.is_box = False
        if empty:
            names = ", ".join(f"'{thing.name}'" for thing in empty)
            raise ProtocolError(
                ErrorCode.BOX,
                f"{names}: nothing there has a bounding box.",
                "Choose an object with a volume, or an empty that is shown as a cube.",
            )
        return {"FINISHED"}


class TrueSize(bpy.types.Operator):
    """Give the selected boxes the size, in metres, that their assets' objects had where they were encoded"""

    bl_idname = "neural_assets.true_size"
    bl_label = "True Size"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return any(size_of(thing) for thing in context.selected_objects)

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        metres = context.scene.unit_settings.scale_length
        found = {posed.owner: posed for posed in read_boxes(context.evaluated_depsgraph_get())}
        for thing in boxes(context, selected=True):
            size = size_of(thing)
            if size and thing.name in found:
                now = found[thing.name].box(metres).size
                thing.scale = [s * wanted / is_now for s, wanted, is_now in zip(thing.scale, size, now, strict=True)]
        return {"FINISHED"}


def size_of(thing: bpy.types.Object) -> tuple[float, ...]:
    """The metres (x, y, z) of the asset that a box carries; empty when it is none, or the server does not know it."""
    info = bridge.assets.get(thing.neural_assets.asset) if thing.neural_assets.is_box else None
    return info.size if info is not None and len(info.size) == 3 and min(info.size) > 0 else ()


def draw_in_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """In Shift-A."""
    self.layout.operator(AddBox.bl_idname, icon="CUBE")


CLASSES = (AddBox, UseAsBox, TrueSize)
