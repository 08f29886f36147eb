"""What the demonstration reads, tells and takes for success; the test command's count."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from model.assets import load_thumbnail
from server.setup import demo, testing
from server.setup.process import InstallError

sys.path.insert(0, str(demo.EXAMPLES))
from boxes_file import BoxesFileError, about_z, read_picture  # noqa: E402 - plain modules beside the add-on
from kitti_boxes import boxes_file, projection  # noqa: E402


@pytest.fixture
def own(tmp_path):
    """Writes a boxes file beside a picture."""
    (tmp_path / "photo.png").write_bytes(b"-")

    def write(**changes):
        box = {"name": "Cup", "centre": [0, 1, 0.05], "size": [0.1, 0.1, 0.1]}
        data = {"image": "photo.png", "focal_length": 1.2, "boxes": [box], **changes}
        path = tmp_path / "boxes.json"
        path.write_text(json.dumps(data))
        return path

    return write


@pytest.mark.parametrize("name", ["table", "second", "coffee"])
def test_the_examples_are_readable_and_their_boxes_are_in_the_picture(name):
    picture = read_picture(demo.EXAMPLES / f"{name}.json")
    to_camera = np.linalg.inv(np.array(picture.camera))
    for box in picture.boxes:
        point = to_camera @ [*box.centre, 1.0]
        across, down = picture.focal_length * point[:2] / -point[2]
        assert point[2] < 0 and abs(across) < 0.5 and abs(down) < 0.34
        assert box.centre[2] - box.size[2] / 2 == pytest.approx(picture.ground, abs=1e-3)
    if picture.story.replacement:
        assert picture.story.other is not None
        assert picture.story.replacement in {box.name for box in read_picture(picture.story.other).boxes}


def test_the_examples_name_their_makers():
    for name in ("table", "second", "coffee"):
        data = json.loads((demo.EXAMPLES / f"{name}.json").read_text())
        assert "CC0" in data["credit"]
        assert name == "coffee" or all("CC0" in box["credit"] for box in data["boxes"])


def test_a_picture_without_camera_and_story_gets_both(own):
    picture = read_picture(own())
    assert picture.camera == ((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 1.6), (0, 0, 0, 1))
    assert list(picture.story.moves) == ["Cup"] and picture.story.removed == "Cup"
    assert read_picture(own(camera={"down": 90, "height": 2})).camera[2] == pytest.approx((0, 0, 1, 2))


def test_turns_are_counter_clockwise_from_above():
    assert np.array(about_z(90)) @ [1, 0, 0] == pytest.approx([0, 1, 0])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"focal_length": "x"}, "wrong value"),
        ({"focal_length": 0}, "focal length of 0"),
        ({"focal_length": float("nan")}, "not a finite"),
        ({"boxes": []}, "no boxes"),
        ({"boxes": [{"name": "A", "centre": [0, 0], "size": [1, 1, 1]}]}, "2 numbers instead of 3"),
        ({"boxes": [{"name": "A", "centre": [0, 0, 0], "size": [1, -1, 1]}]}, "a side of -1"),
        ({"boxes": [{"name": "A", "size": [1, 1, 1]}]}, "lacks 'centre'"),
        ({"boxes": 3}, "wrong value"),
        ({"camera": {"matrix": [[1]]}}, "wrong value"),
        ({"story": {"removed": "Nobody"}}, "which is no box"),
        ({"image": "gone.png"}, "gone.png is not there"),
    ],
)
def test_a_wrong_boxes_file_is_a_sentence(own, changes, fault):
    with pytest.raises(BoxesFileError, match=fault):
        read_picture(own(**changes))


def test_a_file_that_is_none_is_a_sentence(tmp_path):
    with pytest.raises(BoxesFileError, match="name another file"):
        read_picture(tmp_path / "none.json")
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(BoxesFileError, match="not JSON"):
        read_picture(tmp_path / "x.json")


def test_only_a_demonstrations_own_folder_is_emptied(tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    with pytest.raises(InstallError, match="other files"):
        demo.fresh_folder(out)
    assert (out / "letter.txt").exists()
    (out / "wish.json").write_text("{}")
    assert list(demo.fresh_folder(out).iterdir()) == []


def test_the_gallerys_room_is_of_shipped_assets(tmp_path):
    """Every name in the room's file is an asset of the gallery, of the right kind."""
    wish = demo.Wish(gallery=True)
    told = json.loads(demo.write_wish(wish, tmp_path, Path("python"), Path("a.zip")).read_text())
    assert wish.folder().name == "demo-gallery"
    room = json.loads(Path(told["room"]).read_text())
    headers = [load_thumbnail(file)[1] for file in Path("model/gallery").glob("*.safetensors")]
    kinds = {header["name"]: header["kind"] for header in headers}
    assert {kinds[thing["asset"]] for thing in room["things"]} == {"object"}
    assert kinds[room["background"]] == kinds[room["elsewhere"]] == "background"
    assert json.loads(demo.write_wish(demo.Wish(), tmp_path, Path("python"), Path("a.zip")).read_text())["room"] is None


