"""Greedy merging of what touches, and the two gains that steer it."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import sparse

from splatseg.cluster import merge_by_support as module
from splatseg.cluster.cluster import segments_of
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.cluster.merge_by_similarity import merge_by_similarity
from splatseg.cluster.merge_by_support import FLAT, NESTED, threshold_of
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


def agreement_of(views: list[list[list[int]]], layers: int = 1, unmasked: float = 1.0) -> Agreement:
    """Masks as lists of atoms; with `layers`, each next mask of a view is in the next layer. The last atom is seen
    `unmasked` times as much as under masks."""
    columns, view_of, layer_of = [], [], []
    for view, masks in enumerate(views):
        for number, mask in enumerate(masks):
            column = np.zeros(len(ATOMS), dtype=np.float32)
            column[np.array(mask) - 1] = SIZES[np.array(mask) - 1]
            columns.append(column)
            view_of.append(view)
            layer_of.append(number % layers)
    weights = sparse.csr_array(np.stack(columns, axis=1))
    count = len(columns)
    names = tuple(f"{view}.png" for view in range(len(views)))
    return Agreement(
        Votes(
            weights,
            np.array(view_of, dtype=np.int32),
            np.ones(count, dtype=np.int32),
            np.full(count, 9, dtype=np.int64),
            np.asarray(weights.sum(1)).ravel() * np.array([1, 1, 1, 1, 1, unmasked], dtype=np.float32),
            names,
            np.array(layer_of, dtype=np.int32),
        )
    )


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


def test_what_the_best_masks_of_a_group_leave_out_is_not_part_of_it() -> None:
    without, joined = [[1, 2], [3, 4], [6]], [[1, 2], [3, 4], [5, 6]]
    for views, is_part in (([without] * 6, False), ([*[without] * 5, joined], True)):
        hierarchy = merge_by_support(ATOMS, [(5, 6)], agreement_of(views))
        assert (hierarchy.levels[0] <= 0.5) == is_part


def test_only_what_touches_becomes_one() -> None:
    hierarchy = merge_by_support(ATOMS, [(3, 4)], agreement_of([WHOLE] * 4))
    assert sets(hierarchy.cut(9.0)) == [[1], [2], [3, 4], [5], [6]]


def test_the_more_masks_lie_on_one_another_the_more_a_whole_must_be_better_than_its_parts() -> None:
    flat = agreement_of([WHOLE] * 2)
    nested = agreement_of([[[1, 2], [1], [1, 2, 3, 4], [3, 4], [6]]] * 2, layers=5)
    assert flat.depth == 1.0 and nested.depth > 1.0
    assert threshold_of(flat) == FLAT < threshold_of(nested) < NESTED


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


def test_what_is_seen_under_masks_of_two_things_alike_goes_with_the_one_it_resembles() -> None:
    # 5 is seen as often under the mask of 4 as under that of 6, which is larger.
    views = [[[1, 2], [3, 4, 5], [6]], [[1, 2], [3, 4], [5, 6]]] * 3
    features = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 1, 2]]
    for like, is_with in ((features, 4), (features[[0, 0, 1, 1, 5, 5]], 6)):
        hierarchy = merge_by_support(ATOMS, EVERY_PAIR, agreement_of(views), like)
        first = hierarchy.members(int(hierarchy.parents[5]))
        assert first[is_with - 1] and not first[9 - is_with]
