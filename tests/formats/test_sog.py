"""Our .sog: what gaussforge and splat-transform read is what we wrote, in the order we say, soon and the same again."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch
from node_tools import splat_transform
from scenes import assert_alike, colorful_splats

from splatseg.formats.gaussforge import read_sog
from splatseg.formats.ply.ply import read_ply
from splatseg.formats.read import load_splats
from splatseg.formats.sog import write_sog
from splatseg.splats.splats import Splats, splats_of


def assert_within_steps(found: Splats, splats: Splats) -> None:
    assert_alike(found, splats, means=1e-3, harmonics=0.01 if splats.sh_degree else None, scale=0.02)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_gaussforge_finds_what_was_written_in_the_order_that_was_told(tmp_path: Path, degree: int) -> None:
    splats = colorful_splats(degree=degree)
    order = write_sog(tmp_path / "a.sog", splats)
    assert sorted(order.tolist()) == list(range(300)) != order.tolist()
    assert_within_steps(load_splats(tmp_path / "a.sog")[0], splats.subset(order))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_splat_transform_finds_what_was_written(tmp_path: Path, degree: int) -> None:
    splats = colorful_splats(degree=degree)
    order = write_sog(tmp_path / "a.sog", splats)
    splat_transform(tmp_path / "a.sog", tmp_path / "b.ply")
    assert_within_steps(splats_of(read_ply(tmp_path / "b.ply")), splats.subset(order))


@pytest.mark.parametrize("count", [1, 2, 5, 64, 65])
def test_any_number_of_gaussians_fills_its_pictures(tmp_path: Path, count: int) -> None:
    splats = colorful_splats(count=count)
    order = write_sog(tmp_path / "a.sog", splats)
    assert_within_steps(splats_of(read_sog(tmp_path / "a.sog")), splats.subset(order))


def test_gaussians_that_coincide_or_lie_in_a_plane_keep_their_colours(tmp_path: Path) -> None:
    splats = colorful_splats(degree=1)
    splats.means[:, 2], splats.means[::2] = 1.5, splats.means[0]
    order = write_sog(tmp_path / "a.sog", splats)
    assert_within_steps(splats_of(read_sog(tmp_path / "a.sog")), splats.subset(order))


def test_the_colour_of_what_cannot_be_seen_stays(tmp_path: Path) -> None:
    """A WebP may forget the colours of pixels of opacity 0, which here are indices."""
    splats = colorful_splats(degree=0).replace(opacity_logits=torch.full((300,), -20.0))
    order = write_sog(tmp_path / "a.sog", splats)
    assert_within_steps(splats_of(read_sog(tmp_path / "a.sog")), splats.subset(order))


def test_harmonics_of_many_share_a_palette_and_stay_close(tmp_path: Path) -> None:
    splats = colorful_splats(count=6000, degree=2)
    kinds = torch.randn(50, 8, 3, generator=torch.Generator().manual_seed(1)) / 5
    splats = splats.replace(shN=kinds[torch.arange(6000) % 50])
    order = write_sog(tmp_path / "a.sog", splats)
    meta = json.loads(zipfile.ZipFile(tmp_path / "a.sog").read("meta.json"))
    assert meta["version"] == 2 and meta["count"] == 6000 and meta["shN"]["bands"] == 2
    assert meta["shN"]["count"] <= 4096
    assert_within_steps(splats_of(read_sog(tmp_path / "a.sog")), splats.subset(order))


def test_the_same_splat_is_the_same_bytes_with_any_number_of_threads(tmp_path: Path) -> None:
    splats, threads = colorful_splats(count=5000), torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            write_sog(tmp_path / f"{number}.sog", splats)
    finally:
        torch.set_num_threads(threads)
    assert (tmp_path / "1.sog").read_bytes() == (tmp_path / "2.sog").read_bytes()
