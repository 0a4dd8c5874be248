"""Leading right singular vectors of votes scaled by rows and columns, in passes over rows, the same on every run.

    A = diag(r) W diag(c) = U diag(s) V^T        G = A^T A (M,M)        G v_k = s_k^2 v_k        U s = A V

N Gaussians (hundreds of thousands to millions), M masks (thousands): the eigenproblem of the small side is solved by
subspace iteration on a seeded random start with some spare vectors, X <- orth(G X), then Rayleigh-Ritz. Neither G nor A
is ever formed: G X = c W^T r^2 W c X is one pass over W, which costs little more than reading it once. If N is large
the iteration begins on a sample of the rows, whose G estimates the whole one up to a factor; a few passes over all rows
then remove the error of the sample.

Source: Halko, Martinsson and Tropp 2011, algorithm 4.4.
"""

from __future__ import annotations

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.machine import mapped
from splatseg.machine.threads import one_blas_thread
from splatseg.votes.products import VoteRows

SPARE_VECTORS = 16
"""Vectors beyond the wanted ones, which speed up convergence."""
MAX_ITERATIONS = 30
"""Passes over the rows at most."""
TOLERANCE = 3e-3
"""Iteration ends when no wanted singular value moves by more. A power is applied to them later: small ones do not
count."""

FIRST_ROWS = 131_072
"""Rows that the iteration begins on, if there are more than twice as many."""


def right_singular_vectors(
    votes: VoteRows, rows: np.ndarray, columns: np.ndarray, rank: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the truncated SVD of scaled votes: values (R,) falling and vectors (M,R), both float32.

    Of `votes` (N,M) with its rows scaled by `rows` (N,) and its columns by `columns` (M,); R = min(rank, N, M).

    The sign of a vector is chosen so that its largest entry is positive.
    """
    check_shapes(votes=(votes, "N M"), rows=(rows, "N"), columns=(columns, "M"))
    count = min(rank, *votes.shape)
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((votes.shape[1], min(count + SPARE_VECTORS, votes.shape[1])))
    values = np.zeros(count)
    with one_blas_thread():  # the passes over the rows have threads of their own
        if votes.shape[0] > 2 * FIRST_ROWS:
            sample = np.sort(rng.choice(votes.shape[0], FIRST_ROWS, replace=False))
            few = votes.copied(sample)
            # Scaled so that the sample's values estimate those of all rows.
            scaled = rows[sample] * np.sqrt(votes.shape[0] / FIRST_ROWS)
            values, basis = _iterated(few, scaled, columns, basis, values)[:2]
        values, _, vectors = _iterated(votes, rows, columns, basis, values)
    peaks = np.abs(vectors).argmax(0)
    signs = np.where(vectors[peaks, np.arange(count)] < 0, -1.0, 1.0)
    return values.astype(np.float32), (vectors * signs).astype(np.float32)


def _iterated(
    votes: VoteRows, rows: np.ndarray, columns: np.ndarray, basis: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (values (R,), basis (M,B) one step further, vectors (M,R)) once no value moves any more.

    basis and values are the first estimate.
    """
    count, squared = len(values), mapped.scratch(len(rows), np.float32)
    for block in mapped.ranges(len(rows)):
        squared[block] = rows[block].astype(np.float64) ** 2
        mapped.release(rows, squared)
    for _ in range(MAX_ITERATIONS):
        # G times an orthonormal basis; G in that basis is small, and its eigenvectors are those of the whole (Ritz).
        basis = np.linalg.qr(basis)[0]
        image = columns[:, None] * votes.gram_times(squared, columns[:, None] * basis)
        squares, rotation = np.linalg.eigh(basis.T @ image)
        falling = np.argsort(-squares, kind="stable")
        previous, values = values, np.sqrt(np.maximum(squares[falling[:count]], 0.0))
        vectors = basis @ rotation[:, falling[:count]]
        basis = image  # the next basis is one multiplication further
        if np.abs(values - previous).max(initial=0.0) < TOLERANCE:
            break
    return values, basis, vectors
