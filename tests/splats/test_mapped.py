"""Geometry in a mapped file: the values of the splat, and what a camera sees of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from random_scenes import random_camera, random_splats

from splatseg.cameras.camera import Camera
from splatseg.errors import RunError
from splatseg.raster.interface import rasterize
from splatseg.render.rgb import render_channels, render_depth, render_rgb
from splatseg.splats.made_of import GEOMETRY, made_of
from splatseg.splats.mapped import geometry as mapped
from splatseg.splats.mapped.geometry import MappedSplats, numbers_of, open_geometry, write_geometry
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


@pytest.mark.parametrize("seed", range(20))
def test_what_a_camera_sees_is_all_that_is_drawn_and_carries_what_all_carry(
    seed: int, splats: Splats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "GROUP", 16)
    splats = splats.replace(sh0=torch.randn(1000, 3), shN=torch.randn(1000, 3, 3))
    there = written(splats, tmp_path / "geometry")
    camera = random_camera(np.random.default_rng(seed))
    rows = numbers_of(there.rows_in_view(camera))
    drawn = rasterize(*splats.geometry, torch.zeros(1000, 1), camera).radii.numpy() > 0
    assert set(np.flatnonzero(drawn)) <= set(rows.tolist()) and (np.diff(rows) > 0).all()
    ids = torch.arange(1000, dtype=torch.int32)
    numbered = dataclasses.replace(there, segment_ids=ids, sh0=splats.sh0, shN=splats.shN)
    for colored in (False, True):
        part, expected = numbered.in_view(camera, colored), splats.subset(rows)
        assert part.segment_ids is not None and part.segment_ids.tolist() == rows.tolist()
        for found, given in zip(part.geometry, expected.geometry, strict=True):
            np.testing.assert_array_equal(found.numpy(), given.numpy())
        np.testing.assert_array_equal(part.sh0.numpy(), expected.sh0.numpy() if colored else np.zeros((len(rows), 3)))
        assert part.sh_degree == (1 if colored else 0)
        assert part.in_view(camera).segment_ids is not None and len(part.in_view(camera)) == len(rows)
    assert numbered.carried_in_view(camera, ids).tolist() == rows.tolist()
    for picture in (render_rgb, render_depth, lambda of, camera: render_channels(of, camera, ids[:, None].float())):
        np.testing.assert_array_equal(picture(numbered, camera).numpy(), picture(splats, camera).numpy())


def test_one_range_is_not_copied_and_what_is_far_from_the_rest_is_left_out(tmp_path: Path) -> None:
    camera = Camera(np.eye(4), np.array([[50.0, 0, 20], [0, 50.0, 10], [0, 0, 1]]), 40, 20)
    places = {"seen": (0.0, 0.0, 3.0), "behind": (0.0, 0.0, -3.0)}

    def rows_of_groups(*groups: str) -> list[slice]:
        means = torch.tensor([places[group] for group in groups]).repeat_interleave(mapped.GROUP, 0)
        count = len(means)
        sizes = {"log_scales": torch.full((count, 3), -4.0), "opacity_logits": torch.zeros(count)}
        turns = torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1)
        splats = Splats(means, turns, **sizes, sh0=torch.zeros(count, 3), shN=torch.zeros(count, 0, 3))
        there = written(splats, tmp_path / "geometry", count)
        ranges = there.rows_in_view(camera)
        lies_in_the_file = (
            there.in_view(camera).means.untyped_storage().data_ptr() == there.means.untyped_storage().data_ptr()
        )
        assert lies_in_the_file == (len(ranges) == 1)
        return [slice(rows.start // mapped.GROUP, rows.stop // mapped.GROUP) for rows in ranges]

    assert rows_of_groups("behind", "seen", "behind", "seen", "behind") == [slice(1, 4)]
    assert rows_of_groups("seen", "behind", "behind", "behind", "seen") == [slice(0, 1), slice(4, 5)]
    assert rows_of_groups("behind", "behind") == []


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
