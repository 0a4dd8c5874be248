"""Labels of Gaussians: looked up, put in order and gathered without anything larger than they are.

Alphabet: N Gaussians, n of them known; K labels; labels (N,) int32.
"""

from __future__ import annotations

import numpy as np

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.features.rows import FeatureRows, Some, blocks
from splatseg.machine import mapped


class Known:
    """The Gaussians that have features: n of N, all others are nothing."""

    def __init__(self, features: FeatureRows) -> None:
        known = np.empty(features.shape[0], dtype=np.bool_)
        for block, some in blocks(features):
            known[block] = some.any(1) & np.isfinite(some).all(1)
        self._total, self._numbers = len(known), None if known.all() else np.flatnonzero(known).astype(np.int32)

    @property
    def count(self) -> int:
        """Number of known Gaussians, n."""
        return self._total if self._numbers is None else len(self._numbers)

    def some(self, features: FeatureRows) -> FeatureRows:
        """Return the rows (n,F) of features (N,F)."""
        return features if self._numbers is None else Some(features, self._numbers)

    def picked(self, values: np.ndarray) -> np.ndarray:
        """Return those (n,...) of values (N,...)."""
        return values if self._numbers is None else mapped.picked(values, self._numbers)

    def spread(self, values: np.ndarray, nothing: int) -> np.ndarray:
        """Return values (n,) int32 as (N,), `nothing` for the others."""
        if self._numbers is None:
            return values
        out: np.ndarray = np.full(self._total, nothing, dtype=np.int32)
        for block in mapped.ranges(len(values)):
            out[self._numbers[block]] = values[block]
        return out


def looked_up(table: np.ndarray, labels: np.ndarray, in_place: bool = False) -> np.ndarray:
    """Return `table[labels]` (N,) int32, for a table (K,) and labels (N,) 0..K-1; in_place: written over the labels."""
    found: np.ndarray = labels if in_place else np.empty(len(labels), dtype=np.int32)
    for block in mapped.ranges(len(labels)):  # numpy widens as many numbers as it is given
        found[block] = table[labels[block]]
    return found


def sizes_of(labels: np.ndarray, count: int) -> np.ndarray:
    """Return how often each label 0..count - 1 occurs, (K,) int64; labels below 0 are none."""
    sizes = np.zeros(count, dtype=np.int64)
    for block in mapped.ranges(len(labels)):
        own = labels[block]
        sizes += np.bincount(own[own >= 0], minlength=count)
    return sizes


def largest_first(labels: np.ndarray, first: int = 0, in_place: bool = False) -> np.ndarray:
    """Return ids (N,) int32 from 1 by falling size of labels; equal sizes by their first Gaussian; 0 for no label.

    labels (N,): `first` and above; what is below is none. in_place: the ids are written over the labels, int32.
    """
    count = max(int(labels.max(initial=first - 1)) + 1 - first, 0)
    sizes, begins = np.zeros(count + 1, dtype=np.int64), np.full(count + 1, len(labels), dtype=np.int64)
    for block in reversed(list(mapped.ranges(len(labels)))):
        own = _from_one(labels[block], first)
        sizes += np.bincount(own, minlength=count + 1)
        # Of numbers written to one place the last one stays: here the first Gaussian.
        begins[own[::-1]] = np.arange(block.stop - 1, block.start - 1, -1)
    order = 1 + np.lexsort((begins[1:], -sizes[1:]))
    order = order[sizes[order] > 0]
    ids = np.zeros(count + 1, dtype=np.int32)
    ids[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    found: np.ndarray = labels if in_place else np.empty(len(labels), dtype=np.int32)
    for block in mapped.ranges(len(labels)):
        found[block] = ids[_from_one(labels[block], first)]
    return found


def _from_one(labels: np.ndarray, first: int) -> np.ndarray:
    """Return labels that begin at `first` so that they begin at 1, and 0 for those below."""
    found: np.ndarray = np.maximum(labels.astype(np.int64) - (first - 1), 0)
    return found


def members_of(labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (members (n,) int32, first (K+1,)): those of label k, rising, are members[first[k] : first[k + 1]]."""
    first = np.concatenate([[0], np.cumsum(sizes_of(labels, count))])
    members = np.empty(first[-1], dtype=np.int32)
    _native.order_by_group(np.ascontiguousarray(labels, dtype=np.int32), first, members)
    return members, first
