"""Compressed PLY: within its steps our reader, gaussforge and splat-transform find what was written."""

from __future__ import annotations

import struct
from pathlib import Path

import gaussforge
import pytest
import torch
from node_tools import splat_transform
from scenes import assert_alike, colorful_splats

from splatseg.errors import SplatFileError
from splatseg.formats.compressed_ply import write_compressed_ply
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.formats.read import load_splats
from splatseg.splats.splats import splats_of

MEANS, HARMONICS = 0.004, 1 / 32


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_our_reader_finds_what_was_written(tmp_path: Path, degree: int) -> None:
    splats = colorful_splats(count=700, degree=degree)
    order = write_compressed_ply(tmp_path / "a.compressed.ply", splats)
    assert sorted(order.tolist()) == list(range(700))
    found, dropped = load_splats(tmp_path / "a.compressed.ply")
    assert dropped == 0
    assert_alike(found, splats.subset(order), MEANS, HARMONICS if degree else None)


@pytest.mark.parametrize("degree", [1, 3])
def test_gaussforge_finds_what_was_written(tmp_path: Path, degree: int) -> None:
    splats = colorful_splats(degree=degree)
    order = write_compressed_ply(tmp_path / "a.compressed.ply", splats)
    body = (tmp_path / "a.compressed.ply").read_bytes()
    (tmp_path / "b.ply").write_bytes(gaussforge.GaussForge().convert(body, "compressed.ply", "ply")["data"])
    assert_alike(splats_of(read_ply(tmp_path / "b.ply")), splats.subset(order), MEANS, HARMONICS)


@pytest.mark.parametrize("degree", [0, 3])
def test_splat_transform_finds_what_was_written_and_writes_what_we_read(tmp_path: Path, degree: int) -> None:
    splats = colorful_splats(count=256, degree=degree)
    order = write_compressed_ply(tmp_path / "a.compressed.ply", splats)
    splat_transform(tmp_path / "a.compressed.ply", tmp_path / "b.ply")
    assert_alike(splats_of(read_ply(tmp_path / "b.ply")), splats.subset(order), MEANS, HARMONICS if degree else None)
    write_ply(tmp_path / "c.ply", splats)
    splat_transform(tmp_path / "c.ply", tmp_path / "d.compressed.ply")
    found = splats_of(read_ply(tmp_path / "d.compressed.ply"))
    nearest = torch.cdist(splats.means, found.means).argmin(1)
    assert_alike(found.subset(nearest), splats, MEANS, HARMONICS if degree else None)


def test_a_single_gaussian_is_in_the_bits_that_the_format_says(tmp_path: Path) -> None:
    splats = colorful_splats(count=1, degree=0).replace(
        quats=torch.tensor([[0.0, -2.0, 0.0, 0.0]]), opacity_logits=torch.tensor([0.0])
    )
    write_compressed_ply(tmp_path / "a.compressed.ply", splats)
    _, _, body = (tmp_path / "a.compressed.ply").read_bytes().partition(b"end_header\n")
    ends, packed = struct.unpack("<18f", body[:72]), struct.unpack("<4I", body[72:])
    assert ends[:3] == ends[3:6] == tuple(splats.means[0].tolist())
    assert packed[0] == packed[2] == 0  # a chunk without size
    assert packed[1] == 1 << 30 | 512 << 20 | 512 << 10 | 512  # x is largest, the others are nought
    assert packed[3] == 128  # half opaque


def test_values_beyond_the_format_are_taken_to_its_ends(tmp_path: Path) -> None:
    splats = colorful_splats(count=3, degree=1).replace(
        shN=torch.full((3, 3, 3), 9.0), log_scales=torch.full((3, 3), -80.0), opacity_logits=torch.full((3,), 60.0)
    )
    write_compressed_ply(tmp_path / "a.compressed.ply", splats)
    found, dropped = load_splats(tmp_path / "a.compressed.ply")
    assert dropped == 0 and (found.shN == 4).all() and (found.log_scales == -20).all()
    assert torch.isfinite(found.opacity_logits).all() and (found.opacities > 0.999).all()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b"min_x", b"mix_x", "compressed PLY without min_x"),
        (b"packed_color", b"packet_color", "compressed PLY without packed_color"),
        (b"element chunk 2", b"element chunk 1", "of 300 Gaussians in 1 chunks, not in 2"),
        (b"element sh 300", b"element sh 299", "whose harmonics do not fit its Gaussians"),
        (b"element vertex 300", b"element vertex 999999999999", "is cut off"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, before: bytes, after: bytes, message: str) -> None:
    path = tmp_path / "a.compressed.ply"
    write_compressed_ply(path, colorful_splats())
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    with pytest.raises(SplatFileError, match=message):
        splats_of(read_ply(path))
