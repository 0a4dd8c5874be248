"""What masks say of sets of Gaussians: support, and the two corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse

from splatseg.lift.agreement import Agreement
from splatseg.lift.votes import Votes


@dataclass(frozen=True)
class Mask:
    """A mask on the Gaussians `of`, all with the same weight, in a layer of a view."""

    view: int
    of: np.ndarray
    layer: int = 0


def votes_of(masks: list[Mask], count: int) -> Votes:
    masks = sorted(masks, key=lambda mask: mask.view)
    weights = np.zeros((count, len(masks)), dtype=np.float32)
    for column, mask in enumerate(masks):
        weights[mask.of, column] = 10.0
    return Votes(
        weights=sparse.csr_array(weights),
        view_of=np.array([mask.view for mask in masks], dtype=np.int32),
        id_of=np.ones(len(masks), dtype=np.int32),
        areas=np.full(len(masks), 100, dtype=np.int64),
        seen=weights.sum(1),
        views=tuple(f"{view}.png" for view in range(masks[-1].view + 1)),
        layer_of=np.array([mask.layer for mask in masks], dtype=np.int32),
    )


A, B, C = np.arange(0, 20), np.arange(20, 50), np.arange(50, 60)
N = 60


def members(*parts: np.ndarray) -> np.ndarray:
    chosen = np.zeros(N, dtype=bool)
    chosen[np.concatenate(parts)] = True
    return chosen


def agreeing(views: int = 5) -> list[Mask]:
    return [Mask(view, thing) for view in range(views) for thing in (A, B, C)]


def test_a_thing_that_every_view_shows_as_one_mask_has_full_support():
    agreement = Agreement(votes_of(agreeing(), N))
    assert agreement.support(members(A)) == pytest.approx(1.0)


def test_parts_and_groups_have_less_support_than_the_thing():
    agreement = Agreement(votes_of(agreeing(), N))
    assert agreement.support(members(B[:15])) == pytest.approx(0.5)
    assert agreement.support(members(A, B)) == pytest.approx(0.6)


def test_the_overlap_is_the_iou_that_rendering_would_give():
    agreement = Agreement(votes_of(agreeing(2), N))
    chosen = members(A[:5], B)
    overlaps = agreement.overlaps(*agreement.tallies(chosen))
    expected = [5 / (20 + 35 - 5), 30 / (30 + 35 - 30), 0.0]
    np.testing.assert_allclose(overlaps, expected * 2, rtol=1e-6)


def test_a_set_that_no_view_sees_has_no_support():
    agreement = Agreement(votes_of([Mask(0, A)], N))
    assert agreement.support(members(C)) == 0.0


def test_the_majority_adds_what_is_missing_and_drops_what_is_foreign():
    agreement = Agreement(votes_of(agreeing(), N))
    np.testing.assert_array_equal(agreement.by_majority(members(A[:15], B[:5])), members(A))


def test_the_majority_joins_the_parts_of_a_thing_that_some_views_break():
    broken = [Mask(view, part) for view in (3, 4) for part in (A[:9], A[9:], B, C)]
    agreement = Agreement(votes_of(agreeing(3) + broken, N))
    np.testing.assert_array_equal(agreement.by_majority(members(A[:14])), members(A))


def test_matches_follow_the_mask_of_the_thing_among_nested_ones():
    everything = np.arange(N)
    nested = [
        Mask(view, thing, layer)
        for view in range(4)
        for layer, things in enumerate(((everything,), (A, B, C), (A[:6], B[:10])))
        for thing in things
    ]
    agreement = Agreement(votes_of(nested, N))
    np.testing.assert_array_equal(agreement.by_matches(members(A[:17], C[:2])), members(A))


def test_views_without_a_fitting_mask_are_not_asked():
    merged = [Mask(view, np.concatenate([A, B])) for view in (3, 4, 5)]
    agreement = Agreement(votes_of(agreeing(3) + merged, N))
    np.testing.assert_array_equal(agreement.by_matches(members(A)), members(A))


def test_corrections_leave_gaussians_that_no_mask_sees():
    agreement = Agreement(votes_of([Mask(0, A), Mask(1, A)], N))
    seen_and_not = members(A[:15], C)
    np.testing.assert_array_equal(agreement.by_majority(seen_and_not), members(A, C))
    np.testing.assert_array_equal(agreement.by_matches(seen_and_not), members(A, C))


def test_relabelling_gives_boundaries_back_and_keeps_the_other_labels():
    ids = np.zeros(N, dtype=np.int32)
    ids[A], ids[B] = 1, 2
    ids[A[-4:]] = 2
    relabelled = Agreement(votes_of(agreeing(), N)).relabelled(ids)
    expected = np.zeros(N, dtype=np.int32)
    expected[A], expected[B] = 1, 2
    np.testing.assert_array_equal(relabelled, expected)


def test_views_that_have_no_masks_between_others_do_not_matter():
    with_gap = [Mask(2 * mask.view, mask.of) for mask in agreeing(3)]
    dense, gappy = Agreement(votes_of(agreeing(3), N)), Agreement(votes_of(with_gap, N))
    chosen = members(A[:12], B[:3])
    assert dense.support(chosen) == pytest.approx(gappy.support(chosen))
    np.testing.assert_array_equal(dense.by_matches(chosen), gappy.by_matches(chosen))


def test_background_that_nobody_masked_belongs_to_no_thing():
    votes = votes_of(agreeing(), N)
    votes.seen[A[-3:]] = 30 * votes.seen[A[-3:]]  # thirty times as much is seen of them outside all masks
    votes.seen[B[-3:]] = 3 * votes.seen[B[-3:]]  # as of a thing that some views have no mask for
    agreement = Agreement(votes)
    np.testing.assert_array_equal(agreement.by_majority(members(A)), members(A[:-3]))
    np.testing.assert_array_equal(agreement.by_matches(members(A)), members(A[:-3]))
    np.testing.assert_array_equal(agreement.by_matches(members(B)), members(B))
