"""Splats in blocks: any range of rows has the bits that reading the whole file gives."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ply_files import columns, write_columns

from splatseg.errors import SplatFileError
from splatseg.formats.parts import survey as survey_module
from splatseg.formats.parts.blocks import FileBlocks
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.ply import forms as forms_module
from splatseg.formats.ply.header import TYPE_NAMES
from splatseg.formats.read import load_splats
from splatseg.formats.write import write_splats
from splatseg.splats.blocks import each_block, whole_blocks
from splatseg.splats.splats import Splats

FIELDS = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN", "features", "segment_ids")


def assert_same(one: Splats, other: Splats, fields: tuple[str, ...] = FIELDS) -> None:
    for name in fields:
        left, right = getattr(one, name), getattr(other, name)
        assert (left is None) == (right is None), name
        if left is not None:
            assert left.dtype == right.dtype, name
            assert left.numpy().tobytes() == right.numpy().tobytes(), name
    assert list(one.extras) == list(other.extras)
    for name, values in one.extras.items():
        assert values.dtype == other.extras[name].dtype, name
        assert values.tobytes() == other.extras[name].tobytes(), name
    assert one.coordinates == other.coordinates
    assert one.antialiased == other.antialiased


def told(read):
    """Result of a function, and the warnings that it gave."""
    with warnings.catch_warnings(record=True) as given_out:
        warnings.simplefilter("always")
        result = read()
    return result, sorted(str(warning.message) for warning in given_out)


def check(path: Path, ranges: list[tuple[int, int]], rows_a_block: int | None = None) -> FileBlocks:
    """The blocks of a file, whose rows, warnings and facts are those of `load_splats`."""
    (whole, dropped), said = told(lambda: load_splats(path))
    blocks, said_by_blocks = told(lambda: open_blocks(path, rows_a_block))
    assert said == said_by_blocks
    assert (len(blocks), blocks.dropped) == (len(whole), dropped)
    for opened in (blocks, pickle.loads(pickle.dumps(blocks))):
        for begin, end in [*ranges, (0, len(whole))]:
            part = whole.subset(np.arange(*slice(begin, end).indices(len(whole))))
            assert_same(part, opened.rows(begin, end))
            geometry = opened.rows(begin, end, "geometry")
            assert torch.equal(part.means, geometry.means) and torch.equal(part.log_scales, geometry.log_scales)
            assert torch.equal(part.quats, geometry.quats)
            assert torch.equal(part.opacity_logits, geometry.opacity_logits)
            assert geometry.features is None and not geometry.extras and geometry.sh_degree == 0
    assert blocks.borders[0] == 0 and blocks.borders[-1] == len(whole) and (np.diff(blocks.borders) > 0).all()
    for block, rows in enumerate(each_block(blocks)):
        assert len(rows) == blocks.borders[block + 1] - blocks.borders[block]
        np.testing.assert_array_equal(rows.positions.min(0), blocks.boxes[block, 0])
        np.testing.assert_array_equal(rows.positions.max(0), blocks.boxes[block, 1])
        assert rows.reach.max() <= blocks.reaches[block] <= rows.reach.max() * (1 + 1e-6)
    return blocks


@pytest.fixture(autouse=True)
def few_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of passes so small that short files have many."""
    monkeypatch.setattr(survey_module, "STEP", 64)
    monkeypatch.setattr(forms_module, "STEP", 50)


@st.composite
def any_file(draw: st.DrawFn, path: Path) -> Path:
    """A splat with columns of any type and order, in any of the forms that `formats.ply` reads."""
    count = draw(st.integers(1, 300))
    named = columns(count, draw(st.integers(0, 5)), draw(st.integers(0, 3)))
    if draw(st.booleans()):
        named = {k: v for k, v in named.items() if not k.startswith("f_")}
        kind, most = draw(st.sampled_from([(np.uint8, 255), (np.float32, 1), (np.float32, 255)]))
        rng = np.random.default_rng(1)
        named |= {name: (rng.random(count) * most).astype(kind) for name in ("red", "green", "blue")}
    if draw(st.booleans()):
        del named["opacity"]
        most = draw(st.sampled_from([1.0, 255.0]))
        named["alpha"] = (np.random.default_rng(2).random(count) * most).astype(np.float32)
    if draw(st.booleans()):
        del named["scale_2"]
    if draw(st.booleans()):
        named["filter_3D"] = np.abs(np.random.default_rng(3).normal(size=count)).astype(np.float32)
    if draw(st.booleans()):
        far = draw(st.sampled_from([0.0, 1e6]))
        named |= {name: np.random.default_rng(4).normal(size=count) + far for name in "xyz"}
    if draw(st.booleans()):
        named["segment_id"] = np.arange(count, dtype=np.int32)
    kinds = draw(st.lists(st.sampled_from(sorted(TYPE_NAMES)), max_size=3))
    named |= {f"extra_{i}": np.arange(count).astype(kind) for i, kind in enumerate(kinds)}
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from([name for name, values in named.items() if values.dtype.kind == "f"]))
        named[name][draw(st.integers(0, count - 1))] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    if draw(st.booleans()):
        for i in range(4):
            named[f"rot_{i}"][count // 2] = 0
    comments = draw(st.sampled_from([(), ("SplatRenderMode: mip",), ("splatseg world: centre 5.0 6.0 7.0 scale 2.0",)]))
    named = dict(draw(st.permutations(list(named.items()))))
    return write_columns(path / "a.ply", named, comments, draw(st.sampled_from("<>")))


@settings(max_examples=60, deadline=None)
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
    path = write_columns(tmp_path / "a.ply", columns(10_000))
    monkeypatch.setenv("SPLATSEG_MEMORY", "1M")
    with pytest.raises(SplatFileError, match=r"10,000 rows of 14 numbers, which would take 2 MiB"):
        load_splats(path)
    blocks = open_blocks(path, 2_000)
    assert len(blocks.read(4)) == 2_000
    with pytest.raises(SplatFileError, match="10,000 rows of 14 numbers"):
        blocks.rows(0, 10_000)
