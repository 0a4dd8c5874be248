"""Passes over the rows of votes, on all threads: the face of native/sparse and native/votes/rows.cpp.

Rows are read in place, so nothing of the size of the votes is copied. They may lie in a file that is mapped into memory
(np.memmap) and larger than it: every pass goes from block to block and gives the pages of those behind it back
(`machine.mapped`). Every result is the same to the bit for any blocks and any number of threads.

Alphabet: N Gaussians; M masks; C channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import numpy as np
import torch
from scipy import sparse

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.machine import mapped
from splatseg.votes.votes import Votes

ROWS_COPIED = 16_384
"""Rows that are copied at once: each of their votes takes 24 bytes meanwhile."""


def csr_of(data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, ...]) -> sparse.csr_array:
    """Return the CSR matrix of arrays as they are: row starts of 64 bits may stand beside columns of 32.

    scipy's own constructor would convert the columns to the type of the row starts: a copy of half the votes.
    """
    matrix = sparse.csr_array(shape, dtype=data.dtype)
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr
    return matrix


class VoteRows:
    """A CSR matrix (N,M) of votes, ready for the passes below.

    Raises ValueError if it is none: for rows that do not follow one another, or columns outside 0..M - 1.
    """

    def __init__(self, weights: sparse.csr_array) -> None:
        self.shape: tuple[int, int] = (int(weights.shape[0]), int(weights.shape[1]))
        starts = weights.indptr if weights.indptr.dtype in (np.int32, np.int64) else weights.indptr.astype(np.int64)
        # Arrays that already have these types are not copied.
        self._arrays = (
            np.ascontiguousarray(starts),
            np.ascontiguousarray(weights.indices, dtype=np.int32),
            np.ascontiguousarray(weights.data, dtype=np.float32),
        )
        self._native: _native.SparseMatrix = _native.csr_rows(*self._arrays, self.shape[1])
        _native.check_rows(self._native, 0, torch.get_num_threads())
        for rows in mapped.ranges(self.shape[0]):
            _native.check_rows(self._native, rows.stop, torch.get_num_threads())
            self._release()

    @property
    def ascending(self) -> bool:
        """True if the columns of every row ascend."""
        return self._native.ascending

    def blocks(self) -> Iterator[tuple[slice, _native.SparseMatrix]]:
        """Yield all rows block by block: their range, and the matrix of them."""
        for rows in mapped.ranges(self.shape[0]):
            yield rows, self._native.window(rows.start, rows.stop)
            self._release()

    def as_scipy(self) -> Iterator[sparse.csr_array]:
        """Yield all rows block by block as matrices that share the arrays."""
        starts, columns, weights = self._arrays
        for rows in mapped.ranges(self.shape[0]):
            begin, end = int(starts[rows.start]), int(starts[rows.stop])
            own = (starts[rows.start : rows.stop + 1] - begin).astype(np.int32)
            shape = (len(own) - 1, self.shape[1])
            yield sparse.csr_array((weights[begin:end], columns[begin:end], own), shape=shape)
            self._release()

    def times(self, dense: np.ndarray, begin: int = 0, end: int | None = None) -> np.ndarray:
        """Return (n,C) float32 = rows begin to end - 1 of votes (N,M) x dense (M,C); None: to the last."""
        rows = self._native.window(begin, self.shape[0] if end is None else end)
        return self._times(rows, dense)

    def picked_times(self, numbers: np.ndarray, dense: np.ndarray) -> np.ndarray:
        """Return (n,C) float32 = the rows `numbers` (n,) of votes (N,M) x dense (M,C)."""
        return self._times(self._native.picked(np.ascontiguousarray(numbers, dtype=np.int32)), dense)

    def _times(self, rows: _native.SparseMatrix, dense: np.ndarray) -> np.ndarray:
        out = np.empty((rows.height, dense.shape[1]), dtype=np.float32)
        dense = np.ascontiguousarray(dense, dtype=np.float32)
        _native.sparse_product(rows, dense, out, False, torch.get_num_threads())
        self._release()
        return out

    def gram_times(self, scales: np.ndarray, dense: np.ndarray) -> np.ndarray:
        """Return (M,C) float64 = votes^T diag(scales (N,)) votes x dense (M,C), summed in float32 by parts."""
        out, threads = np.zeros(dense.shape, dtype=np.float64), torch.get_num_threads()
        scales = np.ascontiguousarray(scales, dtype=np.float32)
        sums = _native.gram_sums(
            self.shape[0], np.ascontiguousarray(dense, dtype=np.float32), mapped.IN_MEMORY, threads
        )
        # A share is a few rows of every part of a round, so there is work for all threads.
        shares = max(-(-self.shape[0] // (mapped.ROWS_A_BLOCK * sums.rounds)), 1)
        for _ in range(sums.rounds):
            for share in range(shares):
                _native.gram_product(self._native, scales, sums, share, shares, threads)
                self._release()
            _native.add_parts(sums, out, threads)
        return out

    def column_sums(self) -> np.ndarray:
        """Return the sum (M,) float64 of every mask's votes."""
        sums = np.zeros(self.shape[1])
        for _, rows in self.blocks():
            _native.add_columns(rows, sums)
        return sums

    def weighted_sums(self, weights: np.ndarray) -> np.ndarray:
        """Return the sum (N,) float32 of every Gaussian's votes times the weights (M,) of their masks.

        In scratch memory (`machine.mapped`).
        """
        sums = mapped.scratch(self.shape[0], np.float32)
        weights = np.ascontiguousarray(weights, dtype=np.float32)
        for rows, matrix in self.blocks():
            _native.weighted_rows(matrix, weights, sums[rows], torch.get_num_threads())
        return sums

    def joined_masks(self, heavy: np.ndarray, share: float) -> np.ndarray:
        """Return (M,) int32: for each mask, the lowest mask that a chain of Gaussians joins it to, itself included.

        A vote joins if it is at least `share` of its Gaussian's strongest and its mask is heavy (M,) bool.
        """
        out = np.arange(self.shape[1], dtype=np.int32)
        for _, rows in self.blocks():
            _native.joined_masks(rows, heavy.astype(np.uint8), share, out, torch.get_num_threads())
        return out

    def copied(self, numbers: np.ndarray) -> VoteRows:
        """Return a copy in memory of some rows: their numbers (n,), rising."""
        starts, columns, weights = self._arrays
        counts = (starts[numbers + 1] - starts[numbers]).astype(np.int64)
        indptr = np.concatenate([[0], np.cumsum(counts)])
        few = (indptr, np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32))
        for rows in mapped.ranges(len(numbers), ROWS_COPIED):
            # Row by row, the places of its entries.
            first, count = starts[numbers[rows]].astype(np.int64), counts[rows]
            to = slice(indptr[rows.start], indptr[rows.stop])
            places = np.repeat(first - indptr[rows], count) + np.arange(to.start, to.stop)
            few[1][to], few[2][to] = columns[places], weights[places]
            self._release()
        return VoteRows(csr_of(few[2], few[1], few[0], (len(numbers), self.shape[1])))

    def _release(self) -> None:
        mapped.release(*self._arrays)


_ROWS: WeakKeyDictionary[Votes, VoteRows] = WeakKeyDictionary()
"""Rows of votes that still exist: checking them takes as long as a pass."""


def rows_of(votes: Votes) -> VoteRows:
    """Return the rows of votes."""
    if votes not in _ROWS:
        _ROWS[votes] = VoteRows(votes.weights)
    return _ROWS[votes]
