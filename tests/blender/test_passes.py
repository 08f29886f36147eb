"""Passes: numbers of objects, depth in Blender's units, film without background, borders; in files and compositor."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from server.fake import Say
from server.protocol.events import Picture

from . import exr
from .conftest import until
from .test_colour import golden
from .test_viewport import view  # noqa: F401 - a fixture

WIDTH, HEIGHT = 96, 64
OBJECT_INDEX = "Object Index" if bpy.app.version >= (5, 0) else "IndexOB"


def arrays() -> dict[str, np.ndarray]:
    """A picture of two objects: the first on the left, the second, half covered, in the middle, nothing right."""
    index = np.full((HEIGHT, WIDTH), -1, np.int16)
    index[:, :32], index[8:, 32:64] = 0, 1
    depth = np.where(index >= 0, np.linspace(1, 5, HEIGHT)[:, None] + index, 0).astype(np.float32)
    alpha = np.where(index == 0, 255, np.where(index == 1, 128, 0)).astype(np.uint8)
    return {"image": golden(WIDTH, HEIGHT), "object_index": index, "depth": depth, "alpha": alpha}


@pytest.fixture
def layers(scene, server, box, tmp_path):
    """Renders the scene with both passes into a multilayer file and reads it: channels by name."""

    def render(view_layer: str = "ViewLayer") -> dict[str, np.ndarray]:
        server.answer("render", Say(Picture(0, **arrays())))
        layer = scene.view_layers[view_layer]
        layer.use_pass_z = layer.use_pass_object_index = True
        settings = scene.render.image_settings
        if hasattr(settings, "media_type"):
            settings.media_type = "MULTI_LAYER_IMAGE"
        settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"
        scene.render.filepath = str(tmp_path / "layers.exr")
        bpy.ops.render.render(write_still=True)
        return exr.channels(tmp_path / "layers.exr")

    box("Chair", "chair")
    box("Lamp", "lamp")
    return render


def _combined(addon, channels, layer: str = "ViewLayer") -> tuple[np.ndarray, np.ndarray]:
    """sRGB uint8 [h, w, 3] (premultiplied) and alpha [h, w]."""
    linear = np.stack([channels[f"{layer}.Combined.{c}"] for c in "RGB"], -1)
    return addon("colour").srgb_from_linear(linear), channels[f"{layer}.Combined.A"]


def test_a_multilayer_file_has_the_picture_its_depth_and_its_objects(addon, scene, layers):
    channels, sent = layers(), arrays()
    image, alpha = _combined(addon, channels)
    assert (image == sent["image"]).all() and (alpha == 1).all()
    depth = channels["ViewLayer.Depth.Z"]
    here = sent["object_index"] >= 0
    assert depth[here] == pytest.approx(sent["depth"][here]) and (depth[~here] == np.float32(1e10)).all()
    assert (channels[f"ViewLayer.{OBJECT_INDEX}.X"] == sent["object_index"] + 1).all()


def test_depth_is_in_the_scenes_units(scene, layers):
    scene.unit_settings.scale_length = 0.01
    depth, here = layers()["ViewLayer.Depth.Z"], arrays()["depth"] > 0
    assert depth[here] == pytest.approx(100 * arrays()["depth"][here])


def test_an_objects_number_is_its_pass_index_where_it_has_one(scene, layers):
    bpy.data.objects["Lamp"].pass_index = 7
    index = layers()[f"ViewLayer.{OBJECT_INDEX}.X"]
    assert (index[:, :32] == 1).all() and (index[8:, 32:64] == 7).all() and (index[:, 64:] == 0).all()


def test_passes_that_nobody_asked_for_are_not_made(scene, layers):
    channels = layers()
    layer = scene.view_layers[0]
    layer.use_pass_z = layer.use_pass_object_index = False
    bpy.ops.render.render(write_still=True)
    assert set(exr.channels(Path(scene.render.filepath))) < set(channels)


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        ({}, [1, 2, 3]),
        ({"a": 2}, [2, 1, 3]),
        ({"b": 1, "c": 1}, [2, 1, 1]),
        ({"c": 900}, [1, 2, 900]),
        ({"other": 1}, [1, 2, 3]),
    ],
)
def test_numbers_of_objects(addon, chosen, numbers):
    assert list(addon("rendering.passes").numbers_of(dict.fromkeys("abc"), chosen).values()) == numbers


def test_a_hidden_box_keeps_its_number_free(scene, server, box, layers):
    bpy.data.objects["Chair"].hide_render = True
    index = layers()[f"ViewLayer.{OBJECT_INDEX}.X"]  # slot 0 is now the lamp
    assert (index[:, :32] == 2).all()


def test_a_transparent_film_has_the_objects_alone(addon, scene, layers):
    scene.render.film_transparent = True
    image, alpha = _combined(addon, layers())
    sent = arrays()
    assert np.array_equal(np.round(alpha * 255), sent["alpha"])
    assert (image[:, :32] == sent["image"][:, :32]).all() and not image[:, 64:].any()


def test_a_transparent_picture_file_keeps_the_models_colours(scene, server, box, tmp_path):
    box()
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    server.answer("render", Say(Picture(0, **arrays())))
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    image.alpha_mode = "CHANNEL_PACKED"  # as it stands in the file
    values = np.empty(WIDTH * HEIGHT * 4, np.float32)
    image.pixels.foreach_get(values)
    written = np.round(values.reshape(HEIGHT, WIDTH, 4)[::-1] * 255).astype(np.uint8)
    sent = arrays()
    assert (written[..., 3] == sent["alpha"]).all()
    there = sent["alpha"] > 0
    assert (written[there][:, :3] == sent["image"][there]).all()


@pytest.mark.parametrize("crop", [True, False])
def test_border_and_transparent_film_together(addon, scene, layers, crop):
    render = scene.render
    render.film_transparent = render.use_border = True
    render.use_crop_to_border = crop
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.26, 0.77, 0.1, 0.52
    channels, sent, (left, top, right, bottom) = layers(), arrays(), (24, 31, 73, 58)
    image, alpha = _combined(addon, channels)
    index, depth = channels[f"ViewLayer.{OBJECT_INDEX}.X"], channels["ViewLayer.Depth.Z"]
    if not crop:
        assert image.shape == (HEIGHT, WIDTH, 3) and alpha.sum() == pytest.approx(alpha[top:bottom, left:right].sum())
        image, alpha, index, depth = (a[top:bottom, left:right] for a in (image, alpha, index, depth))
    part = {name: array[top:bottom, left:right] for name, array in sent.items()}
    assert np.array_equal(np.round(alpha * 255), part["alpha"]) and np.array_equal(index, part["object_index"] + 1)
    there = part["alpha"] == 255
    assert (image[there] == part["image"][there]).all()
    assert depth[part["depth"] > 0] == pytest.approx(part["depth"][part["depth"] > 0])


def test_percentage_and_pixel_aspect_reach_the_server_and_the_file(scene, server, box):
    box()
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 200, 141, 50
    render.pixel_aspect_x, render.pixel_aspect_y = 1.0, 2.0
    bpy.ops.render.render(write_still=True)
    (request,) = server.wait_for("render")
    assert (request.settings.width, request.settings.height) == (100, 70)
    fx, fy = request.scene.camera.intrinsics[:2]
    assert fx * 100 == pytest.approx(fy * 70 * 2)  # pixels are twice as high as wide
    assert tuple(bpy.data.images.load(render.filepath).size) == (100, 70)


def test_two_view_layers_are_two_pictures(addon, scene, server, layers):
    second = scene.view_layers.new("Second")
    extra = bpy.data.collections.new("Extra")
    scene.collection.children.link(extra)
    lamp = bpy.data.objects["Lamp"]
    scene.collection.objects.unlink(lamp)
    extra.objects.link(lamp)
    second.layer_collection.children["Extra"].exclude = True
    server.answer("render", Say(Picture(0, **arrays())))
    dark = arrays() | {"image": np.zeros((HEIGHT, WIDTH, 3), np.uint8)}
    server.answer("render", Say(Picture(0, **dark)))
    channels = layers()
    shown = [{p.name for p in request.scene.placements} for request in server.wait_for("render", 2)]
    assert shown == [{"Chair", "Lamp"}, {"Chair"}]
    assert (_combined(addon, channels)[0] == golden(WIDTH, HEIGHT)).all()
    assert not _combined(addon, channels, "Second")[0].any()


def test_the_compositor_gets_the_passes(scene, server, box, layers):
    """Object Index, through the compositor, is the picture of the file."""
    layers()  # the passes are asked for from here on
    tree = _compositor(scene)
    source = tree.nodes.new("CompositorNodeRLayers")
    if bpy.app.version < (5, 0):
        target = tree.nodes.new("CompositorNodeComposite").inputs["Image"]
    else:
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        target = tree.nodes.new("NodeGroupOutput").inputs["Image"]
    tree.links.new(source.outputs[OBJECT_INDEX], target)
    channels = layers()
    red = next(values for name, values in channels.items() if name.endswith(("Composite.Combined.R", "Combined.R")))
    assert (red == arrays()["object_index"] + 1).all()


def _compositor(scene):
    """An empty compositor of the scene."""
    if bpy.app.version < (5, 0):
        scene.use_nodes = True
        tree = scene.node_tree
    else:
        tree = scene.compositing_node_group = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
    tree.nodes.clear()
    return tree


def test_a_transparent_film_is_seen_in_the_view(addon, scene, server, box, view, monkeypatch):  # noqa: F811
    """The fake server's picture has no objects: nothing of it is left, until the film is opaque again."""
    uploaded = []
    monkeypatch.setattr(addon("drawing.textures"), "upload", uploaded.append)
    monkeypatch.setattr(addon("drawing.textures"), "draw", lambda *_: None)
    box()
    view.update()
    until(lambda: view.viewport.words == "Done")
    for transparent in (True, False):
        scene.render.film_transparent = transparent
        view.viewport.draw(view.context, bpy.context.evaluated_depsgraph_get())
        view.viewport.draw(view.context, bpy.context.evaluated_depsgraph_get())
    cut, whole = uploaded  # once each
    assert not cut.any() and (whole[..., 3] == 1).all()
