"""The installer's decisions, without network or environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import install
from server.setup import blenders, doctor, process
from server.setup import environment as environments


def test_python_310_takes_a_newer_one_or_ends_with_the_cure(monkeypatch):
    monkeypatch.setattr(environments, "find_python", lambda version: None)
    with pytest.raises(process.InstallError, match=r"Python 3\.10, .* install Python 3\.11 or newer"):
        environments.base_python((3, 10, 13))
    monkeypatch.setattr(environments, "find_python", lambda version: Path(f"/somewhere/python{version}"))
    assert environments.base_python((3, 10, 13)) == Path("/somewhere/python3.13")
    assert environments.base_python((3, 12, 1)) == Path(sys.executable)


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(process.InstallError, match="make room"):
        environments.require_space(tmp_path, 3 << 30, free=1 << 30)


def test_requirements_are_exact():
    files = sorted(environments.REQUIREMENTS.glob("*.txt"))
    assert {"cpu.txt", "cuda.txt", "test.txt", "extension.txt", "bpy-test.txt"} <= {file.name for file in files}
    for file in files:
        lines = file.read_text().splitlines()
        packages = [line for line in lines if line and not line.startswith(("#", " "))]
        assert packages and all(line.count("==") == 1 for line in packages)


def test_every_bpy_module_has_its_requirements_and_brings_none_of_the_extensions():
    for version in (*blenders.MODULE_VERSIONS.values(), *(version for _, version in blenders.OTHER_MODULES)):
        text = (environments.REQUIREMENTS / f"bpy-{version}.txt").read_text()
        assert f"\nbpy=={version}\n" in text and "zmq" not in text and "msgpack" not in text


def test_the_stamp_follows_the_requirements(tmp_path):
    file = tmp_path / "r.txt"
    file.write_text("a==1\n")
    first = environments.requirement_hashes([file])
    file.write_text("a==2\n")
    assert environments.requirement_hashes([file]) != first


def test_an_unfinished_environment_is_not_ready(tmp_path):
    python = environments.environment_python(tmp_path)
    assert not environments.is_ready(tmp_path, {"cpu.txt": "x"})
    python.parent.mkdir(parents=True)
    python.touch()
    assert not environments.is_ready(tmp_path, {"cpu.txt": "x"})
    environments.write_stamp(tmp_path, {"cpu.txt": "x", "test.txt": "y"})
    assert environments.is_ready(tmp_path, {"cpu.txt": "x"})
    assert not environments.is_ready(tmp_path, {"cpu.txt": "z"})


def test_a_garbled_stamp_counts_as_none(tmp_path):
    (tmp_path / environments.STAMP).write_text("half\n\n")
    assert environments.installed_hashes(tmp_path) == {}


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """set_up over tmp_path with no process started; the commands that it would have run."""
    run: list[list[str]] = []
    python = environments.environment_python(tmp_path)
    python.parent.mkdir(parents=True)
    python.touch()
    monkeypatch.setattr(environments, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(environments, "environment_python", lambda environment=tmp_path: python)
    monkeypatch.setattr(environments, "make_environment", lambda environment, base, other: None)
    monkeypatch.setattr(environments, "require_space", lambda folder, needed: None)
    monkeypatch.setattr(environments, "run", lambda command, failure: run.append([str(part) for part in command]))
    return run


def test_a_second_set_up_does_nothing_and_a_smaller_one_neither(commands):
    for tests in (True, True, False):
        environments.set_up("cpu", tests)
    assert len(commands) == 1


def test_going_back_to_older_requirements_installs_again(commands, monkeypatch):
    for value in ("a", "b", "a"):
        monkeypatch.setattr(environments, "requirement_hashes", lambda files, value=value: {"cpu.txt": value})
        environments.set_up("cpu")
    assert len(commands) == 3


def test_a_broken_off_set_up_is_not_ready(commands, monkeypatch, tmp_path):
    def fail(command, failure):
        raise process.InstallError(failure)

    monkeypatch.setattr(environments, "run", fail)
    environments.write_stamp(tmp_path, environments.requirement_hashes(environments.requirement_files("cpu", False)))
    monkeypatch.setattr(environments, "requirement_hashes", lambda files: {"cpu.txt": "new"})
    with pytest.raises(process.InstallError, match="run this again"):
        environments.set_up("cpu")
    assert environments.installed_hashes(tmp_path) == {}


def test_another_devices_environment_is_recognised(tmp_path):
    assert not environments.is_for_other_device(tmp_path, "cpu")
    environments.write_stamp(tmp_path, {"cpu.txt": "x", "test.txt": "y"})
    assert environments.is_for_other_device(tmp_path, "cuda")
    assert not environments.is_for_other_device(tmp_path, "cpu")


def test_an_environment_whose_python_does_not_start_is_broken_and_made_anew(tmp_path, monkeypatch):
    folder = tmp_path / "venv"
    python = environments.environment_python(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    assert not environments.works(folder)
    ran = []
    monkeypatch.setattr(environments, "run", lambda command, failure: ran.append(command))
    environments.make_environment(folder, lambda: Path("/a/python"))
    assert not folder.exists() and ran == [[Path("/a/python"), "-m", "venv", folder]]


def test_weights_are_listed_by_folder(tmp_path):
    assert doctor.weight_lines(tmp_path / "none") == []
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "model_index.json").write_text("{}")
    (tmp_path / "paper" / "unet.safetensors").write_bytes(b"0" * (3 << 20))
    assert doctor.weight_lines(tmp_path) == ["paper: 3 MB"]


def test_a_failing_command_ends_in_its_sentence():
    with pytest.raises(process.InstallError, match="the cure"):
        process.run([sys.executable, "-c", "raise SystemExit(1)"], "the cure")
    with pytest.raises(process.InstallError, match="the cure"):
        process.run([Path("/nowhere/at/all")], "the cure")


def test_arguments():
    assert install.parse([]).command == "install"
    assert install.parse(["--yes"]).yes and install.parse(["--device", "cpu"]).device == "cpu"
    options = install.parse(["test", "-x", "tests/model"])
    assert options.command == "test" and options.arguments == ["-x", "tests/model"]
    assert install.parse(["server", "--port", "0"]).arguments == ["--port", "0"]
    only = install.parse(["server", "--set-up-only"])
    assert only.set_up_only and not only.arguments
    assert install.parse(["addon", "--repository", "shared"]).repository == Path("shared")
    for wrong in (["doctor", "-x"], ["demo", "--image", "a.png"], ["--nonsense"]):
        with pytest.raises(SystemExit):
            install.parse(wrong)


def test_devices():
    assert environments.chosen_device("cuda") == "cuda"
    assert environments.chosen_device() in ("cpu", "cuda")
    assert [file.name for file in environments.requirement_files("cpu", True)] == ["cpu.txt", "test.txt"]


def test_the_installer_needs_the_standard_library_only():
    """Neither site-packages nor anything that Python 3.10 lacks the syntax for."""
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, '.'); import install"]
    assert subprocess.call(command, cwd=process.ROOT) == 0


def test_blenders_are_known_by_what_they_say():
    assert blenders.version_in("Blender 4.5.3 LTS\n\tbuild date: x") == (4, 5, 3)
    assert blenders.version_in("noise\nBlender 5.2\n") == (5, 2, 0)
    assert blenders.version_in("Blende 1") is None and blenders.version_in(None) is None


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Makes programs that say which Blender they are."""
    found = []
    monkeypatch.setattr(blenders, "candidate_programs", lambda: iter(found))

    def add(name, words):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{words}\n")
        file.chmod(0o755)
        found.append(file)

    return add


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
def test_only_new_enough_blenders_count_each_once(programs):
    programs("new", "echo Blender 5.0.1")
    programs("new", "echo Blender 5.0.1")
    programs("old", "echo Blender 3.6.0")
    programs("broken", "exit 3")
    assert [blender.version for blender in blenders.find_blenders()] == [(5, 0, 1)]


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
def test_an_offer_that_nobody_can_answer_changes_nothing(programs, monkeypatch, capsys):
    programs("blender", "echo Blender 5.0.1")
    installed = []
    monkeypatch.setattr(blenders, "install_into", lambda blender, extension: installed.append(extension))
    blenders.offer(Path("a.zip"), agreed=False)
    assert not installed and "addon --yes" in capsys.readouterr().out
    blenders.offer(Path("a.zip"), agreed=True)
    assert installed == [Path("a.zip")]
