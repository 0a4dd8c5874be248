"""Any splat file becomes finite Gaussians, or one clear sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from splatseg.errors import SplatFileError
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.formats.splat import write_splat
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
        ("log_scales", 100.0),  # exp is beyond float32
        ("opacity_logits", -torch.inf),
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
    with pytest.raises(SplatFileError, match="is a folder"):
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
