"""Duplicates by IoU, against masks compared pixel by pixel."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splatseg.masks.formats.rle import decode_rle
from splatseg.masks.propose.proposals import proposals_of_masks, without_duplicates


def brute_force(masks: np.ndarray, scores: np.ndarray, iou: float) -> list[int]:
    kept: list[int] = []
    for m in np.argsort(-scores, kind="stable"):
        unions = [(masks[m] | masks[k]).sum() for k in kept]
        shared = [(masks[m] & masks[k]).sum() for k in kept]
        if masks[m].any() and not any(s > iou * u for s, u in zip(shared, unions, strict=True)):
            kept.append(int(m))
    return kept


@given(arrays(bool, (7, 4, 5)), st.lists(st.integers(0, 4), min_size=7, max_size=7), st.sampled_from([0.3, 0.6, 0.95]))
@settings(max_examples=50, deadline=None)
def test_what_is_kept_is_what_comparing_all_pixels_keeps(masks: np.ndarray, scores: list[int], iou: float) -> None:
    given_scores = np.array(scores, np.float32)
    left = without_duplicates(proposals_of_masks(masks, given_scores), iou)
    expected = brute_force(masks, given_scores, iou)
    assert left.scores.tolist() == given_scores[expected].tolist()
    for runs, m in zip(left.runs, expected, strict=True):
        np.testing.assert_array_equal(decode_rle(runs, 4, 5), masks[m])


def test_a_part_and_its_whole_are_both_kept_even_in_one_box() -> None:
    whole = np.zeros((40, 40), bool)
    whole[5:35, 5:35] = True
    ring = whole.copy()
    ring[8:32, 8:32] = False
    nearly = whole.copy()
    nearly[5, 5:10] = False
    left = without_duplicates(proposals_of_masks(np.stack([whole, ring, nearly]), np.array([0.8, 0.7, 0.9])), 0.95)
    assert left.scores.tolist() == np.array([0.9, 0.7], np.float32).tolist()


def test_no_masks_stay_no_masks() -> None:
    left = without_duplicates(proposals_of_masks(np.zeros((2, 3, 4), bool), np.ones(2)), 0.95)
    assert len(left) == 0 and left.scores.shape == (0,)
    assert len(without_duplicates(proposals_of_masks(np.zeros((0, 3, 4), bool), np.ones(0)), 0.95)) == 0
