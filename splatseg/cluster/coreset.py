"""A coreset of feature space: a few hundred prototypes such that every Gaussian is near one.

Greedy covering: features are taken in a seeded random order; a feature that no prototype covers becomes one. So a thing
of few Gaussians has its prototypes as surely as a wall of many, which sampling and k-means do not give.

Alphabet: N Gaussians, F features (unit rows), K prototypes; similarity is the cosine.

Source: farthest-first covering (Gonzalez 1985) in its streaming form, the leader algorithm (Hartigan 1975).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.arrays import check_shapes

BATCH = 256
"""Features that are compared with each other at once."""
ROWS_A_BLOCK = 2048
"""Rows whose similarities to all prototypes fit into the cache."""

ROWS_A_SUM = 65_536
"""Rows that are summed in float32 before they are added in float64."""


@dataclass(frozen=True, eq=False)
class Covering:
    """Prototypes that cover features."""

    prototypes: np.ndarray
    """(K,F), rows of the features."""
    covered_by: np.ndarray
    """(N,) int32, a prototype that covers each row; -1 for none, which only the limit leaves."""


def cover(features: np.ndarray, similarity: float, limit: int, seed: int) -> Covering:
    """Choose prototypes, rows of `features` (N,F), such that each row is at least `similarity` to one of them.

    With more than `limit` prototypes needed, the first `limit` are returned.
    """
    check_shapes(features=(features, "N F"))
    uncovered = np.random.default_rng(seed).permutation(len(features))
    prototypes = np.zeros((0, features.shape[1]), dtype=features.dtype)
    covered_by = np.full(len(features), -1, dtype=np.int32)
    while len(uncovered) and len(prototypes) < limit:
        own = uncovered[:BATCH]
        batch = features[own]
        # Greedy within a batch: a row that no earlier leader covers becomes a leader. No prototype so far covers any
        # row of the batch, so rows are compared only with each other.
        products = batch @ batch.T
        alike = products >= similarity
        leaders: list[int] = []
        for row in range(len(batch)):
            if not alike[row, leaders].any():
                leaders.append(row)
        covered_by[own] = len(prototypes) + products[:, leaders].argmax(axis=1)
        rows = uncovered[BATCH:]
        nearest_of, uncovered = _covered(features, rows, batch[leaders], similarity)
        found = nearest_of >= 0
        covered_by[rows[found]] = len(prototypes) + nearest_of[found]
        prototypes = np.concatenate([prototypes, batch[leaders]])
    covered_by[covered_by >= limit] = -1
    return Covering(prototypes[:limit], covered_by)


def _covered(
    features: np.ndarray, rows: np.ndarray, prototypes: np.ndarray, similarity: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (the nearest prototype of each of `rows` that one covers, else -1; the rows that none covers)."""
    nearest_of = np.full(len(rows), -1, dtype=np.int32)
    for start in range(0, len(rows), ROWS_A_BLOCK):
        block = slice(start, start + ROWS_A_BLOCK)
        products = features[rows[block]] @ prototypes.T
        best = products.argmax(axis=1)
        found = products[np.arange(len(best)), best] >= similarity
        nearest_of[block] = np.where(found, best, -1)
    return nearest_of, rows[nearest_of < 0]


def nearest(features: np.ndarray, covering: Covering) -> np.ndarray:
    """Return the index (N,) int64 of the prototype most similar to each row of features (N,F); the first of equals.

    `covered_by` is where the search begins; it changes nothing of what is found.
    """
    prototypes = np.ascontiguousarray(covering.prototypes, dtype=np.float32)
    check_shapes(features=(features, "N F"), prototypes=(prototypes, "K F"), covered_by=(covering.covered_by, "N"))
    index = np.empty(len(features), dtype=np.int32)
    rows = np.ascontiguousarray(features, dtype=np.float32)
    _native.nearest_prototypes(rows, prototypes, covering.covered_by, index, torch.get_num_threads())
    return index.astype(np.int64)


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
