"""Files of the compositor's File Output nodes have their settings beside them, too."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import pytest

from server.fake import Die, Say, flat_picture

from .conftest import full_disk
from .test_stamp_files import SUFFIX, names

GROUPS = bpy.app.version >= (5, 0)  # whether the compositor is a node group
NUMBER = "" if GROUPS else "0001"  # of a still's files


@pytest.fixture
def files(addon):
    return addon("pictures.stamp_files")


@pytest.fixture
def outputs(scene, server, box, tmp_path):
    """Adds a File Output node that writes the picture into a folder; a box is there, and `picture.png` is not here."""
    box()
    scene.render.filepath = str(tmp_path / "main" / "picture.png")
    scene.frame_end = 2
    tree, layers, end = compositor_of(scene)
    tree.links.new(layers.outputs["Image"], end.inputs[0])

    def add(folder: Path | str, name: str, file_format: str = "BMP") -> bpy.types.Node:
        node = file_output(tree, folder, name, file_format)
        tree.links.new(layers.outputs["Image"], node.inputs[0])
        return node

    return add


def compositor_of(scene: bpy.types.Scene) -> tuple[bpy.types.NodeTree, bpy.types.Node, bpy.types.Node]:
    """A compositor with the node of the render layers and that of the result, not linked yet."""
    if GROUPS:
        tree = scene.compositing_node_group = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        end = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        end = tree.nodes.new("CompositorNodeComposite")
    return tree, tree.nodes.new("CompositorNodeRLayers"), end


def render_elsewhere(scene: bpy.types.Scene) -> None:
    """With another engine; its picture does not matter."""
    scene.render.engine = "BLENDER_WORKBENCH"
    try:
        bpy.ops.render.render()
    except RuntimeError:  # no graphics here
        pass


def file_output(tree: bpy.types.NodeTree, folder: Path | str, name: str, file_format: str) -> bpy.types.Node:
    """A node with one input, not linked yet."""
    node, in_one = tree.nodes.new("CompositorNodeOutputFile"), file_format == "OPEN_EXR_MULTILAYER"
    if hasattr(node.format, "media_type"):
        node.format.media_type = "MULTI_LAYER_IMAGE" if in_one else "IMAGE"
    node.format.file_format = file_format
    if GROUPS:
        node.directory, node.file_name = str(folder), name if in_one else ""
        node.file_output_items.new("RGBA", "Image" if in_one else name)
    else:
        node.base_path = f"{folder}/{name}" if in_one else str(folder)
        node.file_slots[0].path = name
    return node


def stamped(folder: Path) -> list[str]:
    """The names of a folder's files, all of which must have their settings beside them."""
    found = [name for name in names(folder) if not name.endswith(SUFFIX)]
    assert sorted([*found, *(name + SUFFIX for name in found)]) == names(folder)
    return found


@pytest.mark.parametrize("file_format", ["BMP", "PNG", "JPEG", "TIFF", "OPEN_EXR", "OPEN_EXR_MULTILAYER"])
def test_every_format_has_a_file_beside_it(addon, files, scene, outputs, tmp_path, file_format):
    """Blender writes a picture's texts into none of them."""
    outputs(tmp_path / "nodes", "name", file_format)
    scene.neural_assets.seed = 41
    bpy.ops.render.render()
    (name,) = stamped(tmp_path / "nodes")
    assert name.startswith(f"name{NUMBER}.") and files.of_file(tmp_path / "nodes" / name).settings.seed == 41
    assert not (tmp_path / "main").exists() and addon("rendering.written").problem == ""


@pytest.mark.parametrize(
    ("folder", "name", "still", "second"),
    [
        ("a", "b_###_c", "b_001_c.bmp", "b_002_c.bmp"),
        ("a", "b.v2", f"b.v2{NUMBER}.bmp", "b.v20002.bmp"),
        ("a", "deep/b", f"deep/b{NUMBER}.bmp|deep_b.bmp", "deep/b0002.bmp|deep_b0002.bmp"),  # 5.0 has no folders there
        ("a", "b [x]*?", None, None),
        ("a", "b.png", "b.bmp|b.png0001.bmp", "b0002.bmp|b.png0002.bmp"),
        ("a", "b_##.png", "b_01.bmp", "b_02.bmp"),
    ],
)
def test_names_as_they_are_typed(files, scene, outputs, tmp_path, folder, name, still, second):
    outputs(tmp_path / folder, name)
    bpy.ops.render.render()
    inner = next((tmp_path / folder).rglob("*.bmp")).parent
    (found,) = stamped(inner)
    assert still is None or f"{inner.relative_to(tmp_path / folder) / found}" in still.split("|")
    for each in inner.iterdir():
        each.unlink()
    bpy.ops.render.render(animation=True)
    found = stamped(inner)
    assert len(found) == 2 and [files.of_file(inner / each).frame for each in found] == [1, 2]
    assert second is None or f"{inner.relative_to(tmp_path / folder) / found[1]}" in second.split("|")


