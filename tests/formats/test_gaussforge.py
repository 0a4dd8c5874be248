""".spz, .sog and .ksplat: what gaussforge and splat-transform make of them is what we mean, in the order we say."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path

import gaussforge
import numpy as np
import pytest
import torch
from node_tools import splat_transform
from scenes import assert_alike, colorful_splats

from splatseg.errors import OutputError, SplatFileError
from splatseg.formats.gaussforge import read_ksplat, read_sog, read_spz, write_spz
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.formats.read import load_splats
from splatseg.formats.sog import write_sog
from splatseg.splats.splats import Splats, splats_of

SPZ = {"means": 1e-3, "harmonics": 0.08, "scale": 0.04}
SOG = {"means": 1e-3, "harmonics": 0.02, "scale": 0.02}


def steps(of: dict[str, float], degree: int) -> dict[str, float | None]:
    return {**of, "harmonics": of["harmonics"] if degree else None}


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_spz_gives_back_what_was_written(tmp_path: Path, degree: int) -> None:
    splats = colorful_splats(degree=degree)
    write_spz(tmp_path / "a.spz", splats)
    assert_alike(load_splats(tmp_path / "a.spz")[0], splats, **steps(SPZ, degree))


@pytest.mark.parametrize("suffix", ["spz", "sog"])
def test_gaussians_that_are_opaque_or_invisible_are_kept(tmp_path: Path, suffix: str) -> None:
    splats = colorful_splats(degree=0)
    splats.opacity_logits[:9], splats.opacity_logits[9:20] = 20.0, -20.0
    {"spz": write_spz, "sog": write_sog}[suffix](tmp_path / f"a.{suffix}", splats)
    found, dropped = load_splats(tmp_path / f"a.{suffix}")
    assert dropped == 0 and len(found) == 300
    assert int((found.opacities > 0.99).sum()) == 9 and int((found.opacities < 0.005).sum()) == 11


def test_a_spz_has_y_up_and_z_backward_as_its_format_says(tmp_path: Path) -> None:
    splats = colorful_splats(count=1, degree=0).replace(means=torch.tensor([[0.5, 0.25, -0.75]]))
    write_spz(tmp_path / "a.spz", splats)
    body = gzip.decompress((tmp_path / "a.spz").read_bytes())
    magic, version, count, degree, bits = struct.unpack_from("<IIIBB", body)
    assert (magic, version, count, degree) == (0x5053474E, 3, 1, 0)
    position = [int.from_bytes(body[16 + 3 * i : 19 + 3 * i], "little", signed=True) / 2**bits for i in range(3)]
    assert position == [0.5, -0.25, 0.75]


@pytest.mark.parametrize("degree", [0, 3])
def test_splat_transform_finds_what_was_written(tmp_path: Path, degree: int) -> None:
    splats = colorful_splats(degree=degree)
    write_spz(tmp_path / "a.spz", splats)
    splat_transform(tmp_path / "a.spz", tmp_path / "b.ply")
    assert_alike(splats_of(read_ply(tmp_path / "b.ply")), splats, **steps(SPZ, degree))


def test_we_find_what_splat_transform_writes(tmp_path: Path) -> None:
    splats = colorful_splats(degree=3)
    write_ply(tmp_path / "a.ply", splats)
    splat_transform(tmp_path / "a.ply", tmp_path / "b.spz")  # version 4
    found = splats_of(read_spz(tmp_path / "b.spz"))
    nearest = torch.cdist(splats.means, found.means).argmin(1)
    assert_alike(found.subset(nearest), splats, **SPZ)
    splat_transform(tmp_path / "a.ply", tmp_path / "c.sog")
    found = splats_of(read_sog(tmp_path / "c.sog"))
    nearest = torch.cdist(splats.means, found.means).argmin(1)
    assert_alike(found.subset(nearest), splats, means=1e-3, harmonics=1.0, scale=0.02)  # its palette is coarse


def test_a_ksplat_is_read(tmp_path: Path) -> None:
    splats = colorful_splats(degree=2)
    write_ply(tmp_path / "a.ply", Splats(*splats_parameters(splats)))
    made = gaussforge.GaussForge().convert((tmp_path / "a.ply").read_bytes(), "ply", "ksplat")
    (tmp_path / "a.ksplat").write_bytes(made["data"])
    assert_alike(splats_of(read_ksplat(tmp_path / "a.ksplat")), splats, means=1e-3, harmonics=1e-3)


def splats_parameters(splats: Splats) -> tuple[torch.Tensor, ...]:
    return splats.means, splats.quats, splats.log_scales, splats.opacity_logits, splats.sh0, splats.shN


@pytest.mark.parametrize("suffix", ["spz", "sog", "ksplat"])
@pytest.mark.parametrize("content", [b"", b"NGSP", b"\x1f\x8b\x08\x00", b"PK\x03\x04" + bytes(60)])
def test_a_file_that_is_not_whole_is_told(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(content)
    with pytest.raises(SplatFileError, match=rf"a.{suffix} is not a whole .{suffix} file \(.*export or copy it again"):
        load_splats(tmp_path / f"a.{suffix}")


def test_a_sog_that_crashes_the_library_is_told(tmp_path: Path) -> None:
    write_sog(tmp_path / "a.sog", colorful_splats())
    whole = (tmp_path / "a.sog").read_bytes()
    refused = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        body = bytearray(whole)
        for place in rng.integers(0, 100, 10):
            body[place] = rng.integers(256)
        (tmp_path / "a.sog").write_bytes(body)
        try:
            load_splats(tmp_path / "a.sog")
        except SplatFileError:
            refused += 1
    assert refused > 6


def test_a_spz_that_claims_too_much_is_told(tmp_path: Path) -> None:
    header = struct.pack("<IIIBBBB", 0x5053474E, 2, 4_000_000_000, 3, 12, 0, 0)
    (tmp_path / "a.spz").write_bytes(gzip.compress(header + bytes(100)))
    with pytest.raises(SplatFileError, match=r"is not a whole \.spz file"):
        load_splats(tmp_path / "a.spz")


def test_the_library_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_spz(tmp_path / "a.spz", colorful_splats())
    monkeypatch.setitem(sys.modules, "gaussforge", None)
    install = r'needs gaussforge; install it with pip install "splatseg\[formats\]"'
    with pytest.raises(SplatFileError, match=f"reading .*a.spz {install}"):
        splats_of(read_spz(tmp_path / "a.spz"))
    with pytest.raises(OutputError, match=f"writing .*b.spz {install}"):
        write_spz(tmp_path / "b.spz", colorful_splats())
    assert not (tmp_path / "b.spz").exists()


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    print("before")  # noqa: T201
    write_spz(tmp_path / "a.spz", colorful_splats())
    splats_of(read_spz(tmp_path / "a.spz"))
    print("after")  # noqa: T201
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("before\nafter\n", "")
