"""The installer's decisions, without network or environment."""

from __future__ import annotations

from pathlib import Path

import pytest

import install


def test_old_pythons_are_refused_with_the_cure():
    with pytest.raises(install.InstallError, match="3.11 or newer"):
        install.require_python((3, 9, 1))
    install.require_python((3, 13, 0))


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(install.InstallError, match="make room"):
        install.require_space(tmp_path, 3 << 30, free=1 << 30)


def test_requirements_are_exact():
    for name in ("cpu.txt", "cuda.txt", "test.txt"):
        lines = (install.REQUIREMENTS / name).read_text().splitlines()
        packages = [line for line in lines if line and not line.startswith("#")]
        assert packages and all(line.count("==") == 1 for line in packages)
    assert any(line.startswith("torch==") for line in (install.REQUIREMENTS / "cpu.txt").read_text().splitlines())


def test_the_stamp_follows_the_requirements(tmp_path):
    file = tmp_path / "r.txt"
    file.write_text("a==1\n")
    first = install.requirement_hashes([file])
    file.write_text("a==2\n")
    assert install.requirement_hashes([file]) != first


def test_an_unfinished_environment_is_not_ready(tmp_path):
    python = install.environment_python(tmp_path)
    assert not install.is_ready(tmp_path, {"cpu.txt": "x"})
    python.parent.mkdir(parents=True)
    python.touch()
    assert not install.is_ready(tmp_path, {"cpu.txt": "x"})
    install.write_stamp(tmp_path, {"cpu.txt": "x", "test.txt": "y"})
    assert install.is_ready(tmp_path, {"cpu.txt": "x"}) and not install.is_ready(tmp_path, {"cpu.txt": "z"})


def test_a_garbled_stamp_counts_as_none(tmp_path):
    (tmp_path / install.STAMP).write_text("half\n\n")
    assert install.installed_hashes(tmp_path) == {}


def _fake_environment(monkeypatch, tmp_path, pip_fails=False):
    """set_up over tmp_path with no process started; returns the list of commands it would have run."""
    commands = []

    def run(command, failure):
        commands.append([str(part) for part in command])
        if pip_fails:
            raise install.InstallError(failure)

    python = install.environment_python(tmp_path)
    python.parent.mkdir(parents=True)
    python.touch()
    monkeypatch.setattr(install, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(install, "environment_python", lambda environment=tmp_path: python)
    monkeypatch.setattr(install, "make_environment", lambda device: None)
    monkeypatch.setattr(install, "require_space", lambda folder, needed: None)
    monkeypatch.setattr(install, "run", run)
    return commands


def test_a_second_set_up_does_nothing_and_a_smaller_one_neither(monkeypatch, tmp_path):
    commands = _fake_environment(monkeypatch, tmp_path)
    for tests in (True, True, False):
        install.set_up("cpu", tests)
    assert len(commands) == 1


def test_going_back_to_older_requirements_installs_again(monkeypatch, tmp_path):
    commands = _fake_environment(monkeypatch, tmp_path)
    for value in ("a", "b", "a"):
        monkeypatch.setattr(install, "requirement_hashes", lambda files, value=value: {"cpu.txt": value})
        install.set_up("cpu")
    assert len(commands) == 3


def test_a_broken_off_set_up_is_not_ready(monkeypatch, tmp_path):
    _fake_environment(monkeypatch, tmp_path, pip_fails=True)
    install.write_stamp(tmp_path, install.requirement_hashes(install.requirement_files("cpu", False)))
    monkeypatch.setattr(install, "requirement_hashes", lambda files: {"cpu.txt": "new"})
    with pytest.raises(install.InstallError, match="run this again"):
        install.set_up("cpu")
    assert install.installed_hashes(tmp_path) == {}


def test_another_devices_environment_is_recognised(tmp_path):
    assert not install.is_for_other_device(tmp_path, "cpu")
    install.write_stamp(tmp_path, {"cpu.txt": "x", "test.txt": "y"})
    assert install.is_for_other_device(tmp_path, "cuda") and not install.is_for_other_device(tmp_path, "cpu")


def test_an_environment_whose_python_does_not_start_is_broken(tmp_path):
    assert not install.works(tmp_path)
    python = install.environment_python(tmp_path)
    python.parent.mkdir(parents=True)
    python.touch()
    assert not install.works(tmp_path)


def test_weights_are_listed_by_folder(tmp_path):
    assert install.weight_lines(tmp_path / "none") == []
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "model_index.json").write_text("{}")
    (tmp_path / "paper" / "unet.safetensors").write_bytes(b"0" * (3 << 20))
    assert install.weight_lines(tmp_path) == ["paper: 3 MB"]


def test_a_failing_command_ends_in_its_sentence():
    with pytest.raises(install.InstallError, match="the cure"):
        install.run(["false"], "the cure")
    with pytest.raises(install.InstallError, match="the cure"):
        install.run([Path("/nowhere/at/all")], "the cure")


def test_arguments():
    assert install.parse([]).command == "install"
    options = install.parse(["test", "-x", "tests/model"])
    assert options.command == "test" and options.arguments == ["-x", "tests/model"]
    with pytest.raises(SystemExit):
        install.parse(["doctor", "-x"])


def test_devices():
    assert install.chosen_device("cuda") == "cuda"
    assert install.chosen_device() in ("cpu", "cuda")
    assert [f.name for f in install.requirement_files("cpu", True)] == ["cpu.txt", "test.txt"]
