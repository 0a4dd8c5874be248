"""Segment ids beside a file come back with it, and never with another one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from scenes import colorful_splats

from splatseg.formats.read import load_splats
from splatseg.formats.sidecar import read_sidecar_table, sidecar_path, write_sidecar
from splatseg.formats.splat import write_splat

TABLE = [{"id": 1, "name": "mug", "color": "#ff0000"}]


def beside(folder: Path) -> tuple[Path, torch.Tensor]:
    splats = colorful_splats()
    assert splats.segment_ids is not None
    write_splat(folder / "a.splat", splats)
    write_sidecar(folder / "a.splat", splats.segment_ids, TABLE)
    return folder / "a.splat", splats.segment_ids


def test_ids_and_names_come_back(tmp_path: Path) -> None:
    path, ids = beside(tmp_path)
    found = load_splats(path)[0].segment_ids
    assert found is not None and torch.equal(found, ids)
    assert read_sidecar_table(path) == TABLE


def test_ids_of_gaussians_that_are_dropped_are_dropped_with_them(tmp_path: Path) -> None:
    splats = colorful_splats()
    assert splats.segment_ids is not None
    splats.means[5] = torch.nan
    write_splat(tmp_path / "a.splat", splats)
    write_sidecar(tmp_path / "a.splat", splats.segment_ids, TABLE)
    found, dropped = load_splats(tmp_path / "a.splat")
    kept = torch.arange(len(splats)) != 5
    assert dropped == 1 and found.segment_ids is not None
    assert torch.equal(found.segment_ids, splats.segment_ids[kept])


def test_a_file_that_was_changed_does_not_get_the_ids(tmp_path: Path) -> None:
    path, _ = beside(tmp_path)
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.warns(UserWarning, match="belongs to another a.splat"):
        assert load_splats(path)[0].segment_ids is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive"])
def test_a_damaged_sidecar_is_left_aside(tmp_path: Path, content: bytes) -> None:
    path, _ = beside(tmp_path)
    sidecar_path(path).write_bytes(content)
    with pytest.warns(UserWarning, match=r"a.splat.segments.npz cannot be read"):
        assert load_splats(path)[0].segment_ids is None
    assert read_sidecar_table(path) == []
