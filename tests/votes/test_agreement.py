"""What masks say of sets of Gaussians: support, and the two corrections."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import sparse

from splatseg.votes import agreement as module
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes


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
    tally = agreement.tallies(chosen)
    np.testing.assert_array_equal(tally.columns, [0, 1, 3, 4])  # C has nothing of the set
    np.testing.assert_allclose(agreement.overlaps(tally), [5 / (20 + 35 - 5), 30 / (30 + 35 - 30)] * 2, rtol=1e-6)


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


def random_votes(layers: int = 3) -> Votes:
    rng = np.random.default_rng(5)
    count, masks, views = 600, 24, 4
    weights = rng.random((count, masks)) * 30 * (rng.random((count, masks)) < 0.4)
    return Votes(
        weights=sparse.csr_array(weights.astype(np.float32)),
        view_of=np.sort(rng.integers(0, views, masks)).astype(np.int32),
        id_of=np.ones(masks, dtype=np.int32),
        areas=np.ones(masks, dtype=np.int64),
        seen=weights.sum(1).astype(np.float32),
        views=tuple(f"{view}.png" for view in range(views)),
        layer_of=rng.integers(0, layers, masks).astype(np.int32),
    )


def visible(votes: Votes) -> np.ndarray:
    """(N,V) what the fullest layer of each view sees."""
    dense, views = votes.weights.toarray(), range(len(votes.views))
    by_layer = [
        np.stack([dense[:, (votes.layer_of == layer) & (votes.view_of == view)].sum(1) for view in views], axis=1)
        for layer in range(int(votes.layer_of.max()) + 1)
    ]
    return np.max(by_layer, axis=0)


def test_tallies_are_sums_over_the_gaussians_of_a_set():
    votes = random_votes()
    groups = np.random.default_rng(6).integers(-1, 5, votes.weights.shape[0])
    tallies = Agreement(votes).tallies_of(groups, 6)
    for group, tally in enumerate(tallies):
        inside, seen = tally.dense()
        np.testing.assert_allclose(inside, votes.weights.toarray()[groups == group].sum(0), rtol=1e-5)
        np.testing.assert_allclose(seen, visible(votes)[groups == group].sum(0), rtol=1e-5)
    alone = Agreement(votes).tallies(groups == 2)
    for one, other in zip(alone.dense(), tallies[2].dense(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_relabelling_is_the_definition_for_every_gaussian(monkeypatch):
    monkeypatch.setattr(module, "CORRECTIONS", 1)
    monkeypatch.setattr(module, "GOOD_OVERLAP", 0.05)
    votes, dense = random_votes(), random_votes().weights.toarray()
    ids = np.random.default_rng(7).integers(0, 5, len(dense))
    agreement = Agreement(votes)
    share = np.zeros((len(dense), 5))
    seen_of = np.zeros_like(share)
    for segment in range(1, 5):
        tally = agreement.tallies(ids == segment)
        columns, quality = agreement._matches(tally)
        inside = dense[:, columns] @ quality
        seen_of[:, segment] = visible(votes) @ quality
        share[:, segment] = np.divide(inside, seen_of[:, segment], out=np.zeros_like(inside), where=inside > 0)
    best, rows = share.argmax(1), np.arange(len(dense))
    sure = (share[rows, best] > 0.5) & (share[rows, ids] < 0.5) & (seen_of[rows, best] > module.EVIDENCE)
    expected = np.where(sure, best, ids)
    assert 0 < (expected != ids).sum() < len(ids)
    np.testing.assert_array_equal(agreement.relabelled(ids), expected)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_round_of_either_correction_is_the_definition_for_every_gaussian(monkeypatch, layers):
    monkeypatch.setattr(module, "GOOD_OVERLAP", 0.05)
    votes = random_votes(layers)
    votes.weights.data[votes.weights.indptr[7] : votes.weights.indptr[9]] = 0.0  # nobody sees two Gaussians
    agreement, dense, sees = Agreement(votes), votes.weights.toarray(), visible(votes)
    np.testing.assert_allclose(agreement.total, dense.sum(0), rtol=1e-5)
    for seed in range(8):
        chosen = np.random.default_rng(seed).random(len(dense)) < 0.1 * (1 + seed)
        tally = agreement.tallies(chosen)
        says = np.clip((tally.dense()[0] / agreement.total - 0.5) * module.SHARPNESS, -1.0, 1.0)
        summed = dense @ says
        expected = np.where(summed != 0, summed > 0, chosen) & agreement.in_masks
        np.testing.assert_array_equal(agreement.follow_majority(chosen, tally), expected)
        columns, quality = agreement._matches(tally)
        within, of_views = dense[:, columns] @ quality, sees @ quality
        expected = np.where(of_views > 0, within > 0.5 * of_views, chosen) & agreement.in_masks
        assert 0 < expected.sum() < len(expected)
        np.testing.assert_array_equal(agreement.follow_matches(chosen, tally), expected)


def test_corrections_are_the_same_for_any_number_of_threads():
    votes, threads, results = random_votes(), torch.get_num_threads(), []
    chosen = np.random.default_rng(8).random(votes.weights.shape[0]) < 0.5
    try:
        for count in (1, 4):
            torch.set_num_threads(count)
            agreement = Agreement(votes)
            results.append(
                (agreement.by_majority(chosen), agreement.by_matches(chosen), *agreement.tallies(chosen).dense())
            )
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_order_of_columns_within_a_row_does_not_matter():
    votes = random_votes()
    turned = sparse.csr_array(votes.weights)
    for row in range(turned.shape[0]):
        part = slice(turned.indptr[row], turned.indptr[row + 1])
        turned.indices[part], turned.data[part] = turned.indices[part][::-1].copy(), turned.data[part][::-1].copy()
    turned = sparse.csr_array((turned.data, turned.indices, turned.indptr), shape=turned.shape)
    chosen = np.arange(turned.shape[0]) % 3 == 0
    one, other = Agreement(votes), Agreement(dataclasses.replace(votes, weights=turned))
    np.testing.assert_array_equal(one.tallies(chosen).seen(), other.tallies(chosen).seen())


def test_background_that_nobody_masked_belongs_to_no_thing():
    votes = votes_of(agreeing(), N)
    votes.seen[A[-3:]] = 30 * votes.seen[A[-3:]]  # thirty times as much is seen of them outside all masks
    votes.seen[B[-3:]] = 3 * votes.seen[B[-3:]]  # as of a thing that some views have no mask for
    agreement = Agreement(votes)
    np.testing.assert_array_equal(agreement.by_majority(members(A)), members(A[:-3]))
    np.testing.assert_array_equal(agreement.by_matches(members(A)), members(A[:-3]))
    np.testing.assert_array_equal(agreement.by_matches(members(B)), members(B))


def weighted_twice(masks: list[Mask], weights: list[float]) -> tuple[Agreement, Agreement]:
    """Masks with weights by view, 1 or 2; and the same masks with every view of weight 2 given as two views."""
    votes = votes_of(masks, N)
    of_mask = np.array(weights, dtype=np.float32)[votes.view_of]
    copied = [Mask(mask.view + 100, mask.of, mask.layer) for mask in masks if weights[mask.view] == 2]
    return Agreement(dataclasses.replace(votes, weight_of=of_mask)), Agreement(votes_of([*masks, *copied], N))


def test_a_weight_of_2_is_as_if_the_view_were_there_twice():
    split = [Mask(view, part) for view in (5, 6, 7) for part in (np.arange(0, 12), np.arange(12, 40), C)]
    weighted, twice = weighted_twice([*agreeing(5), *split], [1, 1, 2, 1, 1, 2, 1, 2])
    ids = np.repeat([1, 2, 3, 0], [15, 30, 10, 5])
    for members_ in (ids == 1, ids == 2, members(A, B)):
        assert weighted.support(members_) == pytest.approx(twice.support(members_), abs=1e-6)
        np.testing.assert_array_equal(weighted.by_majority(members_), twice.by_majority(members_))
        np.testing.assert_array_equal(weighted.by_matches(members_), twice.by_matches(members_))
    np.testing.assert_array_equal(weighted.relabelled(ids), twice.relabelled(ids))


def test_only_the_ratio_of_weights_counts_and_ones_change_no_bit():
    votes = votes_of([*agreeing(3), Mask(3, np.concatenate([A, B])), Mask(4, np.arange(0, 27))], N)
    plain = Agreement(votes)
    for weight in (1.0, 3.0):
        same = Agreement(dataclasses.replace(votes, weight_of=np.full(len(votes.view_of), weight, dtype=np.float32)))
        for chosen in (members(A), members(A, B)):
            assert same.support(chosen) == plain.support(chosen)
            np.testing.assert_array_equal(same.by_matches(chosen), plain.by_matches(chosen))


def test_the_heavier_source_decides_about_a_gaussian_on_which_two_disagree():
    # Both sources show every view; one puts the first Gaussians of B to A, the other does not.
    mine, theirs = [A, B], [np.arange(0, 25), np.arange(25, 50)]
    votes = votes_of([Mask(view, part) for view in range(4) for part in (*mine, *theirs)], N)
    source_of = np.tile(np.array([0, 0, 1, 1], dtype=np.int32), 4)
    for heavy, expected in ((0, members(A)), (1, members(np.arange(0, 25)))):
        weight_of = np.where(source_of == heavy, 3.0, 1.0).astype(np.float32)
        agreement = Agreement(dataclasses.replace(votes, source_of=source_of, weight_of=weight_of))
        for before in (members(A), members(np.arange(0, 25))):
            np.testing.assert_array_equal(agreement.by_matches(before), expected)
