"""A file of the add-on appears whole or not at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from .pure_addon import pure_module

write_whole = pure_module("whole_file").write_whole


def test_it_is_written_in_a_folder_that_is_made_and_over_what_was_there(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    write_whole(path, b"first, and longer")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second" and [each.name for each in path.parent.iterdir()] == ["file.json"]


def test_half_a_file_is_never_seen(tmp_path, monkeypatch):
    """A full disk may be told as late as here."""
    path = tmp_path / "file.json"
    path.write_bytes(b"before")

    def full(handle: int) -> None:
        assert path.read_bytes() == b"before"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before" and [each.name for each in tmp_path.iterdir()] == ["file.json"]


def test_it_is_on_the_disk_before_it_replaces_what_was_there(tmp_path, monkeypatch):
    path, flushed = tmp_path / "file.json", []
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append((os.fstat(handle).st_size, path.read_bytes())))
    write_whole(path, b"after")
    assert flushed == [(5, b"before")] and path.read_bytes() == b"after"


def test_two_that_write_the_same_file_do_not_break_each_other(tmp_path):
    path = tmp_path / "file.json"
    contents = [letter * size for letter, size in ((b"a", 1 << 16), (b"b", 1 << 17))]
    path.write_bytes(contents[0])

    def write(data: bytes) -> int:
        for _ in range(200):
            write_whole(path, data)
            assert path.read_bytes() in contents
        return 200

    with ThreadPoolExecutor(2) as both:
        assert list(both.map(write, contents)) == [200, 200]
    assert [each.name for each in tmp_path.iterdir()] == ["file.json"]


def test_a_name_as_long_as_a_disk_takes(tmp_path):
    path = tmp_path / ("椅" * 84 + "ab")  # 254 bytes
    write_whole(path, b"data")
    assert path.read_bytes() == b"data"


@pytest.mark.skipif(os.name != "posix", reason="Windows' files have no such rights")
def test_whoever_may_read_the_users_files_may_read_it(tmp_path):
    """Files that lie beside pictures on a shared disk."""
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "file.json", b"data")
    finally:
        os.umask(before)
    assert (tmp_path / "file.json").stat().st_mode & 0o777 == 0o644


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
