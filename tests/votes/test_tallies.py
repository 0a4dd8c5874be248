"""Tallies without zeros are those with a place for every mask and view, to the bit."""

from __future__ import annotations

import functools
import operator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from splatseg.machine import mapped
from splatseg.votes.agreement import Agreement
from splatseg.votes.tallies import Tally
from splatseg.votes.votes import Votes

AT_ONCE = 65_536
"""Rows of a group that are summed before their sum is added to that of those before."""

SEEDS = st.integers(0, 2**32 - 1)


def votes_of(seed: int, count: int, masks: int, share: float, layers: int = 2) -> Votes:
    """Votes of which each view has some masks, and each Gaussian `share`."""
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random((count, masks)) < share, rng.uniform(0.01, 9.0, (count, masks)), 0.0)
    view_of = np.unique(np.sort(rng.integers(0, masks // 3 + 1, masks)), return_inverse=True)[1].astype(np.int32)
    ones = np.ones(masks, dtype=np.int32)
    names = tuple(f"{view}.png" for view in range(int(view_of[-1]) + 1))
    layer_of = rng.integers(0, layers, masks).astype(np.int32)
    seen = weights.sum(1).astype(np.float32)
    held = sparse.csr_array(weights.astype(np.float32))
    of_source = rng.choice([1.0, 2.5], len(names)).astype(np.float32)
    return Votes(held, view_of, ones, ones.astype(np.int64), seen, names, layer_of, weight_of=of_source[view_of])


def in_order(rows: np.ndarray) -> np.ndarray:
    """The sum of rows (n,C) float32, one after another."""
    return np.add.accumulate(np.vstack([np.zeros_like(rows[:1]), rows]), axis=0)[-1]


def by_chunks(rows: np.ndarray) -> np.ndarray:
    """The sum of the rows (n,C) of a group as it is defined."""
    return in_order(
        np.stack([in_order(rows[begin : begin + AT_ONCE]) for begin in range(0, max(len(rows), 1), AT_ONCE)])
    )


def seen_of(votes: Votes) -> np.ndarray:
    """(N,V) what every view sees of each Gaussian: the most of its layers, each summed in the order of its masks."""
    dense, seen = votes.weights.toarray(), np.zeros((votes.weights.shape[0], len(votes.views)), dtype=np.float32)
    for view in range(len(votes.views)):
        for layer in np.unique(votes.layer_of):
            own = dense[:, (votes.view_of == view) & (votes.layer_of == layer)]
            seen[:, view] = np.maximum(seen[:, view], in_order(own.T) if own.shape[1] else 0)
    return seen


def assert_defined(votes: Votes, groups: np.ndarray, count: int, first: int) -> None:
    dense, seen = votes.weights.toarray(), seen_of(votes)
    for group, tally in enumerate(Agreement(votes).tallies_of(groups, count, first), start=first):
        own = groups == group
        for found, defined in zip(tally.dense(), (by_chunks(dense[own]), by_chunks(seen[own])), strict=True):
            np.testing.assert_array_equal(found, defined)
        assert (np.diff(tally.columns) > 0).all() and (tally.inside > 0).all()


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 90), st.sampled_from([0.02, 0.3]), st.integers(1, 40), st.sampled_from([1, 3]))
def test_tallies_are_the_sums_of_rows_in_their_order(
    seed: int, masks: int, share: float, rows: int, threads: int
) -> None:
    votes = votes_of(seed, 120, masks, share)
    groups, before = np.random.default_rng(seed).integers(-1, 6, 120), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mapped, "ROWS_A_BLOCK", rows)
        torch.set_num_threads(threads)
        try:
            assert_defined(votes, groups, 6, 0)
            assert_defined(votes, groups, 4, 2)
        finally:
            torch.set_num_threads(before)


@pytest.mark.parametrize("rows", [262_144, 100_000, 65_536, 9_999])
def test_a_group_of_many_rows_is_summed_by_chunks_wherever_blocks_end(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 3 * AT_ONCE + 1000
    votes, groups = votes_of(1, count, 5, 0.5), np.where(np.arange(count) % 40 == 0, 0, 1)
    monkeypatch.setattr(mapped, "ROWS_A_BLOCK", rows)
    assert_defined(votes, groups, 2, 0)
    assert_defined(votes, groups * 0, 1, 0)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 200), st.sampled_from([0.003, 0.1]))
def test_tallies_add_up_as_arrays_do(seed: int, masks: int, share: float) -> None:
    votes = votes_of(seed, 60, masks, share)
    tallies = Agreement(votes).tallies_of(np.random.default_rng(seed).integers(0, 5, 60), 5)
    added = functools.reduce(operator.add, tallies)
    for found, dense in zip(added.dense(), zip(*(tally.dense() for tally in tallies), strict=True), strict=True):
        np.testing.assert_array_equal(found, in_order(np.stack(dense)))
    hidden = np.random.default_rng(seed).random(masks) < 0.5
    inside, seen = added.without(hidden).dense()
    np.testing.assert_array_equal(inside, np.where(hidden, 0, added.dense()[0]))
    np.testing.assert_array_equal(seen, added.seen())


def overlaps_of(agreement: Agreement, votes: Votes, tally: Tally) -> np.ndarray:
    """(M,) the IoU of a set with every mask, as it is defined."""
    inside, seen = tally.dense()
    union = agreement.total + seen[votes.view_of] - inside
    return np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 200), st.sampled_from([0.003, 0.1]))
def test_best_masks_and_supports_are_those_of_all_masks(seed: int, masks: int, share: float) -> None:
    votes = votes_of(seed, 60, masks, share)
    agreement, first = Agreement(votes), np.flatnonzero(np.diff(votes.view_of, prepend=-1))
    for tally in agreement.tallies_of(np.random.default_rng(seed).integers(0, 5, 60), 5):
        (inside, seen), overlaps = tally.dense(), overlaps_of(agreement, votes, tally)
        np.testing.assert_array_equal(agreement.overlaps(tally), overlaps[tally.columns])
        columns, (best, explained) = agreement.best_masks(tally)
        np.testing.assert_array_equal(best, np.maximum.reduceat(overlaps, first))
        np.testing.assert_array_equal(explained, np.maximum.reduceat(overlaps * inside, first))
        hits = np.flatnonzero((overlaps == best[votes.view_of]) & (overlaps > 0))
        views, places = np.unique(votes.view_of[hits], return_index=True)
        np.testing.assert_array_equal(columns[views], hits[places])
        assert (np.delete(columns, views) == -1).all()
        weighted = agreement.weighted(seen)
        total = float(weighted.sum())
        assert agreement.support_of(tally) == (float((weighted * best).sum()) / total if total > 0 else 0.0)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 200), st.sampled_from([0.003, 0.1]))
def test_what_a_union_explains_is_the_definition(seed: int, masks: int, share: float) -> None:
    votes = votes_of(seed, 60, masks, share)
    agreement, first = Agreement(votes), np.flatnonzero(np.diff(votes.view_of, prepend=-1))
    one, other = agreement.tallies_of(np.random.default_rng(seed).integers(-1, 2, 60), 2)
    (inside, seen), (of_other, _) = one.dense(), other.dense()
    of_view, union = seen[votes.view_of], overlaps_of(agreement, votes, one + other)
    outside = 1.0 - np.divide(inside, of_view, out=np.zeros_like(inside), where=of_view > 0)
    left = overlaps_of(agreement, votes, other) * outside
    expected = [np.maximum.reduceat(of_masks, first) for of_masks in (union * inside, union * of_other, left)]
    np.testing.assert_array_equal(agreement.explained_by_union(one, other), expected)
