"""Geometry in a mapped file: the values of the splat, and what a camera sees of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from random_scenes import random_camera, random_splats

from splatseg.errors import RunError
from splatseg.raster.sight import may_be_drawn
from splatseg.splats.made_of import GEOMETRY, made_of
from splatseg.splats.mapped import geometry as mapped
from splatseg.splats.mapped.geometry import MappedSplats, open_geometry, write_geometry
from splatseg.splats.splats import Splats


@pytest.fixture
def splats() -> Splats:
    return random_splats(np.random.default_rng(0), 1000)


def written(splats: Splats, path: Path, at_once: int = 1000) -> MappedSplats:
    write_geometry(path, (splats.subset(rows) for rows in torch.arange(len(splats)).split(at_once)), len(splats))
    return open_geometry(path)


@pytest.mark.parametrize("at_once", [1, 7, 64, 999, 1000])
def test_blocks_of_any_size_give_the_same_file(
    at_once: int, splats: Splats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "GROUP", 64)
    whole, pieces = written(splats, tmp_path / "whole"), written(splats, tmp_path / "pieces", at_once)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes()
    for found, expected in zip(pieces.geometry, splats.geometry, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert made_of(whole, GEOMETRY) == made_of(splats, GEOMETRY)
    means = splats.positions[:64]
    means = means[np.isfinite(means).all(1)]
    np.testing.assert_array_equal(whole.boxes[0], [means.min(0), means.max(0)])


@pytest.mark.parametrize("seed", range(10))
def test_the_rows_that_a_camera_sees_are_found_block_by_block(
    seed: int, splats: Splats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "GROUP", 16)
    monkeypatch.setattr(mapped, "ROWS_AT_ONCE", 64)
    there = written(splats, tmp_path / "geometry")
    camera = random_camera(np.random.default_rng(seed))
    rows = there.rows_in_view(camera)
    np.testing.assert_array_equal(rows, np.flatnonzero(may_be_drawn(*splats.geometry, camera).numpy()))
    for found, expected in zip(there.geometry_of(rows), splats.geometry, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy()[rows])
    ids = torch.arange(1000, dtype=torch.int32)
    part = there.replace(segment_ids=ids).in_view(camera)
    assert part.segment_ids is not None and part.segment_ids.tolist() == rows.tolist()
    assert there.in_view(camera).segment_ids is None and len(part) == len(rows)


def test_the_wrong_number_of_rows_is_never_written(splats: Splats, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lack values"):
        write_geometry(tmp_path / "geometry", [splats], 1001)
    with pytest.raises(ValueError, match="more values"):
        write_geometry(tmp_path / "geometry", [splats, splats], 1001)
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_told(splats: Splats, tmp_path: Path) -> None:
    written(splats, tmp_path / "geometry")
    (tmp_path / "geometry").write_bytes((tmp_path / "geometry").read_bytes()[:-7])
    with pytest.raises(RunError, match=r"geometry cannot be read .*; repeat the command"):
        open_geometry(tmp_path / "geometry")
