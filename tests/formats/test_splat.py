"""The .splat format: 32 bytes a Gaussian, exact to its quantisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from splatseg.errors import SplatFileError
from splatseg.formats.splat import ROW, read_splat, write_splat
from splatseg.splats.splats import splats_of


def rows(count: int = 200) -> np.ndarray:
    rng = np.random.default_rng(0)
    body = np.zeros(count, ROW)
    body["position"], body["scale"] = rng.normal(size=(count, 3)), rng.lognormal(-4, 1, (count, 3))
    body["rgba"] = rng.integers(0, 256, (count, 4))
    quats = rng.normal(size=(count, 4))
    body["quat"] = np.clip(np.round(quats / np.linalg.norm(quats, axis=1, keepdims=True) * 128 + 128), 0, 255)
    return body


def test_bytes_survive_reading_and_writing(tmp_path: Path) -> None:
    body = rows()
    body["rgba"][:2, 3] = 0, 255
    body.tofile(tmp_path / "a.splat")
    write_splat(tmp_path / "b.splat", splats_of(read_splat(tmp_path / "a.splat")))
    again = np.fromfile(tmp_path / "b.splat", ROW)
    np.testing.assert_array_equal(again["position"], body["position"])
    np.testing.assert_array_equal(again["rgba"], body["rgba"])
    np.testing.assert_allclose(again["scale"], body["scale"], rtol=1e-5)
    assert np.abs(again["quat"].astype(int) - body["quat"]).max() <= 1  # they are written normalised


def test_values_mean_what_the_format_says(tmp_path: Path) -> None:
    body = rows(1)
    body["rgba"], body["scale"], body["quat"] = [255, 0, 51, 127], [0.1, 0.2, 0.3], [255, 128, 0, 192]
    body.tofile(tmp_path / "a.splat")
    splats = splats_of(read_splat(tmp_path / "a.splat"))
    torch.testing.assert_close(0.5 + 0.28209479 * splats.sh0[0], torch.tensor([1.0, 0.0, 0.2]))
    torch.testing.assert_close(splats.opacities, torch.tensor([127 / 255]))
    torch.testing.assert_close(splats.scales[0], torch.tensor([0.1, 0.2, 0.3]))
    torch.testing.assert_close(splats.quats[0], torch.tensor([127 / 128, 0.0, -1.0, 0.5]))


def test_full_and_empty_opacity_have_finite_logits(tmp_path: Path) -> None:
    body = rows(2)
    body["rgba"][:, 3] = 0, 255
    body.tofile(tmp_path / "a.splat")
    assert torch.isfinite(splats_of(read_splat(tmp_path / "a.splat")).opacity_logits).all()


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_broken_size_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.splat").write_bytes(b"\0" * size)
    with pytest.raises(SplatFileError, match=f"has {size} bytes, which is not a whole number of Gaussians"):
        splats_of(read_splat(tmp_path / "a.splat"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SplatFileError, match="there is no file"):
        splats_of(read_splat(tmp_path / "a.splat"))
