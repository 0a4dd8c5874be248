"""Colours, features and ids of a splat in blocks are those of the whole one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from random_scenes import random_splats

from splatseg.formats.parts import pick
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.pick import colors_of_blocks, features_of_blocks, ids_of_blocks
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.machine import mapped
from splatseg.splats.splats import Splats


@pytest.mark.parametrize("seed", range(6))
def test_columns_are_those_of_the_whole_splat_to_the_bit(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(mapped, "ROWS_A_BLOCK", 13)
    monkeypatch.setattr(mapped, "IN_MEMORY", int(rng.choice([0, 1 << 26])))
    monkeypatch.setattr(pick, "AT_ONCE", 64)
    splats = random_splats(rng, 500).replace(
        sh0=torch.randn(500, 3), shN=torch.randn(500, 8, 3), features=torch.randn(500, 5)
    )
    if seed % 2:
        splats = splats.replace(segment_ids=torch.arange(500, dtype=torch.int32))
    write_ply(tmp_path / "splats.ply", splats)
    whole, dropped = load_splats(tmp_path / "splats.ply")
    assert dropped > 0, "rows are not those of the file"
    blocks = open_blocks(tmp_path / "splats.ply", rows_a_block=100)
    sh0, harmonics = colors_of_blocks(blocks)
    np.testing.assert_array_equal(sh0, whole.sh0.numpy())
    np.testing.assert_array_equal(harmonics, whole.shN.numpy())
    features = features_of_blocks(blocks)
    assert features is not None and whole.features is not None
    np.testing.assert_array_equal(features, whole.features.numpy())
    ids = ids_of_blocks(blocks)
    assert (ids is None) == (whole.segment_ids is None)
    if ids is not None and whole.segment_ids is not None:
        np.testing.assert_array_equal(ids, whole.segment_ids.numpy())


@pytest.mark.parametrize("extra", [None, np.uint8])
def test_features_of_a_file_of_ours_stay_in_it(extra: type | None, tmp_path: Path) -> None:
    splats = random_splats(np.random.default_rng(3), 200)
    finite = torch.isfinite(torch.cat([*splats.geometry[:3]], dim=1)).all(1)
    splats = splats.subset(finite).replace(features=torch.randn(int(finite.sum()), 5))
    if extra is not None:
        splats = dataclasses.replace(splats, extras={"kind": np.ones(len(splats), extra)})
    write_ply(tmp_path / "splats.ply", splats)
    features = features_of_blocks(open_blocks(tmp_path / "splats.ply"))
    assert features is not None and splats.features is not None
    np.testing.assert_array_equal(features, splats.features.numpy())
    assert features.flags.c_contiguous == (extra is not None), "they lie in strides, unless these are no whole floats"
    torch.testing.assert_close(torch.from_numpy(features)[3:5], splats.features[3:5])
    assert features_of_blocks(open_blocks(written_plain(splats, tmp_path))) is None


def written_plain(splats: Splats, folder: Path) -> Path:
    write_ply(folder / "plain.ply", splats.plain())
    return folder / "plain.ply"