@pytest.mark.skipif(bpy.app.version < (4, 5), reason="names in braces are filled in from Blender 4.5 on")
def test_names_in_braces_are_followed(scene, outputs, tmp_path):
    outputs(tmp_path / "{resolution_x}", "{resolution_y}_####")
    bpy.ops.render.render()
    assert stamped(tmp_path / "96") == ["64_0001.bmp"]


def test_a_folder_beside_the_blend_file(scene, outputs, tmp_path):
    outputs("//nodes", "name_####")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.render.render()
    assert stamped(tmp_path / "nodes") == ["name_0001.bmp"]


def test_negative_frames(scene, outputs, tmp_path):
    outputs(tmp_path / "nodes", "name_####")
    scene.frame_set(-7)
    bpy.ops.render.render()
    assert len(stamped(tmp_path / "nodes")) == 1


def test_several_nodes_one_of_them_in_a_group(scene, outputs, tmp_path):
    first = outputs(tmp_path / "nodes", "a_####")
    outputs(tmp_path / "nodes", "b_####", "PNG")
    inner = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
    inner.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    node, start = file_output(inner, tmp_path / "nodes", "c_####", "TARGA"), inner.nodes.new("NodeGroupInput")
    inner.links.new(start.outputs[0], node.inputs[0])
    tree = first.id_data
    group = tree.nodes.new("CompositorNodeGroup")
    group.node_tree = inner
    tree.links.new(first.inputs[0].links[0].from_socket, group.inputs[0])
    bpy.ops.render.render()
    assert stamped(tmp_path / "nodes") == ["a_0001.bmp", "b_0001.png", "c_0001.tga"]


def test_files_that_were_not_written_now_keep_their_settings(files, scene, outputs, tmp_path):
    """A node that is muted, another frame's file, one that another computer writes meanwhile."""
    node = outputs(tmp_path / "nodes", "name_####")
    scene.neural_assets.seed = 1
    bpy.ops.render.render()
    (first,) = stamped(tmp_path / "nodes")
    other = tmp_path / "nodes" / "name_0005.bmp"
    bpy.app.handlers.render_post.insert(0, lambda *_: other.write_bytes(b"another's"))
    node.mute, scene.neural_assets.seed = True, 2
    bpy.ops.render.render()
    del bpy.app.handlers.render_post[0]
    assert files.of_file(tmp_path / "nodes" / first).settings.seed == 1
    assert names(tmp_path / "nodes") == [first, first + SUFFIX, other.name]


@pytest.mark.skipif(bpy.app.version < (4, 5), reason="names in braces are filled in from Blender 4.5 on")
def test_a_frame_that_another_computer_writes_is_left_to_it(scene, outputs, tmp_path):
    """Into the same folder, under a name that only Blender knows."""
    outputs(tmp_path, "{resolution_x}")
    bpy.app.handlers.render_post.insert(0, lambda *_: (tmp_path / "960005.bmp").write_bytes(b"another's"))
    bpy.ops.render.render(animation=True)
    del bpy.app.handlers.render_post[0]
    assert [name for name in names(tmp_path) if name.endswith(SUFFIX)] == [f"96000{n}.bmp{SUFFIX}" for n in (1, 2)]


def test_written_over_they_have_the_new_ones(files, scene, outputs, tmp_path):
    outputs(tmp_path / "nodes", "name_####")
    for seed in (1, 2):
        scene.neural_assets.seed = seed
        bpy.ops.render.render()
        assert files.of_file(tmp_path / "nodes" / "name_0001.bmp").settings.seed == seed


def test_a_frame_that_failed_leaves_nothing(files, scene, server, outputs, tmp_path):
    outputs(tmp_path / "nodes", "name_####")
    server.answer("render", Say(flat_picture(96, 64)))
    server.answer("render", Die())
    with pytest.raises(RuntimeError, match="is gone"):
        bpy.ops.render.render(animation=True)
    found = names(tmp_path / "nodes")
    assert "name_0001.bmp" + SUFFIX in found and "name_0002.bmp" + SUFFIX not in found


def test_other_engines_pictures_get_none(scene, outputs, tmp_path):
    outputs(tmp_path / "nodes", "name_####")
    bpy.ops.render.render()
    kept = tmp_path / "nodes" / f"name_0001.bmp{SUFFIX}"
    kept.unlink()
    render_elsewhere(scene)
    assert not kept.exists()


def test_a_full_disk_is_said_and_stays_said(addon, scene, outputs, tmp_path, capfd, monkeypatch):
    """Also when the render's own file is fine."""
    outputs(tmp_path / "nodes", "name_####")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        bpy.ops.render.render(animation=True)
    assert "settings that made it cannot be written" in addon("rendering.written").problem
    assert capfd.readouterr().err.count("The picture is saved, but the settings") == 1
    bpy.ops.render.render(animation=True)
    assert addon("rendering.written").problem == "" and len(stamped(tmp_path / "nodes")) == 2
