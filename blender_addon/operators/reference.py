"""The reference picture: behind the scene, in the camera, with the focal length that it was taken with."""

from __future__ import annotations

import math

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.limits import MAX_SIDE, MIN_SIDE
from ..reference import images
from ..reference.exif import focal_length_35mm
from ..scene.camera import SENSOR
from .common import Result, sentences

_SHAPE_TOLERANCE = 0.01
_EXTENSIONS = ".jpg;.jpeg;.png;.tif;.tiff;.webp;.exr;.hdr;.bmp;.tga;.jp2"


class LoadReference(bpy.types.Operator):
    """Load a picture, show it in the camera's frame and give camera and render the picture's lens and shape"""

    bl_idname = "neural_assets.load_reference"
    bl_label = "Load Reference Picture"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="Picture", description="The picture's file", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_image: BoolProperty(default=True, options={"HIDDEN"})
    focal_length: FloatProperty(
        name="Focal Length",
        min=0.0,
        max=5000.0,
        subtype="NONE",
        description="In mm for a sensor 36 mm wide; 0 takes what the camera wrote into the file",
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        self._asked_in_window = True
        if self.filepath:  # dropped onto a view
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @sentences
    def execute(self, context: bpy.types.Context) -> Result:
        image = images.load(bpy.path.abspath(self.filepath))
        width, height = image.size
        told = self.focal_length or focal_length_35mm(bpy.path.abspath(self.filepath), width, height)
        ask = not told and getattr(self, "_asked_in_window", False)
        if not told and not ask:
            raise ProtocolError(
                ErrorCode.CAMERA,
                "The picture does not say with which focal length it was taken.",
                "Give focal_length in mm (for a sensor 36 mm wide; 28 for most telephones).",
            )
        camera = camera_of(context)
        show_in(camera, image)
        _match_render(context.scene, image)
        context.scene.neural_assets.reference = image
        set_lens(camera.data, told or camera.data.lens)
        if context.space_data is not None and context.space_data.type == "VIEW_3D":
            context.space_data.region_3d.view_perspective = "CAMERA"  # only there is it seen
        if ask:
            bpy.ops.neural_assets.set_focal_length("INVOKE_DEFAULT")
        return {"FINISHED"}


class DroppedReference(bpy.types.FileHandler):
    """A picture dropped onto a 3D view; Blender lets the artist choose between this and its own uses of pictures."""

    bl_idname = "NEURAL_ASSETS_FH_reference"
    bl_label = "Load Reference Picture"
    bl_import_operator = "neural_assets.load_reference"
    bl_file_extensions = _EXTENSIONS

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D" and context.mode == "OBJECT"


class SetFocalLength(bpy.types.Operator):
    """The focal length with which the picture was taken, for files that do not say it. Telephones: about 26 mm"""

    bl_idname = "neural_assets.set_focal_length"
    bl_label = "Focal Length of the Picture"
    bl_options = {"REGISTER", "UNDO"}

    focal_length: FloatProperty(
        name="Focal Length (mm)",
        default=28.0,
        min=1.0,
        max=5000.0,
        description="For a sensor 36 mm wide, which is what telephones and cameras call 35 mm equivalent",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.camera is not None and context.scene.camera.type == "CAMERA"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.scale_y = 0.85
        column.label(text="The file does not say with which lens the picture was taken.")
        column.label(text="Telephones: about 26 mm, twice that at 2x. With the right one,")
        column.label(text="the edges of a box lie along those of an object. Lines drawn on")
        column.label(text="the picture find it, too: Camera, From Lines, in the panel.")
        self.layout.prop(self, "focal_length")

    def execute(self, context: bpy.types.Context) -> Result:
        set_lens(context.scene.camera.data, self.focal_length)
        return {"FINISHED"}


class MatchReference(bpy.types.Operator):
    """Give the render the reference picture's size and shape"""

    bl_idname = "neural_assets.match_reference"
    bl_label = "Match the Picture's Shape"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.neural_assets.reference is not None

    def execute(self, context: bpy.types.Context) -> Result:
        _match_render(context.scene, context.scene.neural_assets.reference)
        return {"FINISHED"}


def set_lens(camera: bpy.types.Camera, focal_length: float) -> None:
    """A perspective lens for a 36 mm sensor without shift, as a photograph that was not cropped has it."""
    camera.type = "PERSP"
    camera.sensor_fit, camera.sensor_width = "AUTO", SENSOR
    camera.shift_x = camera.shift_y = 0.0
    camera.lens_unit, camera.lens = "MILLIMETERS", focal_length


def show_in(camera: bpy.types.Object, image: bpy.types.Image) -> None:
    """The image as the camera's background; other backgrounds of the camera stay, hidden.

    "View as render" makes Blender put it under the rendered view's picture; otherwise it would cover that.
    """
    image.use_view_as_render = True
    data = camera.data
    shown = next((background for background in data.background_images if background.image == image), None)
    shown = shown or data.background_images.new()
    for background in data.background_images:
        background.show_background_image = background == shown
    shown.image, shown.frame_method, shown.alpha = image, "FIT", 1.0
    data.show_background_images = True


def camera_of(context: bpy.types.Context) -> bpy.types.Object:
    """The scene's camera, or a new one at the height of a person's eyes."""
    if context.scene.camera is not None and context.scene.camera.type == "CAMERA":
        return context.scene.camera
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0.0, -4.0, 1.6), (math.radians(75), 0.0, 0.0)
    context.scene.collection.objects.link(camera)
    context.scene.camera = camera
    return camera


def require_shape(scene: bpy.types.Scene) -> float:
    """Height / width of the reference picture, which fills the camera's frame only when both have one shape.

    Raises ProtocolError.
    """
    if not has_its_shape(scene):
        raise ProtocolError(
            ErrorCode.CAMERA,
            "The render has another shape than the reference picture, so that nothing drawn on it fits.",
            "Press 'Match the Picture's Shape'.",
        )
    width, height = scene.neural_assets.reference.size
    return height / width


def has_its_shape(scene: bpy.types.Scene) -> bool:
    """Whether the render has the shape of the reference picture (True when its file is gone)."""
    render, (width, height) = scene.render, scene.neural_assets.reference.size
    shape = render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)
    return min(width, height) == 0 or abs(shape * height / width - 1) <= _SHAPE_TOLERANCE


def _match_render(scene: bpy.types.Scene, image: bpy.types.Image) -> None:
    width, height = image.size
    share = max(min(1.0, MAX_SIDE / max(width, height)), MIN_SIDE / min(width, height))
    render = scene.render
    render.resolution_x, render.resolution_y = round(width * share), round(height * share)
    render.resolution_percentage, render.pixel_aspect_x, render.pixel_aspect_y = 100, 1.0, 1.0


CLASSES = (LoadReference, DroppedReference, SetFocalLength, MatchReference)
