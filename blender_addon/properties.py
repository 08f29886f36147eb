"""What the add-on keeps in the .blend file: settings of the scene, and the asset that a box carries.

Everything here is a plain value with a plain name (ids and names of assets, no pointers), so that it survives undo,
append, a Blender without the add-on and another computer.
"""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import colour
from .protocol.limits import MAX_GUIDANCE, MAX_SIDE, MAX_STEPS, MIN_SIDE


def _changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """Tell Blender that the owner changed, which it does not see by itself when a script sets a value."""
    settings.id_data.update_tag()


def _colours_changed(settings: SceneSettings, context: bpy.types.Context) -> None:
    colour.settle(settings.id_data)


_LINKED = {"override": {"LIBRARY_OVERRIDABLE"}}  # a box that is linked from another file may be given another asset
_FIXED = {"options": set(), "update": _changed, **_LINKED}  # not for keyframes
_KEYED = {"options": {"ANIMATABLE"}, "update": _changed, **_LINKED}
_SIDE = {"min": MIN_SIDE, "max": MAX_SIDE, "subtype": "PIXEL"}
_STEPS = {"min": 1, "max": MAX_STEPS}


class SceneSettings(bpy.types.PropertyGroup):
    """How this scene is drawn."""

    background: StringProperty(name="Background", description="Id of the background asset", **_FIXED)
    background_name: StringProperty(
        name="Background's Name", description="What people call the background asset", **_FIXED
    )
    reference: PointerProperty(
        name="Reference Picture", type=bpy.types.Image, description="The picture that the boxes are encoded from"
    )
    steps: IntProperty(
        name="Steps",
        description="Steps of the sampler for renders and for the resting view",
        default=4,
        **_STEPS,
        **_KEYED,
    )
    seed: IntProperty(name="Seed", description="Equal scenes with equal seeds give equal pictures", min=0, **_KEYED)
    noise: EnumProperty(
        name="Noise",
        description="Whether the frames of an animation share their noise",
        default="SHOT",
        items=(
            ("SHOT", "Per Shot", "The seed is that of every frame: what rests stays still"),
            ("FRAME", "Per Frame", "The frame's number is added to the seed: every frame has its own noise"),
        ),
        **_FIXED,
    )
    guidance: FloatProperty(
        name="Guidance",
        description="How strongly the assets' appearance is enforced; 1 is off and twice as fast",
        default=1.0,
        min=0.0,
        max=MAX_GUIDANCE,
        **_KEYED,
    )
    ground: FloatProperty(
        name="Floor", description="Height of the floor in the reference picture's scene", unit="LENGTH", **_FIXED
    )
    show_floor: BoolProperty(
        name="Horizon and Floor",
        description="Draw the horizon and the floor's grid over the reference picture",
        **_FIXED,
    )
    show_masks: BoolProperty(
        name="Objects as Seen",
        description="Tint what the model took for each box's object, over the reference picture",
        default=True,
        **_FIXED,
    )
    draft_steps: IntProperty(
        name="Steps While Moving",
        description="Steps of the sampler while something moves",
        default=2,
        **_STEPS,
        **_FIXED,
    )
    draft_side: IntProperty(
        name="Size While Moving",
        description="Longer side of the picture while something moves",
        default=256,
        **_SIDE,
        **_FIXED,
    )
    view_side: IntProperty(
        name="Size at Rest", description="Longer side of the picture in the viewport", default=512, **_SIDE, **_FIXED
    )
    show_boxes: BoolProperty(
        name="Boxes",
        description="Show edges and fronts of boxes; dashed without an asset, blue outside the camera's view, red when"
        " the model cannot take them",
        default=True,
        options=set(),
    )
    show_box_names: BoolProperty(
        name="Names", description="Show what boxes are called and carry", default=True, options=set()
    )
    colours: EnumProperty(
        name="Colours",
        description="Whether the scene's view transform may change the model's colours",
        default="EXACT",
        update=_colours_changed,
        options=set(),
        items=(
            (
                "EXACT",
                "Exact",
                "While this engine is chosen, the scene's view transform is Standard, so that screen and"
                " files show the model's colours unchanged; the scene's own comes back with any other engine",
            ),
            ("SCENE", "Scene's", "The scene's view transform (such as AgX) changes the model's colours"),
        ),
    )
    scene_colours: StringProperty(
        name="The Scene's Own Colours", description="Kept while Colours is Exact", options={"HIDDEN"}
    )


class ObjectSettings(bpy.types.PropertyGroup):
    """What makes an object a box."""

    is_box: BoolProperty(name="Box", description="This object's bounding box is posed for the model", **_FIXED)
    asset: StringProperty(name="Asset", description="Id of the asset that the box carries", **_FIXED)
    asset_name: StringProperty(name="Asset's Name", description="What people call the asset", **_FIXED)
    seen_as: StringProperty(name="Asset Made Last", description="Id of the asset that was encoded last", **_FIXED)
    seen_in: StringProperty(name="Picture", description="Name of the picture that it was encoded from", **_FIXED)
    guidance: FloatProperty(
        name="Guidance",
        description="Factor on the scene's guidance for this box",
        default=1.0,
        min=0.0,
        max=MAX_GUIDANCE,
        **_KEYED,
    )
    seed: IntProperty(
        name="Seed",
        description="Another number draws the unseen sides of this object anew and leaves the others alone; 0 follows"
        " the scene's seed",
        min=0,
        **_KEYED,
    )


class WorldSettings(bpy.types.PropertyGroup):
    """The background that comes with a World of the asset library, for the scene that it is dropped into."""

    background: StringProperty(name="Background", description="Id of the background asset", options=set())
    background_name: StringProperty(
        name="Background's Name", description="What people call the background asset", options=set()
    )


CLASSES = (SceneSettings, ObjectSettings, WorldSettings)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.neural_assets = PointerProperty(type=SceneSettings, name="Neural Assets")
    bpy.types.Object.neural_assets = PointerProperty(type=ObjectSettings, name="Neural Assets", **_LINKED)
    bpy.types.World.neural_assets = PointerProperty(type=WorldSettings, name="Neural Assets")


def unregister() -> None:
    del bpy.types.World.neural_assets
    del bpy.types.Object.neural_assets
    del bpy.types.Scene.neural_assets
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
