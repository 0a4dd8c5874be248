"""Medians and quantiles of values that are read in batches, exact, with memory that does not grow with their number.

A value of rank r (the r-th smallest, from 0) is found bit by bit: the bits of a float64, turned so that they order as
the numbers do, are counted by their first 18; of those that begin as the value sought the next ones, until they are few
enough to sort. Two passes over the values do nearly always, four in the worst case.

    median   (value of rank (n - 1) // 2 + value of rank n // 2) / 2
    quantile q lies between the ranks around q (n - 1), linearly

Both have the bits of `numpy.median` and `numpy.quantile`, save for the sign of a zero. Alphabet: C columns; R ranks.
Source: selection by radix (Munro and Paterson, "Selection and sorting with limited storage", 1980, for passes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

Batches = Callable[[], Iterable[np.ndarray]]
"""Begins a pass: batches (n,C) of finite values or infinities, the same in every pass."""

DIGITS = ((18, 46), (18, 28), (14, 14), (14, 0))
"""Bits that the passes count, and bits below these."""

FEW = 1 << 20
"""Values of one column that are sorted in memory."""


def count_of(batches: Batches) -> int:
    """Return the number of rows in all batches."""
    return sum(len(batch) for batch in batches())


def of_rank(batches: Batches, ranks: Sequence[int]) -> np.ndarray:
    """Return the values of R ranks (0 the smallest) of each column, (R,C) float64. There are more rows than ranks."""
    columns = next(batch.shape[1] for batch in batches())
    searches = [_Search(rank, column) for rank in ranks for column in range(columns)]
    for width, shift in DIGITS:
        searching = [search for search in searches if not search.few]
        counts = {search.place: np.zeros(1 << width, np.int64) for search in searching}
        for batch in batches() if searching else ():
            keys = [_keys(batch[:, column]) for column in range(columns)]
            for (column, prefix, above), count in counts.items():
                inside = keys[column] if above == 64 else keys[column][keys[column] >> np.uint64(above) == prefix]
                digits = (inside >> np.uint64(shift)) & np.uint64((1 << width) - 1)
                np.add(count, np.bincount(digits.astype(np.int64), minlength=1 << width), out=count)
        for search in searching:
            search.narrow(counts[search.place], width, shift)
    kept: dict[tuple[int, int, int], list[np.ndarray]] = {search.place: [] for search in searches if search.above}
    for batch in batches() if kept else ():
        keys = [_keys(batch[:, column]) for column in range(columns)]
        for (column, prefix, above), found in kept.items():
            found.append(keys[column][keys[column] >> np.uint64(above) == prefix])
    sorted_keys = {place: np.sort(np.concatenate(found)) for place, found in kept.items()}
    values = [sorted_keys[s.place][s.rank] if s.above else np.uint64(s.prefix) for s in searches]
    return _values(np.array(values, np.uint64)).reshape(len(ranks), columns)


def median(batches: Batches, count: int | None = None) -> np.ndarray:
    """Return the median of each column, (C,) float64, of one row or more. count: rows, if they are known."""
    count = count_of(batches) if count is None else count
    # One value if there is one in the middle: twice the largest float is infinite.
    middle: np.ndarray = np.median(of_rank(batches, sorted({(count - 1) // 2, count // 2})), axis=0)
    return middle


def quantiles(batches: Batches, shares: Sequence[float], count: int | None = None) -> np.ndarray:
    """Return quantiles of each column, (Q,C) float64, of one row or more. shares: 0..1. count: rows, if known."""
    count = count_of(batches) if count is None else count
    places = [share * (count - 1) for share in shares]
    ends = [(int(place), int(place) + (place > int(place))) for place in places]
    values = of_rank(batches, [rank for pair in ends for rank in pair]).reshape(len(places), 2, -1)
    between = [np.quantile(pair, place - int(place), axis=0) for pair, place in zip(values, places, strict=True)]
    return np.array(between)


class _Search:
    """Search for the value of one rank in one column: those that begin with `prefix` above bit `above` are left."""

    def __init__(self, rank: int, column: int) -> None:
        self.rank, self.column, self.prefix, self.above, self.few = rank, column, 0, 64, False

    @property
    def place(self) -> tuple[int, int, int]:
        return self.column, self.prefix, self.above

    def narrow(self, counts: np.ndarray, width: int, shift: int) -> None:
        """Go on with the values that have the next bits of the one sought."""
        upto = np.cumsum(counts)
        digit = int(np.searchsorted(upto, self.rank, side="right"))
        self.rank -= int(upto[digit] - counts[digit])
        self.prefix, self.above = self.prefix << width | digit, shift
        self.few = int(counts[digit]) <= FEW or shift == 0


def _keys(values: np.ndarray) -> np.ndarray:
    """Return whole numbers (n,) uint64 that order as values (n,) do."""
    bits = (np.asarray(values, np.float64) + 0.0).view(np.uint64)  # + 0.0: both zeros are one
    top = np.uint64(1 << 63)
    return np.where(bits & top, ~bits, bits | top)


def _values(keys: np.ndarray) -> np.ndarray:
    """Return the values of `_keys`, float64."""
    top = np.uint64(1 << 63)
    return np.where(keys & top, keys ^ top, ~keys).view(np.float64)
