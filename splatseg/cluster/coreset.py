"""A coreset of feature space: a few hundred prototypes such that every Gaussian is near one.

Greedy covering: features are taken in a seeded random order; a feature that no prototype covers becomes one. So a thing
of few Gaussians has its prototypes as surely as a wall of many, which sampling and k-means do not give.

Alphabet: N Gaussians, F features (unit rows), K prototypes; similarity is the cosine.

Source: farthest-first covering (Gonzalez 1985) in its streaming form, the leader algorithm (Hartigan 1975).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.arrays import check_shapes
from splatseg.features.rows import FeatureRows, as_rows, blocks
from splatseg.machine import mapped

BATCH = 256
"""Features that are compared with each other at once."""
ROWS_A_SUM = 65_536
"""Rows that are summed in float32 before they are added in float64."""


@dataclass(frozen=True, eq=False)
class Covering:
    """Prototypes that cover features."""

    prototypes: np.ndarray
    """(K,F), rows of the features."""
    covered_by: np.ndarray
    """(N,) int32, a prototype that covers each row; -1 for none, which only the limit leaves."""


def cover(features: FeatureRows | np.ndarray, similarity: float, limit: int, seed: int) -> Covering:
    """Choose prototypes, rows of `features` (N,F), such that each row is at least `similarity` to one of them.

    With more than `limit` prototypes needed, the first `limit` are returned.
    """
    features = as_rows(features)
    count, channels = features.shape
    uncovered = mapped.scratch(count, np.int32).view(np.ndarray)  # numpy shuffles a memmap row by row, in Python
    uncovered[:] = np.arange(count, dtype=np.int32)
    np.random.default_rng(seed).shuffle(uncovered)
    prototypes = np.zeros((0, channels), dtype=np.float32)
    covered_by = np.full(count, -1, dtype=np.int32)
    while len(uncovered) and len(prototypes) < limit:
        own = uncovered[:BATCH]
        batch = features.picked(own)
        # Greedy within a batch: a row that no earlier leader covers becomes a leader. No prototype so far covers any
        # row of the batch, so rows are compared only with each other.
        products = batch @ batch.T
        alike = products >= similarity
        leaders: list[int] = []
        for row in range(len(batch)):
            if not alike[row, leaders].any():
                leaders.append(row)
        covered_by[own] = len(prototypes) + products[:, leaders].argmax(axis=1)
        _cover_by(features, batch[leaders], similarity, len(prototypes), covered_by)
        uncovered = _without_covered(uncovered, covered_by)
        prototypes = np.concatenate([prototypes, batch[leaders]])
    covered_by[covered_by >= limit] = -1
    return Covering(prototypes[:limit], covered_by)


def _cover_by(
    features: FeatureRows, prototypes: np.ndarray, similarity: float, first: int, covered_by: np.ndarray
) -> None:
    """Write into covered_by (N,), where it is -1, the prototype nearest to each row if it covers the row.

    Prototypes are numbered from `first` on.
    """
    for rows in mapped.ranges(len(covered_by)):
        open_rows = np.flatnonzero(covered_by[rows] < 0)
        if len(open_rows) == 0:
            continue
        if 2 * len(open_rows) > rows.stop - rows.start:
            some, open_rows = features.rows(rows.start, rows.stop), np.arange(rows.stop - rows.start)
        else:
            some = features.picked((rows.start + open_rows).astype(np.int32))
        best, products = _nearest(some, prototypes, np.full(len(some), -1, dtype=np.int32))
        numbers = rows.start + open_rows
        found = (products >= similarity) & (covered_by[numbers] < 0)
        covered_by[numbers[found]] = first + best[found]


def _without_covered(uncovered: np.ndarray, covered_by: np.ndarray) -> np.ndarray:
    """Return those of uncovered (n,) that still are, in their order, in the same memory."""
    kept = 0
    for rows in mapped.ranges(len(uncovered)):
        some = uncovered[rows]
        some = some[covered_by[some] < 0]
        uncovered[kept : kept + len(some)] = some
        kept += len(some)
        mapped.release(uncovered)
    return uncovered[:kept]


def _nearest(rows: np.ndarray, prototypes: np.ndarray, guesses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the prototype (n,) int32 most similar to each of `rows` (n,F), the first of equals, and the similarity."""
    index, products = np.empty(len(rows), dtype=np.int32), np.empty(len(rows), dtype=np.float32)
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    _native.nearest_prototypes(rows, prototypes, guesses, index, products, torch.get_num_threads())
    return index, products


