"""Tallies of a set of Gaussians: what every mask has of it and what every view sees of it, in pixels.

    inside_m = sum_{i in S} W_im          seen_v = sum_{i in S} W_iv          (`votes.agreement`)

A set near one place is seen by few of many views, and few of their masks have anything of it: of 36,362 masks of a city
of 20 million Gaussians, some 100. So a tally names the masks and views that it has something of, with their sums, and
all others are 0. Tallies of two sets without a common Gaussian add up to those of their union.

Alphabet: M masks; V views that have masks, once for each source; m masks that have something of a set, r views that see
something of it, e = m + r.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)


@dataclass(frozen=True, eq=False)
class MasksOfViews:
    """The masks of all views, in the order of the columns of votes."""

    view_of: np.ndarray
    """(M,) int32, 0..V-1, ascending."""
    views: int
    """V."""


class Tally:
    """The tallies of one set."""

    def __init__(self, numbers: np.ndarray, sums: np.ndarray, of: MasksOfViews) -> None:
        """Take the sums (e,) float32 that are not 0 by their numbers (e,) int32, ascending: mask m is m, view v M + v.

        They are kept as they are.
        """
        self._numbers, self._sums, self._of = numbers, sums, of
        masks = int(np.searchsorted(numbers, len(of.view_of)))
        self.columns: np.ndarray = numbers[:masks]
        """(m,) int32, the masks that have something of the set, ascending."""
        self.inside: np.ndarray = sums[:masks]
        """(m,) float32, what they have of it."""

    @property
    def numbered(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and sums (e,), as they were given."""
        return self._numbers, self._sums

    @cached_property
    def views(self) -> np.ndarray:
        """(r,) int32, the views that see something of the set, ascending."""
        views: np.ndarray = self._numbers[len(self.columns) :] - np.int32(len(self._of.view_of))
        return views

    def seen(self) -> np.ndarray:
        """Return what each view sees of the set, (V,) float32."""
        return self.by_view(self._sums[len(self.columns) :])

    def by_view(self, values: np.ndarray) -> np.ndarray:
        """Return values (r,) float32 of the views that see something of the set as (V,), 0 for the others."""
        spread = np.zeros(self._of.views, dtype=np.float32)
        spread[self.views] = values
        return spread

    def dense(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (inside (M,), seen (V,)), float32, with a place for every mask and view."""
        inside = np.zeros(len(self._of.view_of), dtype=np.float32)
        inside[self.columns] = self.inside
        return inside, self.seen()

    def without(self, masks: np.ndarray) -> Tally:
        """Return the tallies of the same set as if some masks (M,) bool had nothing of it."""
        kept = np.ones(len(self._numbers), dtype=np.bool_)
        kept[: len(self.columns)] = ~masks[self.columns]
        return Tally(self._numbers[kept], self._sums[kept], self._of)

    def __add__(self, other: Tally) -> Tally:
        """Return the tallies of the union with another set, which has no Gaussian of this one."""
        room = len(self._numbers) + len(other._numbers)
        numbers, sums = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.float32)
        pair = ((self._numbers, self._sums), (other._numbers, other._sums))
        count = _native.add_sparse_vectors(*pair, numbers, sums)
        return Tally(numbers[:count].copy(), sums[:count].copy(), self._of)


def tallies_from(tallies: _native.OpenTallies, count: int, of: MasksOfViews) -> Iterator[Tally]:
    """Yield the tallies of K = `count` sets, after the last block of votes."""
    entries = _native.close_tallies(tallies)
    first = np.empty(count + 1, dtype=np.int64)
    numbers, sums = np.empty(entries, dtype=np.int32), np.empty(entries, dtype=np.float32)
    _native.write_tallies(tallies, first, numbers, sums)
    for begin, end in pairwise(first.tolist()):
        yield Tally(numbers[begin:end], sums[begin:end], of)
