"""Splats in blocks: any range of rows has the bits that reading the whole file gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ply_files import any_file, assert_same, check, columns, told, write_columns

from splatseg.errors import SplatFileError
from splatseg.formats.parts import survey as survey_module
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.ply import forms as forms_module
from splatseg.formats.read import load_splats
from splatseg.formats.write import write_splats
from splatseg.splats.blocks import whole_blocks


@pytest.fixture(autouse=True)
def few_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of passes so small that short files have many."""
    monkeypatch.setattr(survey_module, "STEP", 64)
    monkeypatch.setattr(forms_module, "STEP", 50)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_range_of_rows_of_any_ply_has_the_bits_of_the_whole(data: st.DataObject, tmp_path_factory) -> None:
    path = data.draw(any_file(tmp_path_factory.mktemp("ply")))
    try:
        count = len(told(lambda: load_splats(path))[0][0])
    except SplatFileError as error:
        with pytest.raises(SplatFileError, match="none of them is finite"):
            told(lambda: open_blocks(path))
        assert "none of them is finite" in str(error)
        return
    ends = st.integers(0, count)
    check(path, data.draw(st.lists(st.tuples(ends, ends), max_size=4)), data.draw(st.integers(1, count + 5)))


def test_other_formats_are_served_as_blocks_too(tmp_path: Path) -> None:
    write_columns(tmp_path / "a.ply", columns(200, degree=1) | {"segment_id": np.arange(200, dtype=np.int32)})
    splats, _ = load_splats(tmp_path / "a.ply")
    for name in ("b.splat", "b.compressed.ply"):
        write_splats(tmp_path / name, splats)
        blocks = check(tmp_path / name, [(3, 70), (199, 200)], rows_a_block=64)
        assert blocks.rows(0, 200).segment_ids is not None, "its sidecar is read"


def test_a_text_file_is_served_as_blocks_too(tmp_path: Path) -> None:
    named = columns(150)
    lines = ["ply", "format ascii 1.0", "element vertex 150", *(f"property double {name}" for name in named)]
    rows = [" ".join(repr(float(values[i])) for values in named.values()) for i in range(150)]
    (tmp_path / "a.ply").write_text("\n".join([*lines, "end_header", *rows, ""]))
    check(tmp_path / "a.ply", [(0, 1), (49, 101)], rows_a_block=40)


def test_a_splat_in_memory_serves_as_blocks(tmp_path: Path) -> None:
    path = write_columns(tmp_path / "a.ply", columns(100, degree=1) | {"extra": np.arange(100, dtype=np.int32)})
    splats, _ = load_splats(path)
    whole, opened = whole_blocks(splats, 30), open_blocks(path, 30)
    np.testing.assert_array_equal(whole.borders, opened.borders)
    np.testing.assert_array_equal(whole.boxes, opened.boxes)
    for what in ("all", "geometry"):
        assert_same(whole.read(2, what), opened.read(2, what))
    assert len(whole_blocks(splats).borders) == 2


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = write_columns(tmp_path / "a.ply", columns(300))
    blocks = open_blocks(path)
    write_columns(path, columns(200))
    with pytest.raises(SplatFileError, match="was changed while it was read; begin again"):
        blocks.rows(0, 10)
    path.unlink()
    with pytest.raises(SplatFileError, match="cannot be read"):
        blocks.rows(0, 10)


def test_a_file_shorter_than_it_declares_is_refused(tmp_path: Path) -> None:
    path = write_columns(tmp_path / "a.ply", columns(300))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SplatFileError, match="is cut off: its header declares 300 rows"):
        open_blocks(path)


def test_a_file_larger_than_memory_opens_and_a_block_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "STEP", 1 << 10)
    path = write_columns(tmp_path / "a.ply", columns(20_000))
    monkeypatch.setenv("SPLATSEG_MEMORY", "1M")
    with pytest.raises(SplatFileError, match=r"20,000 rows of 14 numbers, which would take 1 MiB"):
        load_splats(path)
    blocks = open_blocks(path, 2_000)
    assert len(blocks.read(4)) == 2_000
    with pytest.raises(SplatFileError, match="20,000 rows of 14 numbers"):
        blocks.rows(0, 20_000)


def test_a_file_that_is_as_long_as_it_declares_may_take_all_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPLATSEG_MEMORY", raising=False)
    monkeypatch.setattr("splatseg.untrusted.memory.SMALL", 0)
    monkeypatch.setattr("splatseg.untrusted.memory._free", lambda: 20_000 * 14 * 5)
    assert len(load_splats(write_columns(tmp_path / "a.ply", columns(20_000)))[0]) == 20_000
    with pytest.raises(SplatFileError, match="20,001 rows of 14 numbers, which would take 1 MiB of memory"):
        load_splats(write_columns(tmp_path / "b.ply", columns(20_001)))
    for name in ("parts/part_1.ply", "parts/part_2.ply"):
        write_columns(tmp_path / name, columns(10_000))
    assert len(load_splats(tmp_path / "parts")[0]) == 20_000
    write_columns(tmp_path / "parts" / "part_3.ply", columns(1))
    with pytest.raises(SplatFileError, match="20,001 Gaussians of 14 numbers, which would take 1 MiB of memory"):
        load_splats(tmp_path / "parts")
