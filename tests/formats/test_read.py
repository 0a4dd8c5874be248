"""Any splat file becomes finite Gaussians, or one clear sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from splatseg.errors import SplatFileError
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.formats.splat import write_splat
from splatseg.splats.activations import SCALE_MAX, SCALE_MIN, to_opacity_logits
from splatseg.splats.splats import Splats


def some_splats(count: int = 10) -> Splats:
    tensors = [torch.rand(count, 3), torch.rand(count, 4), -torch.rand(count, 3), torch.rand(count)]
    return Splats(*tensors, torch.rand(count, 3), torch.rand(count, 3, 3), features=torch.rand(count, 2))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("means", torch.nan),
        ("quats", torch.inf),
        ("log_scales", torch.nan),
        ("opacity_logits", torch.nan),
        ("sh0", torch.nan),
        ("shN", torch.inf),
        ("features", torch.nan),
    ],
)
def test_a_gaussian_that_is_not_finite_is_dropped_and_counted(tmp_path: Path, field: str, value: float) -> None:
    splats = some_splats()
    getattr(splats, field)[[2, 5]] = value
    write_ply(tmp_path / "a.ply", splats)
    loaded, dropped = load_splats(tmp_path / "a.ply")
    assert dropped == 2
    kept = [i for i in range(10) if i not in (2, 5)]
    assert torch.equal(loaded.means, splats.means[kept]) and loaded.features is not None


@pytest.mark.parametrize("suffix", [".ply", ".splat"])
def test_infinite_opacities_and_scales_are_taken_at_the_limits_of_all_formats(tmp_path: Path, suffix: str) -> None:
    splats = some_splats()
    splats.opacity_logits[[0, 1]] = torch.tensor([torch.inf, -torch.inf])
    splats.log_scales[2, 0] = -torch.inf
    (write_ply if suffix == ".ply" else write_splat)(tmp_path / f"a{suffix}", splats)
    loaded, dropped = load_splats(tmp_path / f"a{suffix}")
    assert dropped == 0
    limit = float(to_opacity_logits(torch.ones(())))
    assert loaded.opacity_logits[:2].tolist() == pytest.approx([limit, -limit], rel=1e-3)
    assert loaded.scales[2, 0].item() == pytest.approx(SCALE_MIN)


@pytest.mark.parametrize("value", [torch.inf, 100.0])
def test_scales_beyond_all_numbers_are_huge_and_told(tmp_path: Path, value: float) -> None:
    splats = some_splats()
    splats.log_scales[3, 1] = value
    write_ply(tmp_path / "a.ply", splats)
    with pytest.warns(UserWarning, match=r"1 Gaussians of a\.ply have infinite scales"):
        loaded, dropped = load_splats(tmp_path / "a.ply")
    assert dropped == 0 and loaded.scales[3, 1].item() == pytest.approx(SCALE_MAX, rel=1e-4)
    assert torch.equal(loaded.log_scales[:3], splats.log_scales[:3])


def test_quaternions_of_zeros_are_not_turned_and_others_keep_their_length(tmp_path: Path) -> None:
    splats = some_splats()
    splats.quats[4] = 0
    splats.quats[5] *= 100
    write_ply(tmp_path / "a.ply", splats)
    with pytest.warns(UserWarning, match=r"1 Gaussians of a\.ply have a quaternion of zeros"):
        loaded, dropped = load_splats(tmp_path / "a.ply")
    assert dropped == 0 and loaded.quats[4].tolist() == [1, 0, 0, 0]
    assert torch.equal(loaded.quats[5], splats.quats[5])


def test_a_file_is_known_by_its_content_before_its_suffix(tmp_path: Path) -> None:
    write_ply(tmp_path / "model.bin", some_splats())
    write_splat(tmp_path / "MODEL.SPLAT", some_splats())
    assert len(load_splats(tmp_path / "model.bin")[0]) == len(load_splats(tmp_path / "MODEL.SPLAT")[0]) == 10


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.obj", b"v 0 0 0", r"\(.obj\); convert it to .ply, .splat, .spz, .sog or .ksplat"),
        ("a", b"", r"\(no suffix\)"),
        ("a.ply", b"<html>", "does not begin with 'ply'"),
        ("a.splat", b"123", "whole number of Gaussians"),
    ],
)
def test_what_is_no_splat_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SplatFileError, match=message):
        load_splats(tmp_path / name)


def test_nothing_finite_a_folder_and_nothing_at_all_are_refused(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", some_splats().replace(means=torch.full((10, 3), torch.nan)))
    with pytest.raises(SplatFileError, match="has 10 Gaussians and none of them is finite"):
        load_splats(tmp_path / "a.ply")
    (tmp_path / "a.ply").unlink()
    with pytest.raises(SplatFileError, match="is a folder without a splat"):
        load_splats(tmp_path)
    with pytest.raises(SplatFileError, match="there is no file"):
        load_splats(tmp_path / "none.ply")


@pytest.mark.parametrize(("name", "count"), [("plant", 113_648), ("composed_14", 362_913)])
def test_real_captures_load_and_survive_a_round_trip(shared_data: Path, tmp_path: Path, name: str, count: int) -> None:
    path = shared_data / "splats" / f"{name}.splat"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    splats, dropped = load_splats(path)
    assert len(splats) == count and dropped == 0
    write_ply(tmp_path / "a.ply", splats)
    again, _ = load_splats(tmp_path / "a.ply")
    for field in ("means", "quats", "log_scales", "opacity_logits", "sh0"):
        assert torch.equal(getattr(splats, field), getattr(again, field)), field
    write_splat(tmp_path / "a.splat", splats)
    colours = [np.fromfile(p, np.uint8).reshape(-1, 32)[:, 24:28] for p in (path, tmp_path / "a.splat")]
    np.testing.assert_array_equal(*colours)


def test_a_file_without_gaussians_is_told_in_one_piece_and_in_blocks(tmp_path: Path) -> None:
    write_ply(tmp_path / "none.ply", some_splats(0))
    for read in (load_splats, open_blocks):
        with pytest.raises(SplatFileError, match=r"none\.ply holds no Gaussians; export the splat again$"):
            read(tmp_path / "none.ply")