def nearest_by_blocks(
    features: FeatureRows | np.ndarray, covering: Covering
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield the rows of features (N,F) block by block: their range, the rows (n,F), the prototypes most similar (n,).

    Of equal prototypes the first is taken. The search begins with `covered_by`, which changes nothing of what it finds.
    """
    features = as_rows(features)
    prototypes = np.ascontiguousarray(covering.prototypes, dtype=np.float32)
    check_shapes(features=(features, "N F"), prototypes=(prototypes, "K F"), covered_by=(covering.covered_by, "N"))
    for rows, some in blocks(features):
        yield rows, some, _nearest(some, prototypes, covering.covered_by[rows])[0]


def nearest(features: FeatureRows | np.ndarray, covering: Covering) -> np.ndarray:
    """Return the index (N,) int32 of the prototype most similar to each row of features (N,F); the first of equals."""
    index = np.empty(len(covering.covered_by), dtype=np.int32)
    for rows, _, of_block in nearest_by_blocks(features, covering):
        index[rows] = of_block
    return index


def groups_of(label: np.ndarray) -> list[np.ndarray]:
    """Return the members of every label that occurs in label (N,): indices (n,), rising, by rising label."""
    # Members lie together after sorting by label; each group begins where the label changes.
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


class GroupMeans:
    """Mean features of groups of rows (N,F), which are added block by block, from the first row to the last.

    Rows are summed in float32, `ROWS_A_SUM` at a time wherever blocks end, and these sums in float64.
    """

    def __init__(self, count: int, channels: int) -> None:
        self._open = np.zeros((count, channels), dtype=np.float32)
        self._sums = np.zeros((count, channels), dtype=np.float64)
        self._sizes = np.zeros(count, dtype=np.int64)
        self._rows = 0

    def grow(self, count: int) -> None:
        """Make room for groups up to count - 1; memory is taken for twice as many, so that it is seldom taken."""
        if count > len(self._sizes):
            more = 2 * count - len(self._sizes)
            self._open, self._sums, self._sizes = (
                np.concatenate([of_all, np.zeros((more, *of_all.shape[1:]), of_all.dtype)])
                for of_all in (self._open, self._sums, self._sizes)
            )

    def add(self, rows: np.ndarray, groups: np.ndarray) -> None:
        """Add the next rows (n,F), and the group (n,) of each."""
        values = np.ascontiguousarray(rows, dtype=np.float32)
        groups = np.ascontiguousarray(groups, dtype=np.int32)
        self._sizes += np.bincount(groups, minlength=len(self._sizes))
        begin = 0
        while begin < len(values):
            end = min(begin + ROWS_A_SUM - self._rows % ROWS_A_SUM, len(values))
            _native.add_to_groups(values[begin:end], groups[begin:end], self._open)
            self._rows += end - begin
            begin = end
            if self._rows % ROWS_A_SUM == 0:
                self._close()

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (unit mean features (K,F) float32, numbers of rows (K,)) of all groups."""
        self._close()
        lengths = np.linalg.norm(self._sums, axis=1, keepdims=True)
        return (self._sums / np.maximum(lengths, 1e-12)).astype(np.float32), self._sizes

    def _close(self) -> None:
        self._sums += self._open
        self._open[:] = 0.0


def means_of(features: FeatureRows | np.ndarray, index: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (unit mean features (K,F), counts (K,)) of the rows of `features` (N,F) with each index 0..count-1."""
    features = as_rows(features)
    means = GroupMeans(count, features.shape[1])
    for rows, some in blocks(features):
        means.add(some, index[rows])
    return means.result()
