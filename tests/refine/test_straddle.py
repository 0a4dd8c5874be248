"""Who straddles: what two segments see of every Gaussian."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from splatseg.refine.straddle import tally
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes

A, B = np.arange(0, 20), np.arange(20, 45)
N = 45
CROSSING, LEANING = 5, 25


def votes_of(views: int = 4) -> Votes:
    """Two things seen by every view as a mask each; two Gaussians of them lie in both masks."""
    weights = np.zeros((N, 2 * views), dtype=np.float32)
    for view in range(views):
        weights[A, 2 * view], weights[B, 2 * view + 1] = 10.0, 10.0
        weights[CROSSING, 2 * view : 2 * view + 2] = 6.0, 4.0
        weights[LEANING, 2 * view : 2 * view + 2] = 1.0, 9.0
    return Votes(
        weights=sparse.csr_array(weights),
        view_of=np.repeat(np.arange(views, dtype=np.int32), 2),
        id_of=np.tile(np.array([1, 2], dtype=np.int32), views),
        areas=np.full(2 * views, 100, dtype=np.int64),
        seen=weights.sum(1),
        views=tuple(f"{view}.png" for view in range(views)),
        layer_of=np.zeros(2 * views, dtype=np.int32),
    )


def ids() -> np.ndarray:
    labels = np.zeros(N, dtype=np.int32)
    labels[A], labels[B] = 1, 2
    return labels


def test_a_gaussian_in_one_segment_is_not_ambiguous_and_one_in_two_is_by_its_share():
    found = votes_of()
    counted = tally(found, Agreement(found).matched(ids()), 6.0)
    expected = np.zeros(N)
    expected[CROSSING], expected[LEANING] = 0.4, 0.1
    np.testing.assert_allclose(counted.ambiguity, expected, atol=0.01)
    assert (counted.first[CROSSING], counted.second[CROSSING]) == (1, 2)


def test_straddlers_are_those_that_hold_most_of_what_is_foreign():
    found = votes_of()
    counted = tally(found, Agreement(found).matched(ids()), 6.0)
    np.testing.assert_array_equal(counted.straddlers(0.75), [CROSSING])
    np.testing.assert_array_equal(counted.straddlers(1.0), [CROSSING, LEANING])


def test_what_is_hardly_seen_is_not_judged():
    found = votes_of(views=1)
    counted = tally(found, Agreement(found).matched(ids()), 1000.0)
    assert not counted.ambiguity.any() and len(counted.straddlers(1.0)) == 0
    np.testing.assert_array_equal(counted.corrected(ids()), ids())


@pytest.mark.parametrize("wrong", [CROSSING, 7])
def test_a_label_goes_to_the_segment_that_sees_most(wrong: int):
    found, labels = votes_of(), ids()
    matched = Agreement(found).matched(labels)
    labels[wrong] = 2
    np.testing.assert_array_equal(tally(found, matched, 6.0).corrected(labels), ids())


def test_without_segments_nothing_straddles():
    found, labels = votes_of(), np.zeros(N, dtype=np.int32)
    counted = tally(found, Agreement(found).matched(labels), 6.0)
    assert len(counted.straddlers(1.0)) == 0
    np.testing.assert_array_equal(counted.corrected(labels), labels)
