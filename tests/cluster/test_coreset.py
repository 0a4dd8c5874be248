"""The coreset covers feature space."""

from __future__ import annotations

import numpy as np

from splatseg.cluster.coreset import cover, means_of, nearest


def features(count: int = 3000, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_every_feature_is_near_a_prototype_and_no_prototype_is_near_another():
    rows = features()
    prototypes = cover(rows, 0.8, 10_000, seed=0)
    assert (rows @ prototypes.T).max(1).min() >= 0.8
    between = prototypes @ prototypes.T
    np.fill_diagonal(between, 0.0)
    assert between.max() < 0.8


def test_a_single_odd_gaussian_is_covered_too():
    rows = np.tile(np.array([[1.0, 0.0]], np.float32), (5000, 1))
    rows[4321] = [0.0, 1.0]
    assert len(cover(rows, 0.9, 100, seed=3)) == 2


def test_the_limit_holds():
    assert len(cover(features(), 0.99, 17, seed=0)) == 17


def test_nothing_is_covered_by_nothing():
    assert cover(features(0), 0.9, 10, seed=0).shape == (0, 6)


def test_each_feature_finds_its_prototype_and_means_are_unit():
    prototypes = np.eye(3, dtype=np.float32)
    index = nearest(prototypes[[2, 0, 0, 1]], prototypes)
    np.testing.assert_array_equal(index, [2, 0, 0, 1])
    means, sizes = means_of(np.array([[2.0, 0], [0, 2.0], [0, 4.0]], np.float32), np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(means, [[0.7071, 0.7071], [0, 0], [0, 1]], atol=1e-4)
    np.testing.assert_array_equal(sizes, [2, 0, 1])
