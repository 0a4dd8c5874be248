"""Input masks of each view against what all views together say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import masked_things, whole_masks

from splatseg.evaluate.mask_agreement import ViewMasks, compare_masks, masks_by_fit, view_agreements
from splatseg.masks.segments import Segments, from_label_map, from_masks
from splatseg.render.label_maps import label_map


def squares() -> np.ndarray:
    """Two segments, 3 and 9, of 20 x 20 pixels each in 40 x 60."""
    labels = np.zeros((40, 60), dtype=np.int32)
    labels[10:30, 5:25], labels[10:30, 35:55] = 3, 9
    return labels


def problems(masks: Segments) -> dict[int, str | None]:
    return {segment.id: segment.problem for segment in compare_masks("v", squares(), masks).segments}


def test_masks_that_are_the_segments_fit_perfectly() -> None:
    found = compare_masks("a.jpg", squares(), from_label_map(squares()))
    assert [(s.id, s.pixels, s.overlap, s.problem) for s in found.segments] == [
        (3, 400, 1.0, None),
        (9, 400, 1.0, None),
    ]
    assert (found.view, found.masks) == ("a.jpg", 2)


def test_a_segment_outside_all_masks_is_missing() -> None:
    masks = np.where(squares() == 3, 1, 0)
    assert problems(from_label_map(masks)) == {3: None, 9: "missing"}


def test_a_segment_in_a_mask_with_much_more_is_merged() -> None:
    band = np.zeros((40, 60), dtype=bool)
    band[5:35] = True
    assert problems(from_masks(band[None])) == {3: "merged", 9: "merged"}


def test_a_segment_in_pieces_is_broken() -> None:
    labels = squares()
    pieces = [(labels == 3) & (np.arange(60)[None] % 20 // 5 == part) for part in range(4)]
    assert problems(from_masks(np.stack([*pieces, labels == 9]))) == {3: "broken", 9: None}


def test_overlapping_masks_count_each_for_itself() -> None:
    labels = squares()
    nested = np.stack([labels > 0, labels == 3, (labels == 9) & (np.arange(40)[:, None] < 20)])
    found = {segment.id: segment.overlap for segment in compare_masks("v", labels, from_masks(nested)).segments}
    assert found == {3: 1.0, 9: 0.5}


def test_what_a_view_shows_only_a_sliver_of_is_not_judged() -> None:
    labels = squares()
    labels[0, 0] = 5
    assert 5 not in problems(from_label_map(squares()))


def test_a_view_without_masks_has_every_segment_missing() -> None:
    empty = Segments((np.zeros((40, 60), np.int32),), 0, np.zeros(0, np.float32))
    assert problems(empty) == {3: "missing", 9: "missing"}


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="labels"):
        compare_masks("v", squares()[:-1], from_label_map(squares()))


def swapped(index: int, parts: np.ndarray) -> list[np.ndarray]:
    """Whole masks, but one view has those of a view upside down."""
    return whole_masks(index, parts[::-1, ::-1] if index == 3 else parts)


def test_the_view_whose_masks_are_not_its_own_falls_short_and_no_other_does() -> None:
    scene = masked_things(swapped)
    splats = scene.splats.replace(segment_ids=torch.from_numpy(scene.label.astype(np.int32)))
    compared = [
        compare_masks(view.name, label_map(splats, view.camera), scene.masks[view.name]) for view in scene.views
    ]
    found = {view.view: view.shortfall for view in view_agreements(compared)}
    assert found.pop("3.png") > 0.3
    assert max(found.values()) < 0.05


def test_a_segment_that_masks_of_all_views_doubt_says_little_of_any_view() -> None:
    def seen(view: str, good: float, doubted: float) -> ViewMasks:
        labels, masks = squares(), np.zeros((2, 40, 60), dtype=bool)
        for mask, (key, share) in zip(masks, ((3, good), (9, doubted)), strict=True):
            rows, columns = np.nonzero(labels == key)
            kept = round(share * len(rows))
            mask[rows[:kept], columns[:kept]] = True
        return compare_masks(view, labels, from_masks(masks))

    views = [seen("a", 1.0, 0.1), seen("b", 1.0, 0.1), seen("c", 0.4, 0.1), seen("d", 1.0, 0.02)]
    found = {view.view: view.shortfall for view in view_agreements(views)}
    assert found["c"] - found["a"] > 0.5, "the segment that all others show whole is half missed"
    assert abs(found["d"] - found["a"]) < 0.02, "the doubted segment is missed altogether"


def test_a_segment_that_a_single_view_shows_judges_nothing() -> None:
    assert view_agreements([compare_masks("a", squares(), from_label_map(squares()))]) == ()
    assert view_agreements([]) == ()


def test_of_overlapping_masks_the_best_fitting_is_shown_and_knows_its_segment() -> None:
    labels = squares()
    outside = np.zeros((40, 60), dtype=bool)
    outside[35:] = True
    masks = from_masks(np.stack([labels > 0, labels == 3, outside]))
    flat, lies_in = masks_by_fit(labels, masks)
    assert set(np.unique(flat[labels == 3])) == {2}
    assert lies_in[2] == 3 and lies_in[3] == 0
    assert masks_by_fit(np.zeros_like(labels), masks)[1] == {1: 0, 2: 0, 3: 0}
