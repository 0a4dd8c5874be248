"""The figures agree with their definitions, computed naively, and with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import binary_erosion
from sklearn.metrics import adjusted_rand_score

from splatseg.evaluate.segmentation import adjusted_rand_index, boundary, boundary_iou, iou, panoptic_quality


def box(left: int, right: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[10:30, left:right] = True
    return mask


def test_iou_of_equal_disjoint_half_and_empty_masks() -> None:
    empty = np.zeros((40, 40), bool)
    assert iou(box(0, 10), box(0, 10)) == 1
    assert iou(box(0, 10), box(10, 20)) == 0
    assert iou(box(0, 10), box(5, 15)) == pytest.approx(1 / 3)
    assert iou(empty, box(0, 10)) == 0
    assert iou(empty, empty) == boundary_iou(empty, empty) == 1


@settings(max_examples=60, deadline=None)
@given(
    mask=arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)),
    ratio=st.sampled_from([0.001, 0.02, 0.1, 0.5]),
)
def test_the_boundary_is_the_mask_minus_d_erosions_by_3x3_with_outside_beyond_the_image(
    mask: np.ndarray, ratio: float
) -> None:
    d = max(1, round(ratio * float(np.hypot(*mask.shape))))
    eroded = binary_erosion(mask, np.ones((3, 3)), iterations=d, border_value=0)
    np.testing.assert_array_equal(boundary(mask, ratio), mask & ~eroded)


def test_the_band_is_25_pixels_wide_at_the_size_of_lerf_mask() -> None:
    mask = np.zeros((731, 988), bool)
    mask[100:600, 100:900] = True
    band = boundary(mask)
    assert band[350, 100:125].all() and not band[350, 125]


def test_boundary_iou_punishes_a_ragged_edge_more_than_iou_does() -> None:
    truth = np.zeros((200, 200), bool)
    truth[20:180, 20:180] = True
    ragged = truth.copy()
    ragged[20:23, ::2] = False
    assert boundary_iou(ragged, truth) < iou(ragged, truth) < 1


@settings(max_examples=80, deadline=None)
@given(data=st.data(), count=st.integers(1, 60))
def test_ari_is_scikit_learns_over_the_pixels_that_count(data: st.DataObject, count: int) -> None:
    labels = arrays(np.int32, count, elements=st.integers(0, 4))
    pred, truth = data.draw(labels), data.draw(labels)
    known = truth != 0
    expected = adjusted_rand_score(truth[known], pred[known]) if known.any() else 1.0
    assert adjusted_rand_index(pred, truth) == pytest.approx(expected, abs=1e-12)


def test_ari_of_millions_of_pixels_does_not_overflow() -> None:
    truth = np.repeat(np.arange(1, 5, dtype=np.int32), 1_000_000)
    assert adjusted_rand_index(truth + 7, truth) == 1.0
    assert adjusted_rand_index(np.zeros_like(truth), truth) == 0.0


def test_ari_does_not_mind_how_segments_are_numbered() -> None:
    rng = np.random.default_rng(0)
    pred, truth = rng.integers(0, 9, (30, 40)), rng.integers(0, 5, (30, 40))
    renumbered = rng.permutation(1000)[pred]
    assert adjusted_rand_index(pred, truth) == adjusted_rand_index(renumbered, truth)


def test_panoptic_quality_counts_matched_spurious_and_missed() -> None:
    truth = np.zeros((10, 40), np.int32)
    truth[:, 0:10], truth[:, 10:20], truth[:, 20:30] = 1, 2, 3
    pred = np.zeros_like(truth)
    pred[:, 0:10] = 7  # matched, IoU 1
    pred[:, 12:20] = 8  # matched, IoU 0.8
    pred[:, 20:24] = 9  # IoU 0.4: spurious, and 3 is missed
    pred[:, 30:40] = 5  # where the truth is unknown: no fault
    quality = panoptic_quality(pred, truth)
    assert (quality.matched, quality.spurious, quality.missed) == (2, 1, 1)
    assert quality.sq == pytest.approx(0.9) and quality.rq == pytest.approx(2 / 3)
    assert quality.pq == pytest.approx(0.6)


def test_a_match_that_lies_mostly_where_nothing_is_known_is_no_spurious_segment_and_hides_none() -> None:
    truth = np.zeros((10, 40), np.int32)
    truth[:, 0:10] = 1
    pred = np.full_like(truth, 4)  # fills the picture, and with it all of 1
    assert panoptic_quality(pred, truth).spurious == 0
    pred[:, 0:4] = 5
    quality = panoptic_quality(pred, truth)
    assert (quality.matched, quality.spurious, quality.missed) == (1, 1, 0)


def test_panoptic_quality_of_equal_maps_is_1_and_of_nothing_found_0() -> None:
    truth = np.random.default_rng(0).integers(0, 5, (30, 40)).astype(np.int32)
    assert panoptic_quality(truth, truth).pq == 1
    assert panoptic_quality(np.zeros_like(truth), truth).pq == 0
    assert panoptic_quality(np.zeros_like(truth), np.zeros_like(truth)).pq == 1


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="truth must have shape"):
        iou(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
    with pytest.raises(ValueError, match="equal shapes"):
        adjusted_rand_index(np.zeros((2, 3), int), np.zeros((3, 2), int))
