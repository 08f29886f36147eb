"""Focal lengths in JPEG files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest


def jpeg_with(path: Path, tags: list[tuple[int, int, bytes]], order: str = "<") -> Path:
    """A JPEG header whose Exif directory holds tags (number, type, value or rational)."""
    mark = b"II" if order == "<" else b"MM"
    first = struct.pack(order + "HHHII", 1, 0x8769, 4, 1, 26) + struct.pack(order + "I", 0)
    start, data, entries = 26 + 2 + 12 * len(tags) + 4, b"", b""
    for tag, kind, value in tags:
        if kind == 5:
            entries += struct.pack(order + "HHII", tag, kind, 1, start + len(data))
            data += value
        else:
            entries += struct.pack(order + "HHI", tag, kind, 1) + value.ljust(4, b"\0")
    second = struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0) + data
    block = b"Exif\0\0" + mark + struct.pack(order + "HI", 42, 8) + first + second
    path.write_bytes(b"\xff\xd8\xff\xe1" + struct.pack(">H", len(block) + 2) + block + b"\xff\xda")
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_35mm_equivalent_of_a_3_to_2_picture_is_taken_as_it_is(addon, tmp_path, order):
    path = jpeg_with(tmp_path / "a.jpg", [(0xA405, 3, struct.pack(order + "H", 35))], order)
    assert addon("reference.exif").focal_length_35mm(path, 3000, 2000) == pytest.approx(35)


def test_a_4_to_3_picture_is_wider_than_its_diagonal_says(addon, tmp_path):
    path = jpeg_with(tmp_path / "a.jpg", [(0xA405, 3, struct.pack("<H", 26))])
    found = addon("reference.exif").focal_length_35mm(path, 4032, 3024)
    assert found == pytest.approx(26 * 5000 / 4000 * 36 / 43.2666, rel=1e-4)


def test_a_focal_length_with_the_sensors_density_is_enough(addon, tmp_path):
    tags = [
        (0x920A, 5, struct.pack("<II", 50, 1)),  # 50 mm
        (0xA20E, 5, struct.pack("<II", 6000, 24)),  # 250 pixels per mm: 24 mm for 6000 pixels
        (0xA210, 3, struct.pack("<H", 4)),
        (0xA002, 4, struct.pack("<I", 6000)),
    ]
    path = jpeg_with(tmp_path / "a.jpg", tags)
    assert addon("reference.exif").focal_length_35mm(path, 6000, 4000) == pytest.approx(75)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8", b"PNG", b"\xff\xd8\xff\xe1\x00\x10Exif\0\0II*\0\xff\xff\xff\x7f", b"\xff\xd8" + b"\xff" * 99],
)
def test_whatever_is_unreadable_says_nothing(addon, tmp_path, data):
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    assert addon("reference.exif").focal_length_35mm(path, 30, 20) is None


def test_every_truncation_says_nothing_or_the_truth(addon, tmp_path):
    whole = jpeg_with(tmp_path / "a.jpg", [(0xA405, 3, struct.pack("<H", 35))]).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "b.jpg").write_bytes(whole[:length])
        assert addon("reference.exif").focal_length_35mm(tmp_path / "b.jpg", 3, 2) in (None, pytest.approx(35))


def test_a_missing_file_says_nothing(addon, tmp_path):
    assert addon("reference.exif").focal_length_35mm(tmp_path / "none.jpg", 3, 2) is None
