"""Damaged and hostile bodies: one clear error, no allocation for what is not there, never a crash."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.errors import SplatFileError
from splatseg.formats.ply.columns import REQUIRED
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.splats.splats import Splats, splats_of


def valid_file() -> bytes:
    return Path(FILE).read_bytes()


FILE = ""


@pytest.fixture(scope="module", autouse=True)
def _file(tmp_path_factory: pytest.TempPathFactory) -> None:
    global FILE  # noqa: PLW0603  # hypothesis wants no function-scoped fixtures
    path = tmp_path_factory.mktemp("ply") / "valid.ply"
    tensors = [
        torch.rand(3, 3),
        torch.rand(3, 4),
        torch.rand(3, 3),
        torch.rand(3),
        torch.rand(3, 3),
        torch.rand(3, 3, 3),
    ]
    write_ply(path, Splats(*tensors, features=torch.rand(3, 2), segment_ids=torch.ones(3, dtype=torch.int32)))
    FILE = str(path)


def ascii_file(path: Path, body: str, count: str = "2", elements: str = "") -> Path:
    head = f"ply\nformat ascii 1.0\n{elements}element vertex {count}\n"
    path.write_text(head + "".join(f"property float {name}\n" for name in REQUIRED) + "end_header\n" + body)
    return path


ROW = " ".join("1" for _ in REQUIRED)


@pytest.mark.parametrize("count", [b"4", b"9999999999", b"999999999999999999"])
def test_a_count_larger_than_the_file_is_an_error_and_not_an_allocation(tmp_path: Path, count: bytes) -> None:
    path = tmp_path / "a.ply"
    path.write_bytes(valid_file().replace(b"element vertex 3", b"element vertex " + count))
    tracemalloc.start()
    with pytest.raises(SplatFileError, match=f"declares {count.decode()} rows of 'vertex'.*and the file has"):
        splats_of(read_ply(path))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_truncated_file_is_an_error_at_every_length(tmp_path: Path) -> None:
    whole, path = valid_file(), tmp_path / "a.ply"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(SplatFileError):
            splats_of(read_ply(path))


@settings(max_examples=400, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=0, max_size=6), st.integers(0, 6)), max_size=4),
    to_ascii=st.booleans(),
)
def test_any_damage_is_read_or_refused_but_never_crashes(edits: list[tuple[int, bytes, int]], to_ascii: bool) -> None:
    data = valid_file()
    if to_ascii:
        head = data.split(b"end_header")[0].replace(b"binary_little_endian", b"ascii")
        data = head + b"end_header\n" + b"\n".join([b"0.5 " * head.count(b"\nproperty float") + b"7"] * 3)
    for position, replacement, removed in edits:
        at = position % (len(data) + 1)
        data = data[:at] + replacement + data[at + removed :]
    path = Path(FILE).with_name("damaged.ply")
    path.write_bytes(data)
    try:
        splats = splats_of(read_ply(path))
    except SplatFileError as error:
        assert str(path) in str(error)
    else:
        assert len(splats) <= 4


@pytest.mark.parametrize(
    ("body", "count", "message"),
    [
        (f"{ROW}\n", "2", "is cut off|declares 2 rows"),
        (f"{ROW}\n{ROW[2:]}\n", "2", "not numbers|cut off"),
        (f"{ROW} 1\n{ROW} 1\n", "2", "declares 2 rows of 14 numbers in 'vertex' and has 2 of 15"),
        (f"{ROW}\n{ROW[:-1]}x\n", "2", "not numbers"),
        (f"{ROW}\n{ROW}\n", "99999999999999", "the file is too short"),
        (f"{ROW}\n{'  ' * 20}\n", "2", "declares 2 rows of 14 numbers in 'vertex' and has 1 of 14"),
    ],
)
def test_bad_text_is_refused(tmp_path: Path, body: str, count: str, message: str) -> None:
    with pytest.raises(SplatFileError, match=message):
        splats_of(read_ply(ascii_file(tmp_path / "a.ply", body, count)))


def test_text_may_have_blank_lines_and_other_elements_even_of_variable_length_before(tmp_path: Path) -> None:
    elements = "element face 2\nproperty list uchar int v\n"
    path = ascii_file(tmp_path / "a.ply", f"3 1 2 3\n\n2 5 6\n{ROW}\n\n{ROW}\n", elements=elements)
    assert len(splats_of(read_ply(path))) == 2


def test_text_that_does_not_fit_its_type_is_refused(tmp_path: Path) -> None:
    path = ascii_file(tmp_path / "a.ply", f"{ROW}\n{ROW[:-1]}300\n")
    path.write_text(path.read_text().replace("property float rot_3", "property float rot_3\nproperty uchar label"))
    path.write_text(path.read_text().replace(ROW + "\n", ROW + " 1\n").replace("300\n", "1 300\n"))
    with pytest.raises(SplatFileError, match="label that does not fit its type uint8"):
        splats_of(read_ply(path))


def test_a_file_without_vertices_says_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    path.write_text("ply\nformat ascii 1.0\nelement face 0\nend_header\n")
    with pytest.raises(SplatFileError, match=r"no element 'vertex' \(found: face\)"):
        splats_of(read_ply(path))
    path.write_text("ply\nformat ascii 1.0\nelement vertex 0\nproperty list uchar int v\nend_header\n")
    with pytest.raises(SplatFileError, match="properties of variable length in 'vertex'"):
        splats_of(read_ply(path))


def test_the_body_is_mapped_and_not_read_whole(tmp_path: Path) -> None:
    from splatseg.formats.ply.body import read_element
    from splatseg.formats.ply.header import read_header

    body = read_element(Path(FILE), read_header(Path(FILE)), "vertex")
    assert isinstance(body, np.memmap) and not body.flags.writeable
