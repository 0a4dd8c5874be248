"""Native passes over votes agree with scipy and do not depend on threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components

import splatseg._native as native
from splatseg.machine import mapped
from splatseg.votes.products import VoteRows

RNG = np.random.default_rng(3)


def votes(rows: int = 7000, cols: int = 90) -> sparse.csr_array:
    dense = RNG.random((rows, cols)) * (RNG.random((rows, cols)) < 0.1)
    dense[::5] = 0.0
    dense[:, [0, cols // 2]] = 0.0
    return sparse.csr_array(dense.astype(np.float32))


def same_for_any_threads(compute: Callable[[], np.ndarray]) -> np.ndarray:
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            results.append(compute())
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    return results[0]


@pytest.mark.parametrize("channels", [1, 16, 19, 80])
@pytest.mark.usefixtures("simd_level")
def test_products_are_those_of_scipy(channels):
    weights = votes()
    dense = RNG.standard_normal((weights.shape[1], channels)).astype(np.float32)
    scales = RNG.random(weights.shape[0]).astype(np.float32)
    rows = VoteRows(weights)
    np.testing.assert_allclose(same_for_any_threads(lambda: rows.times(dense)), weights @ dense, atol=2e-5)
    found = same_for_any_threads(lambda: rows.gram_times(scales, dense))
    exact = weights.astype(np.float64)
    expected = exact.T @ (scales[:, None] * (exact @ dense))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_sums_that_there_is_little_room_for_are_made_in_rounds_of_the_same_bits(monkeypatch):
    rows, dense = VoteRows(votes(13_000)), RNG.standard_normal((90, 16)).astype(np.float32)
    scales = RNG.random(13_000).astype(np.float32)
    whole = rows.gram_times(scales, dense)
    for parts in (0, 1, 2.5, 4):  # of six, each thread has one at least
        monkeypatch.setattr(mapped, "IN_MEMORY", int(parts * 4 * 90 * 16))
        np.testing.assert_array_equal(same_for_any_threads(lambda: rows.gram_times(scales, dense)), whole)


def test_masks_are_joined_as_the_components_of_their_graph():
    weights = votes(300, 200)
    weights.data[RNG.random(weights.nnz) < 0.9] *= 0.01
    heavy = RNG.random(200) < 0.8
    found = same_for_any_threads(lambda: VoteRows(weights).joined_masks(heavy, 0.05))
    dense = weights.toarray()
    kept = (dense >= 0.05 * dense.max(1, keepdims=True)) & heavy & (dense > 0)
    expected = connected_components(sparse.csr_array(kept.T.astype(int) @ kept.astype(int)), directed=False)[1]
    np.testing.assert_array_equal(found[:, None] == found, expected[:, None] == expected)
    assert (found <= np.arange(200)).all()


def test_what_is_not_a_csr_matrix_is_refused():
    weights = votes(20, 9)
    parts = (weights.indptr.astype(np.int64), weights.indices.astype(np.int32), weights.data)
    native.csr_matrix(*parts, 9, 1)
    with pytest.raises(ValueError, match="not a CSR matrix"):
        native.csr_matrix(*parts, int(weights.indices.max()), 1)
    with pytest.raises(ValueError, match="not a CSR matrix"):
        native.csr_matrix(np.array([0, 9, 4, len(weights.data)]), *parts[1:], 9, 1)
    with pytest.raises(ValueError, match="entries"):
        native.csr_matrix(parts[0], parts[1][:-1], parts[2], 9, 1)


def test_rows_that_are_picked_often_may_be_written_right_behind_their_arrays() -> None:
    # One piece of memory: weights of three rows, columns of them, and then the place of the products.
    memory = np.zeros(2 * 6 + 50 * 4, np.float32)
    weights, columns, out = memory[:6], memory[6:12].view(np.int32), memory[12:].reshape(50, 4)
    weights[:], columns[:] = np.arange(1, 7), [0, 1, 0, 1, 0, 1]
    matrix = native.csr_matrix(np.array([0, 2, 4, 6], np.int64), columns, weights, 2, 1)
    dense = np.arange(8, dtype=np.float32).reshape(2, 4)
    native.sparse_product(matrix.picked(np.full(50, 2, np.int32)), dense, out, False, 1)
    np.testing.assert_array_equal(out, np.tile(5 * dense[0] + 6 * dense[1], (50, 1)))
    for written in (memory[4:8], memory[8:12]):
        with pytest.raises(ValueError, match="overlaps"):
            native.sparse_product(
                matrix.picked(np.array([0, 2], np.int32)),
                np.ascontiguousarray(dense[:, :2]),
                written.reshape(2, 2),
                False,
                1,
            )
