"""Average linkage with weights."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from splatseg.cluster.linkage import average_linkage, cut


def prototypes(count: int = 60, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 5))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def same_parts(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(((a[:, None] == a[None]) == (b[:, None] == b[None])).all())


def test_equal_weights_give_the_tree_of_an_independent_implementation():
    rows = prototypes()
    merges, distances = average_linkage(rows, np.ones(len(rows)))
    tree = linkage(rows, "average", metric="cosine")
    np.testing.assert_allclose(distances, tree[:, 2], atol=1e-6)
    for distance in (0.2, 0.5, 0.9):
        assert same_parts(cut(merges, distances, distance), fcluster(tree, distance, "distance"))


def test_a_weight_is_that_many_copies():
    rows = prototypes(8)
    weights = np.array([3, 1, 2, 1, 1, 4, 1, 2])
    _, weighted = average_linkage(rows, weights.astype(float))
    _, copied = average_linkage(np.repeat(rows, weights, axis=0), np.ones(weights.sum()))
    np.testing.assert_allclose(weighted, copied[-7:], atol=1e-6)


def test_a_lower_cut_gives_parts_of_a_higher_one():
    merges, distances = average_linkage(prototypes(), np.ones(60))
    fine, coarse = cut(merges, distances, 0.3), cut(merges, distances, 0.6)
    for part in range(fine.max() + 1):
        assert len(np.unique(coarse[fine == part])) == 1
    assert fine.max() > coarse.max()


def test_one_prototype_and_none_make_no_merges():
    merges, distances = average_linkage(prototypes(1), np.ones(1))
    assert len(merges) == 0
    np.testing.assert_array_equal(cut(merges, distances, 1.0), [0])
    assert len(average_linkage(prototypes(0), np.ones(0))[0]) == 0
