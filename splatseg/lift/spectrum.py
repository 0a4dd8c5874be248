"""Leading right singular vectors of a tall sparse matrix, in blocks of rows, the same on every run.

    A (N,M) = U diag(s) V^T        G = A^T A (M,M)        G v_k = s_k^2 v_k        U s = A V

N Gaussians (hundreds of thousands to millions), M masks (thousands): the eigenproblem of the small side is solved by
subspace iteration on a seeded random start with some vectors to spare, X <- orth(G X), then Rayleigh and Ritz. G is
never formed: G X is the sum over row blocks of A_b^T (A_b X), which costs little more than one reading of A and can
later read the blocks from disk. Blocks are summed in their order, so threads do not change a bit of the result.

Source: Halko, Martinsson and Tropp 2011, algorithm 4.4.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from scipy import sparse

ROWS_A_BLOCK = 32_768
SPARE_VECTORS = 16
MAX_ITERATIONS = 30
TOLERANCE = 3e-3
"""Iteration ends when no wanted singular value moves by more. A power weights them: small ones do not count."""


def right_singular_vectors(matrix: sparse.csr_array, rank: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(values (R,) falling, vectors (M,R)), both float32, of `matrix` (N,M); R = min(rank, N, M).

    The sign of a vector is chosen so that its largest entry is positive.
    """
    count = min(rank, *matrix.shape)
    width = min(count + SPARE_VECTORS, matrix.shape[1])
    basis = np.random.default_rng(seed).standard_normal((matrix.shape[1], width))
    blocks = [matrix[start : start + ROWS_A_BLOCK] for start in range(0, matrix.shape[0], ROWS_A_BLOCK)]
    values = np.zeros(count)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for _ in range(MAX_ITERATIONS):
            basis = np.linalg.qr(basis)[0]
            image = _gram_times(blocks, basis, pool)
            squares, rotation = np.linalg.eigh(basis.T @ image)
            falling = np.argsort(-squares, kind="stable")
            previous, values = values, np.sqrt(np.maximum(squares[falling[:count]], 0.0))
            vectors = basis @ rotation[:, falling[:count]]
            if np.abs(values - previous).max(initial=0.0) < TOLERANCE:
                break
            basis = image
    peaks = np.abs(vectors).argmax(0)
    signs = np.where(vectors[peaks, np.arange(count)] < 0, -1.0, 1.0)
    return values.astype(np.float32), (vectors * signs).astype(np.float32)


def _gram_times(blocks: list[sparse.csr_array], vectors: np.ndarray, pool: ThreadPoolExecutor) -> np.ndarray:
    single = np.ascontiguousarray(vectors, dtype=np.float32)
    summed = np.zeros(vectors.shape)
    for part in pool.map(lambda block: block.T @ (block @ single), blocks):
        summed += part
    return summed
