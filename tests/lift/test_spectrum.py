"""Singular vectors of sparse matrices."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from splatseg.lift import spectrum
from splatseg.lift.spectrum import right_singular_vectors


def matrix(rows: int = 400, cols: int = 60, seed: int = 0) -> sparse.csr_array:
    random = sparse.random_array((rows, cols), density=0.2, rng=np.random.default_rng(seed), format="csr")
    return sparse.csr_array(random, dtype=np.float32)


def test_leading_vectors_are_those_of_the_dense_decomposition():
    blocks = matrix().toarray()
    blocks[:, :5] *= np.array([9.0, 7.0, 5.0, 4.0, 3.0])  # a clear order, so that single vectors can be compared
    values, vectors = right_singular_vectors(sparse.csr_array(blocks), 4)
    _, expected, rows = np.linalg.svd(blocks)
    np.testing.assert_allclose(values, expected[:4], rtol=1e-3)
    np.testing.assert_allclose(np.abs((vectors * rows[:4].T).sum(0)), 1.0, atol=1e-3)


def test_blocks_of_rows_and_threads_do_not_change_the_result(monkeypatch):
    whole = right_singular_vectors(matrix(), 5)
    again = right_singular_vectors(matrix(), 5)
    np.testing.assert_array_equal(whole[1], again[1])
    monkeypatch.setattr(spectrum, "ROWS_A_BLOCK", 37)
    in_blocks = right_singular_vectors(matrix(), 5)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        np.testing.assert_array_equal(in_blocks[1], right_singular_vectors(matrix(), 5)[1])
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(whole[0], in_blocks[0], rtol=1e-4)


def test_a_matrix_with_fewer_columns_than_the_rank_gives_what_it_has():
    values, vectors = right_singular_vectors(matrix(cols=3), 10)
    assert values.shape == (3,) and vectors.shape == (3, 3)
    assert (np.diff(values) <= 0).all()
