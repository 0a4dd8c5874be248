"""Headers of strangers: understood, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatseg.errors import SplatFileError
from splatseg.formats.ply.header import HEADER_LIMIT, read_header


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_comments_other_elements_lists_and_sized_type_names_are_understood(tmp_path: Path) -> None:
    text = (
        "ply\r\nformat ascii 1.0\r\ncomment end_header is near\r\nobj_info made by hand\r\nelement vertex 2\r\n"
        "property float32 x\r\nproperty uint8 y\r\nelement face 0\r\nproperty list uchar int v\r\nend_header\r\n1 2\r\n"
    )
    header = read_header(write(tmp_path / "a.ply", text))
    assert header.encoding == "ascii" and header.offset == text.index("1 2")
    vertex, face = header.elements
    assert vertex.properties == (("x", "f4"), ("y", "u1")) and vertex.count == 2
    assert face.lists == ("v",)
    assert header.comments == ("end_header is near", "made by hand")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin with 'ply'"),
        ("plywood\n", "does not begin with 'ply'"),
        ("ply\nformat ascii 1.0\n", r"is cut off \(no end_header\)"),
        ("ply\nelement vertex 1\nend_header\n", "names no format"),
        ("ply\nformat binary_middle_endian 1.0\nend_header\n", "line 2"),
        ("ply\nformat ascii 1.0\nelement vertex -1\nend_header\n", "line 3.*'element vertex -1'"),
        ("ply\nformat ascii 1.0\nelement vertex many\nend_header\n", "line 3"),
        ("ply\nformat ascii 1.0\nelement vertex 1_0\nend_header\n", "line 3"),
        ("ply\nformat ascii 1.0\nelement vertex " + "9" * 5000 + "\nend_header\n", "line 3"),
        ("ply\nformat ascii 1.0\nproperty float x\nend_header\n", "line 3"),
        ("ply\nformat ascii 1.0\nelement vertex 1\nproperty quad x\nend_header\n", "line 4"),
        ("ply\nformat ascii 1.0\nhello\nend_header\n", "line 3.*'hello'"),
        ("ply\n" + "comment x\n" * (HEADER_LIMIT // 10 + 1), "is longer than any real one"),
    ],
)
def test_a_bad_header_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SplatFileError, match=message):
        read_header(write(tmp_path / "a.ply", text))


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SplatFileError, match="there is no file"):
        read_header(tmp_path / "none.ply")
    with pytest.raises(SplatFileError, match="cannot be read"):
        read_header(tmp_path)
