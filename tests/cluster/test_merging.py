"""Greedy merging of what touches, and the two gains that steer it."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import sparse

from splatseg.cluster import merge_by_support as module
from splatseg.cluster.cluster import segments_of
from splatseg.cluster.hierarchy import Hierarchy, pooled, rising
from splatseg.cluster.merge_by_similarity import merge_by_similarity
from splatseg.cluster.merging import merge_touching
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes

ATOMS = np.arange(1, 7, dtype=np.int32)
"""Six atoms of one Gaussian each: {1, 2} and {3, 4} are things, 5 is small and lies on 6, which is large."""

SIZES = np.array([20, 20, 20, 20, 4, 400], dtype=np.float32)
EVERY_PAIR = list(itertools.combinations(range(1, 7), 2))


class Numbers:
    """Nodes are numbers; the nearest merge first, and a merge is their mean."""

    def __init__(self, values: list[float]) -> None:
        self.values = dict(enumerate(values, start=1))

    def gain(self, a: int, b: int) -> float:
        return -abs(self.values[a] - self.values[b])

    def join(self, a: int, b: int, new: int) -> float:
        gain = self.gain(a, b)
        self.values[new] = (self.values.pop(a) + self.values.pop(b)) / 2
        return gain


def agreement_of(
    views: list[list[list[int]]],
    layers: int = 1,
    unmasked: float = 1.0,
    weights: list[float] | None = None,
    true: int = 0,
) -> Agreement:
    """Masks as lists of atoms; with `layers`, each next mask of a view is in the next layer. The last atom is seen
    `unmasked` times as much as under masks. weights: those of the views. The last `true` views have true masks and see
    every atom, under masks or not."""
    columns, view_of, layer_of = [], [], []
    for view, masks in enumerate(views):
        for number, mask in enumerate(masks):
            column = np.zeros(len(ATOMS), dtype=np.float32)
            column[np.array(mask) - 1] = SIZES[np.array(mask) - 1]
            columns.append(column)
            view_of.append(view)
            layer_of.append(number % layers)
    matrix = sparse.csr_array(np.stack(columns, axis=1))
    count = len(columns)
    names = tuple(f"{view}.png" for view in range(len(views)))
    votes = Votes(
        matrix,
        np.array(view_of, dtype=np.int32),
        np.ones(count, dtype=np.int32),
        np.full(count, 9, dtype=np.int64),
        np.asarray(matrix.sum(1)).ravel() * np.array([1, 1, 1, 1, 1, unmasked], dtype=np.float32),
        names,
        np.array(layer_of, dtype=np.int32),
    )
    if weights_of := weights_by_view(len(views), weights, true):
        votes = dataclasses.replace(votes, weight_of=np.array(weights_of, dtype=np.float32)[votes.view_of])
    if true:
        visible = sparse.csr_array(np.repeat(SIZES[:, None], true, axis=1))
        votes = dataclasses.replace(votes, true_of=votes.view_of >= len(views) - true, visible=visible)
    return Agreement(votes)


def weights_by_view(views: int, weights: list[float] | None, true: int) -> list[float] | None:
    """The weights given, or those of true masks beside others: as much as all others together, at least 1 each."""
    return weights or ([1.0] * (views - true) + [max(1.0, (views - true) / true)] * true if true else None)


def merge_by_support(
    atoms: np.ndarray, touching: list[tuple[int, int]], agreement: Agreement, features: np.ndarray | None = None
) -> Hierarchy:
    """With features that tell nothing, unless some are given."""
    features = np.ones((len(atoms), 2), dtype=np.float32) if features is None else features
    return module.merge_by_support(atoms, touching, agreement, features)


def sets(nodes: np.ndarray) -> list[list[int]]:
    return sorted(ATOMS[nodes == node].tolist() for node in np.unique(nodes))


WHOLE = [[1, 2], [3, 4], [5], [6]]


def test_the_nearest_pair_merges_first_and_what_it_becomes_may_merge_again() -> None:
    merges, gains = merge_touching(3, [(1, 2), (2, 3)], Numbers([0.0, 5.0, 6.0]))
    np.testing.assert_array_equal(merges, [[2, 3], [1, 4]])
    np.testing.assert_allclose(gains, [-1.0, -5.5])


def test_what_does_not_touch_is_never_merged() -> None:
    merges, _ = merge_touching(4, [(1, 2), (3, 4)], Numbers([0.0, 1.0, 1.5, 9.0]))
    np.testing.assert_array_equal(merges, [[1, 2], [3, 4]])
    assert merge_touching(0, [], Numbers([]))[0].shape == (0, 2)


def test_things_that_views_show_whole_are_one_at_one_half_and_groups_above() -> None:
    hierarchy = merge_by_support(ATOMS, EVERY_PAIR, agreement_of([WHOLE] * 4))
    assert sets(hierarchy.cut(0.5)) == WHOLE
    assert sets(hierarchy.cut(-9.0)) == [[atom] for atom in ATOMS.tolist()]
    assert len(sets(hierarchy.cut(9.0))) == 1


def test_a_thing_that_some_views_break_stays_one_until_parts_are_asked_for() -> None:
    broken = [[1], [2], [3, 4], [5], [6]]
    hierarchy = merge_by_support(ATOMS, EVERY_PAIR, agreement_of([WHOLE] * 2 + [broken] * 2))
    assert sets(hierarchy.cut(0.5)) == WHOLE
    assert [1] in sets(hierarchy.cut(0.0))


def test_a_small_thing_is_not_swallowed_by_the_large_one_it_lies_on() -> None:
    merged = [[1, 2], [3, 4], [5, 6]]
    hierarchy = merge_by_support(ATOMS, EVERY_PAIR, agreement_of([WHOLE] * 3 + [merged]))
    assert [5] in sets(hierarchy.cut(0.5))
    assert [5, 6] in sets(merge_by_support(ATOMS, EVERY_PAIR, agreement_of([WHOLE] + [merged] * 3)).cut(0.5))


def test_what_the_masks_of_a_group_leave_out_is_not_part_of_it() -> None:
    # 5 has no mask of its own: most views show it under the mask of 4, few under that of 6.
    without, joined = [[1, 2], [3, 4, 5], [6]], [[1, 2], [3, 4], [5, 6]]
    for views, is_part in (([*[without] * 5, joined], False), ([without, *[joined] * 5], True)):
        hierarchy = merge_by_support(ATOMS, EVERY_PAIR, agreement_of(views))
        assert (sets(hierarchy.cut(0.5))[-1] == [5, 6]) == is_part


def test_only_what_touches_becomes_one() -> None:
    hierarchy = merge_by_support(ATOMS, [(3, 4)], agreement_of([WHOLE] * 4))
    assert sets(hierarchy.cut(9.0)) == [[1], [2], [3, 4], [5], [6]]


def test_a_whole_that_nested_masks_show_as_often_as_its_parts_is_a_group() -> None:
    # Flat masks that break half of the time leave one thing; nested masks that always show both show a group.
    nested = [[1, 2], [1], [2], [3, 4], [5], [6]]
    assert sets(merge_by_support(ATOMS, EVERY_PAIR, agreement_of([nested] * 4, layers=6)).cut(0.5))[:2] == [[1], [2]]
    flat = [WHOLE, [[1], [2], [3, 4], [5], [6]]] * 2
    assert sets(merge_by_support(ATOMS, EVERY_PAIR, agreement_of(flat)).cut(0.5))[0] == [1, 2]


@given(st.integers(0, 2**31 - 1), st.integers(1, 4), st.integers(0, 2))
def test_a_mask_over_whole_things_changes_no_thing_at_one_half(seed: int, big_views: int, broken_views: int) -> None:
    rng = np.random.default_rng(seed)
    things = [[1, 2], [3, 4], [5], [6]]
    views: list[list[list[int]]] = [list(things) for _ in range(4)]
    for view in range(broken_views):
        views[view] = [[1], [2], [3, 4], [5], [6]]
    with_big = [list(view) for view in views]
    for view in rng.permutation(4)[:big_views]:
        members = [thing for thing in things if rng.random() < 0.7] or [things[0]]
        with_big[view] = [*with_big[view], sorted(itertools.chain(*members))]
    before = merge_by_support(ATOMS, EVERY_PAIR, agreement_of(views, layers=6))
    after = merge_by_support(ATOMS, EVERY_PAIR, agreement_of(with_big, layers=6))
    assert sets(after.cut(0.5)) == sets(before.cut(0.5)) == things


@given(st.integers(0, 2**31 - 1), st.integers(2, 12))
def test_pooled_fits_fall_towards_the_roots_and_keep_their_weighted_mean(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    roots, merges = list(range(1, count + 1)), []
    while len(roots) > 1:
        a, b = (int(root) for root in rng.choice(roots, 2, replace=False))
        merges.append((a, b))
        roots = [root for root in roots if root not in (a, b)] + [count + len(merges)]
    fits, weights = rng.normal(size=count - 1), rng.uniform(0.1, 5.0, count - 1)
    found = pooled(np.array(merges), fits, weights, count)
    for merge, pair in enumerate(merges):
        for node in pair:
            assert node <= count or found[node - count - 1] >= found[merge] - 1e-12
    np.testing.assert_allclose((found * weights).sum(), (fits * weights).sum(), atol=1e-9)
    # Nothing in this order is nearer: not the fits lowered as `rising` does, and not one number for all.
    lowered = -rising(np.array(merges), -fits, count)
    for other in (lowered, np.full_like(fits, np.average(fits, weights=weights))):
        assert (weights * (found - fits) ** 2).sum() <= (weights * (other - fits) ** 2).sum() + 1e-9


def test_one_doubtful_merge_near_the_root_does_not_join_what_is_below() -> None:
    merges = np.array([(1, 2), (3, 4), (5, 6)])  # two things of two atoms would be joined by a crumb of evidence
    np.testing.assert_allclose(pooled(merges, np.array([-1.0, 0.5, 0.1]), np.array([10.0, 10.0, 1.0]), 4)[[0, 2]], -0.9)


def test_without_votes_what_is_alike_and_touches_is_one() -> None:
    features = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2, 0]]
    features[1] = [0.97, np.sqrt(1 - 0.97**2), 0]
    touching = [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]
    hierarchy = merge_by_similarity(ATOMS, touching, features, usual=0.1)
    assert sets(hierarchy.cut(0.5)) == [[1, 2], [3, 4], [5], [6]]
    assert [1] in sets(hierarchy.cut(0.0)) and [2] in sets(hierarchy.cut(0.0))


def test_what_views_show_outside_all_masks_belongs_to_no_segment() -> None:
    hierarchy = merge_by_support(ATOMS, EVERY_PAIR, agreement_of([WHOLE] * 4))
    assert segments_of(hierarchy, 0.5, agreement_of([WHOLE] * 4, unmasked=3.0)).all()
    ids = segments_of(hierarchy, 0.5, agreement_of([WHOLE] * 4, unmasked=30.0))
    assert ids.tolist() == [1, 1, 2, 2, 3, 0]


def test_what_no_mask_tells_apart_goes_first_with_what_it_resembles() -> None:
    # 1, 2, 3 and 4 are under the same masks: only features tell which of them are nearest.
    views = [[[1, 2, 3, 4], [5], [6]]] * 3
    for like, pair in (([0, 0, 1, 1, 2, 3], [1, 2]), ([0, 1, 0, 1, 2, 3], [1, 3])):
        hierarchy = merge_by_support(ATOMS, EVERY_PAIR, agreement_of(views), np.eye(4, dtype=np.float32)[like])
        assert hierarchy.merges[0].tolist() == pair


def test_weights_decide_between_sources_that_disagree() -> None:
    apart = [[1], [2], [3, 4], [5], [6]]
    views = [WHOLE, apart] * 3
    for weights, expected in (([1.0, 4.0] * 3, apart), ([4.0, 1.0] * 3, WHOLE)):
        found = merge_by_support(ATOMS, EVERY_PAIR, agreement_of(views, weights=weights))
        assert sets(found.cut(0.5)) == expected


def test_weights_of_1_change_no_bit_of_the_hierarchy() -> None:
    views = [WHOLE] * 2 + [[[1], [2], [3, 4], [5], [6]]] * 2
    plain = merge_by_support(ATOMS, EVERY_PAIR, agreement_of(views))
    ones = merge_by_support(ATOMS, EVERY_PAIR, agreement_of(views, weights=[1.0] * 4))
    np.testing.assert_array_equal(plain.merges, ones.merges)
    np.testing.assert_array_equal(plain.levels, ones.levels)


@st.composite
def partitions(draw: st.DrawFn) -> list[list[int]]:
    """Masks of one view: the six atoms in sets that do not overlap."""
    of_atom = draw(st.lists(st.integers(0, 3), min_size=6, max_size=6))
    return [atoms for mask in range(4) if (atoms := [atom for atom in range(1, 7) if of_atom[atom - 1] == mask])]


@given(st.lists(partitions(), min_size=0, max_size=8), partitions(), st.integers(1, 3))
@example([[[1, 4, 6], [3], [2, 5]]], [[1, 3, 5], [2, 4, 6]], 1)
def test_no_segment_has_most_of_two_things_that_true_masks_show_apart(
    others: list[list[list[int]]], drawn: list[list[int]], true: int
) -> None:
    agreement = agreement_of([*others, *[drawn] * true], true=true)
    hierarchy = merge_by_support(ATOMS, EVERY_PAIR, agreement)
    for granularity in (0.5, 0.99):
        for nodes in (hierarchy.cut(granularity), segments_of(hierarchy, granularity, agreement)):
            for node in np.unique(nodes[nodes > 0]):
                held = [SIZES[[atom - 1 for atom in mask]][nodes[np.array(mask) - 1] == node].sum() for mask in drawn]
                most = [SIZES[np.array(mask) - 1].sum() / 2 for mask in drawn]
                assert sum(one > half for one, half in zip(held, most, strict=True)) <= 1
    assert len(sets(hierarchy.cut(1.0))) == 1


def test_two_true_views_part_what_all_other_views_show_as_one() -> None:
    merged = [[1, 2, 3, 4], [5, 6]]
    alone = merge_by_support(ATOMS, EVERY_PAIR, agreement_of([merged] * 8))
    assert sets(alone.cut(0.5)) == [[1, 2, 3, 4], [5, 6]]
    led = merge_by_support(ATOMS, EVERY_PAIR, agreement_of([*[merged] * 8, WHOLE, WHOLE], true=2))
    assert sets(led.cut(0.5)) == WHOLE


def test_two_true_views_join_what_all_other_views_break() -> None:
    broken = [[1], [2], [3], [4], [5], [6]]
    led = merge_by_support(ATOMS, EVERY_PAIR, agreement_of([*[broken] * 8, WHOLE, WHOLE], true=2))
    assert sets(led.cut(0.5)) == WHOLE


def test_a_thing_drawn_alone_is_not_part_of_a_larger_one_that_nobody_drew() -> None:
    # 5 lies on 6, and all other views show them as one; the person drew 5 and nothing else.
    merged = [[1, 2], [3, 4], [5, 6]]
    led = merge_by_support(ATOMS, EVERY_PAIR, agreement_of([*[merged] * 8, [[5]], [[5]]], true=2))
    assert sets(led.cut(0.5)) == WHOLE


def test_parts_that_a_person_drew_with_their_whole_may_be_one() -> None:
    nested = [[1, 2, 3, 4], [1, 2], [3, 4], [5], [6]]
    whole = [[1, 2, 3, 4], [5], [6]]
    led = merge_by_support(ATOMS, EVERY_PAIR, agreement_of([*[whole] * 8, nested, nested], layers=5, true=2))
    assert [1, 2, 3, 4] in sets(led.cut(0.99))
