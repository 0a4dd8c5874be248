"""Singular vectors of sparse matrices."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from splatseg.features.lift import spectrum
from splatseg.features.lift.spectrum import right_singular_vectors
from splatseg.votes.products import VoteRows


def matrix(rows: int = 400, cols: int = 60, seed: int = 0) -> sparse.csr_array:
    random = sparse.random_array((rows, cols), density=0.2, rng=np.random.default_rng(seed), format="csr")
    return sparse.csr_array(random, dtype=np.float32)


def vectors_of(votes: sparse.csr_array, rank: int) -> tuple[np.ndarray, np.ndarray]:
    return right_singular_vectors(VoteRows(votes), np.ones(votes.shape[0]), np.ones(votes.shape[1]), rank)


def things(rows: int, count: int = 12, masks: int = 120) -> sparse.csr_array:
    """Rows of things of falling size, each seen by masks of its own and by some of its neighbour's."""
    rng = np.random.default_rng(1)
    thing = np.minimum(rng.geometric(0.25, rows) - 1, count - 1)
    mine = (np.arange(masks)[None] % count == thing[:, None]) & (rng.random((rows, masks)) < 0.7)
    leaks = (np.arange(masks)[None] % count == (thing[:, None] + 1) % count) & (rng.random((rows, masks)) < 0.1)
    return sparse.csr_array((mine * rng.uniform(1, 9, mine.shape) + leaks).astype(np.float32))


def test_leading_vectors_are_those_of_the_dense_decomposition():
    blocks = matrix().toarray()
    blocks[:, :5] *= np.array([9.0, 7.0, 5.0, 4.0, 3.0])  # a clear order, so that single vectors can be compared
    values, vectors = vectors_of(sparse.csr_array(blocks), 4)
    _, expected, rows = np.linalg.svd(blocks)
    np.testing.assert_allclose(values, expected[:4], rtol=1e-3)
    np.testing.assert_allclose(np.abs((vectors * rows[:4].T).sum(0)), 1.0, atol=1e-3)


def test_rows_and_columns_are_scaled_without_a_copy():
    votes, rng = matrix(), np.random.default_rng(2)
    rows, columns = rng.random(votes.shape[0]), rng.random(votes.shape[1])
    columns[:7] = 0.0
    values, vectors = right_singular_vectors(VoteRows(votes), rows, columns, 5)
    expected = np.linalg.svd(rows[:, None] * votes.toarray() * columns, compute_uv=False)
    np.testing.assert_allclose(values, expected[:5], rtol=1e-2)
    np.testing.assert_allclose(vectors[:7], 0.0, atol=1e-6)


def test_a_start_on_a_sample_of_rows_ends_where_all_rows_do(monkeypatch):
    votes = things(3000)
    rows = 1.0 / np.sqrt(np.asarray(votes.sum(1)).ravel() + 1.0)
    columns = 1.0 / np.sqrt(np.asarray(votes.sum(0)).ravel() + 1.0)
    whole = right_singular_vectors(VoteRows(votes), rows, columns, 10)
    monkeypatch.setattr(spectrum, "FIRST_ROWS", 300)
    begun = right_singular_vectors(VoteRows(votes), rows, columns, 10)
    np.testing.assert_allclose(begun[0], whole[0], atol=2 * spectrum.TOLERANCE)
    cosines = np.linalg.svd(whole[1].T @ begun[1], compute_uv=False)
    np.testing.assert_allclose(cosines, 1.0, atol=1e-3)  # the same space


def test_threads_do_not_change_the_result():
    votes, threads = things(9000), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = vectors_of(votes, 5)
        torch.set_num_threads(3)
        np.testing.assert_array_equal(one[1], vectors_of(votes, 5)[1])
    finally:
        torch.set_num_threads(threads)


def test_a_matrix_with_fewer_columns_than_the_rank_gives_what_it_has():
    values, vectors = vectors_of(matrix(cols=3), 10)
    assert values.shape == (3,) and vectors.shape == (3, 3)
    assert (np.diff(values) <= 0).all()
