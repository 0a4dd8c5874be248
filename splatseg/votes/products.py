"""Products with the votes, row by row, on all threads: the face of native/sparse/gram.cpp and native/votes/rows.cpp.

Rows are read in place, so nothing of the size of the votes is copied; they may lie in a file that is mapped into
memory. Every result is the same to the bit for any number of threads.

Alphabet: N Gaussians; M masks; C channels.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)


class VoteRows:
    """A CSR matrix (N,M) of votes, ready for the passes below."""

    def __init__(self, weights: sparse.csr_array) -> None:
        self.shape: tuple[int, int] = (int(weights.shape[0]), int(weights.shape[1]))
        # Arrays that already have these types are not copied.
        self.native: _native.SparseMatrix = _native.csr_matrix(
            np.ascontiguousarray(weights.indptr, dtype=np.int64),
            np.ascontiguousarray(weights.indices, dtype=np.int32),
            np.ascontiguousarray(weights.data, dtype=np.float32),
            self.shape[1],
            torch.get_num_threads(),
        )

    def times(self, dense: np.ndarray) -> np.ndarray:
        """Return (N,C) float32 = votes (N,M) x dense (M,C)."""
        out = np.empty((self.shape[0], dense.shape[1]), dtype=np.float32)
        dense = np.ascontiguousarray(dense, dtype=np.float32)
        _native.sparse_product(self.native, dense, out, False, torch.get_num_threads())
        return out

    def gram_times(self, scales: np.ndarray, dense: np.ndarray) -> np.ndarray:
        """Return (M,C) float64 = votes^T diag(scales (N,)) votes x dense (M,C), summed in float32 by parts."""
        out = np.empty(dense.shape, dtype=np.float64)
        scales = np.ascontiguousarray(scales, dtype=np.float32)
        dense = np.ascontiguousarray(dense, dtype=np.float32)
        _native.gram_product(self.native, scales, dense, out, torch.get_num_threads())
        return out

    def joined_masks(self, heavy: np.ndarray, share: float) -> np.ndarray:
        """Return (M,) int32: for each mask, the lowest mask that a chain of Gaussians joins it to, itself included.

        A vote joins if it is at least `share` of its Gaussian's strongest and its mask is heavy (M,) bool.
        """
        out = np.empty(self.shape[1], dtype=np.int32)
        _native.joined_masks(self.native, heavy.astype(np.uint8), share, out, torch.get_num_threads())
        return out
