"""Makes the example's .blend file of a picture with boxes: camera, boxes, keyframes, the picture behind it all.

    blender -b --python make_blend.py -- BOXES.json OUT.blend

The extension must be installed in that Blender: it knows what a box is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

sys.path.insert(0, str(Path(__file__).parent))
import extension_here
from boxes_file import Picture, PosedBox, read_picture

FRAMES = 24
SENSOR = 36.0  # millimetres


def make_blend(picture: Picture, path: Path) -> None:
    """A new file with the picture's scene, saved to `path`; it stays open."""
    bpy.ops.wm.read_homefile(use_empty=True)
    extension_here.enable()
    scene = bpy.context.scene
    scene.render.engine = "NEURAL_ASSETS"
    scene.frame_start, scene.frame_end, scene.render.fps = 1, FRAMES, 12
    scene.neural_assets.ground = picture.ground
    add_camera(scene, picture)
    for box in picture.boxes:
        thing = add_box(scene, box)
        if box.name in picture.story.moves:
            add_keyframes(thing, picture)
    scene.frame_set(1)  # the pose in the picture, where the boxes are encoded
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


def add_camera(scene: bpy.types.Scene, picture: Picture) -> None:
    """The picture's camera, and the picture in it by the add-on's own operator."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.matrix_world = Matrix(picture.camera)
    scene.collection.objects.link(camera)
    scene.camera = camera
    bpy.context.view_layer.update()
    bpy.ops.neural_assets.load_reference(filepath=str(picture.image), focal_length=SENSOR)
    width, height = scene.render.resolution_x, scene.render.resolution_y
    across, down, longer = *picture.optical_centre, max(width, height)  # the sensor lies along the longer side
    camera.data.lens = picture.focal_length * SENSOR * width / longer
    camera.data.shift_x, camera.data.shift_y = (0.5 - across) * width / longer, (down - 0.5) * height / longer


def add_box(scene: bpy.types.Scene, box: PosedBox) -> bpy.types.Object:
    """A box as the add-on adds it: it stands on its origin."""
    rotation = Matrix(box.rotation)
    scene.cursor.location = Vector(box.centre) - rotation @ Vector((0.0, 0.0, box.size[2] / 2))
    bpy.ops.neural_assets.add_box(size=box.size)
    thing = bpy.context.view_layer.objects.active
    thing.name = box.name
    thing.rotation_euler = rotation.to_euler()
    return thing


def add_keyframes(thing: bpy.types.Object, picture: Picture) -> None:
    """From the picture's pose at the first frame to the story's at the last."""
    move = picture.story.moves[thing.name]
    start = thing.location.copy(), thing.rotation_euler.copy()
    for frame, share in ((1, 0.0), (FRAMES, 1.0)):
        thing.location = start[0] + share * Vector(move.shift)
        turned = Matrix.Rotation(share * move.turn * 3.141592653589793 / 180, 3, "Z") @ start[1].to_matrix()
        thing.rotation_euler = turned.to_euler("XYZ", start[1])
        thing.keyframe_insert("location", frame=frame)
        thing.keyframe_insert("rotation_euler", frame=frame)


if __name__ == "__main__":
    boxes, out = sys.argv[-2:]
    make_blend(read_picture(Path(boxes)), Path(out))
