"""Several folders of masks are one source: all of them with their weights, and true masks in place of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scenes import camera

from splatseg.capture.view import View
from splatseg.errors import MaskError
from splatseg.files import write_png
from splatseg.masks.segments import Segments
from splatseg.masks.sources import open_sources
from splatseg.masks.store import open_masks

HALVES = np.repeat([[1, 1, 2, 2]], 3, axis=0)
ROWS = np.repeat([[0], [5], [9]], 4, axis=1)
SEEN = [View(name, camera(4, 3)) for name in ("0.jpg", "1.jpg", "2.jpg")]


def folder(path: Path, **label_maps: np.ndarray) -> Path:
    for name, label_map in label_maps.items():
        write_png(path / f"{name[1:]}.png", label_map.astype(np.uint8))
    return path


def masks_of(segments: Segments | None) -> list[list[list[bool]]]:
    assert segments is not None
    return [segments.mask(number + 1).tolist() for number in range(segments.count)]


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    return folder(tmp_path / "halves", _0=HALVES, _1=HALVES)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return folder(tmp_path / "rows", _1=ROWS, _2=ROWS)


def test_a_view_has_the_masks_of_every_folder_each_with_the_weight_of_its_folder(halves: Path, rows: Path) -> None:
    masks = open_sources([(halves, 1.0), (rows, 3.0)], SEEN)
    both = masks.read(SEEN[1])
    assert masks_of(both) == masks_of(open_masks(halves, SEEN).read(SEEN[1])) + masks_of(
        open_masks(rows, SEEN).read(SEEN[1])
    )
    assert both is not None and both.weights is not None and both.source_of is not None
    assert both.weights.tolist() == [1, 1, 3, 3] and both.source_of.tolist() == [0, 0, 1, 1]
    assert masks.names == ("0.jpg", "1.jpg", "2.jpg")


def test_a_view_that_one_folder_lacks_has_the_masks_of_the_other(halves: Path, rows: Path) -> None:
    masks = open_sources([(halves, 1.0), (rows, 3.0)], SEEN)
    alone, other = masks.read(SEEN[0]), masks.read(SEEN[2])
    assert alone is not None and alone.weights is None
    assert masks_of(other) == masks_of(open_masks(rows, SEEN).read(SEEN[2]))
    assert other is not None and other.weights is not None and other.weights.tolist() == [3, 3]
    assert open_sources([(halves, 1.0)], SEEN).read(SEEN[2]) is None


def test_true_masks_take_the_place_of_all_others_in_their_views(halves: Path, rows: Path, tmp_path: Path) -> None:
    drawn = folder(tmp_path / "drawn", _1=np.pad([[7]], ((0, 2), (0, 3))))
    masks = open_sources([(halves, 1.0), (rows, 3.0)], SEEN, drawn)
    true = masks.read(SEEN[1])
    assert masks_of(true) == [np.pad([[True]], ((0, 2), (0, 3))).tolist()]
    assert true is not None and true.weights is not None and np.isinf(true.weights).all()
    assert masks_of(masks.read(SEEN[0])) == masks_of(open_masks(halves, SEEN).read(SEEN[0]))


def test_segments_that_are_made_smaller_keep_their_weights(halves: Path, rows: Path) -> None:
    both = open_sources([(halves, 1.0), (rows, 3.0)], SEEN).read(SEEN[1])
    assert both is not None
    # The second row of ROWS, 5, is all that the middle row of pixels shows of that folder.
    left = both.without(np.repeat([[True], [False], [True]], 4, axis=1))
    assert left.weights is not None and left.weights.tolist() == [1, 1, 3] and left.resized(2, 1).count == 3


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf])
def test_a_weight_that_is_not_above_0_is_refused(halves: Path, weight: float) -> None:
    with pytest.raises(MaskError, match=r"have the weight .*; give a number above 0"):
        open_sources([(halves, weight)], SEEN)


def test_a_folder_that_is_given_twice_is_refused(halves: Path, rows: Path) -> None:
    with pytest.raises(MaskError, match=r"the masks in .*halves are given twice; give each folder once"):
        open_sources([(halves, 1.0), (rows, 1.0), (halves.parent / "rows" / ".." / "halves", 2.0)], SEEN)
    with pytest.raises(MaskError, match="given twice"):
        open_sources([(halves, 1.0)], SEEN, halves)


def test_a_folder_that_is_missing_is_named(halves: Path, tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"there is no folder of masks: .*gone; check the path"):
        open_sources([(halves, 1.0)], SEEN, tmp_path / "gone")