def test_progress_tells_the_time_left_from_the_second_step_on():
    assert "left" not in demo.progress_line(1, 10, "x", 5)
    line = demo.progress_line(5, 10, "Frame 5", 65)
    assert "[############------------]  50%  Frame 5  (about 1:05 left)" == line


def test_blenders_words_go_to_the_log_and_progress_to_the_screen(capsys):
    log = io.StringIO()
    demo.follow(["noise\n", '@ {"step": 1, "steps": 2, "words": "Half"}\n'], log)
    assert log.getvalue() == "noise\n" and "Half" in capsys.readouterr().out


def test_success_needs_a_report_and_a_good_end(tmp_path):
    assert demo.read_report(tmp_path, 139)["problem"] == "Blender ended early with code 139."
    (tmp_path / "report.json").write_text('{"ok": true, "problem": "", "files": []}')
    assert demo.read_report(tmp_path, 0)["ok"] and not demo.read_report(tmp_path, 1)["ok"]


REPORT = """<testsuites><testsuite>
<testcase classname="a" name="good"/><testcase classname="a" name="bad"><failure>x</failure></testcase>
<testcase classname="a" name="left"><skipped/></testcase><testcase classname="a" name="late"><error>x</error></testcase>
</testsuite></testsuites>"""


def test_the_count_hides_no_failure(tmp_path):
    report = tmp_path / "r.xml"
    report.write_text(REPORT)
    tally = testing.Tally()
    tally.add_report("unit", report, 1)
    assert tally.summary() == "1 passed, 2 failed, 1 skipped" and "unit: a::bad" in tally.failures


@pytest.mark.parametrize("text", [None, "<half", "<testsuites/>"])
def test_a_report_that_is_missing_broken_or_empty_is_a_failure(tmp_path, text):
    report = tmp_path / "r.xml"
    if text is not None:
        report.write_text(text)
    tally = testing.Tally()
    tally.add_report("bpy", report, 0)
    assert tally.summary() == "0 passed, 1 failed, 0 skipped"


def test_a_crash_after_good_tests_is_a_failure(tmp_path):
    report = tmp_path / "r.xml"
    report.write_text('<testsuite><testcase classname="a" name="good"/></testsuite>')
    tally = testing.Tally()
    tally.add_report("bpy", report, 139)
    assert tally.summary() == "1 passed, 1 failed, 0 skipped"


def test_a_tool_counts_as_one_test():
    tally = testing.Tally()
    tally.add_command("good", [sys.executable, "-c", "pass"])
    tally.add_command("bad", [sys.executable, "-c", "raise SystemExit(1)"])
    assert tally.summary() == "1 passed, 1 failed, 0 skipped" and tally.failures == ["bad found faults"]


def test_the_ci_calls_exactly_the_test_command():
    assert (Path(demo.ROOT) / ".ci" / "run").read_text().rstrip().endswith("exec python3 install.py test")


def test_kitti_labels_become_boxes_that_project_onto_their_2d_boxes(tmp_path):
    """A car 12 m ahead that drives away, through a camera whose centre is not the picture's."""
    image = tmp_path / "frame.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (1242).to_bytes(4, "big") + (375).to_bytes(4, "big"))
    calibration = "P2: 700 0 600 35 0 700 180 0 0 0 1 0"
    label = "Car 0 0 0 0 0 0 0 1.5 1.6 4.0 2.0 1.65 12.0 -1.5708"
    made = boxes_file(image, calibration, f"{label}\nDontCare -1 -1 -10 1 1 2 2 -1 -1 -1 -1000 -1000 -1000 -10", 40)
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps(made))
    picture = read_picture(file)
    (box,) = picture.boxes
    assert box.size == (1.6, 4.0, 1.5) and picture.ground == pytest.approx(0, abs=1e-6)
    assert np.array(box.rotation) @ [0, -1, 0] == pytest.approx([0, 1, 0], abs=1e-4)  # its front is ahead
    near_bottom_left = np.array(box.centre) + np.array(box.rotation) @ [0.8, 2.0, -0.75]
    point = np.linalg.inv(np.array(picture.camera)) @ [*near_bottom_left, 1]
    across = picture.optical_centre[0] * 1242 + picture.focal_length * 1242 * point[0] / -point[2]
    down = picture.optical_centre[1] * 375 - picture.focal_length * 1242 * point[1] / -point[2]
    assert across == pytest.approx(600 + 700 * (2.0 - 0.8 + 0.05) / 10, abs=0.1)
    assert down == pytest.approx(180 + 700 * 1.65 / 10, abs=0.1)


def test_kitti_frames_without_near_objects_are_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="no PNG"):
        (tmp_path / "x.png").write_bytes(b"JFIF")
        boxes_file(tmp_path / "x.png", "", "", 40)
    with pytest.raises(ValueError, match="'P2:'"):
        projection("P0: 1 2 3")
