"""The coreset covers feature space."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splatseg.cluster.coreset import Covering, cover, means_of, nearest


def features(count: int = 3000, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_every_feature_is_near_a_prototype_and_no_prototype_is_near_another():
    rows = features()
    covering = cover(rows, 0.8, 10_000, seed=0)
    prototypes = covering.prototypes
    assert (rows @ prototypes.T).max(1).min() >= 0.8
    assert (np.einsum("nf,nf->n", rows, prototypes[covering.covered_by]) >= 0.8 - 1e-6).all()
    between = prototypes @ prototypes.T
    np.fill_diagonal(between, 0.0)
    assert between.max() < 0.8


def test_a_single_odd_gaussian_is_covered_too():
    rows = np.tile(np.array([[1.0, 0.0]], np.float32), (5000, 1))
    rows[4321] = [0.0, 1.0]
    assert len(cover(rows, 0.9, 100, seed=3).prototypes) == 2


def test_the_limit_holds():
    covering = cover(features(), 0.99, 17, seed=0)
    assert len(covering.prototypes) == 17
    assert set(covering.covered_by) == set(range(-1, 17))


def test_nothing_is_covered_by_nothing():
    assert cover(features(0), 0.9, 10, seed=0).prototypes.shape == (0, 6)


def test_each_feature_finds_its_prototype_and_means_are_unit():
    prototypes = np.eye(3, dtype=np.float32)
    index = nearest(prototypes[[2, 0, 0, 1]], Covering(prototypes, np.array([-1, 0, 2, 2], np.int32)))
    np.testing.assert_array_equal(index, [2, 0, 0, 1])
    means, sizes = means_of(np.array([[2.0, 0], [0, 2.0], [0, 4.0]], np.float32), np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(means, [[0.7071, 0.7071], [0, 0], [0, 1]], atol=1e-4)
    np.testing.assert_array_equal(sizes, [2, 0, 1])


def product_of_all(rows: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """Products of all pairs in float64."""
    return rows.astype(np.float64) @ prototypes.T.astype(np.float64)


@pytest.mark.parametrize("dimensions", [1, 6, 16, 33, 64])
@pytest.mark.parametrize("guess", ["covering", "none", "random"])
def test_the_search_near_a_guess_finds_what_comparing_all_pairs_finds(
    simd_level: str, dimensions: int, guess: str
) -> None:
    rng = np.random.default_rng(dimensions)
    # Rows in clumps along curves, as features are: many prototypes are nearly as good as the best.
    clumps = rng.normal(size=(40, dimensions)) * rng.uniform(0, 1, dimensions) ** 3
    rows = clumps[rng.integers(0, 40, 5000)] + 0.1 * clumps[rng.integers(0, 40, 5000)]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    covering = cover(rows, 0.995, 400, seed=0)
    count = len(covering.prototypes)
    guesses = {"covering": covering.covered_by, "none": np.full(len(rows), -1), "random": rng.integers(-1, count, 5000)}
    index = nearest(rows, Covering(covering.prototypes, guesses[guess].astype(np.int32)))
    all_pairs = product_of_all(rows, covering.prototypes)
    chosen = all_pairs[np.arange(len(rows)), index]
    assert (chosen >= all_pairs.max(axis=1) - 1e-6).all()
    sure = np.sort(all_pairs, axis=1)[:, -2:] if count > 1 else np.array([[-1.0, 1.0]])
    clear = sure[:, 1] - sure[:, 0] > 1e-6
    np.testing.assert_array_equal(index[clear], all_pairs.argmax(axis=1)[clear])


def test_neither_the_guess_nor_the_number_of_threads_changes_the_nearest(simd_level: str) -> None:
    rows = features(4000)
    covering = cover(rows, 0.97, 1000, seed=0)
    twice = np.concatenate([covering.prototypes, covering.prototypes])  # of equals the first is taken
    expected = nearest(rows, Covering(covering.prototypes, covering.covered_by))
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            for guesses in (covering.covered_by, covering.covered_by + len(covering.prototypes), -np.ones(4000)):
                found = nearest(rows, Covering(twice, guesses.astype(np.int32)))
                np.testing.assert_array_equal(found, expected)
    finally:
        torch.set_num_threads(before)


def test_rows_that_are_not_unit_find_the_prototype_with_the_largest_product(simd_level: str) -> None:
    rows = features(500) * np.linspace(0, 3, 500, dtype=np.float32)[:, None]
    prototypes = features(60, seed=1)
    prototypes[7] *= 1.5
    for given in (prototypes, features(60, seed=1)):
        found = nearest(rows, Covering(given, np.arange(500, dtype=np.int32) % 60))
        np.testing.assert_array_equal(found, product_of_all(rows, given).argmax(axis=1))
    rows[3] = np.nan
    assert nearest(rows, Covering(prototypes, np.zeros(500, np.int32)))[3] == 0
