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
    first = install.requirement_hash([file])
    file.write_text("a==2\n")
    assert install.requirement_hash([file]) != first


def test_an_unfinished_environment_is_not_ready(tmp_path):
    python = install.environment_python(tmp_path)
    assert not install.is_ready(tmp_path, "x")
    python.parent.mkdir(parents=True)
    python.touch()
    assert not install.is_ready(tmp_path, "x")
    (tmp_path / install.STAMP).write_text("w\nx\n")
    assert install.is_ready(tmp_path, "x") and not install.is_ready(tmp_path, "y")


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
