"""Proposals of a capture's views as files: read as input masks are, and not made twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from splatseg.capture import load_capture
from splatseg.demo import demo_capture
from splatseg.masks import open_masks
from splatseg.masks.importers import read_segments
from splatseg.masks.propose.files import proposals_path, propose_views, write_proposals


def test_what_is_written_is_read_back_as_input_masks(tmp_path: Path) -> None:
    masks = np.zeros((2, 5, 7), bool)
    masks[0, 1:4, 2:6] = masks[1, 2, 3] = True
    write_proposals(tmp_path / "a.npz", masks, np.array([0.5, 0.25]))
    segments = read_segments(tmp_path / "a.npz")
    assert [segments.mask(i).tolist() for i in (1, 2)] == masks.tolist()
    assert segments.scores.tolist() == [0.5, 0.25]


def test_a_view_without_masks_is_an_empty_file_that_can_be_read(tmp_path: Path) -> None:
    write_proposals(tmp_path / "a.npz", np.zeros((0, 5, 7), bool), np.zeros(0))
    assert read_segments(tmp_path / "a.npz").count == 0


def test_views_that_have_proposals_are_left_alone_and_the_others_are_told_one_by_one(tmp_path: Path) -> None:
    views = load_capture(demo_capture(), downscale=8).views[:3]
    kept = proposals_path(tmp_path, views[1])
    kept.write_bytes(b"finished earlier")
    told: list[tuple[int, int]] = []
    propose_views(views, tmp_path, progress=lambda done, total: told.append((done, total)), workers=2)
    assert told == [(2, 3), (3, 3)]
    assert kept.read_bytes() == b"finished earlier"
    assert open_masks(tmp_path, views).names == tuple(view.name for view in views)


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    views = load_capture(demo_capture(), downscale=8).views[:3]
    for workers in (1, 3):
        propose_views(views, tmp_path / str(workers), workers=workers)
    for view in views:
        assert proposals_path(tmp_path / "1", view).read_bytes() == proposals_path(tmp_path / "3", view).read_bytes()


def test_what_goes_wrong_with_a_view_is_told_and_stops_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no such photograph")

    monkeypatch.setattr("splatseg.masks.propose.files.propose_reduced", broken)
    with pytest.raises(ValueError, match="no such photograph"):
        propose_views(load_capture(demo_capture(), downscale=8).views, tmp_path, workers=1)
    assert not list(tmp_path.rglob("*.npz"))
