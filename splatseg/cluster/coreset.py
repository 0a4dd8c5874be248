"""A coreset of feature space: a few hundred prototypes such that every Gaussian is near one.

Greedy covering: features are taken in a seeded random order; a feature that no prototype covers becomes one. So a thing
of few Gaussians has its prototypes as surely as a wall of many, which sampling and k-means do not give.

Alphabet: N Gaussians, F features (unit rows), K prototypes; similarity is the cosine.

Source: farthest-first covering (Gonzalez 1985) in its streaming form, the leader algorithm (Hartigan 1975).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from splatseg.arrays import check_shapes

BATCH = 256
"""Features that are compared with each other at once."""
ROWS_A_BLOCK = 2048
"""Rows whose similarities to all prototypes fit into the cache."""

ROWS_A_SUM = 65_536
"""Rows that are summed in float32 before they are added in float64."""


def cover(features: np.ndarray, similarity: float, limit: int, seed: int) -> np.ndarray:
    """Return prototypes (K,F), rows of `features` (N,F), such that each row is at least `similarity` to one of them.

    With more than `limit` prototypes needed, the first `limit` are returned.
    """
    check_shapes(features=(features, "N F"))
    uncovered = np.random.default_rng(seed).permutation(len(features))
    prototypes = np.zeros((0, features.shape[1]), dtype=features.dtype)
    while len(uncovered) and len(prototypes) < limit:
        batch = features[uncovered[:BATCH]]
        # Greedy within a batch: a row that no earlier leader covers becomes a leader. No prototype so far covers any
        # row of the batch, so rows are compared only with each other.
        alike = batch @ batch.T >= similarity
        leaders: list[int] = []
        for row in range(len(batch)):
            if not alike[row, leaders].any():
                leaders.append(row)
        new = batch[leaders]
        prototypes = np.concatenate([prototypes, new])
        uncovered = _not_covered(features, uncovered[BATCH:], new, similarity)
    return prototypes[:limit]


def _not_covered(features: np.ndarray, rows: np.ndarray, prototypes: np.ndarray, similarity: float) -> np.ndarray:
    """Return the entries of `rows` that no prototype covers, in their order."""
    left = [np.zeros(0, dtype=rows.dtype)]
    for start in range(0, len(rows), ROWS_A_BLOCK):
        block = rows[start : start + ROWS_A_BLOCK]
        left.append(block[(features[block] @ prototypes.T).max(axis=1) < similarity])
    return np.concatenate(left)


def nearest(features: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """Return the index (N,) of the prototype (K,F) most similar to each row of features (N,F); the first of equals."""
    check_shapes(features=(features, "N F"), prototypes=(prototypes, "K F"))
    index = np.empty(len(features), dtype=np.int64)
    for start in range(0, len(features), ROWS_A_BLOCK):
        block = slice(start, start + ROWS_A_BLOCK)
        index[block] = (features[block] @ prototypes.T).argmax(axis=1)
    return index


def groups_of(label: np.ndarray) -> list[np.ndarray]:
    """Return the members of every label that occurs in label (N,): indices (n,), rising, by rising label."""
    # Members lie together after sorting by label; each group begins where the label changes.
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def means_of(features: np.ndarray, index: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (unit mean features (K,F), counts (K,)) of the rows of `features` (N,F) with each index 0..count-1."""
    sizes = np.bincount(index, minlength=count)
    sums = np.zeros((count, features.shape[1]), dtype=np.float64)
    for start in range(0, len(features), ROWS_A_SUM):
        block, chosen = features[start : start + ROWS_A_SUM], index[start : start + ROWS_A_SUM]
        # A sparse matrix (K, rows) with a one for each row at its prototype: the product sums rows without sorting.
        ones, rows = np.ones(len(block), dtype=np.float32), np.arange(len(block))
        sums += sparse.csr_array((ones, (chosen, rows)), shape=(count, len(block))) @ block.astype(np.float32)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.maximum(lengths, 1e-12)).astype(np.float32), sizes
