"""What the windowed tests stand on: marks in pictures, eyes, reports, and where a Blender comes from."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

import install
from server.protocol.api import Box, Camera, Placement, RenderSettings, Scene
from tests.gui import blenders, box_server, mark, soak, stage
from tests.gui.conftest import step_names
from tests.gui.show import Report

UNIT = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def scene(x: float) -> Scene:
    """One box four metres before the camera."""
    pose = (*UNIT[:3], x, *UNIT[4:11], 4.0, *UNIT[12:])
    return Scene(Camera((1.0, 1.0, 0.5, 0.5), UNIT), (Placement("Box", "chair", Box(pose, (1.0, 1.0, 1.0))),), "room")


def test_a_picture_names_its_scene_and_steps_after_scaling_and_a_view_transform():
    picture = box_server.draw(scene(0.3), RenderSettings(256, 192, 5)).image
    wanted = (mark.digest(scene(0.3)), 5)
    assert mark.read(picture) == wanted
    assert mark.read(np.asarray(Image.fromarray(picture).resize((411, 307)))) == wanted
    assert mark.read((40 + 150 * (picture / 255) ** 0.7).astype(np.uint8)) == wanted
    assert mark.digest(scene(0.3)) != mark.digest(scene(0.3000001))


@pytest.fixture
def eyes(tmp_path, monkeypatch):
    """A stage with a screenshot "seen" of random blocks, and its part at 10..40 as the reference "part"."""
    found = stage.Stage(tmp_path)
    references = tmp_path / "references"
    references.mkdir()
    monkeypatch.setattr(stage, "REFERENCES", references)
    blocks = np.random.default_rng(1).integers(0, 255, (10, 10, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    Image.fromarray(blocks).save(tmp_path / "seen.png")
    Image.fromarray(blocks[10:40, 10:40]).save(references / "part.png")
    yield found
    found.close()


def test_a_part_of_the_screen_is_compared_with_tolerance(eyes, tmp_path):
    assert eyes.fault("seen", (10, 10, 40, 40), "part") == ""
    image = np.asarray(Image.open(tmp_path / "seen.png")).copy()
    image[12:14, 12:14] += 100  # 4 of 900 pixels
    Image.fromarray(image).save(tmp_path / "nearly.png")
    assert eyes.fault("nearly", (10, 10, 40, 40), "part") == ""
    assert "differ" in eyes.fault("seen", (20, 20, 50, 50), "part")
    assert (tmp_path / "part-difference.png").exists()
    assert "size" in eyes.fault("seen", (10, 10, 60, 40), "part")
    assert "put it there when it is right" in eyes.fault("seen", (10, 10, 40, 40), "unknown")


def test_a_crash_fails_the_steps_that_were_not_finished(tmp_path):
    (tmp_path / "blender.log").write_text("Segmentation fault\n")
    report = Report(tmp_path, 139, "5.2.2", {"a.done": {"problem": "", "seconds": 1, "figures": {}}})
    assert report.problem_of("a.done") == ""
    assert "code 139" in report.problem_of("a.next") and "Segmentation fault" in report.problem_of("a.next")


def test_memory_is_compared_once_it_has_settled():
    settling = [(0.0, 600.0), (5.0, 1000.0), (7.0, 1010.0), (15.0, 1015.0), (28.0, 1020.0), (30.0, 1020.0)]
    assert 0 < soak.growth(settling) < soak.GROWTH
    leaking = [(float(minute), 600.0 + 10 * minute) for minute in range(31)]
    assert soak.growth(leaking) > soak.GROWTH


def test_every_step_is_found_and_helpers_are_none():
    names = step_names()
    assert {"viewport.picture_appears", "rendering.still", "safety.undo_redo"} <= set(names)
    assert len(names) == len(set(names)) and not any("._" in name for name in names)


def test_without_a_windowed_blender_a_sentence_says_why(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(blenders.NoBlender, match=r"5\.2.* needs root.* 4\.3.* needs root"):
        blenders.find("sid,trixie")
    with pytest.raises(blenders.NoBlender, match="no program /nowhere/blender"):
        blenders.find("/nowhere/blender")
    monkeypatch.setattr(blenders.shutil, "which", lambda name: "/bin/true" if "blender" in name else None)
    with pytest.raises(blenders.NoBlender, match="xdotool and import.*install"):
        blenders.find("/opt/blender/blender")


def test_the_command_line_takes_a_blender_and_words_for_pytest():
    assert install.parse(["test"]).gui is None
    assert install.parse(["test", "--gui"]).gui == ""
    options = install.parse(["test", "--gui", "/opt/blender/blender", "-k", "orbit"])
    assert options.gui == "/opt/blender/blender" and options.arguments == ["-k", "orbit"]
