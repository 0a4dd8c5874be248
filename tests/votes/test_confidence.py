"""One number for how well the masks of all views support a segment."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from splatseg.votes.agreement import Agreement
from splatseg.votes.confidence import segment_confidence
from splatseg.votes.votes import Votes

COUNT = 12


def votes_of(masks: list[tuple[int, list[int]]]) -> Votes:
    """masks: pairs of a view and the Gaussians that its mask sees, with ten pixels each."""
    weights = np.zeros((COUNT, len(masks)), dtype=np.float32)
    for column, (_, gaussians) in enumerate(masks):
        weights[gaussians, column] = 10.0
    views = max(view for view, _ in masks) + 1
    return Votes(
        weights=sparse.csr_array(weights),
        view_of=np.array([view for view, _ in masks], dtype=np.int32),
        id_of=np.ones(len(masks), dtype=np.int32),
        areas=np.full(len(masks), 100, dtype=np.int64),
        seen=weights.sum(1),
        views=tuple(f"{view}.png" for view in range(views)),
        layer_of=np.zeros(len(masks), dtype=np.int32),
    )


A, B = [0, 1, 2, 3], [4, 5, 6, 7, 8, 9]
IDS = np.array([1] * 4 + [2] * 6 + [0] * 2, dtype=np.int32)


def test_a_segment_that_every_view_shows_as_one_mask_lacks_only_the_view_that_is_counted_against_it() -> None:
    agreement = Agreement(votes_of([(view, thing) for view in range(9) for thing in (A, B)]))
    found = segment_confidence(agreement, IDS)
    assert set(found) == {1, 2}
    assert found[1].support == pytest.approx(1.0)
    assert found[1].views == pytest.approx(9.0)
    assert found[1].value == pytest.approx(9 / 10)


def test_what_a_single_view_shows_is_worth_half() -> None:
    found = segment_confidence(Agreement(votes_of([(0, A)])), IDS)
    assert found[1].value == pytest.approx(0.5)


def test_more_views_that_agree_make_more_confident() -> None:
    values = [
        segment_confidence(Agreement(votes_of([(view, A) for view in range(views)])), IDS)[1].value
        for views in (1, 2, 4, 8, 16)
    ]
    assert values == sorted(values) and len(set(values)) == 5


def test_a_view_that_hardly_sees_the_segment_counts_as_hardly_a_view() -> None:
    votes = votes_of([(0, A), (1, A)])
    faint = votes.weights.copy()
    faint.data[faint.indices == 1] = 0.01
    dimmed = Votes(faint, votes.view_of, votes.id_of, votes.areas, votes.seen, votes.views, votes.layer_of)
    assert segment_confidence(Agreement(dimmed), IDS)[1].views == pytest.approx(1.0, abs=0.01)


def test_masks_that_merge_it_with_something_else_lower_the_confidence() -> None:
    whole = segment_confidence(Agreement(votes_of([(view, A) for view in range(4)])), IDS)
    merged = segment_confidence(Agreement(votes_of([(0, A), (1, A), (2, A + B), (3, A + B)])), IDS)
    assert 0 < merged[1].value < whole[1].value


def test_a_segment_that_no_mask_sees_has_none() -> None:
    found = segment_confidence(Agreement(votes_of([(0, A)])), IDS)
    assert (found[2].value, found[2].support, found[2].views) == (0.0, 0.0, 0.0)


def test_ids_may_have_gaps_and_none_has_no_confidence() -> None:
    agreement = Agreement(votes_of([(view, thing) for view in range(3) for thing in (A, B)]))
    sparse_ids = np.where(IDS == 2, 60_000, np.where(IDS == 1, 7, 0)).astype(np.int32)
    assert set(segment_confidence(agreement, sparse_ids)) == {7, 60_000}
    assert segment_confidence(agreement, np.zeros(COUNT, dtype=np.int32)) == {}
