"""Entries gathered by views become rows, from memory and from disk alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from splatseg.votes import gathering as module
from splatseg.votes.gathering import Gathering


def view(rows: int, width: int, seed: int) -> sparse.csr_array:
    random = sparse.random_array((rows, width), density=0.3, rng=np.random.default_rng(seed), format="coo")
    return sparse.csr_array(random, dtype=np.float32)


def gathered(blocks: list[sparse.csr_array]) -> sparse.csr_array:
    gathering = Gathering(blocks[0].shape[0])
    for block in blocks:
        rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
        gathering.add(rows, block.indices, block.data, block.shape[1])
    return gathering.matrix()


BLOCKS = [view(5000, width, seed) for seed, width in enumerate((7, 1, 0, 12, 3))]


def test_views_stand_side_by_side():
    found = gathered(BLOCKS)
    expected = sparse.csr_array(sparse.hstack(BLOCKS, format="csr"))
    expected.sort_indices()
    assert found.shape == expected.shape
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.has_sorted_indices


@pytest.mark.parametrize("limit", [0, 100_000])
def test_what_was_kept_on_disk_is_the_same_to_the_bit(monkeypatch, limit):
    in_memory = gathered(BLOCKS)
    monkeypatch.setattr(module, "IN_MEMORY", limit)
    monkeypatch.setattr(module, "ROWS_A_BLOCK", 700)
    on_disk = gathered(BLOCKS)
    np.testing.assert_array_equal(on_disk.indices, in_memory.indices)
    np.testing.assert_array_equal(on_disk.data, in_memory.data)
    np.testing.assert_array_equal(on_disk.indptr, in_memory.indptr)


def test_any_number_of_threads_gives_the_same(monkeypatch):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = gathered(BLOCKS)
        torch.set_num_threads(4)
        np.testing.assert_array_equal(gathered(BLOCKS).data, one.data)
    finally:
        torch.set_num_threads(threads)


def test_no_entries_make_an_empty_matrix():
    gathering = Gathering(4)
    empty = np.zeros(0, dtype=np.int32)
    gathering.add(empty, empty, empty, 3)
    assert gathering.matrix().shape == (4, 3)


def test_entries_that_do_not_fit_the_rows_are_refused():
    indptr, one = np.array([0, 1, 2]), np.zeros(1, dtype=np.int32)
    indices, data = np.empty(2, dtype=np.int32), np.empty(2, dtype=np.float32)
    view = (one, one, np.ones(1, dtype=np.float32))
    module._native.stack_views([view], 0, 1, indptr, indices, data, 1)
    with pytest.raises(ValueError, match="the views must have the entries of the rows"):
        module._native.stack_views([view], 0, 2, indptr, indices, data, 1)
    with pytest.raises(ValueError, match="rows must be in"):
        module._native.stack_views([view], 0, 3, indptr, indices, data, 1)
