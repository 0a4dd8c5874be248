"""Features under the names that peers give them are found; colours are never taken for features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from splatseg.formats.ply.columns import CONSTANT, POSITION, ROTATION, SCALE
from splatseg.formats.ply.table import NORMAL
from splatseg.formats.read import load_splats

REST = tuple(f"f_rest_{i}" for i in range(9))


def named(prefix: str, count: int = 16) -> tuple[str, ...]:
    return tuple(f"{prefix}{i}" for i in range(count))


LAYOUTS = {
    "CGC": (*POSITION, *NORMAL, *CONSTANT, *REST, "opacity", *SCALE, *ROTATION, *named("f_seg_")),
    "Gaussian Grouping": (*POSITION, *NORMAL, *CONSTANT, *REST, "opacity", *SCALE, *ROTATION, *named("obj_dc_")),
    "Feature 3DGS": (*POSITION, *NORMAL, *CONSTANT, *REST, *named("semantic_", 128), "opacity", *SCALE, *ROTATION),
    "SAGA": (*POSITION, *NORMAL, *named("f_", 32), "opacity", *SCALE, *ROTATION),
    "SAGA with colours": (*POSITION, *NORMAL, *CONSTANT, *REST, *named("f_", 32), "opacity", *SCALE, *ROTATION),
}


def write(path: Path, names: tuple[str, ...], rows: int = 7) -> dict[str, np.ndarray]:
    values = np.random.default_rng(0).normal(size=(rows, len(names))).astype("<f4")
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {rows}"]
    header += [f"property float {name}" for name in names]
    path.write_bytes("\n".join([*header, "end_header", ""]).encode() + values.tobytes())
    return dict(zip(names, values.T, strict=True))


@pytest.mark.filterwarnings("ignore:.*has features and no colours")
@pytest.mark.parametrize("peer", LAYOUTS)
def test_features_are_found_in_the_layout_of(peer: str, tmp_path: Path) -> None:
    names = LAYOUTS[peer]
    values = write(tmp_path / "a.ply", names)
    splats, _ = load_splats(tmp_path / "a.ply")
    known = {*POSITION, *NORMAL, *CONSTANT, *REST, *SCALE, *ROTATION, "opacity"}
    expected = np.stack([values[name] for name in names if name not in known], 1)
    assert splats.features is not None and not splats.extras
    np.testing.assert_array_equal(splats.features.numpy(), expected)
    assert splats.sh_degree == (1 if REST[0] in names else 0)


def test_a_file_of_features_alone_is_grey_and_says_so(tmp_path: Path) -> None:
    write(tmp_path / "a.ply", LAYOUTS["SAGA"])
    with pytest.warns(UserWarning, match="has features and no colours .* grey"):
        splats, _ = load_splats(tmp_path / "a.ply")
    assert torch.equal(splats.sh0, torch.zeros(7, 3))


def test_colours_alone_are_no_features(tmp_path: Path) -> None:
    write(tmp_path / "a.ply", (*POSITION, *CONSTANT, *REST, "opacity", *SCALE, *ROTATION))
    assert load_splats(tmp_path / "a.ply")[0].features is None
