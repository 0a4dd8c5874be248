"""Sorting out of core gives the order that sorting in memory gives, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ply_files import any_file, assert_same, columns, told, write_columns

from splatseg.errors import SplatFileError
from splatseg.formats.morton import morton_order
from splatseg.formats.parts import sorting
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.sorting import are_ordered, disorder, sorted_blocks
from splatseg.formats.read import load_splats
from splatseg.splats.blocks import whole_blocks


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_sorted_blocks_are_in_the_order_of_all_means_at_once(data: st.DataObject, tmp_path_factory) -> None:
    path = data.draw(any_file(tmp_path_factory.mktemp("ply")))
    try:
        whole, _ = told(lambda: load_splats(path))[0]
    except SplatFileError:
        return
    blocks = told(lambda: open_blocks(path, data.draw(st.integers(1, 99))))[0]
    ordered = told(lambda: sorted_blocks(blocks, path.parent / "sorted.ply", 50))[0]
    assert_same(ordered.rows(0, len(whole)), whole.subset(morton_order(whole.positions)))
    assert {file.name for file in path.parent.iterdir()} == {"a.ply", "sorted.ply"}


@pytest.mark.parametrize("sample", [1, 1 << 20])
def test_places_that_many_share_and_one_far_out_are_sorted_too(
    tmp_path: Path, sample: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "SAMPLE", sample)
    named = columns(300)
    for axis in "xyz":
        named[axis][100:] = 1.0
        named[axis][250] = 1e6
    whole, _ = load_splats(write_columns(tmp_path / "a.ply", named))
    ordered = sorted_blocks(whole_blocks(whole, 30), tmp_path / "b.ply")
    assert_same(ordered.rows(0, 300), whole.subset(morton_order(whole.positions)))


def test_sorting_brings_the_blocks_of_a_shuffled_splat_apart(tmp_path: Path) -> None:
    whole, _ = load_splats(write_columns(tmp_path / "a.ply", columns(20_000)))
    shuffled = whole_blocks(whole, 500)
    ordered = sorted_blocks(shuffled, tmp_path / "b.ply", 500)
    assert disorder(shuffled) > 0.8 and not are_ordered(shuffled)
    assert disorder(ordered) < 0.45 and are_ordered(ordered)
    assert are_ordered(whole_blocks(whole)), "one block has no order"


@pytest.mark.parametrize("count", [8, 40])
def test_a_shuffled_splat_with_a_few_gaussians_far_out_is_in_no_order(tmp_path: Path, count: int) -> None:
    named, rng = columns(20_000), np.random.default_rng(0)
    for axis in "xyz":
        named[axis][rng.choice(20_000, 40, replace=False)] *= rng.uniform(10, 10_000, 40)
    whole, _ = load_splats(write_columns(tmp_path / "a.ply", named))
    shuffled = whole_blocks(whole, 20_000 // count)
    assert not are_ordered(shuffled)
    assert are_ordered(sorted_blocks(shuffled, tmp_path / "b.ply", 20_000 // count))


def test_a_splat_that_cannot_be_read_to_its_end_leaves_nothing_behind(tmp_path: Path) -> None:
    path = write_columns(tmp_path / "a.ply", columns(300))
    blocks = open_blocks(path, 50)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SplatFileError, match="was changed while it was read"):
        sorted_blocks(blocks, tmp_path / "b.ply")
    assert [file.name for file in tmp_path.iterdir()] == ["a.ply"]
