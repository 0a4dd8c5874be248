"""Writing in blocks: the bytes of one file are those of the whole, whatever blocks come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ply_files import any_file, assert_same, columns, told, write_columns

from splatseg.errors import SplatFileError
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.writing import layout_of, write_blocks, write_parts
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.ply.writing import Layout
from splatseg.formats.read import load_splats
from splatseg.splats.blocks import each_block, whole_blocks
from splatseg.splats.splats import Splats


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_blocks_are_written_to_the_bytes_of_the_whole(data: st.DataObject, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("ply")
    path = data.draw(any_file(folder))
    try:
        whole, _ = told(lambda: load_splats(path))[0]
    except SplatFileError:
        return
    blocks = told(lambda: open_blocks(path, data.draw(st.integers(1, 99))))[0]
    comments, own = data.draw(st.sampled_from([(), ("made by a test",)])), data.draw(st.booleans())
    write_ply(folder / "whole.ply", whole, comments, own)
    write_blocks(folder / "blocks.ply", each_block(blocks), len(blocks), layout_of(blocks, Layout(comments, own)))
    assert (folder / "whole.ply").read_bytes() == (folder / "blocks.ply").read_bytes()
    rows = data.draw(st.integers(1, 120))
    write_parts(folder / "parts", each_block(blocks), len(blocks), rows, layout_of(blocks, Layout(comments, own)))
    assert len(list((folder / "parts").iterdir())) == -(-len(blocks) // rows)
    assert_same(
        told(lambda: load_splats(folder / "parts"))[0][0], told(lambda: load_splats(folder / "whole.ply"))[0][0]
    )


def far_splat(path: Path) -> Splats:
    named = columns(90) | {name: np.random.default_rng(4).normal(size=90) + 1e6 for name in "xyz"}
    return load_splats(write_columns(path, named))[0]


def test_positions_far_out_are_doubles_in_all_parts(tmp_path: Path) -> None:
    splats = far_splat(tmp_path / "a.ply")
    assert not splats.coordinates.is_own
    blocks = whole_blocks(splats, 20)
    assert layout_of(blocks).doubles and not layout_of(blocks, Layout(own=False)).doubles
    write_parts(tmp_path / "parts", each_block(blocks), 90, 40, layout_of(blocks))
    assert b"property double x" in (tmp_path / "parts" / "part_00003_of_00003.ply").read_bytes()
    assert_same(load_splats(tmp_path / "parts")[0], splats)


def test_a_count_that_is_wrong_leaves_nothing_behind(tmp_path: Path) -> None:
    blocks = whole_blocks(far_splat(tmp_path / "a.ply"), 20)
    for count in (89, 91):
        with pytest.raises(AssertionError, match="Gaussians came"):
            write_blocks(tmp_path / "b.ply", each_block(blocks), count)
        with pytest.raises(AssertionError, match="Gaussians came"):
            write_parts(tmp_path / "parts", each_block(blocks), count, 40)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]
