"""The tree is cut where the masks of most views show one thing."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from splatseg.cluster.cut_by_support import supported_cut
from splatseg.cluster.linkage import average_linkage
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes

LEAVES = 6
"""One Gaussian each; {0, 1, 2} and {3, 4} are things, 5 is alone; in the tree 3 and 4 join last but one."""

FEATURES = np.array([[1, 0, 0], [0.999, 0.04, 0], [0.99, 0.14, 0], [0, 1, 0], [0, 0.95, 0.3], [0, 0, 1.0]])


def agreement_of(views: list[list[list[int]]]) -> Agreement:
    columns, view_of = [], []
    for view, masks in enumerate(views):
        for mask in masks:
            column = np.zeros(LEAVES, dtype=np.float32)
            column[mask] = 20.0
            columns.append(column)
            view_of.append(view)
    weights = sparse.csr_array(np.stack(columns, axis=1))
    count = len(columns)
    ids, layers = np.ones(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
    names = tuple(f"{view}.png" for view in range(len(views)))
    seen = np.asarray(weights.sum(1)).ravel()
    areas = np.full(count, 9, dtype=np.int64)
    return Agreement(Votes(weights, np.array(view_of, dtype=np.int32), ids, areas, seen, names, layers))


def segments(views: list[list[list[int]]], exponent: float = 1.0) -> list[list[int]]:
    agreement = agreement_of(views)
    unit = FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True)
    merges, _ = average_linkage(unit.astype(np.float32), np.ones(LEAVES))
    label = supported_cut(merges, agreement.tallies_of(np.arange(LEAVES), LEAVES), agreement, exponent)
    return sorted(np.flatnonzero(label == k).tolist() for k in np.unique(label))


WHOLE = [[0, 1, 2], [3, 4], [5]]


def test_things_that_all_views_show_whole_are_the_segments():
    assert segments([WHOLE] * 4) == WHOLE


def test_a_thing_that_few_views_break_stays_one():
    broken = [[0], [1, 2], [3, 4], [5]]
    assert segments([WHOLE] * 3 + [broken]) == WHOLE


def test_a_thing_that_most_views_break_is_parted():
    broken = [[0, 1], [2], [3, 4], [5]]
    assert segments([WHOLE] + [broken] * 3) == [[0, 1], [2], [3, 4], [5]]


def test_things_that_few_views_merge_stay_apart():
    merged = [[0, 1, 2, 3, 4], [5]]
    assert segments([WHOLE] * 3 + [merged]) == WHOLE


def test_a_lower_exponent_of_the_mass_leaves_more_atoms():
    broken = [[0, 1], [2], [3, 4], [5]]
    mostly = [WHOLE] * 3 + [broken] * 2
    assert segments(mostly, exponent=1.0) == WHOLE
    assert segments(mostly, exponent=0.3) == [[0, 1], [2], [3, 4], [5]]


def test_a_single_leaf_is_one_segment():
    agreement = agreement_of([[[0]], [[0]]])
    label = supported_cut(np.zeros((0, 2), dtype=np.int64), agreement.tallies_of(np.zeros(LEAVES), 1), agreement)
    assert label.tolist() == [0]
