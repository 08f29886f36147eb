"""A file of the add-on appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from .pure_addon import pure_module

write_whole = pure_module("whole_file").write_whole


def test_it_is_written_in_a_folder_that_is_made_and_over_what_was_there(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    write_whole(path, b"first, and longer")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second" and [each.name for each in path.parent.iterdir()] == ["file.json"]


def test_half_a_file_is_never_seen(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    path.write_bytes(b"before")

    def full(part: Path, data: bytes) -> int:
        with open(part, "wb") as file:
            file.write(data[:3])
        assert path.read_bytes() == b"before"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before" and [each.name for each in tmp_path.iterdir()] == ["file.json"]


def test_what_cannot_be_replaced_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "name").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "name", b"data")
    assert [each.name for each in tmp_path.iterdir()] == ["name"] and (tmp_path / "name").is_dir()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        write_whole(tmp_path / "file" / "inside", b"data")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
